//! Pixels: decoding hostile bytes, upright, into RGB; hashes; encoding for models.
//!
//! In: encoded bytes of unknown origin. Out: [`Decoded`] pixels, or a [`DecodeError`] whose words go into
//! a row. Left out: colour profiles (pixels are taken as sRGB) and all but the first frame of animations.

mod decode;
mod encode;
mod jpeg;
mod letter;
mod look;
mod perceptual;
mod sniff;

use ::image::RgbImage;

pub use decode::{DecodeError, Limits, decode, decode_within};
pub(crate) use encode::png;
pub use encode::{Fit, Fitted, fit, fits, thumbnail};
pub use letter::letter_below;
pub use look::{Depth, Look, look};
pub use perceptual::perceptual_hash;

/// An image that could be decoded: upright (EXIF applied), alpha over white, 8 bits a channel.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels.
    pub pixels: RgbImage,
    /// `jpeg`, `png` or `webp`.
    pub format: &'static str,
}

#[cfg(test)]
mod tests;
