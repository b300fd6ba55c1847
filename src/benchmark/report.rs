//! A benchmark's table: one figure a line, with its 95 % interval.
//!
//! Shares of questions about different images have Wilson's interval; everything else a bootstrap over images, since
//! questions about one image are not independent.

use super::statistic::{bootstrap, wilson};
use super::{Score, Scored};
use std::collections::BTreeMap;

/// One figure.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Line {
    /// `overall`, a split, a category.
    pub part: String,
    /// What is measured.
    pub measure: String,
    /// Questions.
    pub n: u64,
    /// The figure in the benchmark's own scale.
    pub value: f64,
    /// The bounds of its 95 % interval, in the same scale.
    pub interval: Option<(f64, f64)>,
}

/// Whether a score is one of the two that right and wrong have.
#[allow(clippy::float_cmp, reason = "both are exact")]
pub(super) fn is_right_or_wrong(value: f64) -> bool {
    value == 0.0 || value == 1.0
}

/// The mean of something over questions.
pub(super) fn mean(
    part: &str,
    measure: &str,
    of: &[&Scored],
    scale: f64,
    value: impl Fn(&Scored) -> f64,
) -> Line {
    let mut images: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    let mut binary = true;
    for each in of {
        let value = value(each);
        binary &= is_right_or_wrong(value);
        let sums = images.entry(&each.image).or_default();
        sums[0] += value;
        sums[1] += 1.0;
    }
    let sum: f64 = images.values().map(|sums| sums[0]).sum();
    let n = of.len().max(1) as f64;
    let alike = [0, of.len() as i64].contains(&(sum as i64));
    let interval = if binary && (images.len() == of.len() || alike) {
        // Where all are alike a bootstrap has no width: an image with several questions then counts once.
        let right = (sum / n * images.len() as f64).round();
        wilson::interval(right as i64, images.len() as i64).map(|(low, high)| (scale * low, scale * high))
    } else {
        let images: Vec<[f64; 2]> = images.into_values().collect();
        bootstrap::interval(&images, |sums| scale * sums[0] / sums[1], 1)
    };
    Line {
        part: part.to_owned(),
        measure: measure.to_owned(),
        n: of.len() as u64,
        value: scale * sum / n,
        interval,
    }
}

/// The questions of each part, by name; those without one are left out.
pub(super) fn parts<'a>(
    of: &[&'a Scored],
    part: impl Fn(&'a Scored) -> Option<&'a str>,
) -> BTreeMap<&'a str, Vec<&'a Scored>> {
    let mut parts: BTreeMap<&str, Vec<&Scored>> = BTreeMap::new();
    for each in of {
        if let Some(part) = part(each) {
            parts.entry(part).or_default().push(each);
        }
    }
    parts
}

/// All questions, and the splits where there are several; in percent.
pub(super) fn overall(scored: &[Scored], measure: &str) -> Vec<Line> {
    let all: Vec<&Scored> = scored.iter().collect();
    let mut lines = vec![mean("overall", measure, &all, 100.0, |each| each.score.value)];
    let splits = parts(&all, |each| each.question.split.as_deref());
    if splits.len() > 1 {
        lines.extend(
            splits
                .iter()
                .map(|(split, of)| mean(split, measure, of, 100.0, |each| each.score.value)),
        );
    }
    lines
}

/// [`overall`] and every category.
pub(super) fn by_category(scored: &[Scored], measure: &str) -> Vec<Line> {
    let mut lines = overall(scored, measure);
    let all: Vec<&Scored> = scored.iter().collect();
    let categories = parts(&all, |each| each.question.category.as_deref());
    lines.extend(
        categories
            .iter()
            .map(|(category, of)| mean(category, measure, of, 100.0, |each| each.score.value)),
    );
    lines
}

/// Every subtask, and every meta-task as the mean of its subtasks.
pub(super) fn means_of_subtasks(scored: &[Scored]) -> Vec<Line> {
    let all: Vec<&Scored> = scored.iter().collect();
    let mut lines = Vec::new();
    for (task, of) in parts(&all, |each| each.question.subcategory.as_deref()) {
        let subtasks = parts(&of, |each| each.question.category.as_deref());
        let subtasks: Vec<Line> = subtasks
            .iter()
            .map(|(name, of)| mean(name, "accuracy", of, 100.0, |each| each.score.value))
            .collect();
        lines.push(Line {
            part: task.to_owned(),
            measure: "mean of its subtasks".to_owned(),
            n: of.len() as u64,
            value: subtasks.iter().map(|line| line.value).sum::<f64>() / subtasks.len().max(1) as f64,
            interval: None,
        });
        lines.extend(subtasks);
    }
    lines
}

/// One scored question for each group: right only if all of it is.
pub(super) fn grouped(scored: &[Scored]) -> Vec<Scored> {
    let mut groups: BTreeMap<&str, (&Scored, bool)> = BTreeMap::new();
    for each in scored {
        let group = each.question.group.as_deref().unwrap_or(&each.question.id);
        let entry = groups.entry(group).or_insert((each, true));
        entry.1 &= each.score.value > 0.5;
        if each.question.id == group {
            entry.0 = each;
        }
    }
    let one = |(group, (first, right)): (&str, (&Scored, bool))| {
        let mut one = first.clone();
        group.clone_into(&mut one.question.id);
        one.score = Score::right(right, "");
        one
    };
    groups.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::Question;

    #[test]
    fn an_interval_has_width_where_all_answers_are_alike() {
        let scored = |n: usize| Scored {
            question: Question::default(),
            image: (n / 2).to_string(),
            answer: None,
            problem: None,
            score: Score::right(false, ""),
        };
        let all: Vec<Scored> = (0..4).map(scored).collect();
        let line = mean("", "accuracy", &all.iter().collect::<Vec<_>>(), 100.0, |each| {
            each.score.value
        });
        // Two images, none right: `proportion_confint(0, 2, method="wilson")` of statsmodels.
        let (low, high) = line.interval.unwrap();
        assert!(low.abs() < 1e-9 && (high - 65.762).abs() < 0.001, "{low} {high}");
    }
}
