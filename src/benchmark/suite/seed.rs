//! SEED-Bench, images (Li et al. 2023): nine kinds of questions with four options.

use super::{Suite, each, id};
use crate::benchmark::metric::seed;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "seed",
    title: "SEED-Bench (images)",
    rules: &["lmms"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::choice,
    score: |said, _| {
        each(said, |question, text| {
            Score::letter(seed::extract(text), question)
        })
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};

const KINDS: [&str; 9] = [
    "scene understanding",
    "instance identity",
    "instance attributes",
    "instance location",
    "instances counting",
    "spatial relation",
    "instance interaction",
    "visual reasoning",
    "text understanding",
];

fn read(record: &Record) -> Result<Vec<Question>, String> {
    if record.text_if(&["data_type"]).is_some_and(|kind| kind != "image") {
        return Ok(Vec::new());
    }
    let options: Result<Vec<String>, String> = [
        ["choice_a", "A"],
        ["choice_b", "B"],
        ["choice_c", "C"],
        ["choice_d", "D"],
    ]
    .iter()
    .map(|names| record.text(names))
    .collect();
    let kind = record.text_if(&["question_type_id", "category"]);
    let name = |kind: &String| {
        kind.parse::<usize>()
            .ok()
            .and_then(|kind| KINDS.get(kind.checked_sub(1)?))
    };
    Ok(vec![Question {
        id: id(record, &["question_id", "index"]),
        text: record.text(&["question"])?,
        options: options?,
        answers: vec![record.text(&["answer"])?],
        category: kind.map(|kind| name(&kind).map_or(kind.clone(), |name| (*name).to_owned())),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
