//! MMStar (Chen et al. 2024): questions that cannot be answered without the image; options stand in the question.

use super::{Suite, each, id, lettered, named};
use crate::benchmark::metric::letter::Letter;
use crate::benchmark::metric::mean;
use crate::benchmark::report::Line;
use crate::benchmark::{Question, Score, Scored, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "mmstar",
    title: "MMStar",
    rules: &["vlmevalkit", "lmms_extract_mcq"],
    circular: false,
    chat_rules: None,
    read: |record| {
        if !record.lettered().is_empty() {
            return Ok(vec![lettered(record)?]);
        }
        Ok(vec![Question {
            id: id(record, &["index", "question_id"]),
            text: record.text(&["question"])?,
            answers: vec![record.text(&["answer"])?],
            category: record.text_if(&["category"]),
            subcategory: record.text_if(&["l2_category", "l2-category"]),
            pictures: record.pictures(&["image"])?,
            ..Question::default()
        }])
    },
    prompt: prompt::choice,
    score: |said, rules| {
        let rules: Letter = named(rules);
        each(said, |question, text| {
            let mut options = question.lettered();
            if options.is_empty() {
                options = ['A', 'B', 'C', 'D']
                    .map(|letter| (letter, String::new()))
                    .to_vec();
            }
            Score::letter(rules.extract(text, &options), question)
        })
    },
    report: |scored, _| {
        let mut lines = report::by_category(scored, "accuracy");
        lines.extend(macro_average(scored));
        lines
    },
};

fn macro_average(scored: &[Scored]) -> Option<Line> {
    let fine = |each: &Scored| each.question.subcategory.clone().unwrap_or_default();
    let scores: Vec<(String, f64)> = scored.iter().map(|each| (fine(each), each.score.value)).collect();
    let value = mean::macro_average(scores.iter().map(|(name, value)| (name.as_str(), *value)))?;
    Some(Line {
        part: "overall".to_owned(),
        measure: "mean over fine categories".to_owned(),
        n: scored.len() as u64,
        value: 100.0 * value,
        interval: None,
    })
}
