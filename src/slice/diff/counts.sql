SELECT
    before.category,
    count(*) AS n,
    count(*) FILTER (WHERE before.failure) AS failures_before,
    count(*) FILTER (WHERE after.failure) AS failures_after,
    count(*) FILTER (WHERE after.failure AND NOT before.failure) AS broke,
    count(*) FILTER (WHERE before.failure AND NOT after.failure) AS fixed
FROM before JOIN after ON after.pair_id = before.pair_id
GROUP BY before.category
ORDER BY before.category
