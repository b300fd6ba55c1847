//! Images as a server takes them: scaled, encoded, and in chats as data URIs.

use super::failure::refused;
use crate::image::{Fit, Fitted, fit};
use crate::model::{CallError, EncodedImage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// An image within the limits.
pub(crate) async fn fitted(image: &EncodedImage, max_side: u32) -> Result<Fitted, CallError> {
    let bytes = image.bytes.clone();
    let limits = Fit {
        max_side,
        max_bytes: MAX_BYTES,
    };
    on_pixel_threads(move || fit(&bytes, limits))
        .await
        .and_then(|fitted| fitted.map_err(|error| error.to_string()))
        .map_err(|error| refused(format!("image {}: {error}", image.image_id)))
}

/// Runs work on pixels off the threads that wait for the network. There are as many as cores, so that
/// large photographs are decoded a few at a time however many requests are in flight.
pub(crate) async fn on_pixel_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, result) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        // A panic here would end the process; caught, it is this image's error.
        if let Ok(value) = catch_unwind(AssertUnwindSafe(work)) {
            // Nobody waits any more after a deadline.
            let _ = done.send(value);
        }
    });
    result.await.map_err(|_| "its decoder gave up".to_owned())
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

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = on_pixel_threads(|| assert_eq!(1, 2)).await.unwrap_err();
        assert_eq!(error, "its decoder gave up");
        assert_eq!(on_pixel_threads(|| 3).await, Ok(3));
    }
}
