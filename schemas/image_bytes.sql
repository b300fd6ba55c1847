-- Encoded images that are kept: those made, and originals on demand. Key: image_id.
CREATE TABLE image_bytes (
    image_id TEXT NOT NULL, -- SHA-256 of the bytes, 64 hex digits
    image STRUCT(bytes BLOB, path TEXT) NOT NULL -- the encoded bytes and a file name, as dataset readers expect it
);
