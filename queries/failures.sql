-- The failures themselves, those first of which the target was most certain: question, answers and where the
-- image is.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param category = all: one category, or `all`
-- param limit = 50: at most so many rows
SELECT
    run_label AS run,
    category,
    question,
    coalesce(truth, consensus, expected_answer) AS right_answer,
    target_answer,
    reference_answers,
    target,
    strategy,
    instruction,
    verified_by,
    score,
    exp(mean_log_probability) AS certainty,
    image_uri,
    image_id,
    root_image_id,
    probe_id
FROM results
WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)
    AND ($category = 'all' OR category = $category)
    AND failure
ORDER BY mean_log_probability DESC NULLS LAST, run_started_at, probe_id, target
LIMIT $limit
