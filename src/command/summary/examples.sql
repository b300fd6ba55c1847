-- One failure of each of the three weakest categories: the target sure and wrong, the reference right.
WITH failed AS (
    SELECT *, count(*) OVER (PARTITION BY category) AS failures,
        row_number() OVER (PARTITION BY category ORDER BY mean_log_probability DESC NULLS LAST, probe_id) AS place
    FROM results
    WHERE run_id = $run AND failure AND coalesce(reference_correct, false)
)
SELECT category, question, target_answer, reference_answers, truth,
    coalesce(CASE WHEN operation <> 'original' THEN instruction END, image_uri, image_id) AS image,
    probe_id
FROM failed
WHERE place = 1
ORDER BY failures DESC, category
LIMIT 3
