-- The view `results`: one row for each run, probe of that run and target that was measured on any of its
-- probes. A probe that never became a pair (unparsed, refused, not drawn) keeps its row, with null answers
-- and status, so that shares of all probes can be counted. Left out: bytes, raw outputs, single verdicts.
-- Where a probe and target were scored more than once (another reference, judge or measure), the latest counts.
WITH scored AS (
    SELECT DISTINCT ON (probe_id, target_id) *
    FROM divergences
    ORDER BY probe_id, target_id, computed_at DESC, reference_set, judge_set, measure
),
targets AS (
    SELECT DISTINCT run_probes.run_id, scored.target_id
    FROM run_probes JOIN scored ON scored.probe_id = run_probes.probe_id
),
said AS (
    SELECT answers.pair_id, answers.model_id, models.name, answers.text, answers.status,
        answers.mean_log_probability
    FROM answers LEFT JOIN models ON models.model_id = answers.model_id
    WHERE answers.sample = 0
),
-- The reference set is a sorted list of ids of one length, so containment is membership.
referred AS (
    SELECT scored.probe_id, scored.target_id,
        string_agg(said.name, ' | ' ORDER BY said.name, said.model_id) AS reference_names,
        string_agg(coalesce(said.text, '(' || said.status || ')'), ' | ' ORDER BY said.name, said.model_id)
            AS reference_answers
    FROM scored
    JOIN probes ON probes.probe_id = scored.probe_id
    JOIN said ON said.pair_id = probes.pair_id AND strpos(scored.reference_set, said.model_id) > 0
    GROUP BY scored.probe_id, scored.target_id
),
called AS (
    SELECT model_id, subject,
        max(latency_ms) FILTER (WHERE status = 'ok') AS latency_ms,
        sum(cost_usd) AS cost_usd
    FROM calls
    WHERE role = 'target'
    GROUP BY model_id, subject
)
SELECT
    runs.run_id,
    runs.label AS run_label,
    runs.started_at AS run_started_at,
    run_probes.origin,
    probes.probe_id,
    probes.group_id,
    probes.pair_id,
    prober.name AS prober,
    probes.prober_id,
    probes.strategy,
    probes.round,
    probes.k,
    coalesce(probes.category, 'uncategorized') AS category,
    probes.category_source,
    probes.answer_type,
    probes.question,
    probes.instruction,
    nullif(array_to_string(probes.choices, ' | '), '') AS choices,
    probes.expected_answer,
    nullif(array_to_string(probes.truth, ' | '), '') AS truth,
    probes.source_image_id,
    images.image_id,
    images.root_image_id,
    coalesce(images.uri, roots.uri) AS image_uri,
    coalesce(images.attributes, roots.attributes) AS attributes,
    images.operation,
    images.width,
    images.height,
    images.licence,
    images.scene,
    target.name AS target,
    targets.target_id,
    target_said.text AS target_answer,
    target_said.status AS target_status,
    target_said.mean_log_probability,
    referred.reference_names,
    scored.reference_set,
    referred.reference_answers,
    scored.consensus,
    scored.agreement,
    scored.measure,
    scored.status,
    scored.score,
    scored.target_correct,
    scored.reference_correct,
    scored.verified_by,
    scored.blame,
    scored.reason,
    coalesce(scored.status = 'valid' AND NOT scored.target_correct, false) AS failure,
    coalesce(scored.status = 'unknown' AND scored.score >= 0.5, false) AS disagreement,
    called.latency_ms,
    called.cost_usd,
    probes.prober_status,
    probes.prober_error,
    probes.painter_status,
    probes.painter_error
FROM run_probes
JOIN runs ON runs.run_id = run_probes.run_id
JOIN probes ON probes.probe_id = run_probes.probe_id
LEFT JOIN targets ON targets.run_id = run_probes.run_id
LEFT JOIN scored ON scored.probe_id = probes.probe_id AND scored.target_id = targets.target_id
LEFT JOIN referred ON referred.probe_id = probes.probe_id AND referred.target_id = targets.target_id
LEFT JOIN said AS target_said
    ON target_said.pair_id = probes.pair_id AND target_said.model_id = targets.target_id
LEFT JOIN called ON called.subject = probes.pair_id AND called.model_id = targets.target_id
LEFT JOIN models AS prober ON prober.model_id = probes.prober_id
LEFT JOIN models AS target ON target.model_id = targets.target_id
LEFT JOIN images ON images.image_id = probes.image_ids[1]
LEFT JOIN images AS roots ON roots.image_id = images.root_image_id
