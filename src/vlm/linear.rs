//! A linear layer: the parameters that `ops::linear` multiplies with.

use crate::error::Result;
use crate::vlm::ops;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

/// `x · weightᵀ + bias`.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// `[outputs, inputs]` from `name.weight`, and `name.bias` where there is one.
    pub(crate) fn new(
        weights: &Weights,
        name: &str,
        inputs: usize,
        outputs: usize,
        bias: bool,
    ) -> Result<Self> {
        let spread = Initial::Normal(1.0 / (inputs as f64).sqrt());
        let weight = weights.get(&format!("{name}.weight"), &[outputs, inputs], spread)?;
        let zeros = || weights.get(&format!("{name}.bias"), &[outputs], Initial::Constant(0.0));
        Ok(Self {
            weight,
            bias: bias.then(zeros).transpose()?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(x, &self.weight, self.bias.as_ref())?)
    }
}
