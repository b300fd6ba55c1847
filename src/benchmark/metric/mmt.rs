//! MMT-Bench: the letter of up to nine options, as lmms-eval reads it.
//!
//! `I` is a pronoun too: of several standing letters the last wins. Where the evaluator guesses at random, there is no
//! letter here, and the question counts as wrong.

/// Letters of the options.
pub const LETTERS: [char; 9] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I'];

/// The letter, or none where the evaluator would guess.
#[must_use]
pub fn extract(prediction: &str, letters: &[char]) -> Option<char> {
    let text = format!(" {} ", stripped(prediction.trim()));
    let forms: [fn(char) -> String; 3] = [|l| format!("({l})"), |l| format!(" {l} "), |l| format!("{l}.")];
    let named = forms.iter().find_map(|form| {
        let named: Vec<char> = letters
            .iter()
            .copied()
            .filter(|l| text.contains(&form(*l)))
            .collect();
        (!named.is_empty()).then_some(named)
    })?;
    // Also letters in brackets are compared by where they stand alone.
    last(&named, |letter| text.rfind(&format!(" {letter} ")))
}

/// The text without the marks that the evaluators strip from both ends, one kind after the other.
pub(super) fn stripped(text: &str) -> &str {
    [',', '.', '!', '?', ';', ':', '\'']
        .into_iter()
        .fold(text, |text, mark| text.trim_matches(mark))
}

/// The letter that occurs last; the first of those that do not occur, if none does.
pub(super) fn last(letters: &[char], place: impl Fn(char) -> Option<usize>) -> Option<char> {
    letters
        .iter()
        .map(|letter| (place(*letter), *letter))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, letter)| letter)
}
