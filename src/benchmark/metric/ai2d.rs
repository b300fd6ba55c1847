//! AI2D: the option's text, or its letter.

use super::gqa::unpunctuated;

/// Whether the answer is the option's text, to the letter (PaliGemma's evaluation).
#[must_use]
pub fn right_text(prediction: &str, answer: &str) -> bool {
    prediction == answer
}

/// What lmms-eval compares with the letter: the letter of an answer that begins `A.`, else all of it.
#[must_use]
pub fn extract(prediction: &str) -> &str {
    let start = prediction.trim_start();
    match start.as_bytes() {
        [b'A'..=b'Z', b'.', ..] => &start[..1],
        _ => prediction,
    }
}

/// Whether the answer names the letter, case and punctuation aside (lmms-eval).
#[must_use]
pub fn right_letter(prediction: &str, letter: &str) -> bool {
    unpunctuated(extract(prediction)) == unpunctuated(letter)
}
