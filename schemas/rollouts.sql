-- Tokens of probers' outputs, for training. Key: probe_id.
CREATE TABLE rollouts (
    probe_id TEXT NOT NULL, -- the probe that the output became
    token_ids INTEGER[] NOT NULL, -- the output's tokens
    log_probabilities REAL[] NOT NULL -- of each token, when it was drawn
);
