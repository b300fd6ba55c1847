-- Pairs that both runs have verified, with who was wrong; one row a pair.
WITH before AS (
    SELECT DISTINCT ON (pair_id) *
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $before_run) AND target = $before_target
        AND status = 'valid'
    ORDER BY pair_id, probe_id
),
after AS (
    SELECT DISTINCT ON (pair_id) *
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $after_run) AND target = $after_target
        AND status = 'valid'
    ORDER BY pair_id, probe_id
)
