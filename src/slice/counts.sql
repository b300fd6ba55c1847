-- Counts of every slice; a slice that nothing matches keeps its row with zeros.
WITH counted AS (
    SELECT slice, run_started_at, run_id, run_label, target,
        count(*) FILTER (WHERE matches) AS n,
        count(*) FILTER (WHERE matches AND status = 'valid') AS valid,
        count(*) FILTER (WHERE matches AND failure) AS failures
    FROM sliced
    GROUP BY slice, run_started_at, run_id, run_label, target
)
SELECT
    slice,
    run_label AS run,
    target,
    n,
    valid,
    failures,
    CAST(failures AS DOUBLE) / nullif(valid, 0) AS failure_rate,
    wilson_low(failures, valid) AS failure_rate_low,
    wilson_high(failures, valid) AS failure_rate_high,
    CAST(failures AS DOUBLE) / nullif(n, 0) AS failures_of_all,
    wilson_low(failures, n) AS failures_of_all_low,
    wilson_high(failures, n) AS failures_of_all_high
FROM counted
ORDER BY run_started_at, run_id, target, failure_rate DESC NULLS LAST, n DESC, slice
