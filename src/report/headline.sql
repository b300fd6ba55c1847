-- What the run came to for one target, and whether target and reference differ on the pairs where both are verified.
WITH mine AS (SELECT * FROM results WHERE run_id = $run AND target_id = $target),
counted AS (
    SELECT
        count(*) AS probes,
        count(*) FILTER (WHERE prober_status = 'ok') AS parsed,
        count(pair_id) AS pairs,
        count(pair_id) FILTER (WHERE operation <> 'original') AS drawn,
        count(*) FILTER (WHERE painter_status = 'refused') AS refused_drawings,
        count(*) FILTER (WHERE status = 'valid') AS valid,
        count(*) FILTER (WHERE status = 'invalid') AS invalid,
        count(*) FILTER (WHERE status = 'unknown') AS unknown,
        count(*) FILTER (WHERE disagreement) AS disagreements,
        count(*) FILTER (WHERE failure) AS target_wrong,
        count(reference_correct) FILTER (WHERE status = 'valid') AS reference_known,
        count(*) FILTER (WHERE status = 'valid' AND NOT reference_correct) AS reference_wrong,
        count(*) FILTER (WHERE failure AND reference_correct) AS only_target,
        count(*) FILTER (WHERE status = 'valid' AND target_correct AND NOT reference_correct) AS only_reference
    FROM mine
)
SELECT *,
    wilson_low(target_wrong, valid) AS target_low,
    wilson_high(target_wrong, valid) AS target_high,
    wilson_low(reference_wrong, reference_known) AS reference_low,
    wilson_high(reference_wrong, reference_known) AS reference_high,
    wilson_low(target_wrong, probes) AS success_low,
    wilson_high(target_wrong, probes) AS success_high,
    mcnemar_exact(only_target, only_reference) AS p_value
FROM counted
