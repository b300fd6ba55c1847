//! Scenes without end: a pure function of seed, split, difficulty and index.
//!
//! A scene mixes one or two things with inner structure (person, clock, flag, board, sign) with shapes,
//! so that every category of question has material in at least a quarter of the scenes.

mod cast;
mod place;

pub(super) use place::arrange;

pub use super::holdout::Split;
use super::holdout::held_out;
use super::scene::{Scene, Weather};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// Words on boards.
pub const WORDS: &[&str] = &[
    "bank", "bar", "bus", "cafe", "exit", "gym", "hot", "ice", "milk", "open", "push", "sale", "taxi", "tea",
    "wifi", "zoo",
];

/// The hardest difficulty.
pub const MAX_DIFFICULTY: u8 = 3;

/// A world of scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// Where the draws begin.
    pub seed: u64,
    /// 0 to [`MAX_DIFFICULTY`]: more things, smaller ones, and from 2 on overlap and clutter.
    pub difficulty: u8,
    /// Which combinations of attributes there are.
    pub split: Split,
}

impl World {
    /// The world of a seed at the usual difficulty, as seen in training.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            difficulty: 1,
            split: Split::Train,
        }
    }

    /// The scene with this index.
    #[must_use]
    pub fn scene(&self, index: u64) -> Scene {
        let mut rng = self.rng(index);
        let count = rng.random_range(self.counts());
        let weather = pick(Weather::ALL, &mut rng);
        loop {
            let cast = cast::cast(count, self.difficulty, &mut rng);
            if !self.shows(cast.objects.iter().map(held_out)) {
                continue;
            }
            let objects = place::place(cast, self.difficulty, &mut rng);
            // Placing may drop the one that was held out.
            if self.shows(objects.iter().map(held_out)) {
                return Scene { weather, objects };
            }
        }
    }

    fn shows(&self, mut held_out: impl Iterator<Item = bool>) -> bool {
        held_out.any(|held| held) == (self.split == Split::HeldOut)
    }

    const fn counts(&self) -> std::ops::RangeInclusive<usize> {
        match self.difficulty {
            0 => 2..=3,
            1 => 3..=5,
            2 => 4..=7,
            _ => 6..=10,
        }
    }

    fn rng(&self, index: u64) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&index.to_le_bytes());
        seed[16] = self.difficulty;
        seed[17] = u8::from(self.split == Split::HeldOut);
        ChaCha8Rng::from_seed(seed)
    }
}

/// One of a closed set.
pub(super) fn pick<T: Copy>(all: &[T], rng: &mut impl Rng) -> T {
    *all.choose(rng).expect("closed sets are not empty")
}

#[cfg(test)]
mod tests;
