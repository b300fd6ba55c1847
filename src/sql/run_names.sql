-- The view `run_names`: every name under which a run can be asked for: its id, the id's first eight digits,
-- its label, `all`, and `latest` for the run that started last.
WITH named AS (
    SELECT run_id,
        unnest(make_array(run_id, left(run_id, 8), label, 'all', CASE WHEN age = 1 THEN 'latest' END)) AS name
    FROM (SELECT run_id, label, row_number() OVER (ORDER BY started_at DESC, run_id DESC) AS age FROM runs) AS aged
)
SELECT run_id, name FROM named WHERE name IS NOT NULL
