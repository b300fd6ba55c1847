//! A linear layer: the parameters that `ops::linear` multiplies with.

use crate::error::Result;
use crate::vlm::adapter::Adapter;
use crate::vlm::ops;
use crate::vlm::weights::{Initial, Weights};
use candle_core::Tensor;

/// `x · weightᵀ + bias`.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    adapter: Option<Adapter>,
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
            adapter: Adapter::new(weights, name, inputs, outputs)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = ops::linear(x, &self.weight, self.bias.as_ref())?;
        Ok(match &self.adapter {
            Some(adapter) => (y + adapter.forward(x)?)?,
            None => y,
        })
    }
}
