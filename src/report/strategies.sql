-- How good each strategy of each prober is at finding failures: failures of all its probes.
WITH counted AS (
    SELECT strategy, prober,
        count(*) AS probes,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE failure) AS failures,
        count(*) FILTER (WHERE failure AND reference_correct) AS only_target
    FROM results
    WHERE run_id = $run AND target_id = $target
    GROUP BY strategy, prober
)
SELECT strategy || ' by ' || coalesce(prober, '(unknown prober)') AS label, probes, valid, failures, only_target,
    wilson_low(failures, probes) AS low,
    wilson_high(failures, probes) AS high,
    wilson_low(only_target, probes) AS only_low,
    wilson_high(only_target, probes) AS only_high
FROM counted
ORDER BY CAST(failures AS DOUBLE) / probes DESC, label
