WITH counted AS (
    SELECT category,
        count(*) AS pairs,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE failure) AS target_wrong,
        count(*) FILTER (WHERE status = 'valid' AND NOT reference_correct) AS reference_wrong
    FROM results
    WHERE run_id = $run AND pair_id IS NOT NULL
    GROUP BY category
)
SELECT *, wilson_low(target_wrong, valid) AS low, wilson_high(target_wrong, valid) AS high
FROM counted
ORDER BY CAST(target_wrong AS DOUBLE) / nullif(valid, 0) DESC NULLS LAST, category
