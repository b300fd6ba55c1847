-- How often target and reference are right on valid pairs, by category and over all, and whether the two differ:
-- McNemar's exact p-value over the pairs on which both are verified.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
-- param strategy = all: dataset, question, edit, generation or `all`
WITH verified AS (
    SELECT run_started_at, run_id, run_label, target, category, target_correct, reference_correct
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)
        AND ($strategy = 'all' OR strategy = $strategy)
        AND status = 'valid' AND target_correct IS NOT NULL
),
counted AS (
    SELECT run_started_at, run_id, run_label, target, category, grouping(category) AS is_total,
        count(*) AS pairs,
        count(*) FILTER (WHERE target_correct) AS target_right,
        count(reference_correct) AS reference_pairs,
        count(*) FILTER (WHERE reference_correct) AS reference_right,
        count(*) FILTER (WHERE target_correct AND NOT reference_correct) AS only_target,
        count(*) FILTER (WHERE reference_correct AND NOT target_correct) AS only_reference
    FROM verified
    GROUP BY GROUPING SETS (
        (run_started_at, run_id, run_label, target, category),
        (run_started_at, run_id, run_label, target)
    )
)
SELECT
    run_label AS run,
    CASE WHEN is_total = 1 THEN '(all)' ELSE category END AS category,
    target,
    pairs,
    CAST(target_right AS DOUBLE) / pairs AS target_accuracy,
    wilson_low(target_right, pairs) AS target_low,
    wilson_high(target_right, pairs) AS target_high,
    CAST(reference_right AS DOUBLE) / nullif(reference_pairs, 0) AS reference_accuracy,
    wilson_low(reference_right, reference_pairs) AS reference_low,
    wilson_high(reference_right, reference_pairs) AS reference_high,
    only_target,
    only_reference,
    mcnemar_exact(only_target, only_reference) AS p_value
FROM counted
ORDER BY run_started_at, run_id, target, is_total DESC, target_accuracy, category
