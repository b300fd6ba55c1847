//! The benchmarks, one file each: how a record becomes questions, a prompt, scores, and a table.

pub mod ai2d;
pub mod chartqa;
pub mod coco_captions;
pub mod docvqa;
pub mod frozen;
pub mod gqa;
pub mod mmbench;
pub mod mme;
pub mod mmmu;
pub mod mmstar;
pub mod mmt;
pub mod okvqa;
pub mod pope;
pub mod realworldqa;
pub mod refcoco;
pub mod seed;
pub mod vqav2;

#[cfg(test)]
mod tests;

use super::prompt::Family;
use super::record::Record;
use super::report::Line;
use super::{Question, Score, Scored};

/// A question and what was said to it; an empty text where nothing was.
pub type Said<'a> = (&'a Question, &'a str);

/// What a benchmark is made of.
#[derive(Debug)]
pub struct Suite {
    /// In tables and files.
    pub name: &'static str,
    /// As people write it.
    pub title: &'static str,
    /// Names of the rules for scoring, the default first.
    pub rules: &'static [&'static str],
    /// Whether questions with the same group count as one that is right only as a whole.
    pub circular: bool,
    /// The default for chat models, where it is another.
    pub chat_rules: Option<&'static str>,
    /// The questions of a record; none where the record is no part of the benchmark.
    pub read: fn(&Record) -> Result<Vec<Question>, String>,
    /// How a question is put.
    pub prompt: fn(&Question, Family) -> String,
    /// A score for each answer, in order, by the rules of that name.
    pub score: fn(&[Said], &str) -> Vec<Score>,
    /// The benchmark's own table.
    pub report: fn(&[Scored], &str) -> Vec<Line>,
}

impl Suite {
    /// From which score on an answer is right; none where a score has no such bound.
    #[must_use]
    pub fn right_from(&self) -> Option<f64> {
        (self.name != coco_captions::SUITE.name).then_some(0.5)
    }

    /// The rules to score by: those asked for, else the family's default.
    ///
    /// # Errors
    /// Which rules there are.
    pub fn rules(&self, wanted: Option<&str>, family: Family) -> Result<&'static str, String> {
        let Some(wanted) = wanted else {
            let chat = self.chat_rules.filter(|_| family == Family::Chat);
            return Ok(chat.unwrap_or(self.rules[0]));
        };
        self.rules
            .iter()
            .find(|name| **name == wanted)
            .copied()
            .ok_or_else(|| {
                format!(
                    "{} has no rules `{wanted}`; it has: {}",
                    self.title,
                    self.rules.join(", ")
                )
            })
    }
}

/// Scores answers one by one.
fn each(said: &[Said], score: impl Fn(&Question, &str) -> Score + Sync) -> Vec<Score> {
    use rayon::prelude::*;
    said.par_iter()
        .map(|(question, text)| score(question, text))
        .collect()
}

/// The rules of that name; [`Suite::rules`] has checked it.
fn named<V: super::metric::Variant>(name: &str) -> V {
    V::named(name).unwrap_or_default()
}

/// A question's number in the data set, else the record's place.
fn id(record: &Record, names: &[&str]) -> String {
    record.text_if(names).unwrap_or_else(|| record.at.to_string())
}

/// A multiple-choice question of a table with columns `A`, `B`, …
fn lettered(record: &Record) -> Result<Question, String> {
    let options = record.lettered();
    let answer = record.text(&["answer"])?;
    let letter = answer.trim().to_owned();
    let index = letter
        .bytes()
        .next()
        .map(|byte| usize::from(byte.wrapping_sub(b'A')));
    if letter.len() != 1 || index.is_none_or(|index| index >= options.len()) {
        return Err(record.wrong(&format!(
            "`answer` is `{answer}`; expected the letter of one of the {} options in columns A, B, …",
            options.len()
        )));
    }
    Ok(Question {
        id: id(record, &["index", "id", "question_id"]),
        text: record.text(&["question"])?,
        options,
        answers: vec![letter],
        category: record.text_if(&["category"]),
        subcategory: record.text_if(&["l2-category", "l2_category", "L2-category"]),
        split: record.text_if(&["split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    })
}
