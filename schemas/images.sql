-- Images, found or made. Key: image_id.
CREATE TABLE images (
    image_id TEXT NOT NULL, -- SHA-256 of the encoded bytes, 64 hex digits
    root_image_id TEXT NOT NULL, -- the original that this image goes back to; itself for an original
    parent_image_id TEXT, -- the image that was edited or perturbed
    operation TEXT NOT NULL, -- original, generated, edited or perturbed
    instruction TEXT, -- what the painter was told
    painter_id TEXT, -- the painter's model_id, or the prober's where it changed the pixels itself
    uri TEXT, -- where an original was found, without credentials
    etag TEXT, -- the store's mark of the content there
    attributes TEXT, -- columns taken from the path or the file, a JSON object
    width INTEGER, -- pixels, upright
    height INTEGER, -- pixels, upright
    format TEXT, -- jpeg, png or webp
    perceptual_hash BIGINT, -- 64 bits; near duplicates differ in few of them
    licence TEXT, -- inherited from the original
    scene TEXT, -- the lab's scene graph as JSON
    status TEXT NOT NULL, -- ok or broken
    error TEXT, -- why an image is invalid
    created_at TIMESTAMPTZ NOT NULL -- when it was first seen or made
);
