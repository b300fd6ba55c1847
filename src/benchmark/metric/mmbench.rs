//! MMBench's circular evaluation: a question counts only if it is answered right under every rotation of its options.
//!
//! Rotations of a question have indices that are equal modulo a million.

use std::collections::BTreeMap;

/// Rotations are this far apart.
const ROTATION: u64 = 1_000_000;

/// The question that an index is a rotation of.
#[must_use]
pub const fn question(index: u64) -> u64 {
    index % ROTATION
}

/// For every question, by index, whether all of its rotations are right.
#[must_use]
pub fn circular(answers: impl IntoIterator<Item = (u64, bool)>) -> BTreeMap<u64, bool> {
    let mut questions = BTreeMap::new();
    for (index, right) in answers {
        *questions.entry(question(index)).or_insert(true) &= right;
    }
    questions
}
