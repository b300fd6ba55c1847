//! The loss of a batch of rollouts, token by token:
//! −min(ρ·A, clip(ρ, 1 − low, 1 + high)·A) + β·KL − η·H, summed over all tokens and divided by their number.
//!
//! ρ is the token's probability now over that when it was drawn, A its rollout's advantage, KL the estimate
//! exp(d) − d − 1 with d = log π_start − log π (Schulman 2020), H the entropy of the token's distribution. Aggregation
//! over tokens and clipping with two bounds follow Yu et al. 2025 (DAPO).

use crate::error::Result;
use candle_core::{D, Tensor};

/// The loss's constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Terms {
    pub(crate) clip_low: f64,
    pub(crate) clip_high: f64,
    pub(crate) kl_coefficient: f64,
    pub(crate) entropy_coefficient: f64,
}

/// Sums over the tokens of a shard, for the step's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) loss: f64,
    pub(crate) entropy: f64,
    pub(crate) kl: f64,
    pub(crate) clipped_low: f64,
    pub(crate) clipped_high: f64,
}

/// Log-probabilities `[L]` of `labels[L]` under `logits[L, V]`, and the whole distributions' logarithms `[L, V]`.
pub(crate) fn log_probabilities(logits: &Tensor, labels: &Tensor) -> Result<(Tensor, Tensor)> {
    let all = candle_nn::ops::log_softmax(logits, D::Minus1)?;
    let chosen = all.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?;
    Ok((chosen, all))
}

/// The part of the loss that one shard's tokens make up: a scalar with a gradient, and its sums. `advantages` and
/// `drawn`, the log-probabilities when the tokens were drawn, are `[L]`, and so is `start`, those of the starting
/// auditor; `tokens` counts those of all shards.
pub(crate) fn loss(
    logits: &Tensor,
    labels: &Tensor,
    advantages: &Tensor,
    drawn: &Tensor,
    start: Option<&Tensor>,
    tokens: usize,
    terms: Terms,
) -> Result<(Tensor, Sums)> {
    let (now, all) = log_probabilities(logits, labels)?; // (L), (L, V)
    let ratio = (&now - drawn)?.exp()?;
    let (low, high) = (1.0 - terms.clip_low, 1.0 + terms.clip_high);
    let bounded = ratio.clamp(low, high)?;
    let gain = (&ratio * advantages)?.minimum(&(bounded * advantages)?)?;
    let mut each = gain.neg()?;
    let mut sums = Sums::default();
    if let Some(start) = start {
        let apart = (start - &now)?;
        let kl = ((apart.exp()? - &apart)? - 1.0)?;
        sums.kl = f64::from(kl.sum_all()?.to_scalar::<f32>()?);
        each = (each + (kl * terms.kl_coefficient)?)?;
    }
    // Without its gradient where nothing asks for it: the table is as large as the logits.
    let seen = if terms.entropy_coefficient > 0.0 {
        all
    } else {
        all.detach()
    };
    let entropy = (seen.exp()? * &seen)?.sum(D::Minus1)?.neg()?;
    sums.entropy = f64::from(entropy.sum_all()?.to_scalar::<f32>()?);
    if terms.entropy_coefficient > 0.0 {
        each = (each - (entropy * terms.entropy_coefficient)?)?;
    }
    for (ratio, advantage) in ratio
        .to_vec1::<f32>()?
        .into_iter()
        .zip(advantages.to_vec1::<f32>()?)
    {
        sums.clipped_low += f64::from(u8::from(f64::from(ratio) < low && advantage < 0.0));
        sums.clipped_high += f64::from(u8::from(f64::from(ratio) > high && advantage > 0.0));
    }
    let loss = (each.sum_all()? / tokens.max(1) as f64)?;
    sums.loss = f64::from(loss.to_scalar::<f32>()?);
    Ok((loss, sums))
}

#[cfg(test)]
mod tests;
