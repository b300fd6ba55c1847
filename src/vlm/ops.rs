//! The differentiable operations between the matrix products.
//!
//! In: tensors; out: tensors whose gradients candle's `backward` finds. f32 on the CPU takes fused, parallel,
//! vectorised kernels with a backward of their own (candle's fused ones cut the gradient silently); other
//! devices and dtypes take the same formulas from candle's elementary operations.

mod activation;
mod attention;
mod heads;
mod linear;
mod loss;
mod norm;
mod plain;
mod product;
mod simd;
mod tensors;

use candle_core::{D, DType, Result, Tensor};
use tensors::fused;

/// Scaled dot-product attention with grouped queries.
///
/// `q` is `[B, Hq, T, D]`, `k` and `v` are `[B, Hkv, S, D]` with `Hq` a multiple of `Hkv`; `mask` is added to
/// the scores, `[B, 1, T, S]` or `[1, 1, T, S]`, with a finite minimum; `soft_cap` bounds the scores before
/// the mask. Gives `[B, Hq, T, D]`. The softmax runs in f32.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    scale: f64,
    soft_cap: Option<f64>,
) -> Result<Tensor> {
    let (batch, heads, queries, depth) = q.dims4()?;
    let (_, groups, keys, _) = k.dims4()?;
    let agree = k.dims() == [batch, groups, keys, depth] && v.dims() == k.dims() && heads % groups == 0;
    let masked = mask.is_none_or(|mask| {
        [[batch, 1, queries, keys], [1, 1, queries, keys]]
            .iter()
            .any(|dims| mask.dims() == dims)
    });
    if !agree || !masked {
        candle_core::bail!("attention of {:?} to {:?}, {:?}", q.shape(), k.shape(), v.shape());
    }
    if !fused(&[q, k, v]) {
        return plain::attention(q, k, v, mask, scale, soft_cap);
    }
    let mask = mask
        .map(|mask| mask.detach().to_dtype(DType::F32)?.contiguous())
        .transpose()?;
    let operation = attention::Attention {
        mask,
        scale: scale as f32,
        soft_cap: soft_cap.map(|cap| cap as f32),
    };
    // A cache with room is read where it lies: copying it for every token would cost as much as a quarter of the weights.
    let grouped = |x: &Tensor| {
        if attention::is_grouped(x.layout()) {
            Ok(x.clone())
        } else {
            x.contiguous()
        }
    };
    q.contiguous()?.apply_op3(&grouped(k)?, &grouped(v)?, operation)
}

/// Root-mean-square normalisation over the last dimension, in f32, times `1 + w` as in Gemma.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    if !fused(&[x, w]) {
        return plain::rms_norm(x, w, eps);
    }
    x.contiguous()?.apply_op2(w, norm::RmsNorm { eps: eps as f32 })
}

/// Layer normalisation over the last dimension, in f32.
pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    if !fused(&[x, w, b]) {
        return plain::layer_norm(x, w, b, eps);
    }
    x.contiguous()?
        .apply_op3(w, b, norm::LayerNorm { eps: eps as f32 })
}

/// GELU in its tanh form.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    if !fused(&[x]) {
        return plain::gelu_tanh(x);
    }
    x.contiguous()?.apply_op1(activation::Gelu)
}

/// `gelu_tanh(gate) · up`, the heart of a Gemma feed-forward block.
pub fn geglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if !fused(&[gate, up]) {
        return plain::geglu(gate, up);
    }
    gate.contiguous()?.apply_op2(&up.contiguous()?, activation::GeGlu)
}

/// Mean cross-entropy of `logits[N, V]` against `labels[N]` (any integer type); negative labels (-100 by
/// custom) do not count.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    if !fused(&[logits]) {
        return plain::cross_entropy(logits, labels);
    }
    let labels = labels.to_dtype(DType::I64)?.to_vec1()?;
    logits.contiguous()?.apply_op1(loss::CrossEntropy { labels })
}

/// Rotary position embedding of `x[B, H, T, D]`; `cos` and `sin` are f32 `[B, 1, T, D]` or `[1, 1, T, D]`,
/// the halves repeated (as in Gemma).
pub fn rotary(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    if !fused(&[x, cos, sin]) {
        return plain::rotary(x, cos, sin);
    }
    let (batch, _, tokens, depth) = x.dims4()?;
    if cos.dims() != [batch, 1, tokens, depth] && cos.dims() != [1, 1, tokens, depth]
        || sin.dims() != cos.dims()
    {
        candle_core::bail!("rotary angles {:?} for {:?}", cos.shape(), x.shape());
    }
    let operation = heads::Rotary {
        cos: cos.detach().contiguous()?,
        sin: sin.detach().contiguous()?,
    };
    x.contiguous()?.apply_op1(operation)
}

/// `x[.., I] · w[O, I]ᵀ + b[O]`; frozen weights get no gradient.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let inputs = w.dims2()?.1;
    if x.dim(D::Minus1)? != inputs {
        candle_core::bail!("linear of {:?} with {:?}", x.shape(), w.shape());
    }
    match b {
        _ if !fused(&[x, w]) => plain::linear(x, w, b),
        Some(b) => x
            .contiguous()?
            .apply_op3(&w.contiguous()?, b, linear::LinearWithBias),
        None => x.contiguous()?.apply_op2(&w.contiguous()?, linear::Linear),
    }
}

/// `[B, T, H·D]` → `[B, H, T, D]`, contiguous: what a projection gives, as attention wants it. Use this
/// rather than `transpose`, whose copies and gradients walk element by element.
pub fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    if !fused(&[x]) {
        return plain::split_heads(x, heads);
    }
    let depth = width / heads;
    let shape = (batch, heads, tokens, depth).into();
    x.contiguous()?.apply_op1(heads::SwapRows {
        shape,
        rows: tokens,
        columns: heads,
        depth,
    })
}

/// `[B, H, T, D]` → `[B, T, H·D]`, contiguous: the inverse of [`split_heads`].
pub fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, tokens, depth) = x.dims4()?;
    if !fused(&[x]) {
        return plain::join_heads(x);
    }
    let shape = (batch, tokens, heads * depth).into();
    x.contiguous()?.apply_op1(heads::SwapRows {
        shape,
        rows: heads,
        columns: tokens,
        depth,
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod torch;
