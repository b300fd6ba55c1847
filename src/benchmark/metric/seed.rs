//! SEED-Bench: the first character of the answer is its letter (lmms-eval).
//!
//! Left out: the official way, the option of lowest loss, which needs the model's likelihoods.

/// The first character, blanks aside; a word that begins with an `A` is an `A` too.
#[must_use]
pub fn extract(prediction: &str) -> Option<char> {
    prediction.trim_start().chars().next()
}
