-- Counterfactual flips: the same question about an original image and about an edit of it that leaves the right
-- answer as it was, where a model's answer changes all the same. One row for each model and edit.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param limit = 50: at most so many rows
WITH pairs AS (
    SELECT DISTINCT ON (run_id, pair_id)
        run_started_at, run_id, run_label, pair_id, category, operation, image_id, root_image_id, image_uri,
        instruction, question, lower(trim(question)) AS asked, coalesce(truth, consensus) AS right_answer
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND pair_id IS NOT NULL
    ORDER BY run_id, pair_id, truth NULLS LAST, consensus NULLS LAST, probe_id
),
edits AS (
    SELECT edit.*, original.pair_id AS original_pair_id
    FROM pairs AS edit
    JOIN pairs AS original
        ON original.run_id = edit.run_id AND original.image_id = edit.root_image_id AND original.asked = edit.asked
    WHERE edit.operation = 'edited' AND original.operation = 'original'
        AND lower(trim(original.right_answer)) = lower(trim(edit.right_answer))
)
SELECT
    edits.run_label AS run,
    models.name AS model,
    edits.category,
    edits.question,
    edits.instruction AS edit,
    before.text AS answer_before,
    after.text AS answer_after,
    edits.right_answer,
    edits.image_uri AS original_uri,
    edits.root_image_id AS original_image_id,
    edits.image_id AS edited_image_id
FROM edits
JOIN answers AS before ON before.pair_id = edits.original_pair_id
JOIN answers AS after ON after.pair_id = edits.pair_id AND after.model_id = before.model_id
JOIN models ON models.model_id = before.model_id
WHERE before.sample = 0 AND after.sample = 0 AND before.normalized <> after.normalized
ORDER BY edits.run_started_at, edits.run_id, model, edits.category, edits.pair_id
LIMIT $limit
