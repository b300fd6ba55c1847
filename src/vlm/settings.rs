//! The small JSON files of a checkpoint folder: read, parsed, and blamed by name for what is wrong in them.

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// Reads the file `path` and makes of its content what `of` makes of it; `of` says what is wrong in words.
pub(crate) fn read<T>(path: &Path, of: impl FnOnce(Value) -> Result<T, String>) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes, of).map_err(|problem| Error::Checkpoint {
        path: path.to_owned(),
        problem,
    })
}

/// The same of content that is at hand.
pub(crate) fn parse<T>(json: &[u8], of: impl FnOnce(Value) -> Result<T, String>) -> Result<T, String> {
    of(serde_json::from_slice(json).map_err(|error| format!("not JSON: {error}"))?)
}
