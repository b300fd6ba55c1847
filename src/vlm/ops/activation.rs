//! GELU (tanh form) and GeGLU with their gradients.
//!
//! `gelu(x) = x · σ(2u)`, `u = √(2/π) · (x + 0.044715 x³)`: the same function as with tanh, without its
//! cancellation.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the wide vectors"
)]

use super::simd::{sigmoid, vectorised};
use super::tensors::{dense, with_slices};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Elements that one task takes.
const BLOCK: usize = 16_384;
/// 2 · √(2/π).
const SLOPE: f32 = 1.595_769_2;
const CUBIC: f32 = 0.044_715;

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * sigmoid(SLOPE * (x + CUBIC * x * x * x))
}

/// gelu(x) and its derivative.
#[inline(always)]
fn gelu_and_slope(x: f32) -> (f32, f32) {
    let s = sigmoid(SLOPE * (x + CUBIC * x * x * x));
    (x * s, s + x * s * (1.0 - s) * SLOPE * (1.0 + 3.0 * CUBIC * x * x))
}

/// `gelu(x)`.
pub(super) struct Gelu;

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = dense(storage, layout)?;
        let mut y = vec![0f32; x.len()];
        y.par_chunks_mut(BLOCK)
            .zip(x.par_chunks(BLOCK))
            .for_each(|(y, x)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = gelu(x);
                        }
                    },
                );
            });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slices([x, dy], |[x, dy]| {
            let mut dx = vec![0f32; x.len()];
            dx.par_chunks_mut(BLOCK)
                .zip(x.par_chunks(BLOCK))
                .zip(dy.par_chunks(BLOCK))
                .for_each(|((dx, x), dy)| {
                    vectorised(
                        #[inline(always)]
                        || {
                            for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                                *dx = dy * gelu_and_slope(x).1;
                            }
                        },
                    );
                });
            Ok(dx)
        })?;
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

/// `gelu(gate) · up`.
pub(super) struct GeGlu;

impl CustomOp2 for GeGlu {
    fn name(&self) -> &'static str {
        "geglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (dense(gate, gate_layout)?, dense(up, up_layout)?);
        let mut y = vec![0f32; gate.len()];
        y.par_chunks_mut(BLOCK)
            .zip(gate.par_chunks(BLOCK))
            .zip(up.par_chunks(BLOCK))
            .for_each(|((y, gate), up)| {
                vectorised(
                    #[inline(always)]
                    || {
                        for ((y, &gate), &up) in y.iter_mut().zip(gate).zip(up) {
                            *y = gelu(gate) * up;
                        }
                    },
                );
            });
        Ok((CpuStorage::F32(y), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (d_gate, d_up) = with_slices([gate, up, dy], |[gate, up, dy]| {
            let (mut d_gate, mut d_up) = (vec![0f32; gate.len()], vec![0f32; gate.len()]);
            d_gate
                .par_chunks_mut(BLOCK)
                .zip(d_up.par_chunks_mut(BLOCK))
                .zip(gate.par_chunks(BLOCK))
                .zip(up.par_chunks(BLOCK))
                .zip(dy.par_chunks(BLOCK))
                .for_each(|((((d_gate, d_up), gate), up), dy)| {
                    vectorised(
                        #[inline(always)]
                        || {
                            for ((((d_gate, d_up), &gate), &up), &dy) in
                                d_gate.iter_mut().zip(d_up).zip(gate).zip(up).zip(dy)
                            {
                                let (value, slope) = gelu_and_slope(gate);
                                *d_up = dy * value;
                                *d_gate = dy * up * slope;
                            }
                        },
                    );
                });
            Ok((d_gate, d_up))
        })?;
        let (shape, device) = (gate.shape(), gate.device());
        Ok((
            Some(Tensor::from_vec(d_gate, shape, device)?),
            Some(Tensor::from_vec(d_up, shape, device)?),
        ))
    }
}
