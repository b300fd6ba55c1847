//! Sets that `auditdm freeze` wrote: questions, answers and images of an audit, scored as an audit scores against truth.
//!
//! Left out: answers that rules cannot compare, long texts above all; they count as wrong.

use super::{Suite, each};
use crate::answer::with_choices;
use crate::benchmark::prompt::Family;
use crate::benchmark::{Question, Score, prompt, report};
use crate::diverge::Truth;

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "frozen",
    title: "Frozen set",
    rules: &["truth"],
    circular: false,
    chat_rules: None,
    read: |record| {
        let options = if record.value(&["choices"]).is_some() {
            record.texts(&["choices"])?
        } else {
            Vec::new()
        };
        Ok(vec![Question {
            id: record.text(&["question_id"])?,
            text: record.text(&["question"])?,
            options,
            answers: record.texts(&["answers"])?,
            category: record.text_if(&["category"]),
            split: record.text_if(&["split"]),
            root: record.text_if(&["root_image_id"]),
            pictures: record.pictures(&["image"])?,
            ..Question::default()
        }])
    },
    // As an audit asks, so that both come to the same.
    prompt: |question, family| match family {
        Family::PaliGemma => format!("answer en {}", with_choices(&question.text, &question.options)),
        Family::Chat if question.options.is_empty() => prompt::short(question, family),
        Family::Chat => with_choices(&question.text, &question.options),
    },
    score: |said, _| {
        each(said, |question, text| {
            let truth = Truth::Answers(question.answers.clone());
            let right = truth.accepts(text, &question.options, 0.0);
            Score::right(right == Some(true), text.trim())
        })
    },
    report: |scored, _| report::by_category(scored, "accuracy"),
};
