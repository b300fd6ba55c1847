//! Values under a key of `attributes`, a JSON object: what a path or a file told of an image.

use serde_json::{Map, Value};

/// The value as text; none where there is no such key, its value is null or the text is no JSON object.
pub(crate) fn find(object: &str, key: &str) -> Option<String> {
    serde_json::from_str::<Map<_, _>>(object)
        .ok()?
        .get(key)
        .and_then(text)
}

/// A JSON value as text: texts without their quotes.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
