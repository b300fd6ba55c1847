//! VQAv2 (Goyal et al. 2017): ten annotators' short answers; accuracy by type of answer.

use super::{Suite, each, id, named};
use crate::benchmark::metric::vqa_accuracy::VqaAccuracy;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "vqav2",
    title: "VQAv2",
    rules: &["official", "lmms_vqav2", "vlmevalkit", "bigvision_vqa_simple"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::short,
    score: |said, rules| {
        let rules: VqaAccuracy = named(rules);
        each(said, |question, text| score(question, text, rules))
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};

pub(super) fn score(question: &Question, text: &str, rules: VqaAccuracy) -> Score {
    Score {
        value: rules.score(text, &question.answers),
        extracted: text.trim().to_owned(),
        ..Score::default()
    }
}

pub(super) fn read(record: &Record) -> Result<Vec<Question>, String> {
    Ok(vec![Question {
        id: id(record, &["question_id", "id", "index"]),
        text: record.text(&["question"])?,
        answers: record.texts(&["answers", "multiple_choice_answer", "answer"])?,
        category: record.text_if(&["answer_type"]),
        subcategory: record.text_if(&["question_type"]),
        split: record.text_if(&["split"]),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
