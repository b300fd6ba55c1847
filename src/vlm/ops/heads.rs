//! Moving heads before tokens and back, and turning them (rotary embedding): copies of whole rows.

use super::simd::vectorised;
use super::tensors::{dense, with_slices};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// `[B, T, H·D]` ↔ `[B, H, T, D]`: in each of `batch` blocks, `rows` × `columns` rows of `depth` elements
/// become `columns` × `rows`.
pub(super) struct SwapRows {
    /// The shape that comes out.
    pub(super) shape: Shape,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

fn swap_rows(x: &[f32], rows: usize, columns: usize, depth: usize) -> Vec<f32> {
    let mut y = vec![0f32; x.len()];
    let block = rows * columns * depth;
    y.par_chunks_mut(block)
        .zip(x.par_chunks(block))
        .for_each(|(y, x)| {
            for (column, y) in y.chunks_exact_mut(rows * depth).enumerate() {
                for (row, y) in y.chunks_exact_mut(depth).enumerate() {
                    y.copy_from_slice(&x[(row * columns + column) * depth..][..depth]);
                }
            }
        });
    y
}

impl CustomOp1 for SwapRows {
    fn name(&self) -> &'static str {
        "swap_rows"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = swap_rows(dense(x, layout)?, self.rows, self.columns, self.depth);
        Ok((CpuStorage::F32(y), self.shape.clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slices([dy], |[dy]| {
            Ok(swap_rows(dy, self.columns, self.rows, self.depth))
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

/// Rotary embedding of `[B, H, T, D]`; its backward turns the other way.
pub(super) struct Rotary {
    /// Contiguous f32 `[B or 1, 1, T, D]`, halves repeated.
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
}

impl Rotary {
    /// Turns by the angle, or back with `direction` −1.
    fn turn(&self, x: &[f32], shape: &Shape, direction: f32) -> Result<Vec<f32>> {
        let (_, heads, tokens, depth) = shape.dims4()?;
        let (half, one) = (depth / 2, tokens * depth);
        let mut y = vec![0f32; x.len()];
        with_slices([&self.cos, &self.sin], |[cos, sin]| {
            y.par_chunks_mut(one)
                .zip(x.par_chunks(one))
                .enumerate()
                .for_each(|(task, (y, x))| {
                    let start = if cos.len() > one { task / heads * one } else { 0 };
                    let angles = cos[start..start + one].chunks_exact(depth);
                    let angles = angles.zip(sin[start..start + one].chunks_exact(depth));
                    vectorised(
                        #[inline(always)]
                        || {
                            let rows = y.chunks_exact_mut(depth).zip(x.chunks_exact(depth));
                            for ((y, x), (cos, sin)) in rows.zip(angles) {
                                let ((y_low, y_high), (low, high)) = (y.split_at_mut(half), x.split_at(half));
                                let (cos, sin) = (&cos[..half], &sin[..half]);
                                let (y_low, y_high, low, high) = (
                                    &mut y_low[..half],
                                    &mut y_high[..half],
                                    &low[..half],
                                    &high[..half],
                                );
                                for i in 0..half {
                                    let sin = sin[i] * direction;
                                    y_low[i] = low[i] * cos[i] - high[i] * sin;
                                    y_high[i] = high[i] * cos[i] + low[i] * sin;
                                }
                            }
                        },
                    );
                });
            Ok(())
        })?;
        Ok(y)
    }
}

impl CustomOp1 for Rotary {
    fn name(&self) -> &'static str {
        "rotary"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.turn(dense(x, layout)?, layout.shape(), 1.0)?;
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slices([dy], |[dy]| self.turn(dy, x.shape(), -1.0))?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}
