//! A hash that near-duplicates share: difference hash (Krawetz, "Kind of Like That", 2013).

use ::image::{Rgb, RgbImage, imageops};

const COLUMNS: u32 = 8;
const ROWS: u32 = 8;

/// 64 bits: the image is averaged down to 9 × 8 cells; bit 8·row + column (from the lowest) is set where a
/// cell is darker than its right neighbour. Integer arithmetic; near-duplicates differ in a few bits.
#[must_use]
pub fn perceptual_hash(pixels: &RgbImage) -> i64 {
    let cells = cells(pixels);
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

/// The averages of 9 × 8 cells: what `imageops::thumbnail` gives, which goes pixel by pixel and takes
/// longer than decoding a photograph. Smaller images, whose cells share pixels, are left to it.
fn cells(pixels: &RgbImage) -> RgbImage {
    let (width, height) = pixels.dimensions();
    if width < COLUMNS + 1 || height < ROWS {
        return imageops::thumbnail(pixels, COLUMNS + 1, ROWS);
    }
    // As rounded there: a cell need not begin where the one before it ends.
    let ends = |cell: u32, ratio: f32, most: u32| {
        let start = cell as f32 * ratio;
        let (first, end) = (start.ceil() as u32, (start + ratio).ceil() as u32);
        first.min(most - 1) as usize..end.min(most) as usize
    };
    let (across, down) = (width as f32 / (COLUMNS + 1) as f32, height as f32 / ROWS as f32);
    let columns = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|column| ends(column, across, width));
    let mut cells = RgbImage::new(COLUMNS + 1, ROWS);
    for row in 0..ROWS {
        let rows = ends(row, down, height);
        let mut sums = [[0_u32; 3]; COLUMNS as usize + 1];
        let line = width as usize * 3;
        for line in pixels.as_raw()[rows.start * line..rows.end * line].chunks_exact(line) {
            for (sum, column) in sums.iter_mut().zip(&columns) {
                let [mut red, mut green, mut blue] = [0; 3];
                for pixel in line[column.start * 3..column.end * 3].chunks_exact(3) {
                    red += u32::from(pixel[0]);
                    green += u32::from(pixel[1]);
                    blue += u32::from(pixel[2]);
                }
                *sum = [sum[0] + red, sum[1] + green, sum[2] + blue];
            }
        }
        for (column, (sum, ends)) in (0..).zip(sums.into_iter().zip(&columns)) {
            let pixels = (ends.len() * rows.len()) as u32;
            cells.put_pixel(
                column,
                row,
                Rgb(sum.map(|sum| ((sum + pixels / 2) / pixels) as u8)),
            );
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn cells_are_those_of_a_thumbnail() {
        for (width, height) in [
            (9, 8),
            (10, 9),
            (17, 31),
            (64, 8),
            (100, 75),
            (321, 203),
            (640, 480),
        ] {
            let picture = picture(width, height);
            assert_eq!(
                cells(&picture),
                imageops::thumbnail(&picture, COLUMNS + 1, ROWS),
                "{width} × {height}"
            );
        }
    }

    #[test]
    fn a_ramp_has_a_known_hash_and_single_pixels_have_one() {
        let ramp = RgbImage::from_fn(90, 80, |x, _| Rgb([x as u8; 3]));
        assert_eq!(perceptual_hash(&ramp), -1);
        assert_eq!(perceptual_hash(&RgbImage::new(1, 1)), 0);
    }
}
