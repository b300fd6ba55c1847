//! FLUX.1's transformer: which way each latent is to go.
//!
//! In: packed latents `[1, N, C]` (for an edit those of the image to edit after those of the new one), the text's vectors,
//! places, how much of the latents is noise. Out: the velocity at each latent, `[1, N, C]`. Text and image have weights of
//! their own in the first blocks and share them in the rest. Source: Black Forest Labs 2024; the names are those of diffusers.
//! Left out: batches, patches of more than one latent, control nets.

use super::block::{Double, Single, modulated};
use super::places::Angles;
use super::sizes;
use crate::error::Result;
use crate::vlm::{Linear, Weights, settings};
use candle_core::{D, DType, Device, Tensor};
use serde::Deserialize;
use std::path::Path;

/// Numbers that a time becomes before the network sees it.
const TIME: usize = 256;

/// Its sizes, as `config.json` gives them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    /// Numbers of a packed latent.
    pub(super) in_channels: usize,
    pub(super) num_layers: usize,
    pub(super) num_single_layers: usize,
    pub(super) attention_head_dim: usize,
    pub(super) num_attention_heads: usize,
    /// Numbers of a token's vector of T5.
    pub(super) joint_attention_dim: usize,
    /// Numbers of CLIP's vector.
    pub(super) pooled_projection_dim: usize,
    /// Whether the network is told how closely to follow the text.
    #[serde(default)]
    pub(super) guidance_embeds: bool,
    #[serde(default = "axes")]
    pub(super) axes_dims_rope: [usize; 3],
}

fn axes() -> [usize; 3] {
    [16, 56, 56]
}

impl Config {
    fn load(folder: &Path) -> Result<Self> {
        settings::read(&folder.join("config.json"), |value| {
            let same = |key: &str, wanted: u64| value[key].as_u64().unwrap_or(wanted) == wanted;
            let channels = value["in_channels"].as_u64().unwrap_or_default();
            if !same("patch_size", 1) || !same("out_channels", channels) {
                return Err(
                    "patch_size above 1 and other out_channels than in_channels are not supported".to_owned(),
                );
            }
            let config: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
            sizes(
                &[
                    config.in_channels,
                    config.attention_head_dim,
                    config.num_attention_heads,
                    config.joint_attention_dim,
                    config.pooled_projection_dim,
                ],
                config.num_layers.saturating_add(config.num_single_layers),
                config
                    .axes_dims_rope
                    .iter()
                    .all(|axis| axis.is_multiple_of(2) && *axis < 1 << 20)
                    && config.axes_dims_rope.iter().sum::<usize>() == config.attention_head_dim
                    && config.in_channels.is_multiple_of(4),
            )?;
            Ok(config)
        })
    }

    pub(super) fn width(&self) -> usize {
        self.attention_head_dim * self.num_attention_heads
    }
}

/// Two layers with a SiLU between.
#[derive(Debug)]
struct Embedder {
    first: Linear,
    second: Linear,
}

impl Embedder {
    fn new(weights: &Weights, name: &str, inputs: usize, width: usize) -> Result<Self> {
        let root = format!("time_text_embed.{name}");
        Ok(Self {
            first: Linear::new(weights, &format!("{root}.linear_1"), inputs, width, true)?,
            second: Linear::new(weights, &format!("{root}.linear_2"), width, width, true)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.second.forward(&self.first.forward(x)?.silu()?)
    }
}

/// The network's parameters.
#[derive(Debug)]
pub(super) struct Transformer {
    pub(super) config: Config,
    device: Device,
    dtype: DType,
    latents: Linear,
    text: Linear,
    time: Embedder,
    guidance: Option<Embedder>,
    pooled: Embedder,
    doubles: Vec<Double>,
    singles: Vec<Single>,
    last: Linear,
    out: Linear,
}

/// What a step knows of the caption and of where everything lies.
pub(super) struct Scene {
    /// T5's vectors `[1, T, W]`.
    pub(super) text: Tensor,
    /// CLIP's vector `[1, W]`.
    pub(super) pooled: Tensor,
    /// How closely the text is followed, where the network is told.
    pub(super) guidance: f64,
    /// Of the text's places, then of the latents'.
    pub(super) angles: Angles,
}

impl Transformer {
    /// Loads `config.json` and the weights in `folder`.
    pub(super) fn load(folder: &Path, device: &Device) -> Result<(Self, super::Part)> {
        let config = Config::load(folder)?;
        let weights = Weights::open_as(folder, "diffusion_pytorch_model", true, device)?;
        let (width, channels) = (config.width(), config.in_channels);
        let linear = |name: &str, inputs, outputs| Linear::new(&weights, name, inputs, outputs, true);
        let embedder = |name: &str, inputs| Embedder::new(&weights, name, inputs, width);
        let guidance = || embedder("guidance_embedder", TIME);
        let transformer = Self {
            latents: linear("x_embedder", channels, width)?,
            text: linear("context_embedder", config.joint_attention_dim, width)?,
            time: embedder("timestep_embedder", TIME)?,
            guidance: config.guidance_embeds.then(guidance).transpose()?,
            pooled: embedder("text_embedder", config.pooled_projection_dim)?,
            doubles: (0..config.num_layers)
                .map(|index| Double::new(&config, &weights, index))
                .collect::<Result<_>>()?,
            singles: (0..config.num_single_layers)
                .map(|index| Single::new(&config, &weights, index))
                .collect::<Result<_>>()?,
            last: linear("norm_out.linear", width, 2 * width)?,
            out: linear("proj_out", width, channels)?,
            dtype: if weights.keeps_halves() {
                DType::BF16
            } else {
                DType::F32
            },
            device: device.clone(),
            config,
        };
        Ok((transformer, super::Part::of("transformer", &weights)))
    }

    /// The velocity `[1, N, C]`, f32, of latents of which the share `sigma` is noise.
    pub(super) fn forward(&self, latents: &Tensor, sigma: f64, scene: &Scene) -> Result<Tensor> {
        let mut image = self.latents.forward(&latents.to_dtype(self.dtype)?)?; // (1, N, W)
        let mut text = self.text.forward(&scene.text.to_dtype(self.dtype)?)?; // (1, T, W)
        let mut about = self.time.forward(&self.waves(sigma)?)?; // (1, W)
        if let Some(guidance) = &self.guidance {
            about = (about + guidance.forward(&self.waves(scene.guidance)?)?)?;
        }
        about = (about + self.pooled.forward(&scene.pooled.to_dtype(self.dtype)?)?)?;
        let about = about.silu()?;
        for block in &self.doubles {
            (text, image) = block.forward(&text, &image, &about, &scene.angles)?;
        }
        let tokens = text.dim(1)?;
        let mut both = Tensor::cat(&[text, image], 1)?;
        for block in &self.singles {
            both = block.forward(&both, &about, &scene.angles)?;
        }
        let image = both.narrow(1, tokens, both.dim(1)? - tokens)?;
        let change = self.last.forward(&about)?.chunk(2, D::Minus1)?;
        let (scale, shift) = (&change[0], &change[1]); // in this order here, and here only
        Ok(self
            .out
            .forward(&modulated(&image, shift, scale)?)?
            .to_dtype(DType::F32)?)
    }

    /// A number between 0 and 1 (or a guidance) as cosines and sines, `[1, TIME]`.
    fn waves(&self, number: f64) -> Result<Tensor> {
        let half = TIME / 2;
        let angle = |index: usize| {
            let slowness = -(10_000f32.ln()) * index as f32 / half as f32;
            number as f32 * 1000.0 * slowness.exp()
        };
        let cosines = (0..half).map(|index| angle(index).cos());
        let values: Vec<f32> = cosines.chain((0..half).map(|index| angle(index).sin())).collect();
        Ok(Tensor::from_vec(values, (1, TIME), &self.device)?.to_dtype(self.dtype)?)
    }
}
