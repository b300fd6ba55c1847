-- Completions to train an auditor with: the groups whose rewards differ (of the others nothing is learnt), the latest first,
-- as many of each category. A reward is the divergence where the target is wrong, 0 where it is right, null where that is
-- not known; images are those that the auditor saw, a prompt is the name of the strategy that it was asked for.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param prober = all: one auditor's name, or `all`
-- param strategy = all: question, edit, generation or `all`
-- param agreement = 0.51: at least this share of two references or more tells right from wrong
-- param truth = false: ground truth does, too
-- param spread = 0.1: at least this standard deviation of a group's rewards
-- param days = 0.0: only groups written within so many days before the last one; 0 takes all
-- param per_category = 100: at most so many groups of a category
-- param holdout = 0.1: share of the root images whose groups go to the split `test`
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
rewarded AS (
    SELECT results.*, probes.raw_output, probes.created_at,
        CASE
            WHEN $truth AND results.verified_by = 'truth' THEN
                CASE WHEN results.target_correct THEN 0.0
                    WHEN results.reference_correct IS NOT FALSE THEN greatest(coalesce(results.score, 1.0), 0.5) END
            WHEN $truth AND results.status = 'invalid' THEN NULL
            WHEN judged.unanswerable > 0 OR judged.reference < 0 THEN NULL
            WHEN judged.target > 0 THEN 0.0
            WHEN judged.target < 0 THEN greatest(coalesce(results.score, 1.0), 0.5)
            WHEN results.agreement >= $agreement AND normalize_answer(results.consensus) <> '' THEN
                CASE WHEN results.score >= 0.5 THEN results.score ELSE 0.0 END
        END AS reward,
        CASE
            WHEN $truth AND results.verified_by = 'truth' THEN 'truth'
            WHEN judged.target <> 0 THEN 'judge'
            WHEN results.agreement >= $agreement THEN 'consensus'
        END AS told_by
    FROM results
    JOIN probes ON probes.probe_id = results.probe_id
    LEFT JOIN judged ON judged.run_id = results.run_id AND judged.probe_id = results.probe_id
        AND judged.target_id = results.target_id
    WHERE results.run_id IN (SELECT run_id FROM run_names WHERE name = $run)
        AND results.strategy <> 'dataset' AND results.target_id IS NOT NULL
        AND ($prober = 'all' OR results.prober = $prober)
        AND ($strategy = 'all' OR results.strategy = $strategy)
),
groups AS (
    SELECT run_id, group_id, target_id,
        avg(reward) AS mean,
        stddev_pop(reward) AS spread,
        max(created_at) AS written,
        -- The weakness that the group found.
        first_value(category ORDER BY reward DESC NULLS LAST, k) AS found
    FROM rewarded
    GROUP BY run_id, group_id, target_id
    HAVING count(reward) > 1 AND stddev_pop(reward) >= $spread
),
ranked AS (
    SELECT *,
        max(written) OVER () AS last,
        row_number() OVER (PARTITION BY found ORDER BY written DESC, group_id, run_id, target_id) AS place
    FROM groups
)
SELECT
    rewarded.probe_id AS id,
    make_array(rewarded.source_image_id) AS images,
    rewarded.strategy AS prompt,
    coalesce(
        rewarded.raw_output,
        coalesce(CASE rewarded.strategy WHEN 'edit' THEN 'Instruction: ' ELSE 'Caption: ' END
            || rewarded.instruction || chr(10), '')
        || 'Question: ' || rewarded.question || chr(10) || 'Category: ' || rewarded.category
        || coalesce(chr(10) || 'Answer: ' || rewarded.expected_answer, '')
    ) AS completion,
    make_array(CAST(NULL AS TEXT))[2:2] AS choices,
    rewarded.told_by AS label_source,
    rewarded.agreement,
    rewarded.category,
    sources.root_image_id,
    CASE
        WHEN '0' || left(sources.root_image_id, 4) < lpad(to_hex(CAST($holdout * 65536 AS BIGINT)), 5, '0') THEN 'test'
        ELSE 'train'
    END AS split,
    sources.licence,
    rewarded.group_id AS audit_group,
    rewarded.k AS audit_k,
    rewarded.reward AS audit_reward,
    advantage(rewarded.reward, ranked.mean, ranked.spread) AS audit_advantage,
    rewarded.question AS audit_question,
    rewarded.prober AS audit_prober,
    rewarded.target AS audit_target,
    rewarded.run_label AS audit_run
FROM ranked
JOIN rewarded ON rewarded.run_id = ranked.run_id AND rewarded.group_id = ranked.group_id
    AND rewarded.target_id = ranked.target_id
LEFT JOIN images AS sources ON sources.image_id = rewarded.source_image_id
WHERE ranked.place <= $per_category
    AND ($days = 0 OR ranked.written >= ranked.last - CAST(concat(CAST($days * 86400 AS BIGINT), ' seconds') AS INTERVAL))
ORDER BY ranked.place, ranked.found, ranked.written DESC, rewarded.group_id, rewarded.k, rewarded.probe_id
