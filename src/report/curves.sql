-- The training curves of the last eight training runs, thinned to at most 240 means each.
WITH trained AS (
    SELECT run_id, max(created_at) AS last_at, nullif(max(step), 0) AS last_step
    FROM steps GROUP BY run_id ORDER BY last_at DESC, run_id LIMIT 8
)
SELECT steps.metric, coalesce(max(runs.label) || ' ', '') || left(steps.run_id, 8) || ', ' || steps.phase AS label,
    min(steps.step) AS step, avg(steps.value) AS value
FROM steps
JOIN trained ON trained.run_id = steps.run_id
LEFT JOIN runs ON runs.run_id = steps.run_id
WHERE NOT isnan(steps.value)
GROUP BY steps.metric, steps.run_id, steps.phase, coalesce(steps.step * 240 / trained.last_step, 0)
ORDER BY steps.metric, steps.run_id, steps.phase, step
