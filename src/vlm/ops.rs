//! The differentiable operations between the matrix products.
//!
//! In: f32 tensors (other dtypes take candle's own operations); out: tensors whose gradients candle's
//! `backward` finds. candle's own fused versions cut the gradient silently, so nothing here uses them.

use candle_core::{D, DType, Result, Tensor};

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
    let q = q.contiguous()?.reshape((batch, groups, heads / groups * queries, depth))?;
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * scale)?; // (B, Hkv, G·T, S)
    let mut scores = scores.to_dtype(DType::F32)?.reshape((batch, heads, queries, keys))?;
    if let Some(cap) = soft_cap {
        scores = ((scores / cap)?.tanh()? * cap)?;
    }
    if let Some(mask) = mask {
        scores = scores.broadcast_add(&mask.to_dtype(DType::F32)?)?;
    }
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(v.dtype())?;
    let weights = weights.reshape((batch, groups, heads / groups * queries, keys))?;
    weights.matmul(&v.contiguous()?)?.reshape((batch, heads, queries, depth))
}

/// Root-mean-square normalisation over the last dimension, in f32, times `1 + w` as in Gemma.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = x.broadcast_div(&(mean + eps)?.sqrt()?)?;
    normed.broadcast_mul(&(w.to_dtype(DType::F32)? + 1.0)?)?.to_dtype(dtype)
}

/// Layer normalisation over the last dimension, in f32.
pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    normed.broadcast_mul(&w.to_dtype(DType::F32)?)?.broadcast_add(&b.to_dtype(DType::F32)?)?.to_dtype(dtype)
}

/// GELU in its tanh form.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    x.gelu()
}

/// `gelu_tanh(gate) · up`, the heart of a Gemma feed-forward block.
pub fn geglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.gelu()? * up
}

/// Mean cross-entropy of `logits[N, V]` against `labels[N]` (any integer type); labels of -100 do not count.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let labels = labels.to_dtype(DType::I64)?;
    let wanted = labels.ge(0i64)?;
    let count = wanted.to_dtype(DType::F32)?.sum_all()?;
    let safe = wanted.where_cond(&labels, &labels.zeros_like()?)?;
    let logits = logits.to_dtype(DType::F32)?;
    let log_sum = logits.log_sum_exp(D::Minus1)?;
    let chosen = logits.gather(&safe.unsqueeze(1)?, 1)?.squeeze(1)?;
    let loss = ((log_sum - chosen)? * wanted.to_dtype(DType::F32)?)?;
    loss.sum_all()? / count
}

/// Rotary position embedding of `x[B, H, T, D]`; `cos` and `sin` are f32 `[B, 1, T, D]` or `[1, 1, T, D]`,
/// the halves repeated (as in Gemma).
pub fn rotary(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let (cos, sin) = (cos.to_dtype(x.dtype())?, sin.to_dtype(x.dtype())?);
    let turned =
        Tensor::cat(&[x.narrow(D::Minus1, half, half)?.neg()?, x.narrow(D::Minus1, 0, half)?], D::Minus1)?;
    x.broadcast_mul(&cos)? + turned.broadcast_mul(&sin)?
}

/// `x[.., I] · w[O, I]ᵀ + b[O]` as one two-dimensional product.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    let (outputs, inputs) = w.dims2()?;
    let y = x.reshape(((), inputs))?.matmul(&w.t()?)?; // reshape copies what is not contiguous
    let y = match b {
        Some(b) => y.broadcast_add(b)?,
        None => y,
    };
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    y.reshape(dims)
}

/// `[B, T, H·D]` → `[B, H, T, D]`, contiguous: what a projection gives, as attention wants it. Use this
/// rather than `transpose`, whose copies and gradients walk element by element.
pub fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    x.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous()
}

/// `[B, H, T, D]` → `[B, T, H·D]`, contiguous: the inverse of [`split_heads`].
pub fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, tokens, depth) = x.dims4()?;
    x.transpose(1, 2)?.contiguous()?.reshape((batch, tokens, heads * depth))
}

/// `x + rms_norm(y, w, eps)`: Gemma's residual step.
pub fn add_rms_norm(x: &Tensor, y: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    x + rms_norm(y, w, eps)?
}
