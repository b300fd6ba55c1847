-- What target and references said to the pairs of the table `shown`, to the same question before the edit, and what
-- judges said: above 0 for correct, below for incorrect; the truth outvotes all.
WITH voted AS (
    SELECT verdicts.probe_id, verdicts.model_id,
        sum(
            CASE verdict WHEN 'correct' THEN 1 WHEN 'incorrect' THEN -1 ELSE 0 END
            * CASE judge_id WHEN 'truth' THEN 1000 ELSE 1 END
        ) AS votes
    FROM verdicts
    WHERE verdicts.probe_id IN (SELECT probe_id FROM shown)
    GROUP BY verdicts.probe_id, verdicts.model_id
)
SELECT shown.probe_id, coalesce(models.name, answers.model_id) AS model, answers.model_id = $target AS is_target,
    coalesce(answers.text, '(' || answers.status || ')') AS text, before.text AS before, voted.votes
FROM shown
JOIN answers ON answers.pair_id = shown.pair_id
LEFT JOIN models ON models.model_id = answers.model_id
LEFT JOIN answers AS before
    ON before.pair_id = shown.before_pair_id AND before.model_id = answers.model_id AND before.sample = 0
LEFT JOIN voted ON voted.probe_id = shown.probe_id AND voted.model_id = answers.model_id
WHERE answers.sample = 0 AND (answers.model_id = $target OR strpos(shown.reference_set, answers.model_id) > 0)
ORDER BY shown.probe_id, is_target DESC, model
