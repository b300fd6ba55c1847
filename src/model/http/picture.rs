//! Images as a server takes them: scaled, encoded, and in chats as data URIs.

use super::failure::refused;
use crate::image::{Fit, Fitted, fit};
use crate::model::{CallError, EncodedImage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// Larger encodings are made smaller: some hosted services take 5 MB an image, base64 included.
const MAX_BYTES: usize = 3_500_000;

/// What stands on a model's card.
pub(super) fn preprocessing(max_side: u32, detail: Option<&str>) -> String {
    json!({ "max_side": max_side, "max_bytes": MAX_BYTES, "detail": detail }).to_string()
}

/// One data URI an image, in order.
pub(super) async fn data_uris(images: &[EncodedImage], max_side: u32) -> Result<Vec<String>, CallError> {
    let mut uris = Vec::with_capacity(images.len());
    for image in images {
        let Fitted { bytes, media_type } = fitted(image, max_side).await?;
        uris.push(format!("data:{media_type};base64,{}", STANDARD.encode(&bytes)));
    }
    Ok(uris)
}

/// An image within the limits, scaled off the threads that wait for the network.
pub(crate) async fn fitted(image: &EncodedImage, max_side: u32) -> Result<Fitted, CallError> {
    let bytes = image.bytes.clone();
    let limits = Fit {
        max_side,
        max_bytes: MAX_BYTES,
    };
    let fitted = tokio::task::spawn_blocking(move || fit(&bytes, limits))
        .await
        .map_err(|panic| refused(format!("image {}: {panic}", image.image_id)))?;
    fitted.map_err(|error| refused(format!("image {}: {error}", image.image_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode;
    use crate::model::conformance;
    use bytes::Bytes;

    #[tokio::test]
    async fn small_images_travel_as_they_are_and_large_ones_shrink() {
        let mut image = conformance::requests(1).remove(0).images.remove(0);
        let sent = STANDARD.encode(&image.bytes);
        let uris = data_uris(&[image.clone(), image.clone()], 64).await.unwrap();
        assert_eq!(
            uris,
            [
                format!("data:image/png;base64,{sent}"),
                format!("data:image/png;base64,{sent}")
            ]
        );

        let mut large = std::io::Cursor::new(Vec::new());
        ::image::RgbImage::new(200, 100)
            .write_to(&mut large, ::image::ImageFormat::Png)
            .unwrap();
        image.bytes = large.into_inner().into();
        let small = decode(&fitted(&image, 64).await.unwrap().bytes).unwrap();
        assert_eq!(small.pixels.dimensions(), (64, 32));

        image.bytes = Bytes::from_static(b"<svg>");
        let error = data_uris(&[image], 64).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error}");
    }
}
