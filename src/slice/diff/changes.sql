SELECT
    CASE WHEN before.failure THEN 'fixed' ELSE 'broke' END AS change,
    before.category,
    before.question,
    before.target_answer AS answer_before,
    after.target_answer AS answer_after,
    coalesce(before.truth, before.consensus) AS right_answer,
    before.image_uri,
    before.image_id,
    before.probe_id,
    before.pair_id
FROM before JOIN after ON after.pair_id = before.pair_id
WHERE before.failure <> after.failure
ORDER BY change, before.category, before.pair_id
