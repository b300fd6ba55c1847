-- Rows to mend the target with: pairs that it got wrong, one in the same image and question, as many of each category,
-- and a share of pairs that it got right, so that nothing is forgotten. The answer is what the references agree on;
-- ground truth has no part in anything unless `truth` is set. A root image is in one split only.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param agreement = 1.0: at least this share of two references or more stands behind an answer
-- param truth = false: ground truth decides which pairs are valid and wrong, and is the answer
-- param per_category = 200: at most so many failures of a category
-- param passes = 0.2: share of the rows on which the target was right
-- param holdout = 0.1: share of the root images whose pairs go to the split `test`
-- param seed = 1: another number takes others where there are more than enough
WITH said AS (
    -- What judges said of an answer: above 0 it is right, or the question has no answer.
    SELECT probe_id, model_id,
        sum(CASE verdict WHEN 'correct' THEN 1 WHEN 'incorrect' THEN -1 ELSE 0 END) AS correct,
        sum(CASE verdict WHEN 'unanswerable' THEN 1 WHEN 'unsure' THEN 0 ELSE -1 END) AS unanswerable
    FROM verdicts
    WHERE judge_id <> 'truth'
    GROUP BY probe_id, model_id
),
judged AS (
    SELECT results.run_id, results.probe_id, results.target_id,
        max(said.unanswerable) AS unanswerable,
        max(CASE WHEN said.model_id = results.target_id THEN said.correct END) AS target,
        min(CASE WHEN said.model_id <> results.target_id THEN said.correct END) AS reference
    FROM results
    JOIN said ON said.probe_id = results.probe_id
        AND (said.model_id = results.target_id OR strpos(results.reference_set, said.model_id) > 0)
    GROUP BY results.run_id, results.probe_id, results.target_id
),
decided AS (
    SELECT results.*, probes.image_ids, probes.choices AS options,
        CASE
            WHEN $truth AND array_length(probes.truth) = 1 THEN probes.truth[1]
            WHEN $truth THEN coalesce(CASE WHEN results.reference_correct THEN results.consensus END, probes.truth[1])
            ELSE results.consensus
        END AS completion,
        CASE
            WHEN $truth THEN NOT results.target_correct
            WHEN judged.target <> 0 THEN judged.target < 0
            ELSE results.score >= 0.5
        END AS wrong,
        CASE
            WHEN $truth THEN results.verified_by
            WHEN results.agreement >= $agreement THEN 'consensus'
            ELSE 'judge'
        END AS label_source,
        CASE
            WHEN $truth THEN results.status = 'valid'
            ELSE coalesce(judged.unanswerable, 0) <= 0 AND coalesce(judged.reference, 0) >= 0
                AND (results.agreement >= $agreement OR (results.agreement IS NULL AND judged.reference > 0))
        END AS usable,
        md5(results.pair_id || CAST($seed AS TEXT)) AS draw
    FROM results
    JOIN probes ON probes.probe_id = results.probe_id
    LEFT JOIN judged ON judged.run_id = results.run_id AND judged.probe_id = results.probe_id
        AND judged.target_id = results.target_id
    WHERE results.run_id IN (SELECT run_id FROM run_names WHERE name = $run)
),
distinct_pairs AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY image_id, normalize_answer(question), choices
            ORDER BY run_started_at DESC, run_id, target_id, probe_id
        ) AS copy
    FROM decided
    WHERE usable AND wrong IS NOT NULL AND normalize_answer(completion) <> ''
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY wrong, category ORDER BY draw, probe_id) AS place
    FROM distinct_pairs
    WHERE copy = 1
),
ordered AS (
    SELECT *, row_number() OVER (PARTITION BY wrong ORDER BY place, draw, probe_id) AS number
    FROM ranked
    WHERE NOT wrong OR place <= $per_category
),
failures AS (
    SELECT count(*) AS failures FROM ordered WHERE wrong
)
SELECT
    probe_id AS id,
    image_ids AS images,
    question AS prompt,
    completion,
    options AS choices,
    label_source,
    agreement,
    category,
    root_image_id,
    CASE
        WHEN '0' || left(root_image_id, 4) < lpad(to_hex(CAST($holdout * 65536 AS BIGINT)), 5, '0') THEN 'test'
        ELSE 'train'
    END AS split,
    licence,
    wrong AS audit_failure,
    strategy AS audit_strategy,
    prober AS audit_prober,
    operation AS audit_operation,
    instruction AS audit_instruction,
    target AS audit_target,
    target_answer AS audit_target_answer,
    reference_names AS audit_references,
    reference_answers AS audit_reference_answers,
    run_label AS audit_run
FROM ordered CROSS JOIN failures
WHERE wrong OR number <= round(failures * $passes / greatest(1 - $passes, 0.001))
ORDER BY wrong DESC, number
