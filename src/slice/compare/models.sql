-- The models about whose answers truth or judges have decided.
SELECT models.model_id, models.name, models.kind, models.revision
FROM models
WHERE model_id IN (SELECT model_id FROM verdicts)
    OR model_id IN (SELECT target_id FROM divergences WHERE reference_set = '')
ORDER BY models.name, models.model_id
