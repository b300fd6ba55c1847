//! Two runs compared: what broke and what got fixed, on the pairs that both have verified.
//!
//! In: a session and two runs. Out: [`Diff`]: McNemar's exact test over all common pairs and for each category, adjusted by
//! Benjamini and Hochberg, with examples and the statement that lists every change. Left out: that pairs of one image
//! are not independent.

use super::condition::{literal, shown};
use super::find::Rate;
use super::weakness::texts;
use crate::benchmark::statistic::mcnemar;
use crate::benchmark::statistic::multiple::{Dependence, adjusted};
use crate::error::{Error, Result};
use crate::sql;
use crate::sql::named::check_run;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use serde::Serialize;
use std::fmt;

const PAIRS: &str = include_str!("diff/pairs.sql");
const COUNTS: &str = include_str!("diff/counts.sql");
const CHANGES: &str = include_str!("diff/changes.sql");

/// Examples of what broke, and of what got fixed.
const EXAMPLES: usize = 5;

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// Two runs, by id, first digits, label or `latest`; the earlier one first.
    pub runs: [String; 2],
    /// The target of each; may be left out where a run has one.
    pub targets: [Option<String>; 2],
}

/// How pairs of one kind changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// A category, or `all`.
    pub category: String,
    /// Failures in the first run.
    pub before: Rate,
    /// Failures in the second.
    pub after: Rate,
    /// Right in the first run, wrong in the second.
    pub broke: u32,
    /// Wrong in the first run, right in the second.
    pub fixed: u32,
    /// McNemar's exact test, two-sided.
    pub p: f64,
    /// p adjusted for all categories; of all pairs, p itself.
    pub q: f64,
}

/// A pair that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "columns of `results`")]
pub struct Changed {
    pub category: Option<String>,
    pub question: Option<String>,
    pub answer_before: Option<String>,
    pub answer_after: Option<String>,
    pub right_answer: Option<String>,
    pub image_uri: Option<String>,
    pub image_id: Option<String>,
    pub probe_id: Option<String>,
}

/// What is different between two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Run and target of each side.
    pub sides: [(String, String); 2],
    /// Over all common pairs.
    pub all: Change,
    /// By category, those first that changed most certainly.
    pub categories: Vec<Change>,
    /// Some pairs that broke.
    pub broke: Vec<Changed>,
    /// Some pairs that got fixed.
    pub fixed: Vec<Changed>,
    /// Lists every pair that changed.
    pub sql: String,
}

/// Compares two runs.
pub async fn diff(context: &SessionContext, sides: &Sides) -> Result<Diff> {
    let mut targets = Vec::new();
    for (run, target) in sides.runs.iter().zip(&sides.targets) {
        targets.push(one_target(context, run, target.as_deref()).await?);
    }
    let names = ["before_run", "after_run", "before_target", "after_target"];
    let values = [&sides.runs[0], &sides.runs[1], &targets[0], &targets[1]];
    let parameters: Vec<_> = names
        .into_iter()
        .zip(values)
        .map(|(name, value)| (name, ScalarValue::from(value.as_str())))
        .collect();
    let counts = sql::collect(context, &format!("{PAIRS}{COUNTS}"), &parameters).await?;
    let changes = sql::collect(context, &format!("{PAIRS}{CHANGES}"), &parameters).await?;

    let mut all = [0_u32; 5];
    let mut categories = Vec::new();
    for (row, category) in texts(&counts, 0)?.into_iter().enumerate() {
        let mut figures = [0_u32; 5];
        for (at, figure) in figures.iter_mut().enumerate() {
            *figure = cell(&counts, at + 1, row);
        }
        all.iter_mut().zip(figures).for_each(|(all, each)| *all += each);
        categories.push(Change::new(category.unwrap_or_default(), figures));
    }
    if categories.is_empty() {
        return Err(Error::Sql {
            problem:
                "the runs have no verified pair in common: the same images and questions must have been asked"
                    .to_owned(),
            sql: format!("{} and {}", sides.runs[0], sides.runs[1]),
        });
    }
    let p_values: Vec<f64> = categories.iter().map(|change| change.p).collect();
    for (change, q) in categories
        .iter_mut()
        .zip(adjusted(&p_values, Dependence::Positive))
    {
        change.q = q;
    }
    categories.sort_by(|a, b| a.p.total_cmp(&b.p).then_with(|| a.category.cmp(&b.category)));
    let columns = (0..9)
        .map(|column| texts(&changes, column))
        .collect::<Result<Vec<_>>>()?;
    let some = |what: &str| {
        let rows = (0..columns[0].len()).filter(|row| columns[0][*row].as_deref() == Some(what));
        rows.take(EXAMPLES)
            .map(|row| Changed::new(&columns, row))
            .collect()
    };
    let mut statement = format!("{PAIRS}{CHANGES}");
    for (name, value) in names.into_iter().zip(values) {
        statement = statement.replace(&format!("${name}"), &literal(value));
    }
    Ok(Diff {
        all: Change::new("all".to_owned(), all),
        broke: some("broke"),
        fixed: some("fixed"),
        categories,
        sql: statement,
        sides: [0, 1].map(|at| (sides.runs[at].clone(), targets[at].clone())),
    })
}

/// The one target of a run, or the one that was asked for.
async fn one_target(context: &SessionContext, run: &str, wanted: Option<&str>) -> Result<String> {
    let value = ScalarValue::from(run);
    check_run(context, &value).await?;
    let known = "SELECT DISTINCT target FROM results WHERE target IS NOT NULL
        AND run_id IN (SELECT run_id FROM run_names WHERE name = $run) ORDER BY target";
    let known = texts(&sql::collect(context, known, &[("run", value)]).await?, 0)?;
    let known: Vec<String> = known.into_iter().flatten().collect();
    match (wanted, known.as_slice()) {
        (Some(wanted), known) if known.iter().any(|each| each == wanted) => Ok(wanted.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (_, known) => Err(Error::Sql {
            problem: format!(
                "name one target of this run with --target or --before-target: {}",
                known.join(", ")
            ),
            sql: format!("run = {run}"),
        }),
    }
}

/// A count in a few rows.
fn cell(batches: &[arrow::array::RecordBatch], column: usize, mut row: usize) -> u32 {
    for batch in batches {
        if row < batch.num_rows() {
            return batch.column(column).as_primitive::<Int64Type>().value(row) as u32;
        }
        row -= batch.num_rows();
    }
    0
}

impl Change {
    /// Of pairs, failures before, failures after, broken and fixed ones.
    fn new(category: String, [n, before, after, broke, fixed]: [u32; 5]) -> Self {
        let p = mcnemar::exact(broke.into(), fixed.into()).unwrap_or(1.0);
        Self {
            category,
            before: Rate::new(before, n),
            after: Rate::new(after, n),
            broke,
            fixed,
            p,
            q: p,
        }
    }
}

impl Changed {
    fn new(columns: &[Vec<Option<String>>], row: usize) -> Self {
        let cell = |column: usize| columns[column][row].clone();
        Self {
            category: cell(1),
            question: cell(2),
            answer_before: cell(3),
            answer_after: cell(4),
            right_answer: cell(5),
            image_uri: cell(6),
            image_id: cell(7),
            probe_id: cell(8),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<24} {:>7} {:>7.1} % {:>7.1} % {:>7} {:>7} {:>9.1e}",
            shown(&self.category),
            self.before.n,
            self.before.rate * 100.0,
            self.after.rate * 100.0,
            self.broke,
            self.fixed,
            self.q
        )
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |at: usize| format!("{} ({})", shown(&self.sides[at].0), shown(&self.sides[at].1));
        writeln!(
            f,
            "From {} to {}, on {} common pairs",
            side(0),
            side(1),
            self.all.before.n
        )?;
        writeln!(f, "  before  {}\n  after   {}\n", self.all.before, self.all.after)?;
        writeln!(
            f,
            "  {:<24} {:>7} {:>9} {:>9} {:>7} {:>7} {:>9}",
            "category", "pairs", "before", "after", "broke", "fixed", "q"
        )?;
        for change in self.categories.iter().chain([&self.all]) {
            writeln!(f, "  {change}")?;
        }
        for (what, examples) in [("Broke", &self.broke), ("Got fixed", &self.fixed)] {
            if !examples.is_empty() {
                writeln!(f, "\n{what}")?;
            }
            for example in examples {
                let text = |text: &Option<String>| text.as_deref().map_or("–".to_owned(), shown);
                writeln!(
                    f,
                    "  · {} [{}] {} → {}; right: {} ({})",
                    text(&example.question),
                    text(&example.category),
                    text(&example.answer_before),
                    text(&example.answer_after),
                    text(&example.right_answer),
                    text(&example.image_uri.clone().or(example.image_id.clone()))
                )?;
            }
        }
        writeln!(f, "\nEvery change: auditdm query --sql with\n{}", self.sql)
    }
}
