-- The one run of that name that started last, and its targets, the most often measured first.
WITH chosen AS (
    SELECT * FROM runs
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)
    ORDER BY started_at DESC, run_id DESC
    LIMIT 1
)
SELECT chosen.run_id, chosen.label, chosen.status, chosen.stop_reason, chosen.images, chosen.probes, chosen.errors, chosen.cost_usd,
    left(CAST(chosen.started_at AS TEXT), 16) AS started_at,
    round(date_part('epoch', chosen.updated_at - chosen.started_at), 1) AS seconds,
    results.target_id, results.target, max(results.reference_names) AS references
FROM chosen
LEFT JOIN results ON results.run_id = chosen.run_id
GROUP BY ALL
ORDER BY count(results.status) DESC, results.target_id
