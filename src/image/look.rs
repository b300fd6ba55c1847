//! What a row says of an image: its size and format, and with every pixel decoded its perceptual hash.

use super::decode::{DecodeError, Header, Limits, decode, header, is_cut};
use super::{perceptual_hash, sniff};
use ::image::ImageFormat;
use ::image::metadata::Orientation;
use serde::{Deserialize, Serialize};

/// How far an image is looked into before models see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Every pixel is decoded: damage anywhere is found, and there is a perceptual hash. Takes about two
    /// milliseconds of a core for each 100 KB of JPEG.
    #[default]
    Full,
    /// The header and the end: other content, absurd sizes and cut files are found, damage in between is not,
    /// and there is no perceptual hash. Takes microseconds.
    Header,
}

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Upright, in pixels.
    pub width: u32,
    /// Upright, in pixels.
    pub height: u32,
    /// `jpeg`, `png` or `webp`.
    pub format: &'static str,
    /// Of the pixels, where they were decoded.
    pub perceptual_hash: Option<i64>,
}

/// Looks at bytes that nobody vouches for.
///
/// # Errors
/// What is wrong with them, in words for a row.
pub fn look(bytes: &[u8], depth: Depth) -> Result<Look, DecodeError> {
    if depth == Depth::Header {
        // The decoders are other people's: should one panic on crafted bytes, the slow way says so.
        if let Ok(look) = std::panic::catch_unwind(|| glance(bytes)) {
            return look;
        }
    }
    let image = decode(bytes)?;
    Ok(Look {
        width: image.pixels.width(),
        height: image.pixels.height(),
        format: image.format,
        perceptual_hash: Some(perceptual_hash(&image.pixels)),
    })
}

fn glance(bytes: &[u8]) -> Result<Look, DecodeError> {
    let kind = sniff::format(bytes).map_err(|looks_like| DecodeError::NotAnImage { looks_like })?;
    let Header {
        format,
        width,
        height,
        orientation,
    } = header(bytes)?;
    let most = Limits::default().max_pixels;
    if u64::from(width) * u64::from(height) > most {
        let limit = format!("{} megapixels", most as f64 / 1e6);
        return Err(DecodeError::TooLarge {
            format,
            width,
            height,
            limit,
        });
    }
    // Walking a JPEG's segments takes as long as hashing it: only where it does not end with its end marker.
    let ends = kind == ImageFormat::Jpeg && bytes.ends_with(&[0xFF, 0xD9]);
    if !ends && is_cut(bytes, kind) {
        return Err(DecodeError::Truncated { format });
    }
    let on_its_side = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let (width, height) = if on_its_side {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Look {
        width,
        height,
        format,
        perceptual_hash: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_header_says_what_all_pixels_say_but_for_the_hash() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/photos");
        let mut looked = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let full = look(&bytes, Depth::Full);
            let whole = full.as_ref().ok().map(|look| Look {
                perceptual_hash: None,
                ..*look
            });
            let header = look(&bytes, Depth::Header);
            assert_eq!(header.as_ref().ok(), whole.as_ref(), "{}", path.display());
            let Ok(Look {
                perceptual_hash,
                format,
                ..
            }) = full
            else {
                continue;
            };
            assert!(perceptual_hash.is_some());
            looked += 1;
            // Cut anywhere, it is not whole (the last four bytes of a PNG are a checksum of nothing).
            for cut in [bytes.len() / 2, bytes.len() - 5, 12, 3, 0] {
                let cut = look(&bytes[..cut], Depth::Header);
                assert!(cut.is_err(), "{}: a cut {format}", path.display());
            }
        }
        assert!(looked >= 20, "{looked} fixtures");
    }

    #[test]
    fn other_content_and_absurd_sizes_have_their_reasons() {
        let text = look(b"only words", Depth::Header).unwrap_err().to_string();
        assert!(text.contains("text"), "{text}");
        let mut bomb = std::io::Cursor::new(Vec::new());
        ::image::RgbImage::new(8, 8)
            .write_to(&mut bomb, ImageFormat::Jpeg)
            .unwrap();
        let mut bomb = bomb.into_inner();
        // The frame's header: marker, length, depth, then height and width.
        let frame = bomb.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        bomb[frame + 5..frame + 7].copy_from_slice(&4_000_u16.to_be_bytes());
        bomb[frame + 7..frame + 9].copy_from_slice(&20_000_u16.to_be_bytes());
        let error = look(&bomb, Depth::Header).unwrap_err();
        assert!(error.to_string().contains("20000×4000"), "{error}");
        assert_eq!(Some(error), look(&bomb, Depth::Full).err());
    }
}
