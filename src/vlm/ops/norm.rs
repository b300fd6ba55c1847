//! Root-mean-square and layer normalisation with their gradients.
//!
//! The backward recomputes each row's mean and scale: cheaper than keeping them.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the wide vectors"
)]

use super::simd::{sum_of, vectorised};
use super::tensors::{dense, with_slices};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Mean and 1/σ of a row; the mean is 0 where the norm does not centre.
#[inline(always)]
fn moments(x: &[f32], eps: f32, centre: bool) -> (f32, f32) {
    let share = 1.0 / x.len() as f32;
    let mean = if centre {
        sum_of(x, x, |a, _| a) * share
    } else {
        0.0
    };
    let variance = sum_of(x, x, |a, _| (a - mean) * (a - mean)) * share;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// Rows that one task takes, so that each of the pool's threads has about one.
fn rows_per_task(rows: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads()).max(1)
}

/// `y = (x − mean) / σ · (offset + w) + b`, row by row.
fn forward(x: &[f32], w: &[f32], b: Option<&[f32]>, offset: f32, eps: f32) -> Vec<f32> {
    let width = w.len();
    let task = rows_per_task(x.len() / width) * width;
    let mut y = vec![0f32; x.len()];
    y.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    let (mean, scale) = moments(x, eps, b.is_some());
                    for ((y, &x), &w) in y.iter_mut().zip(x).zip(w) {
                        *y = (x - mean) * scale * (offset + w);
                    }
                    if let Some(b) = b {
                        for (y, &b) in y.iter_mut().zip(b) {
                            *y += b;
                        }
                    }
                }
            },
        );
    });
    y
}

/// dx, dw and db of [`forward`]; db is of use only where there is a bias.
fn backward(x: &[f32], w: &[f32], dy: &[f32], centre: bool, offset: f32, eps: f32) -> [Vec<f32>; 3] {
    let width = w.len();
    let task = rows_per_task(x.len() / width) * width;
    let mut dx = vec![0f32; x.len()];
    let share = 1.0 / width as f32;
    let parts: Vec<_> = dx
        .par_chunks_mut(task)
        .zip(x.par_chunks(task))
        .zip(dy.par_chunks(task))
        .map(|((dx, x), dy)| {
            let (mut dw, mut db, mut normed, mut scaled) = (
                vec![0f32; width],
                vec![0f32; width],
                vec![0f32; width],
                vec![0f32; width],
            );
            vectorised(
                #[inline(always)]
                || {
                    let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
                    for (dx, (x, dy)) in dx.chunks_exact_mut(width).zip(rows) {
                        let (dx, x, dy) = (&mut dx[..width], &x[..width], &dy[..width]); // no bounds checks below
                        let (w, dw, db) = (&w[..width], &mut dw[..width], &mut db[..width]);
                        let (normed, scaled) = (&mut normed[..width], &mut scaled[..width]);
                        let (mean, scale) = moments(x, eps, centre);
                        for i in 0..width {
                            normed[i] = (x[i] - mean) * scale;
                            scaled[i] = dy[i] * (offset + w[i]);
                            dw[i] += dy[i] * normed[i];
                            db[i] += dy[i];
                        }
                        let along = sum_of(scaled, normed, |a, b| a * b) * share;
                        let shift = if centre {
                            sum_of(scaled, scaled, |a, _| a) * share
                        } else {
                            0.0
                        };
                        for i in 0..width {
                            dx[i] = (scaled[i] - shift - normed[i] * along) * scale;
                        }
                    }
                },
            );
            (dw, db)
        })
        .collect();
    let (mut dw, mut db) = (vec![0f32; width], vec![0f32; width]);
    for (part_dw, part_db) in &parts {
        for i in 0..width {
            dw[i] += part_dw[i];
            db[i] += part_db[i];
        }
    }
    [dx, dw, db]
}

/// `x / rms(x) · (1 + w)`.
pub(super) struct RmsNorm {
    pub(super) eps: f32,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = forward(dense(x, x_layout)?, dense(w, w_layout)?, None, 1.0, self.eps);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, _] = with_slices([x, w, dy], |[x, w, dy]| {
            Ok(backward(x, w, dy, false, 1.0, self.eps))
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dw, w.shape(), w.device())?),
        ))
    }
}

/// `(x − mean) / σ · w + b`.
pub(super) struct LayerNorm {
    pub(super) eps: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (w, b) = (dense(w, w_layout)?, dense(b, b_layout)?);
        let y = forward(dense(x, x_layout)?, w, Some(b), 0.0, self.eps);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = with_slices([x, w, dy], |[x, w, dy]| {
            Ok(backward(x, w, dy, true, 0.0, self.eps))
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(dw, w.shape(), w.device())?),
            Some(Tensor::from_vec(db, b.shape(), b.device())?),
        ))
    }
}
