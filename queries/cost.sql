-- What each model cost in each role: calls and their outcomes, latency of the answered ones, tokens, dollars.
-- Answers that an earlier run had already paid for cost nothing again and are not counted.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
SELECT
    runs.label AS run,
    calls.role,
    models.name AS model,
    count(*) AS calls,
    count(*) FILTER (WHERE calls.status = 'ok') AS ok,
    count(*) FILTER (WHERE calls.status = 'transient') AS transient,
    count(*) FILTER (WHERE calls.status = 'refused') AS refused,
    count(*) FILTER (WHERE calls.status = 'fatal') AS fatal,
    percentile_cont(calls.latency_ms, 0.5) FILTER (WHERE calls.status = 'ok') AS latency_p50_ms,
    percentile_cont(calls.latency_ms, 0.95) FILTER (WHERE calls.status = 'ok') AS latency_p95_ms,
    sum(calls.tokens_in) AS tokens_in,
    sum(calls.tokens_out) AS tokens_out,
    sum(calls.cost_usd) AS cost_usd
FROM calls
JOIN runs ON runs.run_id = calls.run_id
LEFT JOIN models ON models.model_id = calls.model_id
WHERE calls.run_id IN (SELECT run_id FROM run_names WHERE name = $run)
GROUP BY runs.started_at, runs.run_id, runs.label, calls.role, calls.model_id, models.name
ORDER BY runs.started_at, runs.run_id, cost_usd DESC NULLS LAST, calls.role, model
