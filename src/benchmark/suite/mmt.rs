//! MMT-Bench (Ying et al. 2024): up to nine options; a meta-task is the mean of its subtasks.

use super::{Suite, each, lettered};
use crate::benchmark::metric::mmt;
use crate::benchmark::{Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "mmt",
    title: "MMT-Bench",
    rules: &["lmms"],
    circular: false,
    chat_rules: None,
    read: |record| Ok(vec![lettered(record)?]),
    prompt: prompt::choice,
    score: |said, _| {
        each(said, |question, text| {
            let letter = mmt::extract(
                text,
                &mmt::LETTERS[..question.options.len().min(mmt::LETTERS.len())],
            );
            Score {
                guessed: letter.is_none(),
                ..Score::letter(letter, question)
            }
        })
    },
    report: |scored, _| {
        let mut lines = report::overall(scored, "accuracy");
        lines.extend(report::means_of_subtasks(scored));
        lines
    },
};
