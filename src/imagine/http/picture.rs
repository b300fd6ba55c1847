//! The drawn image out of a reply: base64 or an address on the same server, and whether it is an image.

use crate::image::decode;
use crate::model::http::{Endpoint, on_pixel_threads, refused, transient};
use crate::model::{CallError, EncodedImage};
use crate::row;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

/// A file longer than this is none.
const LONGEST_FILE_BYTES: usize = 32 << 20;

/// Finds the first image of a reply, fetches it if need be, and decodes it once to know that it is one.
pub(super) async fn read(endpoint: &Endpoint, body: &Value) -> Result<EncodedImage, CallError> {
    let first = &body["data"][0];
    let bytes = if let Some(text) = first["b64_json"].as_str() {
        // Some servers send a data URI.
        let text = text.split_once("base64,").map_or(text, |(_, text)| text).trim();
        let bytes = STANDARD.decode(text);
        Bytes::from(bytes.map_err(|error| transient(format!("the reply's base64 is broken: {error}"), None))?)
    } else if let Some(address) = first["url"].as_str() {
        endpoint.get(address, LONGEST_FILE_BYTES).await?
    } else {
        return Err(transient(
            "the reply has no image: is url the base of an images API?",
            None,
        ));
    };
    let copy = bytes.clone();
    on_pixel_threads(move || decode(&copy).map(drop))
        .await
        .and_then(|decoded| decoded.map_err(|error| error.to_string()))
        .map_err(|error| refused(format!("the drawn image cannot be used: {error}")))?;
    Ok(EncodedImage::new(row::content_id(&bytes), bytes))
}
