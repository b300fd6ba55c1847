-- The pairs on which somebody is wrong, or models differ and nobody verified it: in turn one of every category, strategy
-- and kind of error, those first of which the target was most certain.
WITH wrong AS (
    SELECT probe_id, pair_id, category, strategy, prober, question, choices, instruction, image_id, operation,
        image_uri, target_correct, reference_correct, reference_set, verified_by, mean_log_probability,
        coalesce(truth, consensus, expected_answer) AS right_answer,
        CASE
            WHEN status = 'unknown' THEN 'nobody knows'
            WHEN target_correct THEN 'reference'
            WHEN reference_correct THEN 'target'
            WHEN reference_correct IS NULL THEN 'target'
            ELSE 'both'
        END AS wrong
    FROM results
    WHERE run_id = $run AND target_id = $target
        AND (failure OR disagreement OR (status = 'valid' AND NOT reference_correct))
),
ranked AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY category, strategy, wrong ORDER BY mean_log_probability DESC NULLS LAST, probe_id
        ) AS place,
        count(*) OVER () AS total
    FROM wrong
),
chosen AS (
    SELECT * FROM ranked
    ORDER BY place, array_position(['target', 'both', 'reference', 'nobody knows'], wrong), category, strategy, probe_id
    LIMIT $limit
),
-- The same question about the image that was edited.
asked AS (
    SELECT image_ids[1] AS image_id, lower(trim(question)) AS asked, min(pair_id) AS pair_id
    FROM probes WHERE pair_id IS NOT NULL GROUP BY image_ids[1], lower(trim(question))
)
SELECT chosen.*, images.parent_image_id, probes.image_ids, before.pair_id AS before_pair_id
FROM chosen
JOIN probes ON probes.probe_id = chosen.probe_id
LEFT JOIN images ON images.image_id = chosen.image_id
LEFT JOIN asked AS before
    ON before.image_id = images.parent_image_id AND before.asked = lower(trim(chosen.question))
ORDER BY place, array_position(['target', 'both', 'reference', 'nobody knows'], wrong), category, strategy, probe_id
