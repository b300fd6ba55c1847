//! POPE (Li et al. 2023): is there a … in the image? Three ways of choosing what is not there.

use super::{Suite, each, id, named};
use crate::benchmark::metric::pope::{Confusion, Pope};
use crate::benchmark::metric::yes_no::YesNo;
use crate::benchmark::prompt::{self, Family};
use crate::benchmark::record::Record;
use crate::benchmark::report::{Line, parts};
use crate::benchmark::statistic::bootstrap;
use crate::benchmark::{Question, Score, Scored};
use std::collections::BTreeMap;

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "pope",
    title: "POPE",
    rules: &["official", "lmms"],
    circular: false,
    chat_rules: None,
    read,
    prompt: |question, family| match family {
        Family::PaliGemma => prompt::short(question, family),
        Family::Chat => format!(
            "{}\nAnswer the question using a single word: yes or no.",
            question.text
        ),
    },
    score: |said, rules| {
        let rules: Pope = named(rules);
        each(said, |question, text| {
            let says = rules.read(text);
            Score::right(YesNo::gold(&question.answers[0]) == Some(says), says.name())
        })
    },
    report,
};

fn report(scored: &[Scored], rules: &str) -> Vec<Line> {
    let rules: Pope = named(rules);
    let lines = |part: &str, of: &[&Scored]| -> Vec<Line> {
        let mut images: BTreeMap<&str, Confusion> = BTreeMap::new();
        let mut total = Confusion::default();
        for each in of {
            let says = match each.score.extracted.as_str() {
                "yes" => YesNo::Yes,
                "no" => YesNo::No,
                _ => YesNo::Other,
            };
            let truth = YesNo::gold(&each.question.answers[0]).unwrap_or(YesNo::Other);
            images.entry(&each.image).or_default().count(says, truth);
            total.count(says, truth);
        }
        let sums: Vec<[f64; 6]> = images.into_values().map(Confusion::sums).collect();
        let measures: [(&str, &(dyn Fn(Confusion) -> f64 + Sync)); 5] = [
            ("accuracy", &|counts| counts.accuracy()),
            ("precision", &|counts| counts.precision()),
            ("recall", &|counts| counts.recall()),
            ("F1", &|counts| counts.f1()),
            ("yes ratio", &|counts| counts.yes_ratio(rules)),
        ];
        let line = |(measure, of_counts): &(&str, &(dyn Fn(Confusion) -> f64 + Sync))| Line {
            part: part.to_owned(),
            measure: (*measure).to_owned(),
            n: of.len() as u64,
            value: 100.0 * of_counts(total),
            interval: bootstrap::interval(&sums, |sums| 100.0 * of_counts(Confusion::of(*sums)), 1),
        };
        measures.iter().map(line).collect()
    };
    let all: Vec<&Scored> = scored.iter().collect();
    let mut table = lines("overall", &all);
    for (part, of) in parts(&all, |each| each.question.category.as_deref()) {
        table.extend(lines(part, &of));
    }
    table
}

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let answer = record.text(&["label", "answer"])?;
    if YesNo::gold(&answer).is_none() {
        return Err(record.wrong(&format!("`label` is `{answer}`; expected yes or no")));
    }
    let category = record.text_if(&["category"]);
    let number = id(record, &["question_id", "id", "index"]);
    Ok(vec![Question {
        // The three categories number their questions alike.
        id: category
            .as_ref()
            .map_or(number.clone(), |category| format!("{category} {number}")),
        text: record.text(&["text", "question"])?,
        answers: vec![answer],
        category,
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
