-- How far target and references differ, by category: pairs by status, the mean score over valid and unknown pairs,
-- the share that differs (score of at least 0.5) with its interval, and who is to blame.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH counted AS (
    SELECT run_started_at, run_id, run_label, target, category,
        count(*) AS pairs,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE status = 'unknown') AS unknown,
        count(*) FILTER (WHERE status = 'invalid') AS invalid,
        count(score) FILTER (WHERE status <> 'invalid') AS compared,
        count(*) FILTER (WHERE status <> 'invalid' AND score >= 0.5) AS differing,
        avg(score) FILTER (WHERE status <> 'invalid') AS mean_score,
        avg(agreement) AS reference_agreement,
        count(*) FILTER (WHERE blame = 'target') AS blame_target,
        count(*) FILTER (WHERE blame = 'reference') AS blame_reference,
        count(*) FILTER (WHERE blame = 'both') AS blame_both,
        count(*) FILTER (WHERE blame IN ('question', 'image')) AS blame_pair
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND status IS NOT NULL
    GROUP BY run_started_at, run_id, run_label, target, category
)
SELECT
    run_label AS run,
    category,
    target,
    pairs,
    valid,
    unknown,
    invalid,
    mean_score,
    CAST(differing AS DOUBLE) / nullif(compared, 0) AS differs,
    wilson_low(differing, compared) AS differs_low,
    wilson_high(differing, compared) AS differs_high,
    reference_agreement,
    blame_target,
    blame_reference,
    blame_both,
    blame_pair
FROM counted
ORDER BY run_started_at, run_id, target, differs DESC NULLS LAST, category
