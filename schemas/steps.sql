-- Numbers of training steps. Key: (run_id, step, phase, metric).
CREATE TABLE steps (
    run_id TEXT NOT NULL, -- the training run
    step BIGINT NOT NULL, -- optimizer step, from 0
    phase TEXT NOT NULL, -- train or evaluate
    metric TEXT NOT NULL, -- e.g. loss, reward, kl
    value DOUBLE NOT NULL, -- the metric's value
    created_at TIMESTAMPTZ NOT NULL -- when it was measured
);
