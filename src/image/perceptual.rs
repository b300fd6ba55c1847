//! A hash that near-duplicates share: difference hash (Krawetz, "Kind of Like That", 2013).

use ::image::{RgbImage, imageops};

/// 64 bits: the image is averaged down to 9 × 8 cells; bit 8·row + column (from the lowest) is set where a
/// cell is darker than its right neighbour. Integer arithmetic; near-duplicates differ in a few bits.
#[must_use]
pub fn perceptual_hash(pixels: &RgbImage) -> i64 {
    const COLUMNS: u32 = 8;
    const ROWS: u32 = 8;
    let cells = imageops::thumbnail(pixels, COLUMNS + 1, ROWS);
    let luma = |x, y| {
        let [red, green, blue] = cells.get_pixel(x, y).0.map(u32::from);
        299 * red + 587 * green + 114 * blue
    };
    let mut bits = 0_u64;
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let darker = luma(column, row) < luma(column + 1, row);
            bits |= u64::from(darker) << (row * COLUMNS + column);
        }
    }
    bits as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::image::Rgb;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            let wave = ((x * 12.0).sin() * (y * 7.0).cos() * 100.0 + 120.0) as u8;
            Rgb([wave, wave / 2, 255 - wave])
        })
    }

    #[test]
    fn scaled_copies_are_near_and_mirrored_ones_are_far() {
        let hash = perceptual_hash(&picture(320, 200));
        let near = (hash ^ perceptual_hash(&picture(160, 100))).count_ones();
        let mirrored = imageops::flip_horizontal(&picture(320, 200));
        let far = (hash ^ perceptual_hash(&mirrored)).count_ones();
        assert!(near <= 4 && far >= 20, "near {near}, far {far}");
    }

    #[test]
    fn a_ramp_has_a_known_hash_and_single_pixels_have_one() {
        let ramp = RgbImage::from_fn(90, 80, |x, _| Rgb([x as u8; 3]));
        assert_eq!(perceptual_hash(&ramp), -1);
        assert_eq!(perceptual_hash(&RgbImage::new(1, 1)), 0);
    }
}
