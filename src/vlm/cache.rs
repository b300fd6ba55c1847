//! Keys and values of the tokens so far, in memory that is taken once.

use crate::error::Result;
use crate::vlm::config::TextConfig;
use candle_core::{DType, Device, Tensor};

/// One buffer `[B, Hkv, capacity, D]` each for the keys and values of every layer.
#[derive(Debug)]
pub struct Cache {
    layers: Vec<(Tensor, Tensor)>,
    length: usize,
}

impl Cache {
    /// Room for `capacity` tokens in each of `batch` rows.
    pub fn new(config: &TextConfig, batch: usize, capacity: usize, device: &Device) -> Result<Self> {
        let shape = (batch, config.num_key_value_heads, capacity, config.head_dim);
        let buffer = || Tensor::zeros(shape, DType::F32, device);
        let layers = (0..config.num_hidden_layers)
            .map(|_| Ok((buffer()?, buffer()?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers, length: 0 })
    }

    /// Room for `capacity` tokens in each row, the first of which are remembered already: as many rows as `before`,
    /// each of them one row of the same length.
    pub(crate) fn after(before: &[&Self], capacity: usize) -> Result<Self> {
        let length = before.first().map_or(0, |first| first.length);
        if before.iter().any(|each| each.length != length) {
            return Err(candle_core::Error::msg("prefixes of different lengths in one batch").into());
        }
        let rows = |pick: &dyn Fn(&Self) -> Tensor| -> Result<Tensor> {
            let parts: Vec<Tensor> = before.iter().map(|each| pick(each)).collect();
            let known = Tensor::cat(&parts, 0)?.narrow(2, 0, length)?.contiguous()?; // (B, Hkv, S, D)
            let (batch, heads, _, depth) = known.dims4()?;
            let buffer = Tensor::zeros((batch, heads, capacity, depth), known.dtype(), known.device())?;
            buffer.slice_set(&known, 2, 0)?;
            Ok(buffer)
        };
        let layers = (0..before.first().map_or(0, |first| first.layers.len()))
            .map(|layer| {
                Ok((
                    rows(&|each| each.layers[layer].0.clone())?,
                    rows(&|each| each.layers[layer].1.clone())?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers, length })
    }

    /// Memory of all buffers.
    pub(crate) fn bytes(&self) -> usize {
        let elements = |(key, value): &(Tensor, Tensor)| key.elem_count() + value.elem_count();
        self.layers.iter().map(elements).sum::<usize>() * size_of::<f32>()
    }

    /// Writes one layer's new keys and values behind the old ones, and gives all of them.
    pub(crate) fn extend(&mut self, layer: usize, key: &Tensor, value: &Tensor) -> Result<(Tensor, Tensor)> {
        let (keys, values) = &self.layers[layer];
        keys.slice_set(&key.contiguous()?, 2, self.length)?;
        values.slice_set(&value.contiguous()?, 2, self.length)?;
        let length = self.length + key.dim(2)?;
        Ok((keys.narrow(2, 0, length)?, values.narrow(2, 0, length)?))
    }

    /// After the last layer: the new tokens are old ones now.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }
}
