//! How questions are put to a family of models.

use super::Question;
use std::fmt::Write;

/// Models that are asked alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Family {
    /// Task prefixes: `answer en …`, `detect …`, `caption en`.
    #[value(name = "paligemma")]
    PaliGemma,
    /// Instructions in words.
    Chat,
}

/// What chat models are told after multiple choice.
const LETTER: &str = "Answer with the option's letter from the given choices directly.";
/// What chat models are told after other questions.
const SHORT: &str = "Answer the question using a single word or phrase.";

/// A question with a short answer.
pub(super) fn short(question: &Question, family: Family) -> String {
    match family {
        Family::PaliGemma => format!("answer en {}", question.text),
        Family::Chat => format!("{}\n{SHORT}", question.text),
    }
}

/// A question to which PaliGemma was tuned without a prefix.
pub(super) fn raw(question: &Question, family: Family) -> String {
    match family {
        Family::PaliGemma => question.text.clone(),
        Family::Chat => short(question, family),
    }
}

/// The question as it is; it says itself how it wants to be answered.
pub(super) fn as_is(question: &Question, family: Family) -> String {
    match family {
        Family::PaliGemma => format!("answer en {}", question.text),
        Family::Chat => question.text.clone(),
    }
}

/// A question with lettered options.
pub(super) fn choice(question: &Question, family: Family) -> String {
    let mut text = question.text.clone();
    for (letter, option) in question.lettered() {
        let _ = write!(text, "\n{letter}. {option}");
    }
    match family {
        Family::PaliGemma => format!("answer en {text}"),
        Family::Chat => format!("{text}\n{LETTER}"),
    }
}
