//! Sizes in pixels and in latents: what can be painted, how an image to edit is fitted, how latents are packed and begin.

use super::places::Grid;
use crate::error::Result;
use crate::vlm::{Filter, Initial, Weights, resize};
use candle_core::{DType, Device, Tensor};
use image::RgbImage;

/// Widths and heights that FLUX.1-Kontext was trained on.
const EDITS: [(usize, usize); 17] = [
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
    (1024, 1024),
    (1104, 944),
    (1184, 880),
    (1248, 832),
    (1328, 800),
    (1392, 752),
    (1456, 720),
    (1504, 688),
    (1568, 672),
];

/// Width and height in pixels.
pub type Size = (usize, usize);

/// The size at which an image of `from` is edited: of those that the network knows the nearest in shape, with about as many
/// pixels as `asked`, in whole units.
pub(super) fn edited(from: Size, asked: Size, unit: usize) -> Size {
    let shape = from.0 as f64 / from.1 as f64;
    let distance = |size: &Size| (shape - size.0 as f64 / size.1 as f64).abs();
    let nearest = EDITS
        .into_iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let (width, height) = nearest.unwrap_or(asked);
    let scale = ((asked.0 * asked.1) as f64).sqrt() / 1024.0;
    let whole = |side: usize| ((side as f64 * scale + 1e-6) as usize / unit * unit).max(unit);
    (whole(width), whole(height))
}

/// `[1, 3, height, width]` between −1 and 1.
pub(super) fn pixels(image: &RgbImage, to: Size, device: &Device) -> Result<Tensor> {
    let from = (image.width() as usize, image.height() as usize);
    let bytes = resize(image.as_raw(), from, to, Filter::Lanczos);
    let values: Vec<f32> = bytes
        .into_iter()
        .map(|byte| f32::from(byte) / 127.5 - 1.0)
        .collect();
    let rows = Tensor::from_vec(values, (1, to.1, to.0, 3), device)?;
    Ok(rows.permute((0, 3, 1, 2))?.contiguous()?)
}

/// The image that `[1, 3, height, width]` between −1 and 1 shows.
pub(super) fn image(pixels: &Tensor) -> Result<RgbImage> {
    let (_, _, height, width) = pixels.dims4()?;
    let bytes = ((pixels.clamp(-1.0, 1.0)? + 1.0)? * 127.5)?
        .round()?
        .to_dtype(DType::U8)?;
    let rows = bytes.squeeze(0)?.permute((1, 2, 0))?.flatten_all()?.to_vec1()?;
    Ok(RgbImage::from_raw(width as u32, height as u32, rows).expect("three bytes a pixel"))
}

/// `[1, C, 2·rows, 2·columns]` to `[1, rows · columns, 4·C]`: each square of four latents is one token.
pub(super) fn pack(latents: &Tensor) -> Result<(Tensor, Grid)> {
    let (_, channels, height, width) = latents.dims4()?;
    let grid = Grid {
        rows: height / 2,
        columns: width / 2,
    };
    let squares = latents.reshape(&[channels, grid.rows, 2, grid.columns, 2][..])?;
    let tokens = squares
        .permute([1, 3, 0, 2, 4])?
        .reshape((1, grid.len(), 4 * channels))?;
    Ok((tokens, grid))
}

/// The inverse of [`pack`].
pub(super) fn unpack(tokens: &Tensor, grid: Grid) -> Result<Tensor> {
    let channels = tokens.dims3()?.2 / 4;
    let squares = tokens.reshape(&[grid.rows, grid.columns, channels, 2, 2][..])?;
    Ok(squares
        .permute([2, 0, 3, 1, 4])?
        .reshape((1, channels, 2 * grid.rows, 2 * grid.columns))?)
}

/// Noise that depends on the seed and the shape alone, whatever the machine: `[1, C, height, width]`.
pub(super) fn noise(seed: u64, shape: [usize; 4], device: &Device) -> Result<Tensor> {
    Weights::fresh(seed, device).get("latents", &shape, Initial::Normal(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_their_shape() {
        assert_eq!(edited((500, 500), (1024, 1024), 16), (1024, 1024));
        assert_eq!(edited((4000, 3000), (1024, 1024), 16), (1184, 880));
        assert_eq!(edited((3000, 4000), (1024, 1024), 16), (880, 1184));
        assert_eq!(edited((4000, 3000), (512, 512), 16), (592, 432), "whole units");
        assert_eq!(edited((9000, 10), (64, 64), 16), (96, 32));
        assert_eq!(edited((10, 9000), (16, 16), 16), (16, 16), "never nothing");
    }

    #[test]
    fn packing_is_undone() {
        let latents = noise(3, [1, 3, 4, 6], &Device::Cpu).unwrap();
        let (tokens, grid) = pack(&latents).unwrap();
        assert_eq!(
            (tokens.dims(), grid),
            (&[1, 6, 12][..], Grid { rows: 2, columns: 3 })
        );
        let [square, whole] = [tokens.get(0).unwrap().get(4).unwrap(), latents.get(0).unwrap()];
        let first: Vec<f32> = square.narrow(0, 0, 4).unwrap().to_vec1().unwrap();
        let corner = whole
            .get(0)
            .unwrap()
            .narrow(0, 2, 2)
            .unwrap()
            .narrow(1, 2, 2)
            .unwrap();
        assert_eq!(first, corner.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        let again = unpack(&tokens, grid).unwrap().flatten_all().unwrap();
        assert_eq!(
            again.to_vec1::<f32>().unwrap(),
            latents.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }

    #[test]
    fn pixels_come_back() {
        let picture = RgbImage::from_fn(4, 2, |x, y| image::Rgb([(x * 60) as u8, (y * 255) as u8, 77]));
        let seen = pixels(&picture, (4, 2), &Device::Cpu).unwrap();
        assert_eq!(super::image(&seen).unwrap(), picture);
    }
}
