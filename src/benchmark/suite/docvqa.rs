//! DocVQA (Mathew et al. 2021): questions about scanned documents; ANLS.

use super::{Suite, each, id, named};
use crate::benchmark::metric::anls::Anls;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "docvqa",
    title: "DocVQA",
    rules: &["rrc", "paper_strict", "bigvision"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::raw,
    score: |said, rules| {
        let rules: Anls = named(rules);
        each(said, |question, text| Score {
            value: rules.score(text, &question.answers),
            extracted: text.trim().to_owned(),
            ..Score::default()
        })
    },
    report: |scored, _| report::by_category(scored, "ANLS"),
};

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let types = record.texts(&["question_types"]).unwrap_or_default();
    Ok(vec![Question {
        id: id(record, &["questionId", "question_id", "index"]),
        text: record.text(&["question"])?,
        answers: record.texts(&["answers", "answer"])?,
        category: types.into_iter().next(),
        split: record.text_if(&["data_split", "split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
