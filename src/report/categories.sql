-- How often target and reference are wrong, by category, the target's weakest first.
WITH counted AS (
    SELECT category AS label,
        count(pair_id) AS pairs,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE failure) AS target_wrong,
        count(reference_correct) FILTER (WHERE status = 'valid') AS reference_known,
        count(*) FILTER (WHERE status = 'valid' AND NOT reference_correct) AS reference_wrong,
        count(*) FILTER (WHERE disagreement) AS disagreements
    FROM results
    WHERE run_id = $run AND target_id = $target AND pair_id IS NOT NULL
    GROUP BY category
)
SELECT *,
    wilson_low(target_wrong, valid) AS target_low,
    wilson_high(target_wrong, valid) AS target_high,
    wilson_low(reference_wrong, reference_known) AS reference_low,
    wilson_high(reference_wrong, reference_known) AS reference_high
FROM counted
ORDER BY CAST(target_wrong AS DOUBLE) / nullif(valid, 0) DESC NULLS LAST, disagreements DESC, label
