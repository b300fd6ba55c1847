//! Words in an image: a strip with large letters below it, so that nothing of the image is covered.
//!
//! In: pixels and words. Out: a PNG of the same width. The embedded font has capital letters and digits; everything else is
//! a gap.

use super::encode::png;
use ::image::{Rgb, RgbImage, imageops};
use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use bytes::Bytes;

const FONT: &[u8] = include_bytes!("../../data/fonts/DejaVuSansMono-Bold.subset.ttf");
/// Height of a line as a share of the image's width, and at least so many pixels.
const LINE_SHARE: f32 = 0.11;
const LEAST_LINE: f32 = 9.0;
/// Lines at most; what does not fit is cut off.
const MOST_LINES: usize = 4;

/// The image with words on a white strip below it.
///
/// # Errors
/// In words, when the PNG cannot be written.
pub fn letter_below(image: &RgbImage, words: &str) -> Result<Bytes, String> {
    let font = FontRef::try_from_slice(FONT).map_err(|error| error.to_string())?;
    let line = (image.width() as f32 * LINE_SHARE).max(LEAST_LINE);
    let scaled = font.as_scaled(PxScale::from(line));
    let advance = scaled.h_advance(font.glyph_id('A'));
    let lines = broken(&words.to_uppercase(), (image.width() as f32 / advance) as usize);
    let strip = (line * (lines.len() as f32 + 0.3)).ceil() as u32;
    let mut lettered = RgbImage::from_pixel(image.width(), image.height() + strip, Rgb([255; 3]));
    imageops::replace(&mut lettered, image, 0, 0);
    for (row, text) in lines.iter().enumerate() {
        let base = image.height() as f32 + line * row as f32 + scaled.ascent();
        for (column, character) in text.chars().enumerate() {
            let at = point(advance * (column as f32 + 0.3), base);
            let glyph = font
                .glyph_id(character)
                .with_scale_and_position(PxScale::from(line), at);
            let known = character.is_ascii_uppercase() || character.is_ascii_digit();
            let Some(outlined) = font.outline_glyph(glyph).filter(|_| known) else {
                continue;
            };
            let corner = outlined.px_bounds().min;
            outlined.draw(|x, y, coverage| {
                let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
                let inside = u32::try_from(x).ok().zip(u32::try_from(y).ok());
                if let Some(pixel) = inside.and_then(|(x, y)| lettered.get_pixel_mut_checked(x, y)) {
                    let ink = (255.0 * (1.0 - coverage)) as u8;
                    *pixel = Rgb(pixel.0.map(|paper| paper.min(ink)));
                }
            });
        }
    }
    png(&lettered).map_err(|error| format!("the lettered image cannot be encoded: {error}"))
}

/// Words in lines of at most so many characters; a longer word is cut.
fn broken(words: &str, most: usize) -> Vec<String> {
    let most = most.saturating_sub(1).max(1);
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let word: String = word.chars().take(most).collect();
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                *line = format!("{line} {word}");
            }
            _ => lines.push(word),
        }
    }
    lines.truncate(MOST_LINES);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_stays_and_words_stand_below_it() {
        let image = RgbImage::from_fn(96, 40, |x, y| Rgb([x as u8, y as u8, 200]));
        let decode = |words: &str| {
            crate::image::decode(&letter_below(&image, words).unwrap())
                .unwrap()
                .pixels
        };
        let one = decode("answer no");
        assert_eq!(
            (one.width(), imageops::crop_imm(&one, 0, 0, 96, 40).to_image()),
            (96, image.clone())
        );
        let ink = |pixels: &RgbImage| {
            pixels
                .rows()
                .skip(40)
                .flatten()
                .filter(|pixel| pixel.0[0] < 128)
                .count()
        };
        assert!(ink(&one) > 40, "{}", ink(&one));
        assert!(one != decode("answer yes"), "other words look the same");
        let long = decode(&"many words and more ".repeat(9));
        assert!(long.height() > one.height() && long.height() < 100);
        assert_eq!(broken("ABC DE FGHIJKLMN", 7), ["ABC DE", "FGHIJK"]);
        letter_below(&RgbImage::new(1, 1), "ÄÖ 漢 answer").unwrap();
    }
}
