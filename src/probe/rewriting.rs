//! The rival that rewords: the source's questions in other words, about the source's images.
//!
//! In: the source's questions, and a model that rewrites or none. Out: questions that mean the same, so that the source's
//! truth holds. Without a model, by rules of wording and frames around the question.

use super::asked::{grid, kept, question};
use super::writer::Written;
use super::{Ask, Draft, Prober, Proposal, ProposalError, Strategy, Subject, Writer, parse};
use crate::model::ModelCard;

/// What a rewriter is asked; `{question}` and `{number}` are filled in.
const PROMPT: &str = "Rewrite this question about the image in other words, so that it means exactly the same and has the \
same answer. This is wording {number}; choose one that the others would miss. Reply with the question only.\n\n{question}";
/// How a question may begin, and how it may begin instead.
const WORDINGS: [(&str, &[&str]); 7] = [
    (
        "is there ",
        &["can one see ", "does the picture show ", "do you find "],
    ),
    ("how many ", &["what count of ", "tell the number: how many "]),
    (
        "what color is ",
        &["of what color is ", "which of the colors is "],
    ),
    ("what is ", &["tell what is ", "can you say what is "]),
    ("which ", &["tell which ", "can you say which "]),
    ("does ", &["would you say, does ", "tell: does "]),
    ("is ", &["would you say, is ", "tell: is "]),
];
/// What may stand around any question.
const FRAMES: [&str; 6] = [
    "please look closely: {question}",
    "in this picture, {question}",
    "i would like to know: {question}",
    "{question} give a short answer.",
    "question: {question}",
    "you see an image. {question}",
];

/// Rewords the source's questions.
pub struct Rewriting {
    writer: Option<Writer>,
    prompt: String,
    card: ModelCard,
}

impl Rewriting {
    /// By a model with its prompt, or this version's; without a model by rules.
    pub fn new(writer: Option<Writer>, prompt: Option<String>) -> Self {
        let prompt = prompt.unwrap_or_else(|| PROMPT.to_owned());
        Self {
            card: Writer::card(writer.as_ref(), "rewriting", &prompt),
            writer,
            prompt,
        }
    }
}

#[async_trait::async_trait]
impl Prober for Rewriting {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        grid(&[Strategy::Question], strategies, probes)
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let asked: Vec<String> = asks
            .iter()
            .map(|ask| {
                question(subject, ask.k).map_or_else(|_| String::new(), |known| known.question.clone())
            })
            .collect();
        let written = match &self.writer {
            Some(writer) if !subject.questions.is_empty() => {
                let prompts = asks.iter().zip(&asked).map(|(ask, question)| {
                    let numbered = self.prompt.replace("{number}", &(ask.k + 1).to_string());
                    numbered.replace("{question}", question)
                });
                writer.write(subject, &asks, prompts.collect()).await
            }
            _ => {
                let each = asks.iter().zip(&asked);
                each.map(|(ask, question)| Written::by_rule(Ok(by_rule(question, ask.seed))))
                    .collect()
            }
        };
        let each = asks.iter().zip(written);
        each.map(|(ask, written)| written.proposal(|text| draft(subject, ask, text)))
            .collect()
    }
}

fn draft(subject: &Subject, ask: &Ask, text: String) -> Result<Draft, ProposalError> {
    let known = question(subject, ask.k)?;
    if text.chars().count() > 3 * known.question.chars().count() + 100 {
        return Err(ProposalError::Unparsed(
            "the wording is much longer than the question".to_owned(),
        ));
    }
    if text == known.question {
        return Err(ProposalError::Refused(
            "the wording is the question's own".to_owned(),
        ));
    }
    if known.question.contains('?') && !text.contains('?') {
        parse::one_question(&text)?;
    }
    Ok(Draft {
        question: text,
        reworded: true,
        ..kept(known)
    })
}

/// Another beginning where there is a rule for it, else a frame; the seed chooses.
fn by_rule(question: &str, seed: u64) -> String {
    let lower = question.to_lowercase();
    let begins = WORDINGS
        .iter()
        .find(|(beginning, _)| lower.starts_with(beginning));
    let others = begins.map_or(&[][..], |(_, others)| others);
    let place = (seed % (others.len() + FRAMES.len()) as u64) as usize;
    match (begins, others.get(place)) {
        (Some((beginning, _)), Some(other)) => format!("{other}{}", &lower[beginning.len()..]),
        _ => FRAMES[place - others.len()].replace("{question}", question),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab;
    use crate::lab::generate::{Split, World};
    use crate::lab::question::questions;
    use std::collections::BTreeSet;

    #[test]
    fn a_wording_keeps_every_word_that_decides() {
        let (world, mut read) = (World::new(3), 0);
        for index in 0..40 {
            let scene = world.scene(index);
            for asked in questions(&scene, Split::HeldOut, index) {
                let wordings: BTreeSet<String> = (0..9).map(|seed| by_rule(&asked.question, seed)).collect();
                assert!(
                    wordings.len() >= 6 && !wordings.contains(&asked.question),
                    "{wordings:?}"
                );
                for wording in wordings {
                    // What follows the first words is what is asked about.
                    let rest = asked.question.splitn(4, ' ').last().unwrap();
                    assert!(wording.contains(rest), "{wording} lacks {rest}");
                    if let Ok(answer) = lab::answer(&scene, &wording) {
                        read += 1;
                        assert_eq!(answer, asked.answer, "{} became {wording}", asked.question);
                    }
                }
            }
        }
        assert!(read > 20, "{read}");
    }
}
