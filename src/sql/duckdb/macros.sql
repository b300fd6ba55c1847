-- The functions of `auditdm query`. Left out, because macros cannot hold their rules: normalize_answer, answer_distance,
-- token_f1 and anls; `answers.normalized` and `divergences.score` are columns.
CREATE OR REPLACE MACRO wilson_low(successes, n) AS CASE WHEN n > 0 AND successes BETWEEN 0 AND n THEN greatest(0, (
    successes / n + 1.96 * 1.96 / (2 * n)
    - 1.96 * sqrt(successes / n * (1 - successes / n) / n + 1.96 * 1.96 / (4.0 * n * n))
) / (1 + 1.96 * 1.96 / n)) END;
CREATE OR REPLACE MACRO wilson_high(successes, n) AS CASE WHEN n > 0 AND successes BETWEEN 0 AND n THEN least(1, (
    successes / n + 1.96 * 1.96 / (2 * n)
    + 1.96 * sqrt(successes / n * (1 - successes / n) / n + 1.96 * 1.96 / (4.0 * n * n))
) / (1 + 1.96 * 1.96 / n)) END;
CREATE OR REPLACE MACRO mcnemar_exact(b, c) AS CASE
    WHEN b < 0 OR c < 0 THEN NULL
    WHEN b + c = 0 THEN 1.0
    ELSE least(1.0, 2 * list_sum([
        exp(lgamma(b + c + 1) - lgamma(i + 1) - lgamma(b + c - i + 1) - (b + c) * ln(2))
        FOR i IN range(0, least(b, c) + 1)
    ]))
END;
CREATE OR REPLACE MACRO has_word(words, word) AS
    word <> '' AND list_contains(string_split_regex(lower(words), '[^\p{L}\p{N}\p{M}]+'), lower(word));
CREATE OR REPLACE MACRO attribute(object, name) AS CASE WHEN json_valid(object) THEN
    json_extract_string(object, '/' || replace(replace(name, '~', '~0'), '/', '~1'))
END;
CREATE OR REPLACE MACRO hash_distance(a, b) AS CAST(bit_count(xor(CAST(a AS BIGINT), CAST(b AS BIGINT))) AS BIGINT);
CREATE OR REPLACE MACRO near_duplicate_keys(hash) AS CASE WHEN hash IS NOT NULL THEN [
    band * 65536 + ((CAST(hash AS BIGINT) >> (band * 16)) & 65535) FOR band IN range(0, 4)
] END;
CREATE OR REPLACE MACRO advantage(reward, mean, deviation) AS (reward - mean) / (deviation + 1e-4);
CREATE OR REPLACE MACRO cosine(a, b) AS nullif(
    list_cosine_similarity(CAST(CASE WHEN len(a) = len(b) THEN a END AS DOUBLE[]), CAST(b AS DOUBLE[])),
    CAST('nan' AS DOUBLE)
);
