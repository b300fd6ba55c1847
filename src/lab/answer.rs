//! The truth about a question that nobody wrote as a template.
//!
//! In: a scene and any text. Out: the answer, or in words why there is none. The text is cut into tokens
//! ([`token`]), parsed by a grammar of noun phrases, predicates and sentences ([`grammar`], [`phrase`],
//! [`predicate`], [`sentence`]) into a [`query::Query`], and that is evaluated on the scene
//! ([`evaluate`], [`reply`]). Every reading of an ambiguous sentence is evaluated; they must agree.
//!
//! Left out: pronouns, quantifiers beyond "all" and "any", and questions about why.

mod classify;
mod evaluate;
mod grammar;
mod phrase;
mod predicate;
mod query;
mod reply;
mod sentence;
mod token;

#[cfg(test)]
mod tests;

use crate::lab::scene::Scene;
use crate::row::Category;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The text is not a question of this language.
    #[error("not understood: {0}")]
    Nonsense(String),
    /// The question takes for granted what is not there.
    #[error("not there: {0}")]
    Absent(String),
    /// The question has more than one answer.
    #[error("ambiguous: {0}")]
    Ambiguous(String),
}

/// The true answer to a question: one to three words, lower case.
pub fn answer(scene: &Scene, question: &str) -> Result<String, Unanswerable> {
    let tokens = token::tokens(question)?;
    let mut answers: Vec<String> = vec![];
    let mut refusal = None;
    for reading in sentence::readings(&tokens)? {
        match reply::reply(scene, &reading) {
            Ok(answer) if answers.contains(&answer) => {}
            Ok(answer) => answers.push(answer),
            Err(reason) => refusal = refusal.or(Some(reason)),
        }
    }
    match (answers.len(), refusal) {
        (1, _) => Ok(answers.swap_remove(0)),
        (0, Some(reason)) => Err(reason),
        _ => Err(Unanswerable::Ambiguous(format!(
            "the question can be read as {}",
            answers.join(" or as ")
        ))),
    }
}

/// What a question asks of a model's eyes, judged by its words alone.
#[must_use]
pub fn category(question: &str) -> Option<Category> {
    let tokens = token::tokens(question).ok()?;
    sentence::readings(&tokens)
        .ok()?
        .iter()
        .find_map(classify::classify)
}
