//! What the autoencoder is made of: convolutions, group normalisation, and residual layers of two of each.

use crate::error::Result;
use crate::vlm::{Initial, Weights};
use candle_core::{Module, Tensor};
use candle_nn::{Conv2d, Conv2dConfig};

/// Of every normalisation.
const EPS: f64 = 1e-6;

/// A square convolution.
#[derive(Debug)]
pub(super) struct Convolution(Conv2d);

impl Convolution {
    /// `from` to `to` channels with a kernel of `side`, from `name.weight` and `name.bias`.
    pub(super) fn new(
        weights: &Weights,
        name: &str,
        (from, to, side): (usize, usize, usize),
        padding: usize,
        stride: usize,
    ) -> Result<Self> {
        let spread = Initial::Normal(1.0 / ((from * side * side) as f64).sqrt());
        let weight = weights.get(&format!("{name}.weight"), &[to, from, side, side], spread)?;
        let bias = weights.get(&format!("{name}.bias"), &[to], Initial::Constant(0.0))?;
        let config = Conv2dConfig {
            padding,
            stride,
            ..Conv2dConfig::default()
        };
        Ok(Self(Conv2d::new(weight, Some(bias), config)))
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(x)?)
    }
}

/// Normalisation over the places of a group of channels.
#[derive(Debug)]
pub(super) struct GroupNorm(candle_nn::GroupNorm);

impl GroupNorm {
    /// `[channels]` from `name.weight` and `name.bias`.
    pub(super) fn new(weights: &Weights, name: &str, channels: usize, groups: usize) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"), &[channels], Initial::Constant(1.0))?;
        let bias = weights.get(&format!("{name}.bias"), &[channels], Initial::Constant(0.0))?;
        Ok(Self(candle_nn::GroupNorm::new(
            weight, bias, channels, groups, EPS,
        )?))
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(x)?)
    }
}

/// A residual layer.
#[derive(Debug)]
pub(super) struct Residual {
    norm1: GroupNorm,
    first: Convolution,
    norm2: GroupNorm,
    second: Convolution,
    shortcut: Option<Convolution>,
}

impl Residual {
    pub(super) fn new(
        weights: &Weights,
        root: &str,
        (from, to): (usize, usize),
        groups: usize,
    ) -> Result<Self> {
        let norm =
            |name: &str, channels| GroupNorm::new(weights, &format!("{root}.{name}"), channels, groups);
        let convolution = |name: &str, from, side| {
            Convolution::new(weights, &format!("{root}.{name}"), (from, to, side), side / 2, 1)
        };
        Ok(Self {
            norm1: norm("norm1", from)?,
            first: convolution("conv1", from, 3)?,
            norm2: norm("norm2", to)?,
            second: convolution("conv2", to, 3)?,
            shortcut: (from != to)
                .then(|| convolution("conv_shortcut", from, 1))
                .transpose()?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self.first.forward(&self.norm1.forward(x)?.silu()?)?;
        let inner = self.second.forward(&self.norm2.forward(&inner)?.silu()?)?;
        Ok(match &self.shortcut {
            Some(shortcut) => (shortcut.forward(x)? + inner)?,
            None => (x + inner)?,
        })
    }
}
