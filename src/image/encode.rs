//! Encoded images within the limits of HTTP models.
//!
//! Bytes that already fit travel untouched, so that a model sees what the source has. Everything else is
//! decoded, made smaller and encoded again, always in the same way.

use super::decode::{DecodeError, decode, header};
use ::image::codecs::jpeg::JpegEncoder;
use ::image::imageops::FilterType;
use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageError, ImageFormat, RgbImage};
use bytes::Bytes;
use std::io::Cursor;

/// What a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Of the longer side, in pixels.
    pub max_side: u32,
    /// Of the encoded image (base64 adds a third on the wire).
    pub max_bytes: usize,
}

/// An encoded image that a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// JPEG, PNG or WebP.
    pub bytes: Bytes,
    /// For data URIs and uploads, e.g. `image/png`.
    pub media_type: &'static str,
}

/// The same bytes if they are upright and within the limits: a look at the header, quick enough for a
/// thread that waits for the network.
#[must_use]
pub fn fits(bytes: &Bytes, limits: Fit) -> Option<Fitted> {
    if bytes.len() > limits.max_bytes {
        return None;
    }
    // What a decoder gives up on fits nothing.
    let header = std::panic::catch_unwind(|| header(bytes)).ok()?.ok()?;
    let fits =
        header.width.max(header.height) <= limits.max_side && header.orientation == Orientation::NoTransforms;
    fits.then(|| Fitted {
        bytes: bytes.clone(),
        media_type: media_type(header.format),
    })
}

/// The same bytes if [`fits`] says so, else a smaller encoding: JPEG stays JPEG (quality 90), PNG and WebP
/// become PNG, or JPEG where a PNG is too big.
pub fn fit(bytes: &Bytes, limits: Fit) -> Result<Fitted, DecodeError> {
    if let Some(fitted) = fits(bytes, limits) {
        return Ok(fitted);
    }
    let header = header(bytes)?;
    let mut pixels = decode(bytes)?.pixels;
    let longer = pixels.width().max(pixels.height());
    if longer > limits.max_side {
        pixels = scale(pixels, limits.max_side);
    }
    let broken = |error: ImageError| DecodeError::Broken {
        format: header.format,
        reason: format!("cannot be encoded again: {error}"),
    };
    if header.format != "jpeg" {
        let bytes = png(&pixels).map_err(broken)?;
        if bytes.len() <= limits.max_bytes {
            return Ok(Fitted {
                bytes,
                media_type: media_type("png"),
            });
        }
    }
    loop {
        let bytes = jpeg(&pixels, 90).map_err(broken)?;
        let side = pixels.width().max(pixels.height());
        if bytes.len() <= limits.max_bytes || side == 1 {
            return Ok(Fitted {
                bytes,
                media_type: media_type("jpeg"),
            });
        }
        pixels = scale(pixels, side * 3 / 4);
    }
}

/// A small copy for the eyes: a JPEG of at most `side` pixels a side, or the same bytes where they are no larger in any
/// sense.
pub fn thumbnail(bytes: &Bytes, side: u32) -> Result<Fitted, DecodeError> {
    let header = header(bytes)?;
    let pixels = decode(bytes)?.pixels;
    let fits = pixels.width().max(pixels.height()) <= side;
    let pixels = if fits { pixels } else { scale(pixels, side) };
    let small = jpeg(&pixels, 78).map_err(|error| DecodeError::Broken {
        format: header.format,
        reason: format!("cannot be encoded again: {error}"),
    })?;
    let kept =
        fits && header.orientation == Orientation::NoTransforms && bytes.len() <= small.len().max(4096);
    Ok(Fitted {
        media_type: media_type(if kept { header.format } else { "jpeg" }),
        bytes: if kept { bytes.clone() } else { small },
    })
}

fn scale(pixels: RgbImage, side: u32) -> RgbImage {
    let side = side.max(1);
    DynamicImage::ImageRgb8(pixels)
        .resize(side, side, FilterType::CatmullRom)
        .into_rgb8()
}

fn jpeg(pixels: &RgbImage, quality: u8) -> Result<Bytes, ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(pixels)?;
    Ok(bytes.into())
}

pub(crate) fn png(pixels: &RgbImage) -> Result<Bytes, ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner().into())
}

fn media_type(format: &str) -> &'static str {
    match format {
        "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "image/webp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::image::Rgb;

    fn noise(side: u32) -> RgbImage {
        RgbImage::from_fn(side, side / 2, |x, y| {
            let value = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 7;
            Rgb([value as u8, (value >> 8) as u8, (value >> 16) as u8])
        })
    }

    #[test]
    fn what_fits_is_untouched_and_the_rest_shrinks_the_same_way() {
        let original = png(&noise(200)).unwrap();
        let roomy = Fit {
            max_side: 200,
            max_bytes: 1 << 20,
        };
        let untouched = fit(&original, roomy).unwrap();
        assert_eq!(
            (untouched.bytes, untouched.media_type),
            (original.clone(), "image/png")
        );

        let small = fit(
            &original,
            Fit {
                max_side: 50,
                ..roomy
            },
        )
        .unwrap();
        let decoded = decode(&small.bytes).unwrap();
        assert_eq!(
            (decoded.pixels.dimensions(), small.media_type),
            ((50, 25), "image/png")
        );
        assert_eq!(
            fit(
                &original,
                Fit {
                    max_side: 50,
                    ..roomy
                }
            )
            .unwrap(),
            small
        );

        let light = fit(
            &original,
            Fit {
                max_side: 200,
                max_bytes: 2_000,
            },
        )
        .unwrap();
        assert!(light.bytes.len() <= 2_000 && light.media_type == "image/jpeg");
    }

    #[test]
    fn a_thumbnail_is_small_in_pixels_and_bytes() {
        let photo = jpeg(&noise(900), 90).unwrap();
        let small = thumbnail(&photo, 100).unwrap();
        let decoded = decode(&small.bytes).unwrap();
        assert_eq!(
            (decoded.pixels.dimensions(), small.media_type),
            ((100, 50), "image/jpeg")
        );
        assert!(small.bytes.len() < 8_000, "{}", small.bytes.len());
        let icon = png(&noise(20)).unwrap();
        assert_eq!(thumbnail(&icon, 100).unwrap().bytes, icon);
        let coarse = png(&noise(100)).unwrap();
        assert_eq!(thumbnail(&coarse, 100).unwrap().media_type, "image/jpeg");
    }

    #[test]
    fn a_jpeg_stays_a_jpeg_and_text_is_an_error() {
        let original = jpeg(&noise(120), 90).unwrap();
        let fitted = fit(
            &original,
            Fit {
                max_side: 60,
                max_bytes: 1 << 20,
            },
        )
        .unwrap();
        assert_eq!(
            (fitted.media_type, decode(&fitted.bytes).unwrap().format),
            ("image/jpeg", "jpeg")
        );
        let text = fit(
            &Bytes::from_static(b"hello"),
            Fit {
                max_side: 60,
                max_bytes: 1 << 20,
            },
        );
        assert_eq!(text, Err(DecodeError::NotAnImage { looks_like: "text" }));
    }
}
