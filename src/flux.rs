//! FLUX.1 in candle: captions, or images and instructions, to images.
//!
//! ```text
//! caption ──▶ words ──▶ CLIP, T5 ──▶ transformer, once a step ──▶ VAE ──▶ pixels
//! image   ──▶ VAE ──▶ latents ─────────▲   noise ──▲
//! ```
//! In: a folder in the layout of diffusers (FLUX.1-schnell, -dev, -Kontext-dev), and what is to be painted. Out: an image
//! that depends on the folder and the order alone. f32 on the CPU; on a GPU, bf16 stays bf16. Source: Black Forest Labs 2024,
//! 2025; `auditdm models verify` compares each part with diffusers. Left out: batches, true guidance by a second pass,
//! LoRA, quantised weights.

mod block;
mod canvas;
mod clip;
mod convolution;
mod folder;
mod half;
mod places;
mod rms_norm;
mod schedule;
mod t5;
mod transformer;
mod vae;
mod verify;
mod words;

use crate::error::{Error, Result};
use crate::vlm::{Linear, Weights, hash_of, ops};
use candle_core::{Device, Tensor};
pub use canvas::Size;
use clip::Clip;
pub(crate) use folder::{INDEX, files, is_part};
pub use folder::{Kind, is_painter};
use image::RgbImage;
use places::Angles;
use rms_norm::RmsNorm;
use schedule::Schedule;
use std::path::Path;
use t5::T5;
use transformer::{Scene, Transformer};
use vae::Vae;
pub use verify::{Report, verify};
use words::Words;

/// Tokens of a caption that T5 reads: for networks without guidance (FLUX.1-schnell), and for others.
const TOKENS: [usize; 2] = [256, 512];
/// Steps, for the same two.
const STEPS: [usize; 2] = [4, 28];

/// What is to be painted.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The caption, or the instruction for an edit.
    pub text: &'a str,
    /// The image to edit.
    pub base: Option<&'a RgbImage>,
    /// Width and height; an edit has about as many pixels in its image's shape.
    pub size: Size,
    /// Steps from noise to image.
    pub steps: usize,
    /// How closely the text is followed; not used by FLUX.1-schnell.
    pub guidance: f64,
    /// Decides the noise that all begins with.
    pub seed: u64,
}

/// A loaded pipeline.
#[derive(Debug)]
pub struct Flux {
    kind: Kind,
    schedule: Schedule,
    words: [Words; 2],
    clip: Clip,
    t5: T5,
    transformer: Transformer,
    vae: Vae,
    parts: [Part; 4],
    device: Device,
}

/// How large a part is, and how it is stored.
#[derive(Debug, Clone)]
struct Part {
    name: &'static str,
    parameters: usize,
    dtype: String,
}

impl Part {
    fn of(name: &'static str, weights: &Weights) -> Self {
        Self {
            name,
            parameters: weights.handed_out(),
            dtype: weights.stored_as(),
        }
    }
}

impl Flux {
    /// Loads everything in `folder`; an error names the part that is missing or does not fit.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let kind = Kind::of(folder)?;
        files(folder)?;
        let place = |part: &str| folder.join(part);
        let (clip, clip_part) = Clip::load(&place("text_encoder"), device)?;
        let (t5, t5_part) = T5::load(&place("text_encoder_2"), device)?;
        let (vae, vae_part) = Vae::load(&place("vae"), device)?;
        let (transformer, transformer_part) = Transformer::load(&place("transformer"), device)?;
        let config = &transformer.config;
        for (what, ours, theirs) in [
            (
                "joint_attention_dim and T5's width",
                config.joint_attention_dim,
                t5.width(),
            ),
            (
                "pooled_projection_dim and CLIP's width",
                config.pooled_projection_dim,
                clip.width(),
            ),
            (
                "in_channels and four latents of the VAE",
                config.in_channels,
                4 * vae.config.latent_channels,
            ),
        ] {
            if ours != theirs {
                return Err(Error::Checkpoint {
                    path: folder.to_owned(),
                    problem: format!("{what} differ ({ours} and {theirs}); fetch all parts of one model"),
                });
            }
        }
        let tokens = TOKENS[usize::from(config.guidance_embeds)];
        Ok(Self {
            kind,
            schedule: Schedule::load(&place("scheduler"))?,
            words: [
                Words::clip(&place("tokenizer"), clip.vocabulary(), clip.longest())?,
                Words::t5(&place("tokenizer_2"), t5.vocabulary(), tokens)?,
            ],
            parts: [transformer_part, t5_part, clip_part, vae_part],
            clip,
            t5,
            transformer,
            vae,
            device: device.clone(),
        })
    }

    /// SHA-256 over the contents of all files in `folder` that an image depends on, 64 hex digits.
    pub fn revision(folder: &Path) -> Result<String> {
        hash_of(&files(folder)?)
    }

    /// What it paints from.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Steps where nobody says how many.
    pub fn usual_steps(&self) -> usize {
        STEPS[usize::from(self.transformer.config.guidance_embeds)]
    }

    /// Pixels that widths and heights are multiples of.
    pub fn unit(&self) -> usize {
        2 * self.vae.config.factor()
    }

    /// Paints; none once `gone` says, between steps, that nobody waits for it.
    pub fn paint(&self, order: &Order, gone: &dyn Fn() -> bool) -> Result<Option<RgbImage>> {
        let unit = self.unit();
        let (size, base) = match order.base {
            None => ((order.size.0 / unit * unit, order.size.1 / unit * unit), None),
            Some(image) => {
                let from = (image.width() as usize, image.height() as usize);
                let size = canvas::edited(from, order.size, unit);
                (
                    size,
                    Some(self.vae.encode(&canvas::pixels(image, size, &self.device)?)?),
                )
            }
        };
        let factor = self.vae.config.factor();
        let shape = [
            1,
            self.vae.config.latent_channels,
            size.1 / factor,
            size.0 / factor,
        ];
        let noise = canvas::noise(order.seed, shape, &self.device)?;
        let painted = self.denoise(order, &noise, base.as_ref(), gone)?;
        painted
            .map(|latents| canvas::image(&self.vae.decode(&latents)?))
            .transpose()
    }

    /// Noise `[1, C, height, width]` to latents of the same shape, beside those of an image to edit.
    fn denoise(
        &self,
        order: &Order,
        noise: &Tensor,
        base: Option<&Tensor>,
        gone: &dyn Fn() -> bool,
    ) -> Result<Option<Tensor>> {
        let [clip, t5] = &self.words;
        let pooled = self.clip.forward(&clip.ids(order.text)?)?;
        let text = self.t5.forward(&t5.ids(order.text)?)?;
        let (mut latents, grid) = canvas::pack(noise)?;
        let base = base.map(canvas::pack).transpose()?;
        let grids: Vec<_> = [grid]
            .into_iter()
            .chain(base.as_ref().map(|(_, grid)| *grid))
            .collect();
        let scene = Scene {
            angles: Angles::new(
                text.dim(1)?,
                &grids,
                self.transformer.config.axes_dims_rope,
                &self.device,
            )?,
            text,
            pooled,
            guidance: order.guidance,
        };
        let sigmas = self.schedule.sigmas(order.steps, grid.len());
        for step in sigmas.windows(2) {
            if gone() {
                return Ok(None);
            }
            let velocity =
                self.velocity(&latents, base.as_ref().map(|(tokens, _)| tokens), step[0], &scene)?;
            latents = (latents + (velocity * (step[1] - step[0]))?)?;
        }
        if gone() {
            return Ok(None);
        }
        Ok(Some(canvas::unpack(&latents, grid)?))
    }

    /// Where the packed latents are to go, seen beside those of an image to edit.
    fn velocity(&self, latents: &Tensor, base: Option<&Tensor>, sigma: f64, scene: &Scene) -> Result<Tensor> {
        let Some(base) = base else {
            return self.transformer.forward(latents, sigma, scene);
        };
        let both = Tensor::cat(&[latents, base], 1)?;
        let velocity = self.transformer.forward(&both, sigma, scene)?;
        Ok(velocity.narrow(1, 0, latents.dim(1)?)?)
    }
}

/// What a projection gives of `x[1, T, W]`, by heads: `[1, H, T, D]`.
fn by_heads(projection: &Linear, x: &Tensor, heads: usize) -> Result<Tensor> {
    Ok(ops::split_heads(&projection.forward(x)?, heads)?)
}

/// Refuses numbers of a `config.json` that make no network.
fn sizes(numbers: &[usize], layers: usize, fit: bool) -> Result<(), String> {
    if numbers.iter().all(|&number| (1..=1 << 24).contains(&number)) && layers <= 1 << 10 && fit {
        Ok(())
    } else {
        Err("its sizes make no network".to_owned())
    }
}

#[cfg(test)]
mod tests;
