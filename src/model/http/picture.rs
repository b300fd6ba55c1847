//! Images as data URIs.

use super::failure::refused;
use crate::model::{CallError, EncodedImage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The media type by the first bytes; none for what no server could be expected to read.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// One data URI an image, in order, scaled and encoded off the threads that wait for the network.
pub(super) async fn data_uris(images: &[EncodedImage], max_side: u32) -> Result<Vec<String>, CallError> {
    let images = images.to_vec();
    tokio::task::spawn_blocking(move || images.iter().map(|image| data_uri(image, max_side)).collect())
        .await
        .unwrap_or_else(|panic| Err(refused(format!("the image could not be encoded: {panic}"))))
}

fn data_uri(image: &EncodedImage, max_side: u32) -> Result<String, CallError> {
    let _ = max_side; // PLUG: let bytes = crate::image::encode::fit(&image.bytes, max_side)?;
    let bytes = image.bytes.clone();
    let media_type = media_type(&bytes).ok_or_else(|| {
        refused(format!(
            "image {} is neither JPEG nor PNG nor WebP",
            image.image_id
        ))
    })?;
    Ok(format!("data:{media_type};base64,{}", STANDARD.encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[tokio::test]
    async fn the_first_bytes_decide() {
        let image = |bytes: &'static [u8]| EncodedImage {
            image_id: "x".into(),
            bytes: Bytes::from_static(bytes),
        };
        let png = image(b"\x89PNG\r\n\x1a\nrest");
        let uris = data_uris(&[png, image(b"\xff\xd8\xff\xe0")], 64).await.unwrap();
        assert_eq!(
            uris,
            [
                "data:image/png;base64,iVBORw0KGgpyZXN0",
                "data:image/jpeg;base64,/9j/4A=="
            ]
        );
        let error = data_uris(&[image(b"<svg>")], 64).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error}");
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(media_type(b""), None);
    }
}
