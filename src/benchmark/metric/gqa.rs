//! GQA: exact match with the one answer.

use super::Variant;

/// Whose idea of exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gqa {
    /// GQA's own evaluation: the strings are equal.
    #[default]
    Official,
    /// lmms-eval: lower case, ASCII punctuation deleted; blanks count.
    Lmms,
    /// VLMEvalKit: lower case, blanks around it left out.
    VlmEvalKit,
    /// LLaVA's conversion before the official comparison: lower case without stops at the end.
    Llava,
}

impl Variant for Gqa {
    const ALL: &'static [(&'static str, Self)] = &[
        ("official", Self::Official),
        ("lmms", Self::Lmms),
        ("vlmevalkit", Self::VlmEvalKit),
        ("llava_convert", Self::Llava),
    ];
}

impl Gqa {
    /// Whether the answer is right.
    #[must_use]
    pub fn right(self, prediction: &str, answer: &str) -> bool {
        match self {
            Self::Official => prediction == answer,
            Self::Lmms => unpunctuated(prediction) == unpunctuated(answer),
            Self::VlmEvalKit => prediction.trim().to_lowercase() == answer.trim().to_lowercase(),
            Self::Llava => prediction.trim_end_matches('.').to_lowercase() == answer,
        }
    }
}

/// Lower case without ASCII punctuation.
pub(super) fn unpunctuated(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| !c.is_ascii_punctuation())
        .collect()
}
