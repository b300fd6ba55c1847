//! The autoencoder between pixels and latents (Kingma and Welling 2014; Rombach et al. 2022), one factor smaller.
//!
//! In: pixels `[1, 3, height, width]` between −1 and 1. Out: latents `[1, C, height / factor, width / factor]`, the mode
//! of what they may be, moved and scaled as the transformer knows them; and back. Always f32. Left out: tiles, samples.

use super::convolution::{Convolution, GroupNorm, Residual};
use super::sizes;
use crate::error::Result;
use crate::vlm::{Linear, Weights, ops, settings};
use candle_core::{D, Device, Tensor};
use serde::Deserialize;
use std::path::Path;

/// Its sizes, as `config.json` gives them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub(super) latent_channels: usize,
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    pub(super) norm_num_groups: usize,
    scaling_factor: f64,
    #[serde(default)]
    shift_factor: Option<f64>,
    #[serde(default = "yes")]
    use_quant_conv: bool,
    #[serde(default = "yes")]
    use_post_quant_conv: bool,
}

fn yes() -> bool {
    true
}

impl Config {
    fn load(folder: &Path) -> Result<Self> {
        settings::read(&folder.join("config.json"), |value| {
            let all = |key: &str, wanted: &str| {
                let blocks = value[key].as_array().map_or(&[][..], Vec::as_slice);
                match blocks.iter().find(|block| block.as_str() != Some(wanted)) {
                    None => Ok(()),
                    Some(other) => Err(format!("{key} {other} is not supported; supported: {wanted}")),
                }
            };
            all("down_block_types", "DownEncoderBlock2D")?;
            all("up_block_types", "UpDecoderBlock2D")?;
            if value["act_fn"].as_str().unwrap_or("silu") != "silu"
                || value["mid_block_add_attention"] == false
            {
                return Err(
                    "act_fn other than silu and mid_block_add_attention false are not supported".to_owned(),
                );
            }
            let config: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
            let (channels, groups) = (&config.block_out_channels, config.norm_num_groups);
            let numbers: Vec<usize> = channels
                .iter()
                .copied()
                .chain([config.latent_channels, groups])
                .collect();
            sizes(
                &numbers,
                config.layers_per_block,
                !channels.is_empty()
                    && channels.len() < 8
                    && channels
                        .iter()
                        .all(|channels| channels.is_multiple_of(groups.max(1)))
                    && config.scaling_factor != 0.0,
            )?;
            Ok(config)
        })
    }

    /// Pixels of a latent, each way.
    pub(super) fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

/// The autoencoder's parameters.
#[derive(Debug)]
pub(super) struct Vae {
    pub(super) config: Config,
    down: Half,
    quant: Option<Convolution>,
    unquant: Option<Convolution>,
    up: Half,
}

/// The encoder, or the decoder: the same parts in another order.
#[derive(Debug)]
struct Half {
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
        let one_head = |linear: &Linear| -> Result<Tensor> { Ok(linear.forward(&places)?.unsqueeze(1)?) };
        let (query, key, value) = (
            one_head(&self.query)?,
            one_head(&self.key)?,
            one_head(&self.value)?,
        );
        let scale = 1.0 / (channels as f64).sqrt();
        let seen = ops::attention(&query, &key, &value, None, scale, None)?.squeeze(1)?; // (1, P, C)
        let seen = self.out.forward(&seen)?.transpose(1, 2)?.contiguous()?;
        self.after
            .forward(&(x + seen.reshape((1, channels, height, width))?)?)
    }
}

impl Half {
    /// `channels` of the levels in the order in which they are passed, with `layers` each.
    fn new(
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

    fn finish(&self, x: &Tensor) -> Result<Tensor> {
        self.last.forward(&self.norm.forward(x)?.silu()?)
    }
}

impl Vae {
    /// Loads `config.json` and the weights in `folder`.
    pub(super) fn load(folder: &Path, device: &Device) -> Result<(Self, super::Part)> {
        let config = Config::load(folder)?;
        let weights = Weights::open_as(folder, "diffusion_pytorch_model", false, device)?;
        let (latents, layers, groups) = (
            config.latent_channels,
            config.layers_per_block,
            config.norm_num_groups,
        );
        let wide = config.block_out_channels.clone();
        let narrow: Vec<usize> = wide.iter().rev().copied().collect();
        let pointwise =
            |name: &str, channels| Convolution::new(&weights, name, (channels, channels, 1), 0, 1);
        let vae = Self {
            down: Half::new(
                (&weights, "encoder"),
                (3, 2 * latents),
                &wide,
                (layers, groups),
                ["down_blocks", "downsamplers"],
            )?,
            quant: config
                .use_quant_conv
                .then(|| pointwise("quant_conv", 2 * latents))
                .transpose()?,
            unquant: config
                .use_post_quant_conv
                .then(|| pointwise("post_quant_conv", latents))
                .transpose()?,
            up: Half::new(
                (&weights, "decoder"),
                (latents, 3),
                &narrow,
                (layers + 1, groups),
                ["up_blocks", "upsamplers"],
            )?,
            config,
        };
        Ok((vae, super::Part::of("vae", &weights)))
    }

    /// Pixels to latents.
    pub(super) fn encode(&self, pixels: &Tensor) -> Result<Tensor> {
        let mut x = self.down.first.forward(pixels)?;
        for level in &self.down.levels {
            x = level.forward(x)?;
            if let Some(shrink) = &level.resize {
                let padded = x
                    .pad_with_zeros(D::Minus1, 0, 1)?
                    .pad_with_zeros(D::Minus2, 0, 1)?;
                x = shrink.forward(&padded)?;
            }
        }
        x = self.down.finish(&self.down.middle.forward(&x)?)?;
        if let Some(quant) = &self.quant {
            x = quant.forward(&x)?;
        }
        let mode = x.narrow(1, 0, self.config.latent_channels)?;
        let moved = (mode - self.config.shift_factor.unwrap_or(0.0))?;
        Ok((moved * self.config.scaling_factor)?)
    }

    /// Latents to pixels.
    pub(super) fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let latents = (latents / self.config.scaling_factor)?;
        let mut x = (latents + self.config.shift_factor.unwrap_or(0.0))?;
        if let Some(unquant) = &self.unquant {
            x = unquant.forward(&x)?;
        }
        x = self.up.middle.forward(&self.up.first.forward(&x)?)?;
        for level in &self.up.levels {
            x = level.forward(x)?;
            if let Some(grow) = &level.resize {
                let (_, _, height, width) = x.dims4()?;
                x = grow.forward(&x.upsample_nearest2d(2 * height, 2 * width)?)?;
            }
        }
        self.up.finish(&x)
    }
}
