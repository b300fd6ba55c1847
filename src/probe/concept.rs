//! The rival that perturbs concepts: one concept that the question names is exchanged in the image, and the question stays.
//!
//! In: the source's questions. Out: edit instructions such as "make the red star blue" or "replace the dog with a cat". A
//! closed list says which words are concepts of one kind. Left out: concepts that the question does not name.

use super::asked::{grid, kept, question};
use super::{Ask, Draft, Prober, Proposal, ProposalError, Strategy, Subject};
use crate::model::ModelCard;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words that stand before a thing, each exchanged for another of its row.
const ADJECTIVES: [&[&str]; 3] = [
    &[
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "black",
    ],
    &["tiny", "small", "medium", "large"],
    &["plain", "striped", "dotted", "checkered"],
];
/// Things, each exchanged for another of its row.
const THINGS: [&[&str]; 6] = [
    &[
        "circle", "square", "triangle", "star", "heart", "cross", "tree", "house", "cup", "fish",
    ],
    &["clock", "flag", "board", "sign"],
    &["dog", "cat", "horse", "cow", "sheep", "bird"],
    &["car", "bus", "truck", "bicycle", "motorcycle"],
    &["apple", "banana", "orange", "pizza", "cake"],
    &["bottle", "glass", "bowl", "plate", "vase"],
];

/// Exchanges concepts.
pub struct Concept {
    card: ModelCard,
}

impl Default for Concept {
    fn default() -> Self {
        Self {
            card: ModelCard::new("concept", "concept", "1", "", "", ""),
        }
    }
}

#[async_trait::async_trait]
impl Prober for Concept {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        grid(&[Strategy::Edit], strategies, probes)
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let propose = |ask: Ask| Proposal {
            raw_output: None,
            outcome: draft(subject, &ask),
            attempts: Vec::new(),
            rollout: None,
        };
        asks.into_iter().map(propose).collect()
    }
}

fn draft(subject: &Subject, ask: &Ask) -> Result<Draft, ProposalError> {
    let known = question(subject, ask.k)?;
    let mut rng = ChaCha8Rng::seed_from_u64(ask.seed);
    let instruction = exchange(&known.question, &mut rng).ok_or_else(|| {
        ProposalError::Refused("the question names no thing that could be exchanged".to_owned())
    })?;
    Ok(Draft {
        instruction: Some(instruction),
        expected_answer: None,
        ..kept(known)
    })
}

fn row(rows: &[&'static [&'static str]], word: &str) -> Option<&'static [&'static str]> {
    rows.iter().find(|row| row.contains(&word)).copied()
}

/// An instruction that exchanges one concept of one thing that the question names.
fn exchange(question: &str, rng: &mut impl Rng) -> Option<String> {
    let lower = question.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let things: Vec<usize> = (0..words.len())
        .filter(|&at| row(&THINGS, words[at]).is_some())
        .collect();
    let at = *things.choose(rng)?;
    let first = (0..at)
        .rev()
        .take_while(|&before| row(&ADJECTIVES, words[before]).is_some())
        .last();
    let first = first.unwrap_or(at);
    let phrase = words[first..=at].join(" ");
    let place = rng.random_range(first..=at);
    let other = |rows: &[&'static [&'static str]], rng: &mut _| -> Option<&'static str> {
        let others: Vec<&str> = row(rows, words[place])?
            .iter()
            .copied()
            .filter(|each| *each != words[place])
            .collect();
        others.choose(rng).copied()
    };
    if place < at {
        return Some(format!("make the {phrase} {}", other(&ADJECTIVES, rng)?));
    }
    let thing = other(&THINGS, rng)?;
    let article = if thing.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    Some(format!("replace the {phrase} with {article} {thing}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab;
    use crate::lab::generate::{Split, World};
    use crate::lab::question::questions;
    use std::collections::BTreeSet;

    #[test]
    fn one_concept_is_exchanged_for_another_of_its_kind() {
        let said = |question: &str| -> BTreeSet<String> {
            let seeds = (0..200).map(ChaCha8Rng::seed_from_u64);
            seeds.filter_map(|mut rng| exchange(question, &mut rng)).collect()
        };
        let of_star = said("Is the large red star left of it?");
        assert!(of_star.contains("make the large red star blue"), "{of_star:?}");
        assert!(of_star.contains("make the large red star tiny"));
        assert!(of_star.contains("replace the large red star with a fish"));
        assert_eq!(of_star.len(), 7 + 3 + 9);
        assert_eq!(said("What does the dog eat?").len(), 5);
        assert!(said("Is it raining?").is_empty());
    }

    #[test]
    fn the_labs_painter_carries_most_of_them_out() {
        let (world, mut written, mut drawn) = (World::new(4), 0, 0);
        for index in 0..60 {
            let scene = world.scene(index);
            for asked in questions(&scene, Split::HeldOut, index) {
                let Some(instruction) = exchange(&asked.question, &mut ChaCha8Rng::seed_from_u64(index))
                else {
                    continue;
                };
                written += 1;
                if let Ok(edited) = lab::paint::edit(&scene, &instruction, index) {
                    assert_ne!(edited, scene, "{instruction}");
                    drawn += 1;
                }
            }
        }
        assert!(written > 300 && drawn * 2 > written, "{drawn} of {written}");
    }
}
