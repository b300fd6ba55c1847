//! The autoencoder's encoder and decoder: the same parts in another order.
//!
//! In: pixels, or latents. Out: what may be latents, or pixels. Levels of residual layers, and attention where the image is
//! smallest.

use super::by_heads;
use super::convolution::{Convolution, GroupNorm, Residual};
use crate::error::Result;
use crate::vlm::{Linear, Weights, ops};
use candle_core::{D, Tensor};

/// The encoder, or the decoder: the same parts in another order.
#[derive(Debug)]
pub(super) struct Half {
    first: Convolution,
    levels: Vec<Level>,
    middle: Middle,
    norm: GroupNorm,
    last: Convolution,
}

/// One resolution, and the way to the next.
#[derive(Debug)]
struct Level {
    layers: Vec<Residual>,
    resize: Option<Convolution>,
}

impl Level {
    fn new(
        weights: &Weights,
        root: &str,
        path: &[usize],
        groups: usize,
        resize: Option<&str>,
    ) -> Result<Self> {
        let layers = path.windows(2).enumerate().map(|(index, ends)| {
            Residual::new(
                weights,
                &format!("{root}.resnets.{index}"),
                (ends[0], ends[1]),
                groups,
            )
        });
        let channels = path[path.len() - 1];
        // Shrinking pads by hand: only to the right and below.
        let resized = |name: &str| {
            let padding = usize::from(name.starts_with("up"));
            let name = format!("{root}.{name}.0.conv");
            Convolution::new(weights, &name, (channels, channels, 3), padding, 2 - padding)
        };
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            resize: resize.map(resized).transpose()?,
        })
    }

    fn forward(&self, mut x: Tensor) -> Result<Tensor> {
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}

/// Two residual layers around attention over all places.
#[derive(Debug)]
struct Middle {
    before: Residual,
    norm: GroupNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    after: Residual,
}

impl Middle {
    fn new(weights: &Weights, root: &str, channels: usize, groups: usize) -> Result<Self> {
        let root = format!("{root}.mid_block");
        let linear = |name: &str| {
            let name = format!("{root}.attentions.0.{name}");
            Linear::new(weights, &name, channels, channels, true)
        };
        let residual = |index: usize| {
            Residual::new(
                weights,
                &format!("{root}.resnets.{index}"),
                (channels, channels),
                groups,
            )
        };
        Ok(Self {
            before: residual(0)?,
            norm: GroupNorm::new(
                weights,
                &format!("{root}.attentions.0.group_norm"),
                channels,
                groups,
            )?,
            query: linear("to_q")?,
            key: linear("to_k")?,
            value: linear("to_v")?,
            out: linear("to_out.0")?,
            after: residual(1)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.before.forward(x)?;
        let (_, channels, height, width) = x.dims4()?;
        let places = self
            .norm
            .forward(&x)?
            .flatten_from(2)?
            .transpose(1, 2)?
            .contiguous()?; // (1, P, C)
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|projection| by_heads(projection, &places, 1));
        let scale = 1.0 / (channels as f64).sqrt();
        let seen = ops::join_heads(&ops::attention(&query?, &key?, &value?, None, scale, None)?)?;
        let seen = self.out.forward(&seen)?.transpose(1, 2)?.contiguous()?;
        self.after
            .forward(&(x + seen.reshape((1, channels, height, width))?)?)
    }
}

impl Half {
    /// `channels` of the levels in the order in which they are passed, with `layers` each.
    pub(super) fn new(
        (weights, root): (&Weights, &str),
        (inputs, outputs): (usize, usize),
        channels: &[usize],
        (layers, groups): (usize, usize),
        [levels, resize]: [&str; 2],
    ) -> Result<Self> {
        let ends = (channels[0], channels[channels.len() - 1]);
        let level = |index: usize| {
            let (from, to) = (channels[index.saturating_sub(1)], channels[index]);
            let path: Vec<usize> = [from]
                .into_iter()
                .chain(std::iter::repeat_n(to, layers))
                .collect();
            let resize = (index + 1 < channels.len()).then_some(resize);
            Level::new(
                weights,
                &format!("{root}.{levels}.{index}"),
                &path,
                groups,
                resize,
            )
        };
        let middle = if root == "encoder" { ends.1 } else { ends.0 };
        let same = |name: &str, from: usize, to: usize| {
            Convolution::new(weights, &format!("{root}.{name}"), (from, to, 3), 1, 1)
        };
        Ok(Self {
            first: same("conv_in", inputs, ends.0)?,
            levels: (0..channels.len()).map(level).collect::<Result<_>>()?,
            middle: Middle::new(weights, root, middle, groups)?,
            norm: GroupNorm::new(weights, &format!("{root}.conv_norm_out"), ends.1, groups)?,
            last: same("conv_out", ends.1, outputs)?,
        })
    }

    /// Levels, each half as wide and high as the one before, then the middle.
    pub(super) fn encode(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut x = self.first.forward(pixels)?;
        for level in &self.levels {
            x = level.forward(x)?;
            if let Some(shrink) = &level.resize {
                let padded = x
                    .pad_with_zeros(D::Minus1, 0, 1)?
                    .pad_with_zeros(D::Minus2, 0, 1)?;
                x = shrink.forward(&padded)?;
            }
        }
        self.finish(&self.middle.forward(&x)?)
    }

    /// The middle, then levels, each twice as wide and high as the one before.
    pub(super) fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let mut x = self.middle.forward(&self.first.forward(latents)?)?;
        for level in &self.levels {
            x = level.forward(x)?;
            if let Some(grow) = &level.resize {
                let (_, _, height, width) = x.dims4()?;
                x = grow.forward(&x.upsample_nearest2d(2 * height, 2 * width)?)?;
            }
        }
        self.finish(&x)
    }

    fn finish(&self, x: &Tensor) -> Result<Tensor> {
        self.last.forward(&self.norm.forward(x)?.silu()?)
    }
}
