//! Distinct JPEGs in a folder, with a file of questions.

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use std::fmt::Write;
use std::path::Path;

/// A photograph-like JPEG of about so many bytes.
fn photo(width: u32, height: u32, wanted_byte: usize) -> Vec<u8> {
    let encode = |noise: u32| {
        let pixels = RgbImage::from_fn(width, height, |x, y| {
            let grain =
                (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917);
            let grain = (grain >> 16) % (noise + 1);
            Rgb([x * 200 / width + grain, y * 200 / height + grain, 90 + grain]
                .map(|value| value.min(255) as u8))
        });
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 85)
            .encode_image(&pixels)
            .expect("in memory");
        bytes
    };
    let (mut low, mut high) = (0, 255);
    while low < high {
        let noise = u32::midpoint(low, high);
        if encode(noise).len() < wanted_byte {
            low = noise + 1;
        } else {
            high = noise;
        }
    }
    encode(low)
}

/// Writes `count` JPEGs of about `byte` bytes, told apart by a comment segment, and `questions.jsonl` with one
/// question each, with its answer where `truth` gives one.
pub(crate) fn write(folder: &Path, count: usize, byte: usize, truth: Option<&str>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (width, height) = if byte < 10_000 { (48, 32) } else { (640, 480) };
    let photo = photo(width, height, byte);
    let mut questions = String::new();
    let answer = truth.map_or_else(String::new, |truth| format!(r#","answer":"{truth}""#));
    for index in 0..count {
        let comment = format!("{index:08}");
        // Start of image, then a comment: FF FE, its length with the two bytes of the length, its text.
        let parts: [&[u8]; 4] = [&photo[..2], &[0xFF, 0xFE, 0, 10], comment.as_bytes(), &photo[2..]];
        std::fs::write(folder.join(format!("{index:06}.jpg")), parts.concat())?;
        let _ = writeln!(
            questions,
            r#"{{"image":"{index:06}.jpg","question":"Is this image {index}?"{answer}}}"#
        );
    }
    std::fs::write(folder.join("questions.jsonl"), questions)
}
