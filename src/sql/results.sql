-- The view `results`: one row for each run, probe of that run and target that was measured on any of its
-- probes. A probe that never became a pair (unparsed, refused, not drawn) keeps its row, with null answers
-- and status, so that shares of all probes can be counted. Left out: bytes, raw outputs, single verdicts.
-- Where a probe and target were scored more than once (another reference, judge or measure), the latest counts.
--
-- A query pays for the columns that it names. All joins but those of probes, outcomes and runs are left joins on
-- the whole key of what they join: the optimizer drops each whose columns nobody asks for (tables of `single` tell
-- it their keys; none of these is a column of the view, since DataFusion 55 takes a key for one of groups as well). Large tables are built on before small ones are looked up, and `runs` comes last: before
-- it, the optimizer would take the number of runs for the number of rows and collect the large side in memory.
WITH targets AS (
    SELECT DISTINCT run_probes.run_id, scored.target_id
    FROM run_probes JOIN single.divergences AS scored ON scored.probe_id = run_probes.probe_id
),
-- In two parts: a query for a status never reads the second, whose status is nothing but null.
outcomes AS (
    SELECT run_probes.run_id, run_probes.probe_id, run_probes.origin, scored.target_id, scored.reference_set, scored.measure,
        scored.consensus, scored.agreement, scored.status, scored.score, scored.target_correct,
        scored.reference_correct, scored.verified_by, scored.blame, scored.reason
    FROM run_probes JOIN single.divergences AS scored ON scored.probe_id = run_probes.probe_id
    UNION ALL
    SELECT run_probes.run_id, run_probes.probe_id, run_probes.origin, targets.target_id, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL
    FROM run_probes LEFT JOIN targets ON targets.run_id = run_probes.run_id
    WHERE NOT EXISTS (
        SELECT 1 FROM single.divergences AS scored
        WHERE scored.probe_id = run_probes.probe_id AND scored.target_id = targets.target_id
    )
),
said AS (
    SELECT answers.pair_id, answers.model_id, models.name, answers.text, answers.status,
        answers.mean_log_probability, coalesce(answers.text, '(' || answers.status || ')') AS shown
    FROM single.answers AS answers LEFT JOIN single.models AS models ON models.model_id = answers.model_id
),
-- Several references; one alone is joined below without a group for every row. The reference set is a sorted list
-- of ids of one length, so containment is membership.
referred AS (
    SELECT scored.probe_id, scored.target_id,
        string_agg(said.name, ' | ' ORDER BY said.name, said.model_id) AS reference_names,
        string_agg(said.shown, ' | ' ORDER BY said.name, said.model_id) AS reference_answers
    FROM single.divergences AS scored
    JOIN probes ON probes.probe_id = scored.probe_id
    JOIN said ON said.pair_id = probes.pair_id AND strpos(scored.reference_set, said.model_id) > 0
    WHERE strpos(scored.reference_set, ',') > 0
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
    outcomes.origin,
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
    CASE WHEN images.status IS NOT NULL THEN probes.image_ids[1] END AS image_id, -- no column that is a key (see above)
    images.root_image_id,
    coalesce(images.uri, roots.uri) AS image_uri,
    coalesce(images.attributes, roots.attributes) AS attributes,
    images.operation,
    images.width,
    images.height,
    images.licence,
    images.scene,
    target.name AS target,
    outcomes.target_id,
    target_said.text AS target_answer,
    target_said.status AS target_status,
    target_said.mean_log_probability,
    coalesce(referred.reference_names, reference.name) AS reference_names,
    outcomes.reference_set,
    coalesce(referred.reference_answers, reference.shown) AS reference_answers,
    outcomes.consensus,
    outcomes.agreement,
    outcomes.measure,
    outcomes.status,
    outcomes.score,
    outcomes.target_correct,
    outcomes.reference_correct,
    outcomes.verified_by,
    outcomes.blame,
    outcomes.reason,
    coalesce(outcomes.status = 'valid' AND NOT outcomes.target_correct, false) AS failure,
    coalesce(outcomes.status = 'unknown' AND outcomes.score >= 0.5, false) AS disagreement,
    called.latency_ms,
    called.cost_usd,
    probes.prober_status,
    probes.prober_error,
    probes.painter_status,
    probes.painter_error
FROM probes
JOIN outcomes ON outcomes.probe_id = probes.probe_id
LEFT JOIN said AS target_said
    ON target_said.pair_id = probes.pair_id AND target_said.model_id = outcomes.target_id
LEFT JOIN said AS reference
    ON reference.pair_id = probes.pair_id AND reference.model_id = outcomes.reference_set
LEFT JOIN referred ON referred.probe_id = outcomes.probe_id AND referred.target_id = outcomes.target_id
LEFT JOIN called ON called.subject = probes.pair_id AND called.model_id = outcomes.target_id
LEFT JOIN single.models AS prober ON prober.model_id = probes.prober_id
LEFT JOIN single.models AS target ON target.model_id = outcomes.target_id
LEFT JOIN single.images AS images ON images.image_id = probes.image_ids[1]
LEFT JOIN single.images AS roots ON roots.image_id = images.root_image_id
JOIN runs ON runs.run_id = outcomes.run_id
