-- Judges' words on answers. Key: (probe_id, model_id, judge_id).
CREATE TABLE verdicts (
    probe_id TEXT NOT NULL, -- the probe
    model_id TEXT NOT NULL, -- whose answer was judged
    judge_id TEXT NOT NULL, -- the judge's model_id
    verdict TEXT NOT NULL, -- correct, incorrect, unanswerable or unsure
    reason TEXT, -- the judge's own words
    created_at TIMESTAMPTZ NOT NULL -- when the judge spoke
);
