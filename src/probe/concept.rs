//! The rival that perturbs concepts: one concept of a thing that the question names is exchanged in the image, and the
//! question stays.
//!
//! In: the source's questions. Out: edit instructions. Of "the red star" what the question does not tell it by changes
//! ("make the red star large"), so that the question still means something; of "a red star" what it is asked for ("make the
//! red star blue", "replace the red star with a fish"). A closed list says which words are concepts of one kind. Left out:
//! things that the question does not name.

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
    &[
        "plain",
        "striped",
        "dotted",
        "checkered",
        "wooden",
        "brick",
        "metal",
    ],
];
/// What the sky can be, and words that ask for it.
const WEATHERS: [&str; 4] = ["sunny", "cloudy", "rainy", "snowy"];
const SKY: [&str; 4] = ["weather", "sky", "day", "night"];
/// Things, each exchanged for another of its row.
const THINGS: [&[&str]; 7] = [
    &[
        "circle", "square", "triangle", "star", "heart", "cross", "tree", "house", "cup", "fish",
    ],
    &["clock", "flag", "board", "sign"],
    &["person", "man", "woman", "child"],
    &["dog", "cat", "horse", "cow", "sheep", "bird"],
    &["car", "bus", "truck", "bicycle", "motorcycle"],
    &["apple", "banana", "pizza", "cake", "sandwich"],
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
        let drafts = asks.iter().map(|ask| draft(subject, ask));
        drafts.map(Proposal::unasked).collect()
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
    let Some(&at) = things.choose(rng) else {
        let asks = words
            .iter()
            .any(|word| SKY.contains(word) || WEATHERS.contains(word));
        let others: Vec<&str> = WEATHERS
            .into_iter()
            .filter(|each| !words.contains(each))
            .collect();
        return Some(format!("make it {}", others.choose(rng).filter(|_| asks)?));
    };
    let first = (0..at)
        .rev()
        .take_while(|&before| row(&ADJECTIVES, words[before]).is_some())
        .last()
        .unwrap_or(at);
    let phrase = words[first..=at].join(" ");
    let mut another = |row: &'static [&'static str], word: &str| {
        let others: Vec<&str> = row.iter().copied().filter(|each| *each != word).collect();
        others.choose(rng).copied()
    };
    if first > 0 && words[first - 1] == "the" {
        let told = |row: &[&str]| words[first..at].iter().any(|word| row.contains(word));
        let untold = ADJECTIVES.iter().find(|row| !told(row))?;
        return Some(format!("make the {phrase} {}", another(untold, "")?));
    }
    // The adjective that stands first, if there is one, else the thing.
    if first < at {
        let word = words[first];
        let other = another(row(&ADJECTIVES, word)?, word)?;
        return Some(format!("make the {phrase} {other}"));
    }
    let thing = another(row(&THINGS, words[at])?, words[at])?;
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
        let of_star = said("Is the red star left of it?");
        let sizes = ["tiny", "small", "medium", "large"].map(|size| format!("make the red star {size}"));
        assert_eq!(of_star, BTreeSet::from(sizes), "it stays the red star");
        let a_star = said("Is there a red star?");
        assert!(
            a_star.contains("make the red star blue") && a_star.len() == 7,
            "{a_star:?}"
        );
        assert!(said("Is there a star?").contains("replace the star with a fish"));
        assert_eq!(said("Can you see a dog?").len(), 5);
        assert!(said("Is it rainy?").contains("make it snowy") && said("Is it rainy?").len() == 3);
        assert!(said("Who wrote it?").is_empty());
    }

    #[test]
    fn the_labs_painter_carries_most_of_them_out_and_the_question_still_has_an_answer() {
        let (world, mut written, mut drawn, mut answered) = (World::new(4), 0, 0, 0);
        for index in 0..60 {
            let scene = world.scene(index);
            for asked in questions(&scene, Split::HeldOut, index) {
                let Some(instruction) = exchange(&asked.question, &mut ChaCha8Rng::seed_from_u64(index))
                else {
                    continue;
                };
                written += 1;
                let edited = lab::paint::edit(&scene, &instruction, index);
                // What is there already, like a purple heart, stays.
                if let Some(edited) = edited.ok().filter(|edited| *edited != scene) {
                    drawn += 1;
                    answered += usize::from(lab::answer(&edited, &asked.question).is_ok());
                }
            }
        }
        let counted = format!("{answered} of {drawn} of {written}");
        assert!(
            written > 300 && drawn * 2 > written && answered * 2 > drawn,
            "{counted}"
        );
    }
}
