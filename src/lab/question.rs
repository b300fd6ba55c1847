//! Questions about a scene, with their exact answers.
//!
//! In: a scene and a seed. Out: short questions in all categories that the scene can serve, each written
//! from a template in one of several wordings; some wordings are reserved for held-out scenes. Truth is
//! read off the scene here and nowhere else, so that [`crate::lab::answer`] is a second opinion.
//!
//! Two properties keep the questions honest. *Balanced*: yes or no, and the number to count to, are drawn
//! before the question is. *Blind-proof*: the words of a question say nothing about its answer, because
//! false statements are made of the same words, equally often, as true ones.

mod color;
mod count;
mod distraction;
mod existence;
mod material;
mod name;
mod person;
mod read;
mod sign;
mod size;
mod space;
mod template;
mod tiny;
mod weather;
mod writer;

#[cfg(test)]
mod tests;

use crate::lab::generate::Split;
use crate::lab::scene::Scene;
use crate::row::Category;
use std::collections::BTreeSet;
use template::Template;
use writer::Writer;

/// A question that has one right answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabQuestion {
    /// What it asks of a model's eyes.
    pub category: Category,
    /// Which template wrote it.
    pub template: &'static str,
    /// The question, lower case.
    pub question: String,
    /// The answer: one to three words, lower case.
    pub answer: String,
    /// The options that the question names, where it is a choice between two.
    pub choices: Vec<String>,
}

/// A group of templates about one thing.
struct Family {
    /// All templates that `write` uses.
    templates: &'static [&'static Template],
    /// Asks what the scene can serve.
    write: fn(&mut Writer),
}

const FAMILIES: &[Family] = &[
    color::FAMILY,
    material::FAMILY,
    size::FAMILY,
    space::FAMILY,
    count::FAMILY,
    existence::FAMILY,
    tiny::FAMILY,
    distraction::FAMILY,
    person::ACTION,
    person::FEELING,
    person::RELATION,
    weather::FAMILY,
    read::FAMILY,
    sign::FAMILY,
];

/// At most one question a template, in every category that the scene can serve.
///
/// The same arguments give the same questions.
#[must_use]
pub fn questions(scene: &Scene, split: Split, seed: u64) -> Vec<LabQuestion> {
    let mut writer = Writer::new(scene, split, seed);
    for family in FAMILIES {
        (family.write)(&mut writer);
    }
    writer.questions()
}

/// Every word that questions and answers are made of, sorted, without numbers and the texts of boards.
#[must_use]
pub fn vocabulary() -> Vec<String> {
    let mut words: BTreeSet<String> = name::words().into_iter().collect();
    for template in FAMILIES.iter().flat_map(|family| family.templates) {
        for wording in template.train.iter().chain(template.held_out) {
            words.extend(
                wording
                    .split(|character: char| !character.is_ascii_alphabetic() && !"{}".contains(character))
                    .filter(|word| !word.is_empty() && !word.starts_with('{'))
                    .map(str::to_owned),
            );
        }
    }
    words.into_iter().collect()
}
