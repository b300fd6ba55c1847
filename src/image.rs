//! Pixels: decoding hostile bytes, upright, into RGB; hashes; encoding for models.

use ::image::RgbImage;

/// An image that could be decoded: upright (EXIF applied), alpha over white, 8 bits a channel.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels.
    pub pixels: RgbImage,
    /// `jpeg`, `png` or `webp`.
    pub format: &'static str,
}
