//! The autoencoder between pixels and latents (Kingma and Welling 2014; Rombach et al. 2022), one factor smaller.
//!
//! In: pixels `[1, 3, height, width]` between −1 and 1. Out: latents `[1, C, height / factor, width / factor]`, the mode
//! of what they may be, moved and scaled as the transformer knows them; and back. Always f32. Left out: tiles, samples.

use super::convolution::Convolution;
use super::half::Half;
use super::sizes;
use crate::error::Result;
use crate::vlm::{Weights, settings};
use candle_core::{Device, Tensor};
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
        let mut x = self.down.encode(pixels)?;
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
        self.up.decode(&x)
    }
}
