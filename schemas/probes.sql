-- Question-image pairs and where they come from. Key: probe_id.
CREATE TABLE probes (
    probe_id TEXT NOT NULL, -- H(prober, source image, strategy, round, k, seed), 32 hex digits
    group_id TEXT NOT NULL, -- the K probes of one image, prober, strategy and round
    source_image_id TEXT NOT NULL, -- the image that the prober looked at
    prober_id TEXT NOT NULL, -- the prober's model_id
    strategy TEXT NOT NULL, -- dataset, question, edit, generation or perturbation
    round INTEGER NOT NULL, -- which round of a search, from 0
    k INTEGER NOT NULL, -- which of the group's probes, from 0
    seed BIGINT NOT NULL, -- drawn from the probe's identity
    raw_output TEXT, -- what the prober's model said, word for word
    prober_status TEXT NOT NULL, -- ok, unparsed or refused
    prober_error TEXT, -- why there is no question
    question TEXT, -- what target and references are asked
    instruction TEXT, -- the edit instruction, or the caption of a generation
    choices TEXT[] NOT NULL, -- options of a multiple-choice question; empty for open ones
    category TEXT, -- which weakness is probed; other where the prober's word is like none
    category_source TEXT, -- who said so: source, prober, rule or embedding (the prober's word, mapped), unmapped or grammar (the lab's parser)
    answer_type TEXT, -- the form of the known or expected answer: yes_no, number, choice, box, short_text or long_text
    expected_answer TEXT, -- what the prober believes
    truth TEXT[] NOT NULL, -- accepted answers where the source knows; empty where it does not
    painter_id TEXT, -- the painter's model_id, for edits and generations
    painter_status TEXT, -- ok or refused
    painter_error TEXT, -- why there is no image
    image_ids TEXT[] NOT NULL, -- the images of the pair, in the order of the prompt
    pair_id TEXT, -- H(image_ids, question, choices); null where the pair did not come about
    created_at TIMESTAMPTZ NOT NULL -- when the probe was written
);
