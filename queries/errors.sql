-- What went wrong, how often, an example to look up, and what to do about it. Broken images belong to no run and
-- are listed whatever run is asked for.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH chosen AS (SELECT DISTINCT run_id FROM run_names WHERE name = $run),
covered AS (
    SELECT DISTINCT probe_id FROM run_probes WHERE run_id IN (SELECT run_id FROM chosen)
),
-- A refusal is a row of its own (a probe, an answer); only a judge's has no other row than its call.
happened AS (
    SELECT role || ' call' AS stage, models.name AS model, calls.status, calls.error, calls.subject AS example
    FROM calls LEFT JOIN models ON models.model_id = calls.model_id
    WHERE calls.run_id IN (SELECT run_id FROM chosen)
        AND (calls.status IN ('transient', 'fatal') OR (calls.status = 'refused' AND calls.role = 'judge'))
    UNION ALL
    SELECT 'probe', models.name, probes.prober_status, probes.prober_error, probes.probe_id
    FROM probes LEFT JOIN models ON models.model_id = probes.prober_id
    WHERE probes.probe_id IN (SELECT probe_id FROM covered) AND probes.prober_status <> 'ok'
    UNION ALL
    SELECT 'painting', models.name, probes.painter_status, probes.painter_error, probes.probe_id
    FROM probes LEFT JOIN models ON models.model_id = probes.painter_id
    WHERE probes.probe_id IN (SELECT probe_id FROM covered) AND probes.painter_status <> 'ok'
    UNION ALL
    SELECT 'answer', models.name, answers.status, answers.error, answers.pair_id
    FROM answers LEFT JOIN models ON models.model_id = answers.model_id
    WHERE answers.status <> 'ok' AND answers.pair_id IN (
        SELECT pair_id FROM probes WHERE probe_id IN (SELECT probe_id FROM covered)
    )
    UNION ALL
    SELECT 'image', NULL, status, error, coalesce(uri, image_id) FROM images WHERE status <> 'ok'
)
SELECT
    stage,
    model,
    status,
    error,
    count(*) AS times,
    min(example) AS example,
    CASE
        WHEN status = 'transient' THEN 'run the audit again: what is missing is asked again'
        WHEN status = 'fatal' THEN 'check the address, key and name of this model in the configuration'
        WHEN status = 'unparsed' THEN 'read raw_output of the example in probes; change the prompt or the prober'
        WHEN stage = 'image' THEN 'replace the file or leave it out of the source'
        ELSE 'kept as it is; a model with another revision or prompt is asked anew'
    END AS remedy
FROM happened
GROUP BY stage, model, status, error
ORDER BY times DESC, stage, model, status, error
