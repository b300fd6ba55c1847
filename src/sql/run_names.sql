-- The view `run_names`: every name under which a run can be asked for: its id, the id's first eight digits,
-- its label, `all`, and `latest` for the run that started last.
SELECT run_id, run_id AS name FROM runs
UNION
SELECT run_id, left(run_id, 8) AS name FROM runs
UNION
SELECT run_id, label AS name FROM runs
UNION
SELECT run_id, 'all' AS name FROM runs
UNION
SELECT run_id, 'latest' AS name FROM (SELECT run_id FROM runs ORDER BY started_at DESC, run_id DESC LIMIT 1)
