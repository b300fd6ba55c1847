-- How a target and its references differ on a probe. Key: (probe_id, target_id, reference_set, judge_set, measure).
CREATE TABLE divergences (
    probe_id TEXT NOT NULL, -- the probe
    target_id TEXT NOT NULL, -- the target's model_id
    reference_set TEXT NOT NULL, -- the references' model_ids, sorted, with commas; empty in an evaluation
    judge_set TEXT NOT NULL, -- truth where it counts, then the judges' model_ids, sorted, with commas
    measure TEXT NOT NULL, -- how the difference was scored
    consensus TEXT, -- what the references agree on
    agreement DOUBLE, -- share of the references behind the consensus, 0 to 1
    status TEXT NOT NULL, -- valid, invalid or unknown
    score DOUBLE, -- the difference; higher is worse for the target
    target_correct BOOLEAN, -- null where nothing verifies it
    reference_correct BOOLEAN, -- null where nothing verifies it
    verified_by TEXT, -- truth, consensus or judge; null where nothing does
    blame TEXT, -- what is wrong: target, reference, both or the question; null where nothing is
    reason TEXT, -- why the status is what it is
    computed_at TIMESTAMPTZ NOT NULL -- when it was scored
);
