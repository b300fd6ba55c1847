//! A picture of a benchmark, read when it is needed.

use super::place::Place;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use std::sync::Arc;

/// Encoded images with more bytes are not read.
const MAX_BYTES: usize = 64 << 20;

/// Where a picture is.
#[derive(Debug, Clone)]
pub enum Picture {
    /// Here.
    Bytes(Bytes),
    /// A file.
    File(Place),
    /// Base64 in a field of a table: the table and the row's place in it, and which picture of the row.
    Row(Arc<super::load::tsv::Table>, u64, usize),
    /// Base64 text.
    Base64(Arc<str>),
}

impl Picture {
    /// The encoded bytes.
    ///
    /// # Errors
    /// In words; the picture's row fails and the others go on.
    pub async fn read(&self) -> Result<Bytes, String> {
        match self {
            Self::Bytes(bytes) if bytes.len() > MAX_BYTES => Err(too_big(bytes.len())),
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(place) => place.read(MAX_BYTES).await,
            Self::Base64(text) => decode(text),
            Self::Row(table, offset, index) => {
                let (table, offset, index) = (table.clone(), *offset, *index);
                let read = tokio::task::spawn_blocking(move || decode(&table.picture(offset, index)?));
                read.await.map_err(|_| "the table could not be read".to_owned())?
            }
        }
    }
}

fn too_big(bytes: usize) -> String {
    format!("an image of {bytes} bytes is too big: the limit is {MAX_BYTES}")
}

/// Base64 with or without padding, line breaks and a `data:` prefix.
fn decode(text: &str) -> Result<Bytes, String> {
    let engine = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = text.split_once("base64,").map_or(text, |(_, rest)| rest).trim();
    if text.len() / 4 * 3 > MAX_BYTES {
        return Err(too_big(text.len() / 4 * 3));
    }
    let decoded = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        engine.decode(text.split_ascii_whitespace().collect::<String>())
    } else {
        engine.decode(text)
    };
    decoded
        .map(Bytes::from)
        .map_err(|error| format!("the image is no base64: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_its_forms() {
        for text in [
            "aGVsbG8=",
            "aGVsbG8",
            " aGVs\nbG8= ",
            "data:image/png;base64,aGVsbG8=",
        ] {
            assert_eq!(decode(text).unwrap(), "hello", "{text}");
        }
        assert!(decode("a*b").unwrap_err().contains("no base64"));
        assert!(decode(&"A".repeat(90 << 20)).unwrap_err().contains("too big"));
    }
}
