//! Yes or no out of an answer: the readings of MME, POPE and VLMEvalKit.

use super::Variant;
use crate::diverge::{VqaDialect, vqa_punctuation};

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YesNo {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Neither or both.
    Other,
}

impl YesNo {
    /// The word: `yes`, `no`, `other`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Other => "other",
        }
    }

    /// A gold answer, case and blanks aside.
    #[must_use]
    pub fn gold(text: &str) -> Option<Self> {
        match text.trim().to_lowercase().as_str() {
            "yes" => Some(Self::Yes),
            "no" => Some(Self::No),
            _ => None,
        }
    }

    /// VLMEvalKit: exactly one of the two words occurs.
    #[must_use]
    pub fn by_words(answer: &str) -> Self {
        let plain = vqa_punctuation(VqaDialect::VlmEvalKit, &answer.to_lowercase());
        let has = |wanted| plain.split_whitespace().any(|word| word == wanted);
        match (has("yes"), has("no")) {
            (true, false) => Self::Yes,
            (false, true) => Self::No,
            _ => Self::Other,
        }
    }

    /// POPE's own evaluation: in the first sentence one of the words `No`, `no`, `not` is a no, everything else a yes.
    #[must_use]
    pub fn by_denial(answer: &str) -> Self {
        let sentence = answer.split('.').next().unwrap_or_default().replace(',', "");
        let denies = sentence
            .split(' ')
            .any(|word| matches!(word, "No" | "no" | "not"));
        if denies { Self::No } else { Self::Yes }
    }
}

/// Whose reading of MME's answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MmeReading {
    /// MME's calculation: among the first four characters, blanks included.
    #[default]
    Official,
    /// lmms-eval: blanks and stops go first, a single y or n counts.
    Lmms,
}

impl Variant for MmeReading {
    const ALL: &'static [(&'static str, Self)] = &[("official", Self::Official), ("lmms", Self::Lmms)];
}

impl MmeReading {
    /// What the answer says.
    #[must_use]
    pub fn read(self, answer: &str) -> YesNo {
        let lower = answer.to_lowercase();
        let text = match self {
            Self::Official => lower,
            Self::Lmms => match lower.trim().replace('.', "").as_str() {
                "y" => return YesNo::Yes,
                "n" => return YesNo::No,
                text => text.to_owned(),
            },
        };
        let start: String = text.chars().take(4).collect();
        if start.contains("yes") {
            YesNo::Yes
        } else if start.contains("no") {
            YesNo::No
        } else {
            YesNo::Other
        }
    }
}
