//! Layer normalisation with its parameters.

use crate::error::Result;
use crate::vlm::ops;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

/// `(x − mean) / σ · weight + bias` over the last dimension.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// `[width]` from `name.weight` and `name.bias`.
    pub(crate) fn new(weights: &Weights, name: &str, width: usize, eps: f64) -> Result<Self> {
        Ok(Self {
            weight: weights.get(&format!("{name}.weight"), &[width], Initial::Constant(1.0))?,
            bias: weights.get(&format!("{name}.bias"), &[width], Initial::Constant(0.0))?,
            eps,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::layer_norm(x, &self.weight, &self.bias, self.eps)?)
    }
}
