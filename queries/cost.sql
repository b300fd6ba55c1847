-- What each model cost in each role: calls and their outcomes, latency of the answered ones, tokens, dollars.
-- Answers that an earlier run had already paid for cost nothing again and are not counted.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH counted AS (
    SELECT run_id, role, model_id,
        count(*) AS calls,
        count(*) FILTER (WHERE status = 'ok') AS ok,
        count(*) FILTER (WHERE status = 'transient') AS transient,
        count(*) FILTER (WHERE status = 'refused') AS refused,
        count(*) FILTER (WHERE status = 'fatal') AS fatal,
        percentile_cont(latency_ms, 0.5) FILTER (WHERE status = 'ok') AS latency_p50_ms,
        percentile_cont(latency_ms, 0.95) FILTER (WHERE status = 'ok') AS latency_p95_ms,
        sum(tokens_in) AS tokens_in,
        sum(tokens_out) AS tokens_out,
        sum(cost_usd) AS cost_usd
    FROM calls
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)
    GROUP BY run_id, role, model_id
)
SELECT
    runs.label AS run,
    role,
    models.name AS model,
    calls,
    ok,
    transient,
    refused,
    fatal,
    latency_p50_ms,
    latency_p95_ms,
    tokens_in,
    tokens_out,
    counted.cost_usd
FROM counted
JOIN runs ON runs.run_id = counted.run_id
LEFT JOIN models ON models.model_id = counted.model_id
ORDER BY runs.started_at, runs.run_id, counted.cost_usd DESC NULLS LAST, role, model
