-- The pairs of some source images; $images holds their ids.
SELECT source_image_id, strategy, question, category, instruction,
    coalesce(target_answer, '(' || target_status || ')') AS target_answer,
    reference_answers, truth, consensus, status, score, failure, verified_by,
    coalesce(prober_error, painter_error, reason) AS reason
FROM results
WHERE run_id = $run AND strpos($images, source_image_id) > 0
ORDER BY source_image_id, strategy, prober, k
