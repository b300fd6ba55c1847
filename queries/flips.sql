-- Counterfactual flips: the same question about an original image and about an edit of it that leaves the right
-- answer as it was, where a model's answer changes all the same. One row for each model and edit.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param limit = 50: at most so many rows
WITH covered AS (
    SELECT run_probes.run_id, probes.probe_id, probes.pair_id, coalesce(probes.category, 'uncategorized') AS category,
        probes.instruction, probes.question, lower(trim(probes.question)) AS asked,
        nullif(array_to_string(probes.truth, ' | '), '') AS truth,
        images.image_id, images.root_image_id, images.operation, images.uri
    FROM probes
    JOIN run_probes ON run_probes.probe_id = probes.probe_id
    JOIN images ON images.image_id = probes.image_ids[1]
    WHERE run_probes.run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND probes.pair_id IS NOT NULL
),
-- Probes meet first and are compared last: what flipped is far less than what was asked.
flipped AS (
    SELECT edit.run_id, edit.pair_id, edit.probe_id, edit.category, edit.question, edit.instruction, edit.truth,
        edit.image_id, edit.uri, original.image_id AS original_image_id, original.uri AS original_uri,
        original.pair_id AS original_pair_id, original.probe_id AS original_probe_id, original.truth AS original_truth,
        before.model_id, before.text AS answer_before, after.text AS answer_after
    FROM covered AS original
    JOIN covered AS edit
        ON edit.run_id = original.run_id AND edit.root_image_id = original.image_id AND edit.asked = original.asked
    JOIN single.answers AS before ON before.pair_id = original.pair_id
    JOIN single.answers AS after ON after.pair_id = edit.pair_id AND after.model_id = before.model_id
    WHERE edit.operation = 'edited' AND original.operation = 'original' AND before.normalized <> after.normalized
),
-- Several probes may have asked a pair: of each pair the one that knows the right answer speaks.
told AS (
    SELECT flipped.*,
        coalesce(truth, scored.consensus) AS right_answer,
        coalesce(original_truth, original_scored.consensus) AS original_right_answer,
        row_number() OVER (
            PARTITION BY run_id, model_id, pair_id, original_pair_id
            ORDER BY truth NULLS LAST, scored.consensus NULLS LAST, flipped.probe_id, original_truth NULLS LAST,
                original_scored.consensus NULLS LAST, original_probe_id
        ) AS place
    FROM flipped
    LEFT JOIN single.divergences AS scored ON scored.probe_id = flipped.probe_id
    LEFT JOIN single.divergences AS original_scored ON original_scored.probe_id = original_probe_id
)
SELECT
    runs.label AS run,
    models.name AS model,
    told.category,
    told.question,
    told.instruction AS edit,
    told.answer_before,
    told.answer_after,
    told.right_answer,
    coalesce(told.uri, told.original_uri) AS original_uri,
    told.original_image_id,
    told.image_id AS edited_image_id
FROM told
JOIN models ON models.model_id = told.model_id
JOIN runs ON runs.run_id = told.run_id
WHERE told.place = 1 AND lower(trim(told.original_right_answer)) = lower(trim(told.right_answer))
ORDER BY runs.started_at, runs.run_id, model, told.category, told.pair_id
LIMIT $limit
