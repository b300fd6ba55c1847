//! MME (Fu et al. 2023): two yes-no questions an image; perception sums ten subtasks, cognition four.

use super::{Suite, each, id};
use crate::benchmark::metric::Variant;
use crate::benchmark::metric::mme::{COGNITION, PERCEPTION, Subtask};
use crate::benchmark::metric::yes_no::{MmeReading, YesNo};
use crate::benchmark::record::Record;
use crate::benchmark::report::Line;
use crate::benchmark::statistic::bootstrap;
use crate::benchmark::{Question, Score, Scored, prompt};
use std::collections::BTreeMap;

pub(in crate::benchmark) const SUITE: Suite = Suite {
    name: "mme",
    title: "MME",
    rules: &["official", "lmms", "vlmevalkit"],
    circular: false,
    chat_rules: None,
    read,
    prompt: prompt::as_is,
    score: |said, rules| {
        each(said, |question, text| {
            let says =
                MmeReading::named(rules).map_or_else(|| YesNo::by_words(text), |reading| reading.read(text));
            Score::right(YesNo::gold(&question.answers[0]) == Some(says), says.name())
        })
    },
    report: |scored, _| report(scored),
};

/// Subtasks × (questions, right, images, all right).
const SUMS: usize = 4 * (PERCEPTION.len() + COGNITION.len());

fn report(scored: &[Scored]) -> Vec<Line> {
    let subtasks: Vec<&str> = PERCEPTION.into_iter().chain(COGNITION).collect();
    let place = |name: &str| subtasks.iter().position(|each| each.eq_ignore_ascii_case(name));
    let mut images: BTreeMap<(usize, &str), Vec<bool>> = BTreeMap::new();
    for each in scored {
        if let Some(subtask) = each.question.category.as_deref().and_then(place) {
            let image = each.question.group.as_deref().unwrap_or(&each.image);
            images
                .entry((subtask, image))
                .or_default()
                .push(each.score.value > 0.5);
        }
    }
    let sums: Vec<[f64; SUMS]> = images
        .iter()
        .map(|((subtask, _), right)| {
            let count = right.iter().filter(|right| **right).count();
            let mut sums = [0.0; SUMS];
            let all_right = f64::from(u8::from(count == right.len()));
            sums[4 * subtask..][..4].copy_from_slice(&[right.len() as f64, count as f64, 1.0, all_right]);
            sums
        })
        .collect();
    let mut total = [0.0; SUMS];
    for image in &sums {
        total.iter_mut().zip(image).for_each(|(sum, value)| *sum += value);
    }
    let score = |sums: &[f64; SUMS], subtask: usize| {
        let [questions, right, images, all_right] = [0, 1, 2, 3].map(|n| sums[4 * subtask + n] as u64);
        Subtask {
            questions,
            right,
            images,
            all_right,
        }
        .score()
    };
    let line = |part: &str, range: std::ops::Range<usize>| {
        let statistic = |sums: &[f64; SUMS]| range.clone().map(|subtask| score(sums, subtask)).sum::<f64>();
        Line {
            part: part.to_owned(),
            measure: "score".to_owned(),
            n: range.clone().map(|subtask| total[4 * subtask] as u64).sum(),
            value: statistic(&total),
            interval: bootstrap::interval(&sums, statistic, 1),
        }
    };
    let (seeing, all) = (PERCEPTION.len(), subtasks.len());
    let mut lines = vec![
        line("overall", 0..all),
        line("perception", 0..seeing),
        line("cognition", seeing..all),
    ];
    let present = (0..all).filter(|subtask| total[4 * subtask] > 0.0);
    lines.extend(present.map(|subtask| line(subtasks[subtask], subtask..subtask + 1)));
    lines
}

fn read(record: &Record) -> Result<Vec<Question>, String> {
    let answer = record.text(&["answer"])?;
    if YesNo::gold(&answer).is_none() {
        return Err(record.wrong(&format!("`answer` is `{answer}`; expected yes or no")));
    }
    let category = record.text(&["category"])?;
    let known = PERCEPTION
        .iter()
        .chain(&COGNITION)
        .any(|each| each.eq_ignore_ascii_case(&category));
    if !known {
        return Err(record.wrong(&format!(
            "`category` is `{category}`; expected one of {}, {}",
            PERCEPTION.join(", "),
            COGNITION.join(", ")
        )));
    }
    let text = record.text(&["question"])?;
    let image = record.text_if(&["image_path", "question_id"]);
    Ok(vec![Question {
        // Both questions of an image have its number.
        id: format!("{} {text}", id(record, &["question_id", "index"])),
        text,
        answers: vec![answer],
        group: image.map(|image| format!("{category} {image}")),
        category: Some(category),
        pictures: record.pictures(&["image"])?,
        ..Question::default()
    }])
}
