SELECT calls.role, coalesce(models.name, calls.model_id) AS model,
    count(*) AS calls,
    count(*) FILTER (WHERE calls.status <> 'ok') AS failed,
    percentile_cont(calls.latency_ms, 0.5) FILTER (WHERE calls.status = 'ok') AS p50_ms,
    percentile_cont(calls.latency_ms, 0.95) FILTER (WHERE calls.status = 'ok') AS p95_ms,
    sum(calls.tokens_in + calls.tokens_out) AS tokens,
    sum(calls.cost_usd) AS cost_usd
FROM calls LEFT JOIN models ON models.model_id = calls.model_id
WHERE calls.run_id = $run
GROUP BY calls.role, calls.model_id, models.name
ORDER BY array_position(['prober', 'painter', 'target', 'reference', 'judge', 'drift'], calls.role), model
