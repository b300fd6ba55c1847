-- How often every two models give the same normalized answer to the same pair, and how much of that is more than
-- chance (Cohen's kappa; null where chance alone explains everything). Refusals and resamples are left out.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH asked AS (
    SELECT DISTINCT run_started_at, run_id, run_label, pair_id
    FROM results
    WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND pair_id IS NOT NULL
),
said AS (
    SELECT asked.run_started_at, asked.run_id, asked.run_label, asked.pair_id, answers.model_id, models.name,
        answers.normalized AS answer
    FROM asked
    JOIN answers ON answers.pair_id = asked.pair_id
    JOIN models ON models.model_id = answers.model_id
    WHERE answers.sample = 0 AND answers.status = 'ok' AND answers.normalized IS NOT NULL
),
shared AS (
    SELECT one.run_started_at, one.run_id, one.run_label, one.model_id AS one_id, two.model_id AS two_id,
        one.name AS model, two.name AS other, one.answer, two.answer AS other_answer
    FROM said AS one
    JOIN said AS two ON two.run_id = one.run_id AND two.pair_id = one.pair_id
    WHERE one.name || one.model_id < two.name || two.model_id
),
answered AS (SELECT run_id, one_id, two_id, answer, count(*) AS n FROM shared GROUP BY run_id, one_id, two_id, answer),
other_answered AS (
    SELECT run_id, one_id, two_id, other_answer, count(*) AS n FROM shared GROUP BY run_id, one_id, two_id, other_answer
),
by_chance AS (
    SELECT answered.run_id, answered.one_id, answered.two_id, sum(answered.n * other_answered.n) AS products
    FROM answered
    JOIN other_answered ON other_answered.run_id = answered.run_id AND other_answered.one_id = answered.one_id
        AND other_answered.two_id = answered.two_id AND other_answered.other_answer = answered.answer
    GROUP BY answered.run_id, answered.one_id, answered.two_id
),
counted AS (
    SELECT run_started_at, run_id, run_label, one_id, two_id, model, other,
        count(*) AS pairs,
        count(*) FILTER (WHERE answer = other_answer) AS same
    FROM shared
    GROUP BY run_started_at, run_id, run_label, one_id, two_id, model, other
),
rated AS (
    SELECT counted.*,
        CAST(same AS DOUBLE) / pairs AS agreement,
        coalesce(CAST(products AS DOUBLE), 0) / (CAST(pairs AS DOUBLE) * pairs) AS chance
    FROM counted
    LEFT JOIN by_chance ON by_chance.run_id = counted.run_id AND by_chance.one_id = counted.one_id
        AND by_chance.two_id = counted.two_id
)
SELECT
    run_label AS run,
    model,
    other,
    pairs,
    same,
    agreement,
    wilson_low(same, pairs) AS agreement_low,
    wilson_high(same, pairs) AS agreement_high,
    chance,
    (agreement - chance) / nullif(1 - chance, 0) AS kappa
FROM rated
ORDER BY run_started_at, run_id, model, other
