//! The blocks of FLUX.1's transformer: attention over text and image together, each token changed as the time and the
//! caption say (adaptive layer normalisation, Peebles and Xie 2023).

use super::places::Angles;
use super::transformer::Config;
use super::{RmsNorm, by_heads};
use crate::error::Result;
use crate::vlm::{Linear, Weights, ops};
use candle_core::{D, Tensor};

/// Of every normalisation.
const EPS: f64 = 1e-6;

/// `x[1, T, W]`, normalised, then scaled by `1 + scale[1, W]` and moved by `shift[1, W]`.
pub(super) fn modulated(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let scale = (scale.flatten_all()? + 1.0)?.contiguous()?;
    Ok(ops::layer_norm(
        x,
        &scale,
        &shift.flatten_all()?.contiguous()?,
        EPS,
    )?)
}

/// `x + gate · change`.
fn gated(x: &Tensor, gate: &Tensor, change: &Tensor) -> Result<Tensor> {
    Ok((x + change.broadcast_mul(&gate.unsqueeze(1)?)?)?)
}

/// Queries, keys and values of one kind of token.
#[derive(Debug)]
struct Projections {
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    heads: usize,
}

impl Projections {
    /// `names` of the three layers and of the two norms below `root`.
    fn new(config: &Config, weights: &Weights, root: &str, names: [&str; 5]) -> Result<Self> {
        let width = config.width();
        let [query, key, value, query_norm, key_norm] = names.map(|name| format!("{root}.{name}"));
        let linear = |name: &str| Linear::new(weights, name, width, width, true);
        let norm = |name: &str| RmsNorm::new(weights, name, config.attention_head_dim, EPS);
        Ok(Self {
            query: linear(&query)?,
            key: linear(&key)?,
            value: linear(&value)?,
            query_norm: norm(&query_norm)?,
            key_norm: norm(&key_norm)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[1, T, W]` to three of `[1, H, T, D]`.
    fn forward(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let split = |projection: &Linear| by_heads(projection, x, self.heads);
        Ok([
            self.query_norm.forward(&split(&self.query)?)?,
            self.key_norm.forward(&split(&self.key)?)?,
            split(&self.value)?,
        ])
    }
}

/// `[1, H, T, D]` each, to `[1, T, W]`.
fn attend([query, key, value]: [Tensor; 3], angles: &Angles) -> Result<Tensor> {
    let scale = 1.0 / (query.dim(D::Minus1)? as f64).sqrt();
    let (query, key) = (angles.turn(&query)?, angles.turn(&key)?);
    Ok(ops::join_heads(&ops::attention(
        &query, &key, &value, None, scale, None,
    )?)?)
}

/// What a block of two streams has for one of them.
#[derive(Debug)]
struct Stream {
    change: Linear,
    projections: Projections,
    out: Linear,
    up: Linear,
    down: Linear,
}

/// Where the parts of one stream are called what.
struct Names {
    norm: &'static str,
    projections: [&'static str; 5],
    out: &'static str,
    feed: &'static str,
}

const IMAGE: Names = Names {
    norm: "norm1",
    projections: ["to_q", "to_k", "to_v", "norm_q", "norm_k"],
    out: "to_out.0",
    feed: "ff",
};

const TEXT: Names = Names {
    norm: "norm1_context",
    projections: [
        "add_q_proj",
        "add_k_proj",
        "add_v_proj",
        "norm_added_q",
        "norm_added_k",
    ],
    out: "to_add_out",
    feed: "ff_context",
};

impl Stream {
    fn new(config: &Config, weights: &Weights, root: &str, names: &Names) -> Result<Self> {
        let width = config.width();
        let linear = |name: String, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, true)
        };
        Ok(Self {
            change: linear(format!("{}.linear", names.norm), width, 6 * width)?,
            projections: Projections::new(config, weights, &format!("{root}.attn"), names.projections)?,
            out: linear(format!("attn.{}", names.out), width, width)?,
            up: linear(format!("{}.net.0.proj", names.feed), width, 4 * width)?,
            down: linear(format!("{}.net.2", names.feed), 4 * width, width)?,
        })
    }

    /// The stream after attention saw `seen` of it, and after its feed-forward layer.
    fn finish(&self, x: &Tensor, seen: &Tensor, change: &[Tensor]) -> Result<Tensor> {
        let x = gated(x, &change[2], &self.out.forward(seen)?)?;
        let inner = self.up.forward(&modulated(&x, &change[3], &change[4])?)?;
        gated(&x, &change[5], &self.down.forward(&ops::gelu_tanh(&inner)?)?)
    }
}

/// A block in which text and image have weights of their own.
#[derive(Debug)]
pub(super) struct Double {
    text: Stream,
    image: Stream,
}

impl Double {
    pub(super) fn new(config: &Config, weights: &Weights, index: usize) -> Result<Self> {
        let root = format!("transformer_blocks.{index}");
        Ok(Self {
            text: Stream::new(config, weights, &root, &TEXT)?,
            image: Stream::new(config, weights, &root, &IMAGE)?,
        })
    }

    /// Text `[1, T, W]` and image `[1, N, W]`, about `[1, W]`, to the same.
    pub(super) fn forward(
        &self,
        text: &Tensor,
        image: &Tensor,
        about: &Tensor,
        angles: &Angles,
    ) -> Result<(Tensor, Tensor)> {
        let enter = |stream: &Stream, x: &Tensor| -> Result<(Vec<Tensor>, [Tensor; 3])> {
            let change = stream.change.forward(about)?.chunk(6, D::Minus1)?; // shift, scale, gate; the same again
            let projected = stream
                .projections
                .forward(&modulated(x, &change[0], &change[1])?)?;
            Ok((change, projected))
        };
        let (text_change, ours) = enter(&self.text, text)?;
        let (image_change, theirs) = enter(&self.image, image)?;
        let join = |index: usize| Tensor::cat(&[&ours[index], &theirs[index]], 2);
        let seen = attend([join(0)?, join(1)?, join(2)?], angles)?; // (1, T + N, W)
        let tokens = text.dim(1)?;
        let (of_text, of_image) = (seen.narrow(1, 0, tokens)?, seen.narrow(1, tokens, image.dim(1)?)?);
        Ok((
            self.text.finish(text, &of_text, &text_change)?,
            self.image.finish(image, &of_image, &image_change)?,
        ))
    }
}

/// A block in which text and image share their weights, and the feed-forward layer runs beside attention.
#[derive(Debug)]
pub(super) struct Single {
    change: Linear,
    projections: Projections,
    up: Linear,
    out: Linear,
}

impl Single {
    pub(super) fn new(config: &Config, weights: &Weights, index: usize) -> Result<Self> {
        let (root, width) = (format!("single_transformer_blocks.{index}"), config.width());
        let linear = |name: &str, inputs, outputs| {
            Linear::new(weights, &format!("{root}.{name}"), inputs, outputs, true)
        };
        Ok(Self {
            change: linear("norm.linear", width, 3 * width)?,
            projections: Projections::new(config, weights, &format!("{root}.attn"), IMAGE.projections)?,
            up: linear("proj_mlp", width, 4 * width)?,
            out: linear("proj_out", 5 * width, width)?,
        })
    }

    /// `[1, T + N, W]` to the same.
    pub(super) fn forward(&self, x: &Tensor, about: &Tensor, angles: &Angles) -> Result<Tensor> {
        let change = self.change.forward(about)?.chunk(3, D::Minus1)?; // shift, scale, gate
        let normed = modulated(x, &change[0], &change[1])?;
        let inner = ops::gelu_tanh(&self.up.forward(&normed)?)?;
        let seen = attend(self.projections.forward(&normed)?, angles)?;
        gated(
            x,
            &change[2],
            &self.out.forward(&Tensor::cat(&[seen, inner], D::Minus1)?)?,
        )
    }
}
