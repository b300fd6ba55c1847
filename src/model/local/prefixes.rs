//! The prefixes read last: what the questions about one image have in common.

use crate::error::Result;
use crate::vlm::{Network, Prefix};
use candle_core::Tensor;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A prompt's beginning and the images in it.
pub(super) type Key = (Vec<u32>, Vec<Arc<str>>);

/// Prefixes by their content, as far as they fit into memory that is set aside for them.
#[derive(Default)]
pub(super) struct PrefixCache {
    known: HashMap<Key, Arc<Prefix>>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl PrefixCache {
    const BYTES: usize = 512 << 20;

    /// The prefix of `key`, read from its images' features if it is not known.
    pub(super) fn get(
        &mut self,
        key: Key,
        network: &Network,
        images: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Arc<Prefix>> {
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let prefix = Arc::new(Prefix::new(network, &key.0, &images()?)?);
        self.bytes += prefix.bytes();
        self.known.insert(key.clone(), prefix.clone());
        self.order.push_back(key);
        while self.bytes > Self::BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.known.remove(&oldest).map_or(0, |prefix| prefix.bytes());
        }
        Ok(prefix)
    }
}
