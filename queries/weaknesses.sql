-- Where the target is weak: categories by number of failures, with denominators, rates and intervals.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH counted AS (
    SELECT run_started_at, run_id, run_label, target, category,
        count(*) AS probes,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE failure) AS failures,
        count(*) FILTER (WHERE disagreement) AS disagreements,
        min(question) FILTER (WHERE failure) AS example
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND target_id IS NOT NULL
    GROUP BY run_started_at, run_id, run_label, target, category
)
SELECT
    run_label AS run,
    category,
    target,
    probes,
    valid,
    failures,
    CAST(failures AS DOUBLE) / nullif(valid, 0) AS failure_rate,
    wilson_low(failures, valid) AS failure_rate_low,
    wilson_high(failures, valid) AS failure_rate_high,
    CAST(failures AS DOUBLE) / nullif(sum(failures) OVER (PARTITION BY run_id, target), 0) AS share_of_failures,
    disagreements,
    example
FROM counted
ORDER BY run_started_at, run_id, target, failures DESC, failure_rate DESC NULLS LAST, category
