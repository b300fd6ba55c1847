-- What models said to pairs. Key: (pair_id, model_id, sample).
CREATE TABLE answers (
    pair_id TEXT NOT NULL, -- H(image_ids, question, choices)
    model_id TEXT NOT NULL, -- who answered
    sample INTEGER NOT NULL, -- which of several answers of the same model, from 0
    text TEXT, -- the answer, word for word
    normalized TEXT, -- the answer as it is compared
    finish_reason TEXT, -- stop, length, or the server's own word
    mean_log_probability REAL, -- over the answer's tokens; null where the model does not tell
    status TEXT NOT NULL, -- ok or refused
    error TEXT, -- why the model refused
    answered_at TIMESTAMPTZ NOT NULL -- when the answer came
);
