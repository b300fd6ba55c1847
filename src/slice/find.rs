//! Slices found, tested and named: what the search gives its readers.

use super::choose::choose;
use super::frame::{Frame, Halves};
use super::score::{Against, Counts};
use super::search::{Aim, search};
use super::verify::{Verdict, Verifier};
use crate::benchmark::statistic::multiple::{Dependence, adjusted};
use crate::benchmark::statistic::wilson;
use serde::Serialize;

/// Standard errors by which a slice must stand out where it is found.
const LEAST_Z: f64 = 3.0;

/// How slices are looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// What a slice is compared with.
    pub against: Against,
    /// Conditions of a slice at most: 1, 2 or 3.
    pub conditions: usize,
    /// Rows of a slice at least, on the half on which it is found; none: 30 and a two-thousandth of the half.
    pub min_rows: Option<u32>,
    /// False discoveries among what is reported, at most this share.
    pub level: f64,
    /// Slices that are tested and reported at most.
    pub limit: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            against: Against::Elsewhere,
            conditions: 3,
            min_rows: None,
            level: 0.05,
            limit: 20,
        }
    }
}

/// A share with its 95 % interval (Wilson).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Rows.
    pub n: u32,
    /// Of them.
    pub count: u32,
    /// count / n; 0 without rows.
    pub rate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Rate {
    /// `count` of `n`.
    #[must_use]
    pub fn new(count: u32, n: u32) -> Self {
        let (low, high) = wilson::interval(count.into(), n.into()).unwrap_or((0.0, 1.0));
        Self {
            n,
            count,
            rate: f64::from(count) / f64::from(n.max(1)),
            low,
            high,
        }
    }
}

/// One condition of a slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// As a predicate.
    pub sql: String,
    /// For people.
    pub words: String,
    /// What it adds to the slice's divergence (a Shapley value; those of a slice sum to it).
    pub contribution: f64,
}

/// A slice that was found and stood the test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// For people, on one line, free of what a terminal would obey.
    pub words: String,
    /// A predicate over what was searched.
    pub sql: String,
    /// Its conditions.
    pub parts: Vec<Part>,
    /// The target's failures on all rows, those on which the slice was found included.
    pub all: Rate,
    /// The target's failures on images on which the slice was not found: the estimate to report.
    pub target: Rate,
    /// The reference's failures on the same rows; none where they are not known of every row.
    pub reference: Option<Rate>,
    /// The target's failures elsewhere on those images.
    pub elsewhere: Rate,
    /// Its rate (or its gap to the reference) above that of all rows.
    pub divergence: f64,
    /// Failures more (strengths: fewer) than the rate elsewhere, or the reference, would give, on those images.
    pub excess: f64,
    /// Of the test, one-sided.
    pub p: f64,
    /// p adjusted for all slices tested (Benjamini and Hochberg).
    pub q: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What slices were compared with.
    pub against: Against,
    /// The target's failures on all rows.
    pub target: Rate,
    /// The reference's failures on all rows; none where they are not known of every row.
    pub reference: Option<Rate>,
    /// Rows of a slice at least, on the half on which it is found.
    pub min_rows: u32,
    /// Conditions that were combined.
    pub conditions: usize,
    /// Slices that were counted.
    pub counted: usize,
    /// Slices that were tested on the other half.
    pub tested: usize,
    /// Where the target is weak, by failures in excess.
    pub weak: Vec<Found>,
    /// Where it is strong: slices of one condition with fewer failures than elsewhere.
    pub strong: Vec<Found>,
    /// What was left out, and why.
    pub remarks: Vec<String>,
}

/// Searches a frame.
#[must_use]
pub fn discover(frame: Frame, options: &Search) -> Findings {
    let (halves, fewest) = frame.split(options.min_rows);
    let mut all = halves.found.all;
    all += halves.tested.all;
    let (weak, counted, tested) = look(&halves, fewest, options, false);
    let one = Search {
        conditions: 1,
        ..options.clone()
    };
    let (strong, ..) = look(&halves, fewest, &one, true);
    Findings {
        against: options.against,
        target: Rate::new(all.failures(), all.n()),
        reference: halves
            .reference_known
            .then(|| Rate::new(all.reference_failures(), all.n())),
        min_rows: fewest,
        conditions: halves.conditions.len(),
        counted,
        tested,
        weak,
        strong,
        remarks: halves.remarks,
    }
}

/// The slices that stood the test, how many were counted, and how many tested.
fn look(halves: &Halves, fewest: u32, options: &Search, strengths: bool) -> (Vec<Found>, usize, usize) {
    let aim = Aim {
        values: options.against.values(strengths),
        conditions: options.conditions,
        fewest,
        least_z: LEAST_Z,
    };
    let (candidates, counted) = search(&halves.found, &halves.exclusive, aim);
    let chosen = choose(&halves.found, candidates, aim, options.limit);
    let verifier = Verifier::new(&halves.tested, options.against, strengths);
    let verdicts: Vec<Verdict> = chosen
        .iter()
        .map(|slice| verifier.verify(&slice.conditions))
        .collect();
    let p_values: Vec<f64> = verdicts.iter().map(|verdict| verdict.p).collect();
    let q_values = adjusted(&p_values, Dependence::Positive);
    let tested = chosen.len();
    let mut found: Vec<Found> = chosen
        .iter()
        .zip(&verdicts)
        .zip(q_values)
        .filter(|(_, q)| *q <= options.level)
        .map(|((slice, verdict), q)| {
            named(
                halves,
                &slice.conditions,
                slice.counts,
                verdict,
                q,
                options.against,
            )
        })
        .collect();
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess).then_with(|| a.sql.cmp(&b.sql)));
    (found, counted, tested)
}

fn named(
    halves: &Halves,
    numbers: &[u32],
    found: Counts,
    verdict: &Verdict,
    q: f64,
    against: Against,
) -> Found {
    let conditions = numbers.iter().map(|number| &halves.conditions[*number as usize]);
    let parts: Vec<Part> = conditions
        .zip(&verdict.contributions)
        .map(|(condition, contribution)| Part {
            sql: condition.sql(),
            words: condition.words(),
            contribution: *contribution,
        })
        .collect();
    let join = |text: fn(&Part) -> &str, between| parts.iter().map(text).collect::<Vec<_>>().join(between);
    let counts = verdict.counts;
    let mut everywhere = found;
    everywhere += counts;
    let others = halves.tested.all - counts;
    let (target, elsewhere) = (
        Rate::new(counts.failures(), counts.n()),
        Rate::new(others.failures(), others.n()),
    );
    let reference = Rate::new(counts.reference_failures(), counts.n());
    let expected = match against {
        Against::Elsewhere => elsewhere.rate,
        Against::Reference => reference.rate,
    };
    Found {
        words: join(|part| &part.words, ", "),
        sql: join(|part| &part.sql, " AND "),
        all: Rate::new(everywhere.failures(), everywhere.n()),
        excess: ((target.rate - expected) * f64::from(counts.n())).abs(),
        target,
        reference: halves.reference_known.then_some(reference),
        elsewhere,
        divergence: verdict.divergence,
        p: verdict.p,
        q,
        parts,
    }
}
