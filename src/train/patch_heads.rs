//! Heads that make every patch's vision output name what lies there; thrown away after training.
//!
//! The scene graph knows it for free, and it is what makes a small model learn quickly: answers alone tell
//! the image tower very little.

use crate::error::Result;
use crate::vlm::{Initial, Weights, ops};
use candle_core::Tensor;

/// Prefix of these parameters' names.
pub(super) const ROOT: &str = "patch_heads";

/// How much a head counts: what a thing is has the most classes, is the hardest to see across the borders of
/// patches, and is what most questions refer to.
pub(super) fn weight(name: &str) -> f64 {
    if name == "kind" { 4.0 } else { 1.0 }
}

/// One linear classifier an attribute.
pub(super) struct PatchHeads {
    heads: Vec<Head>,
}

struct Head {
    weight: Tensor, // (classes, W)
    bias: Tensor,   // (classes)
    share: f64,
}

impl PatchHeads {
    /// One head for each (name, classes).
    pub(super) fn new(heads: &[(&str, usize)], width: usize, weights: &Weights) -> Result<Self> {
        let spread = Initial::Normal(1.0 / (width as f64).sqrt());
        let all: f64 = heads.iter().map(|(name, _)| weight(name)).sum();
        let head = |&(name, classes): &(&str, usize)| -> Result<Head> {
            Ok(Head {
                weight: weights.get(&format!("{ROOT}.{name}.weight"), &[classes, width], spread)?,
                bias: weights.get(&format!("{ROOT}.{name}.bias"), &[classes], Initial::Constant(0.0))?,
                share: weight(name) / all,
            })
        };
        Ok(Self {
            heads: heads.iter().map(head).collect::<Result<_>>()?,
        })
    }

    /// Weighted mean cross-entropy over heads; `seen` is `[N, P, W]`, `labels` one vector of N·P classes a head,
    /// negative where a patch has nothing to say.
    pub(super) fn loss(&self, seen: &Tensor, labels: &[Vec<i64>]) -> Result<Tensor> {
        let patches = seen.flatten(0, 1)?; // (N·P, W)
        let mut total = Tensor::new(0f32, seen.device())?;
        for (head, labels) in self.heads.iter().zip(labels) {
            let logits = ops::linear(&patches, &head.weight, Some(&head.bias))?;
            let labels = Tensor::from_slice(labels, labels.len(), seen.device())?;
            total = (total + (ops::cross_entropy(&logits, &labels)? * head.share)?)?;
        }
        Ok(total)
    }
}
