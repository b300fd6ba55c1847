//! Words of a text: letters and digits that stand together, in lower case.

/// Each word once, in alphabetical order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = split(text).map(str::to_lowercase).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether a word is among them.
pub(super) fn has(text: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    split(text).any(|each| each.to_lowercase() == word)
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|each: char| !each.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_case_and_no_punctuation() {
        assert_eq!(words("Is THE cat, the Cat's?"), ["cat", "is", "s", "the"]);
        assert!(has("Straße links?", "STRAßE") && has("how many", "many"));
        assert!(!has("leftmost", "left") && !has("", ""));
    }

    proptest::proptest! {
        /// What the search for slices splits off is what the predicate finds.
        #[test]
        fn every_word_is_found(text in "\\PC{0,60}") {
            for word in words(&text) {
                proptest::prop_assert!(has(&text, &word), "{word:?} in {text:?}");
            }
        }
    }
}
