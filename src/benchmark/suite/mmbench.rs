//! MMBench v1.1 (Liu et al. 2023): lettered options under every rotation; circular evaluation.

use super::{Suite, each, lettered, named};
use crate::benchmark::metric::letter::Letter;
use crate::benchmark::metric::mmbench;
use crate::benchmark::record::Record;
use crate::benchmark::{Question, Score, Scored, prompt, report};

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "mmbench",
    title: "MMBench v1.1",
    rules: &["vlmevalkit", "lmms_mmbench"],
    circular: true,
    chat_rules: None,
    read,
    prompt: prompt::choice,
    score: |said, rules| {
        let rules: Letter = named(rules);
        each(said, |question, text| {
            Score::letter(rules.extract(text, &question.lettered()), question)
        })
    },
    report: |scored, _| {
        let mut lines = report::by_category(&report::grouped(scored), "circular accuracy");
        let first: Vec<&Scored> = scored
            .iter()
            .filter(|each| each.question.group.as_deref() == Some(&each.question.id))
            .collect();
        lines.push(report::mean(
            "overall",
            "accuracy of the first rotation",
            &first,
            100.0,
            |each| each.score.value,
        ));
        lines
    },
};

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let mut question = lettered(record)?;
    let index = record.number(&["index"])?;
    if let Some(hint) = record.text_if(&["hint"]).filter(|hint| hint != "nan") {
        question.text = format!("{hint}\n{}", question.text);
    }
    question.group = Some(mmbench::question(index as u64).to_string());
    Ok(vec![question])
}
