-- Whatever asks, draws, answers or judges. Key: model_id.
CREATE TABLE models (
    model_id TEXT NOT NULL, -- H(kind, name, revision, prompt_template, sampling, preprocessing), 32 hex digits
    kind TEXT NOT NULL, -- http, local, mock, lab, dataset, benchmark, images_http, painter (in this process), served (an auditor that learns elsewhere), or a rival prober's kind
    name TEXT NOT NULL, -- the name in the configuration's terms, e.g. google/gemma-3-4b-it
    revision TEXT NOT NULL, -- declared by the user for HTTP, the weights' hash for local models
    prompt_template TEXT NOT NULL, -- how a question becomes a prompt
    sampling TEXT NOT NULL, -- temperature, limits and so on, as JSON
    preprocessing TEXT NOT NULL, -- what happens to an image before it is sent, e.g. its size limit
    input_usd_per_mtok DOUBLE, -- price of a million input tokens; null where unknown
    output_usd_per_mtok DOUBLE, -- price of a million output tokens; null where unknown
    created_at TIMESTAMPTZ NOT NULL -- when the model was first used with these tables
);
