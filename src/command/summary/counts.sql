WITH mine AS (SELECT * FROM results WHERE run_id = $run),
counted AS (
    SELECT
        count(*) AS probes,
        count(*) FILTER (WHERE prober_status = 'ok') AS parsed,
        count(*) FILTER (WHERE pair_id IS NOT NULL) AS pairs,
        count(*) FILTER (WHERE pair_id IS NOT NULL AND operation <> 'original') AS drawn,
        count(*) FILTER (WHERE painter_status = 'refused') AS refused_drawings,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE status = 'invalid') AS invalid,
        count(*) FILTER (WHERE status = 'unknown') AS unknown,
        count(*) FILTER (WHERE failure) AS target_wrong,
        count(*) FILTER (WHERE status = 'valid' AND reference_correct IS NOT NULL) AS reference_known,
        count(*) FILTER (WHERE status = 'valid' AND NOT reference_correct) AS reference_wrong,
        count(*) FILTER (WHERE disagreement) AS disagreements,
        count(*) FILTER (WHERE category_source = 'prober') AS categories_named,
        count(*) FILTER (WHERE category_source = 'rule') AS categories_by_rule,
        count(*) FILTER (WHERE category_source = 'embedding') AS categories_by_meaning,
        count(*) FILTER (WHERE category_source = 'unmapped') AS categories_unmapped
    FROM mine
)
SELECT *,
    wilson_low(target_wrong, valid) AS target_wrong_low,
    wilson_high(target_wrong, valid) AS target_wrong_high,
    wilson_low(reference_wrong, reference_known) AS reference_wrong_low,
    wilson_high(reference_wrong, reference_known) AS reference_wrong_high
FROM counted
