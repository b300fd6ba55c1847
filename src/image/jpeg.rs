//! JPEG to RGB, number for number as libjpeg-turbo, and so Pillow and every reference processor, decodes it.
//!
//! Exact means the slow integer transform, colour upsampled by the triangle filter with libjpeg's alternating
//! rounding, and its tables from YCbCr to RGB. The decoder is a port of libjpeg-turbo to Rust; it is strict, so that
//! data which end early or contradict themselves are an error and never a half-grey picture. Left out: 12 bits a
//! channel, which Pillow refuses too.

use super::decode::{DecodeError, Limits, decode_nearly};
use ::image::RgbImage;
use libjpeg_turbo_rs::{ComponentInfo, DecodeLimits, Decoder, JpegError, PixelFormat};

/// Progressive files have about ten scans; thousands of empty ones would keep a processor busy for minutes.
const MOST_SCANS: usize = 100;

/// A JPEG whose header was read.
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    limits: Limits,
    decoder: Decoder<'a>,
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        let bounds = DecodeLimits {
            max_pixels: limits.max_pixels,
            max_scans: MOST_SCANS,
            ..DecodeLimits::default()
        };
        let decoder = Decoder::new_with_limits(bytes, bounds).map_err(explain)?;
        let frame = decoder.header();
        if frame.precision != 8 {
            return Err(DecodeError::Unsupported {
                format: "jpeg",
                reason: format!("{} bits a channel; save it with 8", frame.precision),
            });
        }
        if frame.width == 0 || frame.height == 0 {
            return Err(DecodeError::Broken {
                format: "jpeg",
                reason: format!("a size of {}×{} pixels", frame.width, frame.height),
            });
        }
        Ok(Self {
            bytes,
            limits,
            decoder,
        })
    }

    /// Width and height as stored.
    pub(super) fn dimensions(&self) -> (u32, u32) {
        let frame = self.decoder.header();
        (u32::from(frame.width), u32::from(frame.height))
    }

    /// What decoding holds in memory: RGB, the planes that it is made of, and the coefficients of a progressive file.
    pub(super) fn memory_bytes(&self) -> u64 {
        let frame = self.decoder.header();
        let sampling = |component: &ComponentInfo| {
            u64::from(component.horizontal_sampling) * u64::from(component.vertical_sampling)
        };
        let most = frame.components.iter().map(sampling).max().unwrap_or(1).max(1);
        let samples: u64 = frame.components.iter().map(sampling).sum();
        let per_sample = if frame.is_progressive { 3 } else { 1 };
        u64::from(frame.width) * u64::from(frame.height) * (3 + (samples * per_sample).div_ceil(most))
    }

    /// The TIFF structure of the EXIF segment.
    pub(super) fn exif(&self) -> &[u8] {
        self.decoder.exif_data().unwrap_or_default()
    }

    pub(super) fn pixels(mut self) -> Result<RgbImage, DecodeError> {
        let is_cmyk = self.decoder.header().components.len() == 4;
        let sampling =
            |component: &ComponentInfo| (component.horizontal_sampling, component.vertical_sampling);
        let components = &self.decoder.header().components;
        if is_cmyk
            && components
                .iter()
                .any(|other| sampling(other) != sampling(&components[0]))
        {
            // Coarser inks are rare, and the exact decoder does not take all their layouts.
            return decode_nearly(self.bytes, self.limits);
        }
        self.decoder.set_block_smoothing(true); // libjpeg's default, for progressive files without their last scans
        self.decoder.set_output_format(if is_cmyk {
            PixelFormat::Cmyk
        } else {
            PixelFormat::Rgb
        });
        let image = self.decoder.decode_image().map_err(explain)?;
        let (width, height) = (image.width as u32, image.height as u32);
        let pixels = if is_cmyk { rgb(&image.data) } else { image.data };
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| DecodeError::Broken {
            format: "jpeg",
            reason: "the decoder returned too few pixels".to_owned(),
        })
    }
}

/// CMYK as Adobe stores it, inverted, to RGB with Pillow's rounding.
fn rgb(inverted: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(inverted.len() / 4 * 3);
    for pixel in inverted.chunks_exact(4) {
        let light = u32::from(pixel[3]);
        pixels.extend([0, 1, 2].map(|channel| {
            let product = u32::from(255 - pixel[channel]) * light + 128;
            (light - ((product + (product >> 8)) >> 8)) as u8
        }));
    }
    pixels
}

/// Whether the segments and scans of a JPEG lead to its end-of-image marker (ISO/IEC 10918-1, annex B).
/// Walking them keeps embedded thumbnails, which have such a marker too, out of it.
pub(super) fn ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: within a scan FF is followed by 00 (a data byte), D0–D7 (restart) or fill.
        let Some(found) = bytes.get(at..).and_then(|rest| {
            rest.windows(2)
                .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0x01 | 0xD0..=0xD7 | 0xFF))
        }) else {
            return false;
        };
        at += found;
        if bytes[at + 1] == 0xD9 {
            return true;
        }
        let Some(length) = bytes.get(at + 2..at + 4) else {
            return false;
        };
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
}

fn explain(error: JpegError) -> DecodeError {
    let format = "jpeg";
    match error {
        JpegError::UnexpectedEof => DecodeError::Truncated { format },
        JpegError::Unsupported(reason) => DecodeError::Unsupported { format, reason },
        other => DecodeError::Broken {
            format,
            reason: other.to_string(),
        },
    }
}
