//! Where tokens lie, and how attention is told: rotary embedding over three axes.
//!
//! Text lies at (0, 0, 0), the new image's latents at (0, row, column), those of an image to edit at (1, row, column).
//! A head's numbers are pairs, each turned by its axis' place over its wavelength.

use crate::error::Result;
use candle_core::{DType, Device, Tensor};

/// The longest wavelength.
const THETA: f64 = 10_000.0;

/// Rows and columns of packed latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Grid {
    pub(super) fn len(self) -> usize {
        self.rows * self.columns
    }
}

/// Cosines and sines of every token's angles, `[T, D / 2]`, f32.
#[derive(Debug)]
pub(super) struct Angles {
    cosines: Tensor,
    sines: Tensor,
}

impl Angles {
    /// Of `text` tokens, then of each grid: the new image's, and that of an image to edit.
    pub(super) fn new(text: usize, grids: &[Grid], axes: [usize; 3], device: &Device) -> Result<Self> {
        let latents = grids.iter().enumerate().flat_map(|(kind, grid)| {
            let columns = grid.columns;
            (0..grid.len()).map(move |at| [kind, at / columns, at % columns])
        });
        let places = std::iter::repeat_n([0; 3], text).chain(latents);
        let angles: Vec<f64> = places
            .flat_map(|place| {
                place.into_iter().zip(axes).flat_map(|(place, axis)| {
                    (0..axis / 2).map(move |pair| place as f64 / THETA.powf(2.0 * pair as f64 / axis as f64))
                })
            })
            .collect();
        let pairs = axes.iter().sum::<usize>() / 2;
        let table = |of: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|&angle| of(angle) as f32).collect();
            Tensor::from_vec(values, (angles.len() / pairs, pairs), device)
        };
        Ok(Self {
            cosines: table(f64::cos)?,
            sines: table(f64::sin)?,
        })
    }

    /// `[1, H, T, D]` turned, in f32 whatever the network's precision.
    pub(super) fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let turned = candle_nn::rotary_emb::rope_i(
            &x.to_dtype(DType::F32)?.contiguous()?,
            &self.cosines,
            &self.sines,
        )?;
        Ok(turned.to_dtype(x.dtype())?)
    }
}
