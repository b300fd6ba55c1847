-- Attempts to call models in any role, failed ones too. Key: call_id.
CREATE TABLE calls (
    call_id TEXT NOT NULL, -- 32 hex digits
    run_id TEXT NOT NULL, -- the run that made the call
    model_id TEXT NOT NULL, -- who was called
    role TEXT NOT NULL, -- prober, painter, target, reference or judge; drift where a stored pair was asked again
    subject TEXT NOT NULL, -- id of the pair or probe that it was about
    attempt INTEGER NOT NULL, -- which try, from 0
    status TEXT NOT NULL, -- ok, transient, refused or fatal
    error TEXT, -- what went wrong
    tokens_in BIGINT, -- prompt tokens; null where not told
    tokens_out BIGINT, -- answer tokens; null where not told
    latency_ms DOUBLE NOT NULL, -- until the reply or the error
    cost_usd DOUBLE, -- by the model's prices; null where unknown
    started_at TIMESTAMPTZ NOT NULL -- when it was sent
);
