-- Who is right on the pairs of a slice (`sliced`), by category and root image: only pairs on which truth or judges
-- decide about both models. A model may have answered as target, as reference or in an evaluation.
WITH words AS (
    SELECT probe_id, model_id,
        max(CASE WHEN judge_id = 'truth' THEN verdict END) AS truth,
        count(*) FILTER (WHERE judge_id <> 'truth' AND verdict = 'correct') AS yes,
        count(*) FILTER (WHERE judge_id <> 'truth' AND verdict = 'incorrect') AS no,
        count(*) FILTER (WHERE judge_id <> 'truth' AND verdict = 'unanswerable') AS unanswerable
    FROM verdicts
    WHERE strpos($small, model_id) > 0 OR strpos($large, model_id) > 0
    GROUP BY probe_id, model_id
),
verified AS (
    SELECT probe_id, model_id, coalesce(truth = 'correct', yes > no) AS correct
    FROM words
    WHERE coalesce(truth <> 'unanswerable', yes <> no AND unanswerable <= yes + no)
    UNION ALL
    -- An evaluation has no references; by several rules the latest scores count.
    SELECT probe_id, target_id, target_correct
    FROM (SELECT DISTINCT ON (probe_id, target_id) * FROM divergences
        WHERE reference_set = '' AND status = 'valid' AND (strpos($small, target_id) > 0 OR strpos($large, target_id) > 0)
        ORDER BY probe_id, target_id, computed_at DESC, measure) AS evaluated
),
-- An evaluation puts a question in each model's own words: there the question is what both have in common.
asked AS (
    SELECT DISTINCT sliced.probe_id,
        CASE WHEN models.kind = 'benchmark' THEN sliced.group_id ELSE sliced.pair_id END AS pair,
        sliced.category,
        -- A frozen set tells which original its images were made from.
        coalesce(attribute(sliced.attributes, 'root_image_id'), sliced.root_image_id, sliced.source_image_id) AS root
    FROM sliced JOIN models ON models.model_id = sliced.prober_id
    WHERE sliced.pair_id IS NOT NULL
),
said AS (
    -- A model that was asked in several ways has several ids; of a pair that it answered in several the first counts.
    SELECT DISTINCT ON (asked.pair, strpos($small, verified.model_id) > 0)
        asked.pair, strpos($small, verified.model_id) > 0 AS is_small, category, root, correct
    FROM asked JOIN verified ON verified.probe_id = asked.probe_id
    ORDER BY asked.pair, strpos($small, verified.model_id) > 0, asked.probe_id, verified.model_id
)
SELECT small.category,
    small.root,
    count(*) AS n,
    count(*) FILTER (WHERE small.correct) AS small_right,
    count(*) FILTER (WHERE large.correct) AS large_right,
    count(*) FILTER (WHERE small.correct AND NOT large.correct) AS small_only,
    count(*) FILTER (WHERE large.correct AND NOT small.correct) AS large_only
FROM said AS small JOIN said AS large ON large.pair = small.pair
WHERE small.is_small AND NOT large.is_small
GROUP BY small.category, small.root
ORDER BY small.category, small.root
