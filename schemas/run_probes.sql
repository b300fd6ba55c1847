-- Which probes a run covered. Key: (run_id, probe_id).
CREATE TABLE run_probes (
    run_id TEXT NOT NULL, -- the run
    probe_id TEXT NOT NULL, -- the probe
    origin TEXT NOT NULL -- new where this run wrote the probe, replayed where it was there before
);
