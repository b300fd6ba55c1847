//! Encoded bytes to upright RGB pixels.
//!
//! JPEG, PNG and WebP are told apart by content. Sizes are checked on the header, before anything is
//! allocated. Grey, palette, 16-bit, CMYK and YCCK images become 8-bit RGB; alpha is laid over white; the
//! EXIF orientation is applied. CMYK takes Adobe's inverted convention, as Pillow does.

use super::jpeg::{self, Jpeg};
use super::{Decoded, sniff};
use ::image::error::ImageError;
use ::image::metadata::Orientation;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

/// From here on an image is decoded alone.
const LARGE_PIXELS: u64 = 16_000_000;

static TURN: Mutex<()> = Mutex::new(());

/// What decoding may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height.
    pub max_pixels: u64,
    /// Bytes in memory: the decoded pixels in the file's own depth and channels, for JPEG with what they are made of.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 64_000_000,
            max_bytes: 400 << 20,
        }
    }
}

/// Why bytes are not an image, in words for a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Something else than JPEG, PNG or WebP.
    #[error("not a JPEG, PNG or WebP image: the content looks like {looks_like}")]
    NotAnImage {
        /// With an article: "a GIF", "text" …
        looks_like: &'static str,
    },
    /// The data ends early.
    #[error("truncated {format} image")]
    Truncated {
        /// `jpeg`, `png` or `webp`.
        format: &'static str,
    },
    /// Refused from its header.
    #[error("{format} image of {width}×{height} pixels is too large: the limit is {limit}")]
    TooLarge {
        /// `jpeg`, `png` or `webp`.
        format: &'static str,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Which limit, in words.
        limit: String,
    },
    /// A variant of the format that is not decoded.
    #[error("unsupported {format} image: {reason}")]
    Unsupported {
        /// `jpeg`, `png` or `webp`.
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
    /// The data contradict themselves.
    #[error("broken {format} image: {reason}")]
    Broken {
        /// `jpeg`, `png` or `webp`.
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
}

/// Decodes within the default [`Limits`].
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    decode_within(bytes, Limits::default())
}

/// Decodes bytes that nobody vouches for.
pub fn decode_within(bytes: &[u8], limits: Limits) -> Result<Decoded, DecodeError> {
    let format = sniff::format(bytes).map_err(|looks_like| DecodeError::NotAnImage { looks_like })?;
    let name = name(format);
    // The decoders are other people's: should one panic on crafted bytes, that is this image's error.
    std::panic::catch_unwind(|| pixels(bytes, format, limits))
        .unwrap_or_else(|_| {
            Err(DecodeError::Broken {
                format: name,
                reason: "the decoder gave up".to_owned(),
            })
        })
        .map(|pixels| Decoded { pixels, format: name })
}

/// What the header tells: format, width and height as stored, and how to turn the pixels upright.
pub(super) struct Header {
    pub(super) format: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
}

/// Reads the header only; no pixels are decoded.
pub(super) fn header(bytes: &[u8]) -> Result<Header, DecodeError> {
    let format = sniff::format(bytes).map_err(|looks_like| DecodeError::NotAnImage { looks_like })?;
    Ok(Opened::new(bytes, format, Limits::default())?.header(name(format)))
}

/// A decoder that has read the header.
enum Opened<'a> {
    Jpeg(Box<Jpeg<'a>>),
    Other(Box<dyn ImageDecoder + 'a>),
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], format: ImageFormat, limits: Limits) -> Result<Self, DecodeError> {
        if format == ImageFormat::Jpeg {
            return Ok(Self::Jpeg(Box::new(Jpeg::open(bytes, limits)?)));
        }
        // What is cut is told before the decoder believes the sizes that the chunks claim.
        if format == ImageFormat::WebP && is_cut(bytes, format) {
            return Err(DecodeError::Truncated { format: name(format) });
        }
        decoder(bytes, format, limits).map(|decoder| Self::Other(Box::new(decoder)))
    }

    fn header(&mut self, format: &'static str) -> Header {
        // Upright when there is no orientation or when it makes no sense.
        let upright = |exif: &[u8]| {
            let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
            Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
        };
        let ((width, height), orientation) = match self {
            Self::Jpeg(jpeg) => (jpeg.dimensions(), upright(jpeg.exif())),
            Self::Other(decoder) => {
                let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
                (decoder.dimensions(), upright(&exif))
            }
        };
        Header {
            format,
            width,
            height,
            orientation,
        }
    }

    fn memory_bytes(&self) -> u64 {
        match self {
            Self::Jpeg(jpeg) => jpeg.memory_bytes(),
            Self::Other(decoder) => decoder.total_bytes(),
        }
    }
}

fn pixels(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<RgbImage, DecodeError> {
    let name = name(format);
    // The decoders fill up what is missing at the end; PNG's tells.
    if format == ImageFormat::Jpeg && is_cut(bytes, format) {
        return Err(DecodeError::Truncated { format: name });
    }
    let mut opened = Opened::new(bytes, format, limits)?;
    let header = opened.header(name);
    let area = u64::from(header.width) * u64::from(header.height);
    let limit = if area > limits.max_pixels {
        Some(format!("{} megapixels", limits.max_pixels as f64 / 1e6))
    } else if opened.memory_bytes() > limits.max_bytes {
        Some(format!("{} MiB in memory", limits.max_bytes >> 20))
    } else {
        None
    };
    if let Some(limit) = limit {
        return Err(DecodeError::TooLarge {
            format: name,
            width: header.width,
            height: header.height,
            limit,
        });
    }
    // Large images take turns, so that memory stays bounded however many threads decode.
    let _turn = (area > LARGE_PIXELS).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let pixels = match opened {
        Opened::Jpeg(jpeg) => jpeg.pixels()?,
        Opened::Other(decoder) => read(decoder, bytes, format)?,
    };
    let mut image = DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(header.orientation);
    Ok(image.into_rgb8())
}

/// Decodes a JPEG with the `image` crate, as stored.
pub(super) fn decode_nearly(bytes: &[u8], limits: Limits) -> Result<RgbImage, DecodeError> {
    read(
        decoder(bytes, ImageFormat::Jpeg, limits)?,
        bytes,
        ImageFormat::Jpeg,
    )
}

fn read(decoder: impl ImageDecoder, bytes: &[u8], format: ImageFormat) -> Result<RgbImage, DecodeError> {
    let image = DynamicImage::from_decoder(decoder).map_err(|error| explain(&error, bytes, format))?;
    Ok(flatten(image))
}

fn decoder(bytes: &[u8], format: ImageFormat, limits: Limits) -> Result<impl ImageDecoder + '_, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allocation = ::image::Limits::default();
    allocation.max_alloc = Some(limits.max_bytes);
    reader.limits(allocation);
    reader
        .into_decoder()
        .map_err(|error| explain(&error, bytes, format))
}

/// To 8-bit RGB, alpha over white.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let (width, height) = image.dimensions();
    let over_white = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let pixels = image
        .pixels()
        .flat_map(|pixel| {
            let [red, green, blue, alpha] = pixel.0;
            [red, green, blue].map(|channel| over_white(channel, alpha))
        })
        .collect();
    RgbImage::from_raw(width, height, pixels).expect("three bytes for each pixel")
}

/// Whether the data end before the format's own end.
pub(super) fn is_cut(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => !jpeg::ends(bytes),
        ImageFormat::Png => !png_ends(bytes),
        _ => !webp_ends(bytes),
    }
}

/// Whether the chunks of a WebP lie within it: its decoder allocates what a chunk's header asks for, gigabytes too.
fn webp_ends(bytes: &[u8]) -> bool {
    let size = |at: usize| {
        let size = bytes.get(at + 4..at + 8)?;
        Some(u32::from_le_bytes(size.try_into().ok()?) as usize)
    };
    let Some(end) = size(0)
        .map(|size| size.saturating_add(8))
        .filter(|end| *end <= bytes.len())
    else {
        return false;
    };
    let mut at = 12;
    while at + 8 <= end {
        // Chunks are padded to an even length.
        at += 8 + size(at).map_or(0, |size| size + size % 2);
    }
    at <= bytes.len() + 1
}

/// Whether the chunks of a PNG lead to IEND: length, type, data, checksum (PNG specification, section 5).
fn png_ends(bytes: &[u8]) -> bool {
    let mut at = 8_usize;
    while let Some([length @ .., a, b, c, d]) = bytes.get(at..at.saturating_add(8)) {
        if [*a, *b, *c, *d] == *b"IEND" {
            return bytes.len() >= at + 12;
        }
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        at = at.saturating_add(12).saturating_add(length);
    }
    false
}

fn explain(error: &ImageError, bytes: &[u8], format: ImageFormat) -> DecodeError {
    let (cut, format) = (is_cut(bytes, format), name(format));
    // The decoders' own words end in a line break at times.
    let reason = error.to_string().trim_end().to_owned();
    match error {
        _ if cut => DecodeError::Truncated { format },
        ImageError::Unsupported(_) | ImageError::Limits(_) => DecodeError::Unsupported { format, reason },
        _ => DecodeError::Broken { format, reason },
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "jpeg",
        ImageFormat::Png => "png",
        _ => "webp",
    }
}
