-- The runs of this audit, the latest first: what they covered, how they ended and what they cost.
SELECT
    left(run_id, 8) AS run,
    label,
    status,
    stop_reason,
    started_at,
    round(date_part('epoch', updated_at) - date_part('epoch', started_at), 1) AS seconds,
    images,
    probes,
    answers,
    errors,
    cost_usd
FROM runs
ORDER BY started_at DESC, run_id
