//! Two models on the same questions: is the difference more than chance?
//!
//! Right-or-wrong scores: McNemar's exact test over questions where every image has one, else, and for graded scores, a
//! bootstrap of the difference over images. Over all pairs of models the p-values are adjusted (Benjamini–Hochberg).

use super::Scored;
use super::evaluate::Evaluated;
use super::report::{grouped, is_right_or_wrong};
use super::statistic::{bootstrap, mcnemar, multiple};
use super::suite::Suite;
use std::collections::{BTreeMap, HashMap};

/// How two models differ.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// The first model.
    pub first: String,
    /// The second.
    pub second: String,
    /// Questions that both were asked.
    pub n: u64,
    /// Those on which only the first is better.
    pub first_better: u64,
    /// Those on which only the second is better.
    pub second_better: u64,
    /// Mean of the first minus the second, in points (CIDEr-D: × 100).
    pub difference: f64,
    /// Its 95 % interval, over images.
    pub interval: Option<(f64, f64)>,
    /// `mcnemar_exact` or `bootstrap`.
    pub test: &'static str,
    /// Two-sided.
    pub p: f64,
    /// Adjusted over all pairs of models.
    pub p_adjusted: f64,
}

/// Every pair of models.
#[must_use]
pub fn pairs(suite: &Suite, models: &[Evaluated]) -> Vec<Comparison> {
    let units: Vec<Vec<Scored>> = models
        .iter()
        .map(|model| {
            if suite.circular {
                grouped(&model.scored)
            } else {
                model.scored.clone()
            }
        })
        .collect();
    let mut pairs = Vec::new();
    for first in 0..models.len() {
        for second in first + 1..models.len() {
            let names = (&*models[first].model, &*models[second].model);
            pairs.extend(compare(names, &units[first], &units[second]));
        }
    }
    let p_values: Vec<f64> = pairs.iter().map(|pair| pair.p).collect();
    let adjusted = multiple::adjusted(&p_values, multiple::Dependence::Positive);
    pairs
        .iter_mut()
        .zip(adjusted)
        .for_each(|(pair, adjusted)| pair.p_adjusted = adjusted);
    pairs
}

fn compare(names: (&str, &str), first: &[Scored], second: &[Scored]) -> Option<Comparison> {
    let others: HashMap<&str, f64> = second
        .iter()
        .map(|each| (each.question.id.as_str(), each.score.value))
        .collect();
    let mut images: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    let (mut first_better, mut second_better, mut n, mut binary) = (0, 0, 0, true);
    for each in first {
        let Some(other) = others.get(each.question.id.as_str()).copied() else {
            continue;
        };
        let value = each.score.value;
        binary &= is_right_or_wrong(value) && is_right_or_wrong(other);
        first_better += u64::from(value > other);
        second_better += u64::from(value < other);
        n += 1;
        let sums = images.entry(&each.image).or_default();
        sums[0] += 100.0 * (value - other);
        sums[1] += 1.0;
    }
    let alone = images.len() as u64 == n;
    let images: Vec<[f64; 2]> = images.into_values().collect();
    let sum: f64 = images.iter().map(|sums| sums[0]).sum();
    let draws = bootstrap::draws(&images, |sums| sums[0] / sums[1], 1);
    let bound = |share: f64| {
        draws
            .get(((draws.len() as f64 - 1.0) * share).round() as usize)
            .copied()
    };
    let exact = mcnemar::exact(first_better as i64, second_better as i64).filter(|_| binary && alone);
    let p = exact.unwrap_or_else(|| {
        let at_most = draws.iter().filter(|draw| **draw <= 0.0).count();
        let at_least = draws.iter().filter(|draw| **draw >= 0.0).count();
        // One more than counted: no number of draws shows that something never happens.
        (2.0 * (at_most.min(at_least) + 1) as f64 / (draws.len() + 1) as f64).min(1.0)
    });
    (n > 0).then(|| Comparison {
        first: names.0.to_owned(),
        second: names.1.to_owned(),
        n,
        first_better,
        second_better,
        difference: sum / n as f64,
        interval: bound(0.025).zip(bound(0.975)),
        test: if exact.is_some() {
            "mcnemar_exact"
        } else {
            "bootstrap"
        },
        p,
        p_adjusted: p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::{Benchmark, Question, Score};

    /// A model that is right on the questions of some numbers, each about the image that `image` says.
    fn model(name: &str, right: impl Fn(usize) -> bool, image: impl Fn(usize) -> usize) -> Evaluated {
        let scored = |n: usize| Scored {
            question: Question {
                id: n.to_string(),
                ..Question::default()
            },
            image: image(n).to_string(),
            answer: Some(String::new()),
            problem: None,
            score: Score::right(right(n), ""),
        };
        Evaluated {
            model: name.to_owned(),
            rules: "",
            scored: (0..40).map(scored).collect(),
            postponed: 0,
        }
    }

    #[test]
    fn exact_where_images_differ_and_by_images_where_they_do_not() {
        let suite = Benchmark::Gqa.suite();
        let alone = [
            model("a", |n| n < 30, |n| n),
            model("b", |n| (10..32).contains(&n), |n| n),
            model("c", |n| n < 30, |n| n),
        ];
        let found = pairs(suite, &alone);
        let [first, same, _] = &found[..] else {
            panic!("three pairs")
        };
        assert_eq!(
            (first.first_better, first.second_better, first.test),
            (10, 2, "mcnemar_exact")
        );
        // statsmodels 0.15 `mcnemar(exact=True)`.
        assert!((first.p - 0.038_574_218_75).abs() < 1e-12);
        assert!((first.difference - 20.0).abs() < 1e-9);
        assert!((same.p - 1.0).abs() < 1e-12 && same.difference.abs() < 1e-12);
        assert!(found.iter().all(|pair| pair.p_adjusted >= pair.p));

        // The same answers about two images are much less evidence.
        let together = [
            model("a", |n| n < 30, |n| n % 2),
            model("b", |n| (10..32).contains(&n), |n| n % 2),
        ];
        let found = pairs(suite, &together);
        assert_eq!(found[0].test, "bootstrap");
        let (low, high) = found[0].interval.unwrap();
        assert!(low <= found[0].difference && found[0].difference <= high);
    }
}
