-- How often every two models give the same normalized answer to the same pair, and how much of that is more than
-- chance (Cohen's kappa; null where chance alone explains everything). Refusals and resamples are left out.
-- param run = latest: a run's id, its first digits, its label, `latest` or `all`
WITH asked AS (
    SELECT DISTINCT run_probes.run_id, probes.pair_id
    FROM run_probes JOIN probes ON probes.probe_id = run_probes.probe_id
    WHERE run_probes.run_id IN (SELECT run_id FROM run_names WHERE name = $run) AND probes.pair_id IS NOT NULL
),
said AS (
    SELECT answers.pair_id, answers.model_id, models.name, answers.normalized AS answer
    FROM single.answers AS answers JOIN models ON models.model_id = answers.model_id
    WHERE answers.status = 'ok' AND answers.normalized IS NOT NULL
),
-- Everything below is counted from this table of answers that met, which is far smaller than the pairs.
met AS (
    SELECT asked.run_id, one.model_id AS one_id, two.model_id AS two_id, one.name AS model, two.name AS other,
        one.answer, two.answer AS other_answer, count(*) AS n
    FROM asked
    JOIN said AS one ON one.pair_id = asked.pair_id
    JOIN said AS two ON two.pair_id = asked.pair_id
    WHERE one.name || one.model_id < two.name || two.model_id
    GROUP BY asked.run_id, one.model_id, two.model_id, one.name, two.name, one.answer, two.answer
),
-- How often each of the two gave an answer: both sides of `met` in one list.
sides AS (
    SELECT run_id, one_id, two_id, model, other,
        unnest([answer, other_answer]) AS answer,
        unnest([n, 0]) AS n,
        unnest([0, n]) AS other_n,
        unnest([CASE WHEN answer = other_answer THEN n ELSE 0 END, 0]) AS same
    FROM met
),
given AS (
    SELECT run_id, one_id, two_id, model, other, answer, sum(n) AS n, sum(other_n) AS other_n, sum(same) AS same
    FROM sides
    GROUP BY run_id, one_id, two_id, model, other, answer
),
counted AS (
    SELECT run_id, one_id, two_id, model, other,
        CAST(sum(n) AS BIGINT) AS pairs,
        CAST(sum(same) AS BIGINT) AS same,
        sum(CAST(n AS DOUBLE) * CAST(other_n AS DOUBLE)) AS products
    FROM given
    GROUP BY run_id, one_id, two_id, model, other
),
rated AS (
    SELECT runs.started_at AS run_started_at, runs.run_id, runs.label AS run_label, model, other, pairs, same,
        CAST(same AS DOUBLE) / pairs AS agreement,
        products / (CAST(pairs AS DOUBLE) * pairs) AS chance
    FROM counted JOIN runs ON runs.run_id = counted.run_id
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
