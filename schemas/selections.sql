-- Rows chosen for training or testing, with where they come from. Key: (selection_id, id).
CREATE TABLE selections (
    selection_id TEXT NOT NULL, -- H(name, version), 32 hex digits
    name TEXT NOT NULL, -- the user's name for the selection
    version INTEGER NOT NULL, -- how often this name was chosen with another outcome before, from 1
    id TEXT NOT NULL, -- the row's id in the query that it was chosen from
    images TEXT[] NOT NULL, -- ids of its images
    prompt TEXT NOT NULL, -- the question
    completion TEXT NOT NULL, -- the right answer
    choices TEXT[] NOT NULL, -- options of a multiple-choice question; empty for open ones
    label_source TEXT, -- who says that the answer is right
    agreement DOUBLE, -- share of the references behind it, 0 to 1
    category TEXT, -- which weakness it is about
    root_image_id TEXT, -- the original that its image goes back to
    split TEXT NOT NULL, -- train or test; a root image is in one of them
    licence TEXT, -- of the image
    audit_columns TEXT, -- its other columns, a JSON object
    quota TEXT NOT NULL, -- the value whose quota it fills
    lineage TEXT NOT NULL, -- the query, seed, bounds and what was left out, a JSON object
    created_at TIMESTAMPTZ NOT NULL -- when the selection was made
);
