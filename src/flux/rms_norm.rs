//! Root-mean-square normalisation with its parameter.

use crate::error::Result;
use crate::vlm::{Initial, Weights, ops};
use candle_core::{DType, Tensor};

/// `x / rms(x) · weight` over the last dimension.
#[derive(Debug)]
pub(super) struct RmsNorm {
    less_one: Tensor, // (W), f32: the operation adds 1, as Gemma wants it
    eps: f64,
}

impl RmsNorm {
    /// `[width]` from `name.weight`.
    pub(super) fn new(weights: &Weights, name: &str, width: usize, eps: f64) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"), &[width], Initial::Constant(1.0))?;
        Ok(Self {
            less_one: (weight.to_dtype(DType::F32)? - 1.0)?,
            eps,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::rms_norm(x, &self.less_one, self.eps)?)
    }
}
