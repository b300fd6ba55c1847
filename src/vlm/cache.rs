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
