//! The same operations from candle's own: for other devices and dtypes, and what the fused ones are tested
//! against.

use candle_core::{D, DType, Result, Tensor};

pub(super) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    scale: f64,
    soft_cap: Option<f64>,
) -> Result<Tensor> {
    let (batch, heads, queries, depth) = q.dims4()?;
    let (_, groups, keys, _) = k.dims4()?;
    let q = q
        .contiguous()?
        .reshape((batch, groups, heads / groups * queries, depth))?;
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * scale)?; // (B, Hkv, G·T, S)
    let mut scores = scores
        .to_dtype(DType::F32)?
        .reshape((batch, heads, queries, keys))?;
    if let Some(cap) = soft_cap {
        scores = ((scores / cap)?.tanh()? * cap)?;
    }
    if let Some(mask) = mask {
        scores = scores.broadcast_add(&mask.to_dtype(DType::F32)?)?;
    }
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(v.dtype())?;
    let weights = weights.reshape((batch, groups, heads / groups * queries, keys))?;
    weights
        .matmul(&v.contiguous()?)?
        .reshape((batch, heads, queries, depth))
}

pub(super) fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = x.broadcast_div(&(mean + eps)?.sqrt()?)?;
    normed
        .broadcast_mul(&(w.to_dtype(DType::F32)? + 1.0)?)?
        .to_dtype(dtype)
}

pub(super) fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normed = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    normed
        .broadcast_mul(&w.to_dtype(DType::F32)?)?
        .broadcast_add(&b.to_dtype(DType::F32)?)?
        .to_dtype(dtype)
}

pub(super) fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    x.gelu()
}

pub(super) fn geglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.gelu()? * up
}

pub(super) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
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

pub(super) fn rotary(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let (cos, sin) = (cos.to_dtype(x.dtype())?, sin.to_dtype(x.dtype())?);
    let turned = Tensor::cat(
        &[
            x.narrow(D::Minus1, half, half)?.neg()?,
            x.narrow(D::Minus1, 0, half)?,
        ],
        D::Minus1,
    )?;
    x.broadcast_mul(&cos)? + turned.broadcast_mul(&sin)?
}

pub(super) fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
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

pub(super) fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = x.dims3()?;
    x.reshape((batch, tokens, heads, width / heads))?
        .transpose(1, 2)?
        .contiguous()
}

pub(super) fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, tokens, depth) = x.dims4()?;
    x.transpose(1, 2)?
        .contiguous()?
        .reshape((batch, tokens, heads * depth))
}
