-- Rows to train or test a model with: valid pairs whose right answer is known, in the columns that `auditdm export`
-- and `auditdm select` take. A root image is in one split only.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param category = all: one category, or `all`
-- param failures = false: only pairs on which the target is wrong
-- param holdout = 0.1: share of the root images whose pairs go to the split `test`
WITH known AS (
    SELECT results.*, probes.image_ids, probes.truth AS accepted, probes.choices AS options
    FROM results
    JOIN probes ON probes.probe_id = results.probe_id
    WHERE results.run_id IN (SELECT run_id FROM run_names WHERE name = $run)
        AND ($category = 'all' OR results.category = $category)
        AND results.status = 'valid' AND (results.failure OR NOT $failures)
),
labelled AS (
    SELECT *,
        coalesce(
            CASE WHEN array_length(accepted) > 1 AND reference_correct THEN consensus END,
            accepted[1],
            CASE WHEN reference_correct THEN consensus END
        ) AS completion
    FROM known
)
SELECT
    probe_id AS id,
    image_ids AS images,
    question AS prompt,
    completion,
    options AS choices,
    verified_by AS label_source,
    agreement,
    category,
    root_image_id,
    CASE
        WHEN '0' || left(root_image_id, 4) < lpad(to_hex(CAST($holdout * 65536 AS BIGINT)), 5, '0') THEN 'test'
        ELSE 'train'
    END AS split,
    licence,
    strategy AS audit_strategy,
    prober AS audit_prober,
    operation AS audit_operation,
    instruction AS audit_instruction,
    answer_type AS audit_answer_type,
    target AS audit_target,
    target_answer AS audit_target_answer,
    target_correct AS audit_target_correct,
    reference_names AS audit_references,
    reference_answers AS audit_reference_answers,
    run_label AS audit_run
FROM labelled
WHERE completion IS NOT NULL
