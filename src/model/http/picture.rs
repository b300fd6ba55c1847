//! Images as a server takes them: upright and within its limits, each scaled once for all its requests.

use super::failure::refused;
use crate::image::{Fit, Fitted, fit, fits};
use crate::model::{CallError, EncodedImage};
use serde_json::json;
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;

/// Larger encodings are made smaller: some hosted services take 5 MB an image, base64 included.
const MAX_BYTES: usize = 3_500_000;

/// What stands on a model's card.
pub(super) fn preprocessing(max_side: u32, detail: Option<&str>) -> String {
    json!({ "max_side": max_side, "max_bytes": MAX_BYTES, "detail": detail }).to_string()
}

/// An image within the limits. Whoever asks while another request has it scaled waits for that.
pub(crate) async fn fitted(image: &EncodedImage, max_side: u32) -> Result<Fitted, CallError> {
    let limits = Fit {
        max_side,
        max_bytes: MAX_BYTES,
    };
    if let Some(fitted) = fits(&image.bytes, limits) {
        return Ok(fitted);
    }
    let mut known = image.fitted.lock().await;
    if let Some(fitted) = known.get(&max_side) {
        return Ok(fitted.clone());
    }
    let bytes = image.bytes.clone();
    let fitted = on_pixel_threads(move || fit(&bytes, limits))
        .await
        .and_then(|fitted| fitted.map_err(|error| error.to_string()))
        .map_err(|error| refused(format!("image {}: {error}", image.image_id)))?;
    known.insert(max_side, fitted.clone());
    Ok(fitted)
}

/// Runs work on pixels off the threads that wait for the network. As many at once as there are cores, so
/// that large photographs are decoded a few at a time however many requests are in flight.
pub(crate) async fn on_pixel_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    static CORES: LazyLock<Arc<Semaphore>> =
        LazyLock::new(|| Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get))));
    // A task of its own: whoever waits in a stream that nobody polls must not hold a core.
    let done = tokio::spawn(async move {
        let core = CORES.clone().acquire_owned().await.expect("it is never closed");
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if nobody waits for it any more.
            let _core = core;
            work()
        });
        done.await
    });
    // A panic is this image's error.
    let failed = |_| "its decoder gave up".to_owned();
    done.await.map_err(failed)?.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode;
    use crate::model::conformance;
    use bytes::Bytes;
    use std::time::Duration;

    #[tokio::test]
    async fn small_images_travel_as_they_are_and_large_ones_shrink_once() {
        let image = conformance::requests(1).remove(0).images.remove(0);
        let sent = fitted(&image, 64).await.unwrap();
        assert_eq!((sent.bytes, sent.media_type), (image.bytes, "image/png"));

        let mut large = std::io::Cursor::new(Vec::new());
        ::image::RgbImage::new(200, 100)
            .write_to(&mut large, ::image::ImageFormat::Png)
            .unwrap();
        let image = EncodedImage::new("large", large.into_inner());
        let copy = image.clone();
        let (first, second) = tokio::join!(fitted(&image, 64), fitted(&copy, 64));
        let (first, second) = (first.unwrap(), second.unwrap());
        let small = decode(&first.bytes).unwrap();
        assert_eq!(small.pixels.dimensions(), (64, 32));
        assert_eq!(first.bytes.as_ptr(), second.bytes.as_ptr(), "scaled once");
        let smaller = decode(&fitted(&image, 32).await.unwrap().bytes).unwrap();
        assert_eq!(smaller.pixels.dimensions(), (32, 16));

        let image = EncodedImage::new("drawing", Bytes::from_static(b"<svg>"));
        let error = fitted(&image, 64).await.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_and_is_not_polled_holds_no_core() {
        let slow = || std::thread::sleep(Duration::from_millis(1));
        let mut waiting: Vec<_> = (0..64).map(|_| Box::pin(on_pixel_threads(slow))).collect();
        for future in &mut waiting {
            let _ = futures::poll!(future);
        }
        let last = tokio::time::timeout(Duration::from_secs(10), on_pixel_threads(|| 3));
        assert_eq!(last.await, Ok(Ok(3)));
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = on_pixel_threads(|| assert_eq!(1, 2)).await.unwrap_err();
        assert_eq!(error, "its decoder gave up");
        assert_eq!(on_pixel_threads(|| 3).await, Ok(3));
    }
}
