//! Perceptual hashes that differ in few bits, found without comparing every two.

use std::collections::HashMap;

/// Hashes that are nearly all zeros or ones belong to flat images: they are alike, their images need not be.
const LEAST_PATTERN: u32 = 6;

/// Hashes in groups; only those of one group are compared.
#[derive(Debug)]
pub(super) struct Near {
    bits: u32,
    /// By group, band and the band's bits: two hashes that differ in at most `bits` bits have one of `bits` + 1 bands in
    /// common.
    bands: HashMap<(u64, u32, u64), Vec<u64>>,
}

impl Near {
    pub(super) fn new(bits: u32) -> Self {
        Self {
            bits: bits.min(16),
            bands: HashMap::new(),
        }
    }

    fn keys(&self, group: u64, hash: u64) -> impl Iterator<Item = (u64, u32, u64)> + use<> {
        let bands = self.bits + 1;
        (0..bands).map(move |band| {
            let (from, to) = (64 * band / bands, 64 * (band + 1) / bands);
            let mask = if to - from == 64 {
                u64::MAX
            } else {
                (1 << (to - from)) - 1
            };
            (group, band, hash >> from & mask)
        })
    }

    /// Whether a hash says anything about its image.
    pub(super) fn has_pattern(hash: i64) -> bool {
        (LEAST_PATTERN..=64 - LEAST_PATTERN).contains(&hash.count_ones())
    }

    pub(super) fn insert(&mut self, group: u64, hash: i64) {
        for key in self.keys(group, hash as u64) {
            self.bands.entry(key).or_default().push(hash as u64);
        }
    }

    pub(super) fn has(&self, group: u64, hash: i64) -> bool {
        let hash = hash as u64;
        let mut near = self
            .keys(group, hash)
            .filter_map(|key| self.bands.get(&key))
            .flatten();
        near.any(|other| (hash ^ other).count_ones() <= self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn bands_find_what_comparing_every_two_finds() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for bits in [0, 1, 3, 8, 16] {
            let mut near = Near::new(bits);
            let hashes: Vec<u64> = (0..300).map(|_| random.random()).collect();
            for hash in &hashes {
                near.insert(0, *hash as i64);
            }
            for _ in 0..600 {
                let mut hash = hashes[random.random_range(0..hashes.len())];
                for _ in 0..random.random_range(0..20) {
                    hash ^= 1 << random.random_range(0..64);
                }
                let expected = hashes.iter().any(|other| (hash ^ other).count_ones() <= bits);
                assert_eq!(near.has(0, hash as i64), expected, "{bits} bits");
                assert!(!near.has(1, hash as i64), "groups are apart");
            }
        }
    }
}
