-- How good each prober and strategy is at finding failures: of all probes, how many became valid pairs, and on
-- how many of those the target is verifiably wrong. Search success = failures / probes = P(valid) x P(wrong | valid).
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH counted AS (
    SELECT run_started_at, run_id, run_label, prober, strategy, target,
        count(*) AS probes,
        count(*) FILTER (WHERE prober_status = 'ok') AS parsed,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE status = 'unknown') AS unknown,
        count(*) FILTER (WHERE failure) AS failures
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)
    GROUP BY run_started_at, run_id, run_label, prober, strategy, target
)
SELECT
    run_label AS run,
    prober,
    strategy,
    target,
    probes,
    parsed,
    valid,
    unknown,
    failures,
    CAST(valid AS DOUBLE) / probes AS p_valid,
    wilson_low(valid, probes) AS p_valid_low,
    wilson_high(valid, probes) AS p_valid_high,
    CAST(failures AS DOUBLE) / nullif(valid, 0) AS p_wrong,
    wilson_low(failures, valid) AS p_wrong_low,
    wilson_high(failures, valid) AS p_wrong_high,
    CAST(failures AS DOUBLE) / probes AS success,
    wilson_low(failures, probes) AS success_low,
    wilson_high(failures, probes) AS success_high
FROM counted
ORDER BY run_started_at, run_id, success DESC, prober, strategy, target
