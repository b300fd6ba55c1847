//! RealWorldQA (xAI 2024): letters where the answer is a letter, else short answers; the question says which.

use super::{Suite, each, id};
use crate::benchmark::metric::realworldqa::right;
use crate::benchmark::{Question, Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "realworldqa",
    title: "RealWorldQA",
    rules: &["lmms"],
    circular: false,
    chat_rules: None,
    read: |record| {
        Ok(vec![Question {
            id: id(record, &["question_id", "index", "id"]),
            text: record.text(&["question"])?,
            options: record.lettered(),
            answers: vec![record.text(&["answer"])?],
            split: record.text_if(&["split"]),
            pictures: record.pictures(&["image"])?,
            ..Question::default()
        }])
    },
    prompt: |question, family| {
        let put = if question.options.is_empty() {
            prompt::as_is
        } else {
            prompt::choice
        };
        put(question, family)
    },
    score: |said, _| {
        each(said, |question, text| {
            Score::right(right(text, &question.answers[0]), text)
        })
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};
