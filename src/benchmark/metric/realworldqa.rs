//! RealWorldQA: letters are extracted where the answer is a letter, other answers are equal but for case and blanks.

use super::letter::Letter;

/// Whether the answer is right.
#[must_use]
pub fn right(prediction: &str, answer: &str) -> bool {
    let answer = answer.trim();
    let letter = match answer.to_uppercase().as_bytes() {
        [letter @ b'A'..=b'D'] => Some(char::from(*letter)),
        _ => None,
    };
    match letter {
        Some(letter) => {
            let options = ['A', 'B', 'C', 'D'].map(|letter| (letter, String::new()));
            Letter::LmmsExtract.extract(prediction, &options) == Some(letter)
        }
        None => prediction.to_lowercase().trim().trim_end_matches('.') == answer.to_lowercase(),
    }
}
