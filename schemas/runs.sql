-- Invocations of `audit` and `eval`, written at the start and again at the end. Key: run_id; the last updated_at counts.
CREATE TABLE runs (
    run_id TEXT NOT NULL, -- 32 hex digits
    label TEXT NOT NULL, -- the user's name for the run
    config TEXT NOT NULL, -- the resolved configuration as TOML, without secrets
    status TEXT NOT NULL, -- running, done, interrupted, stopped (at its budget) or failed
    stop_reason TEXT, -- why it ended before all was done
    images BIGINT NOT NULL, -- images that the run looked at
    probes BIGINT NOT NULL, -- probes that the run covered
    answers BIGINT NOT NULL, -- answers that the run paid for
    errors BIGINT NOT NULL, -- failures that a later run tries again
    cost_usd DOUBLE, -- sum over the run's calls to remote models; null where a price or token count is not known
    started_at TIMESTAMPTZ NOT NULL, -- when the run began
    updated_at TIMESTAMPTZ NOT NULL -- when this row was written
);
