//! Is the small model good enough on my slice? A non-inferiority test of two models on the pairs of a predicate.
//!
//! In: a session, two models, a predicate over `results`, a margin. Out: [`Compared`]: the difference in accuracy on pairs
//! that are verified for both, its 95 % interval over root images ([`paired`](crate::benchmark::statistic::paired)), a
//! verdict, and how many pairs would decide where these do not; by category, too. Left out: pairs that only references'
//! consensus decides, for a reference would agree with itself; an adjustment for the number of categories.

mod model;
mod words;

pub use model::Named;

use super::weakness::texts;
use crate::benchmark::statistic::paired::{Difference, Image};
use crate::error::{Error, Result};
use crate::sql;
use crate::sql::named::check_run;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, SessionContext};
use model::{find, models};
use serde::Serialize;
use std::collections::BTreeMap;

const PAIRS: &str = include_str!("compare/pairs.sql");

/// Columns of `results` that tell how a pair went.
const OUTCOMES: [&str; 18] = [
    "target_answer",
    "target_status",
    "mean_log_probability",
    "reference_answers",
    "consensus",
    "agreement",
    "status",
    "score",
    "target_correct",
    "reference_correct",
    "verified_by",
    "blame",
    "reason",
    "failure",
    "disagreement",
    "latency_ms",
    "cost_usd",
    "measure",
];

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The small model: its name in the table `models`, or the first digits of its id.
    pub small: String,
    /// The large one.
    pub large: String,
    /// A predicate over `results`; none for all pairs.
    pub predicate: Option<String>,
    /// By how many points the small model may be worse, above 0 and below 100.
    pub margin: f64,
    /// A run's id, its first digits, its label, `latest` or `all`.
    pub run: String,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval lies above the margin: good enough.
    NonInferior,
    /// The whole interval lies below it.
    Inferior,
    /// The margin lies in the interval.
    Undecided,
}

/// Two models on some pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// A category, or `all`.
    pub category: String,
    /// Pairs that are verified for both.
    pub pairs: u64,
    /// Root images that they are about.
    pub images: usize,
    /// The small model's accuracy in percent.
    pub small: f64,
    /// The large one's.
    pub large: f64,
    /// Pairs that only the small one has right.
    pub small_only: u64,
    /// Pairs that only the large one has right.
    pub large_only: u64,
    /// The small one's accuracy minus the large one's, in points.
    pub difference: f64,
    /// Its 95 % interval.
    pub low: f64,
    /// Its 95 % interval.
    pub high: f64,
    /// By how much the pairs' dependence within images widens the variance.
    pub design_effect: f64,
    /// In a word.
    pub verdict: Verdict,
    /// Where that is open: with how many pairs it would be decided four times of five; none where no number would do.
    pub pairs_needed: Option<u64>,
    /// How many more pairs these are.
    pub pairs_more: Option<u64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The small model.
    pub small: Named,
    /// The large one.
    pub large: Named,
    /// The slice.
    pub predicate: Option<String>,
    /// In points.
    pub margin: f64,
    /// On all pairs of the slice.
    #[serde(flatten)]
    pub all: Part,
    /// By category, the worst first; empty where there is one.
    pub categories: Vec<Part>,
    /// What the reader should know.
    pub remarks: Vec<String>,
}

/// Compares two models on a slice.
///
/// # Errors
/// When a model or run is not there, the predicate is none, or no pair is verified for both.
pub async fn compare(context: &SessionContext, question: &Question) -> Result<Compared> {
    let run = ScalarValue::from(question.run.as_str());
    check_run(context, &run).await?;
    let of_run = "SELECT * FROM results WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)";
    let mut results = sql::query(context, of_run, &[("run", run)]).await?;
    let mut remarks = Vec::new();
    if let Some(text) = &question.predicate {
        let refused = |error| Error::Sql {
            problem: super::in_words(&error),
            sql: text.clone(),
        };
        let predicate = super::condition_of(&results, text).map_err(refused)?;
        let told = predicate
            .column_refs()
            .into_iter()
            .map(|column| column.name.as_str());
        let mut told: Vec<&str> = told.filter(|name| OUTCOMES.contains(name)).collect();
        told.sort_unstable();
        if !told.is_empty() {
            remarks.push(format!(
                "the predicate looks at {}: pairs chosen by how they went favour one of the models",
                told.join(", ")
            ));
        }
        results = results.filter(predicate).map_err(refused)?;
    }
    let models = models(context).await?;
    let (small, large) = (find(&models, &question.small)?, find(&models, &question.large)?);
    for Named { name, model_ids } in [&small, &large] {
        let ways = model_ids.len();
        if ways > 1 {
            remarks.push(format!(
                "{name} was asked in {ways} ways, by other prompts or sampling: all count"
            ));
        }
    }
    if small == large {
        return Err(refused(question, "both are the same model".to_owned()));
    }
    let rows = rows(context, results, [&small, &large]).await?;
    let mut images: BTreeMap<&str, Row> = BTreeMap::new();
    let mut by_category: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for (category, root, row) in &rows {
        images.entry(root).or_default().add(*row);
        by_category.entry(category).or_default().push(*row);
    }
    let margin = question.margin / 100.0;
    let images: Vec<Row> = images.into_values().collect();
    let all = Part::new("all", &images, margin).ok_or_else(|| {
        let problem = "no pair of this slice is verified for both: they must have been asked the same questions about the \
                       same images, with ground truth or a judge";
        refused(question, problem.to_owned())
    })?;
    let mut categories: Vec<Part> = Vec::new();
    if by_category.len() > 1 {
        categories.extend(
            by_category
                .iter()
                .filter_map(|(category, rows)| Part::new(category, rows, margin)),
        );
        categories.sort_by(|a, b| a.difference.total_cmp(&b.difference));
    }
    Ok(Compared {
        small,
        large,
        predicate: question.predicate.clone(),
        margin: question.margin,
        all,
        categories,
        remarks,
    })
}

fn refused(question: &Question, problem: String) -> Error {
    Error::Sql {
        problem,
        sql: format!("compare {} {}", question.small, question.large),
    }
}

/// The pairs about one root image.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    n: u64,
    small_right: u64,
    large_right: u64,
    small_only: u64,
    large_only: u64,
}

impl Row {
    fn add(&mut self, more: Self) {
        self.n += more.n;
        self.small_right += more.small_right;
        self.large_right += more.large_right;
        self.small_only += more.small_only;
        self.large_only += more.large_only;
    }
}

/// The verified pairs by category and root image.
async fn rows(
    context: &SessionContext,
    slice: DataFrame,
    [small, large]: [&Named; 2],
) -> Result<Vec<(String, String, Row)>> {
    // The rows get a name only for as long as it takes to plan the statement.
    let name = format!("sliced_{}", context.session_id().replace('-', ""));
    context.register_table(&name, slice.into_view())?;
    let ids = [("small", small), ("large", large)]
        .map(|(name, model)| (name, ScalarValue::from(model.model_ids.join(","))));
    let pairs = sql::query(context, &PAIRS.replace("sliced", &name), &ids).await;
    context.deregister_table(&name)?;
    let mut rows = Vec::new();
    for batch in pairs?.collect().await? {
        let texts = [0, 1].map(|column| texts(std::slice::from_ref(&batch), column));
        let [categories, roots] = texts;
        let count =
            |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row) as u64;
        for (row, (category, root)) in categories?.into_iter().zip(roots?).enumerate() {
            let counts = Row {
                n: count(2, row),
                small_right: count(3, row),
                large_right: count(4, row),
                small_only: count(5, row),
                large_only: count(6, row),
            };
            rows.push((category.unwrap_or_default(), root.unwrap_or_default(), counts));
        }
    }
    Ok(rows)
}

impl Part {
    fn new(category: &str, rows: &[Row], margin: f64) -> Option<Self> {
        let image = |row: &Row| Image {
            n: row.n as f64,
            first: row.small_only as f64,
            second: row.large_only as f64,
        };
        let images: Vec<Image> = rows.iter().map(image).collect();
        let found = Difference::of(&images)?;
        let mut all = Row::default();
        for row in rows {
            all.add(*row);
        }
        let (low, high) = found.interval;
        let verdict = match () {
            () if low > -margin => Verdict::NonInferior,
            () if high < -margin => Verdict::Inferior,
            () => Verdict::Undecided,
        };
        let needed = found.needed(margin).filter(|_| verdict == Verdict::Undecided);
        let percent = |count: u64| 100.0 * count as f64 / all.n as f64;
        Some(Self {
            category: category.to_owned(),
            pairs: all.n,
            images: rows.len(),
            small: percent(all.small_right),
            large: percent(all.large_right),
            small_only: all.small_only,
            large_only: all.large_only,
            difference: 100.0 * found.value,
            low: 100.0 * low,
            high: 100.0 * high,
            design_effect: found.design_effect,
            verdict,
            pairs_needed: needed,
            pairs_more: needed.map(|needed| needed - all.n),
        })
    }
}
