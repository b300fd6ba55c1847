//! Weakness slices: predicates over `results` on which the target fails.
//!
//! A user's own are files `slices/NAME.sql` beside the configuration. In: the files and a run. Out: one row for each
//! slice, run and target with counts, rates and Wilson intervals, and an error for every file that is broken; the
//! others are evaluated all the same. One query reads `results` once for all slices.
//!
//! Others are found: [`weakness()`] asks the tables for rows, [`Frame`] makes bitmaps of them, [`discover`] searches one half
//! of the images, tests on the other and names what stands. [`diff()`] compares two runs, [`compare()`] two models on a slice.

mod choose;
mod column;
mod compare;
mod condition;
mod diff;
mod find;
mod frame;
mod score;
mod search;
mod verify;
mod weakness;
mod words;

pub use compare::{Compared, Named, Part as ComparedPart, Question, Verdict, compare};
pub use diff::{Change, Diff, Sides, diff};
pub use find::{Findings, Found, Part, Rate, Search, discover};
pub use frame::Frame;
pub use score::Against;
pub use weakness::{Example, Subject, Weakness, weakness};
pub use words::saved;

use crate::error::{Error, Result};
use crate::sql;
use crate::sql::named::{check_run, sql_files};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{Expr, ExprSchemable, col, lit};
use datafusion::prelude::{DataFrame, SessionContext};
use std::path::Path;

/// What is counted of every slice, over rows of (slice, matches, columns of `results`).
const COUNTS: &str = include_str!("slice/counts.sql");

/// A named predicate over `results`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The file's name without `.sql`.
    pub name: String,
    /// The whole file: comments and one SQL expression.
    pub predicate: String,
}

/// What the slices of a run are like.
#[derive(Debug)]
pub struct Evaluation {
    /// slice, run, target, n, valid, failures, and rates with intervals; the worst slice first.
    pub batches: Vec<RecordBatch>,
    /// One error for each slice that could not be evaluated, naming its file.
    pub broken: Vec<Error>,
}

/// The slices of a folder, by name; none if there is no such folder.
pub fn load(folder: &Path) -> Result<Vec<Slice>> {
    let files = sql_files(folder)?;
    Ok(files
        .into_iter()
        .map(|(name, predicate)| Slice { name, predicate })
        .collect())
}

/// Counts every slice in the runs of that name (`latest`, `all`, a label or an id).
pub async fn evaluate(context: &SessionContext, slices: &[Slice], run: &str) -> Result<Evaluation> {
    let run = ScalarValue::from(run);
    check_run(context, &run).await?;
    let results = sql::query(
        context,
        "SELECT * FROM results WHERE run_id IN (SELECT run_id FROM run_names WHERE name = $run)",
        &[("run", run)],
    )
    .await?;

    let mut predicates = Vec::new();
    let mut broken = Vec::new();
    for slice in slices {
        match condition_of(&results, &slice.predicate) {
            Ok(predicate) => predicates.push((slice, predicate)),
            Err(error) => broken.push(named(slice, &error)),
        }
    }
    if predicates.is_empty() {
        return Ok(Evaluation {
            batches: Vec::new(),
            broken,
        });
    }
    // A predicate can still fail on some row (a cast, a division); then each is tried alone to find it.
    if count(context, &results, &predicates).await.is_err() {
        let mut sound = Vec::new();
        for (slice, predicate) in predicates {
            match count(context, &results, &[(slice, predicate.clone())]).await {
                Ok(_) => sound.push((slice, predicate)),
                Err(error) => broken.push(named(slice, &error)),
            }
        }
        predicates = sound;
    }
    let batches = match predicates.as_slice() {
        [] => Vec::new(),
        sound => count(context, &results, sound).await?,
    };
    Ok(Evaluation { batches, broken })
}

/// A text as an expression over `results`; anything but a truth value is refused.
fn condition_of(results: &DataFrame, text: &str) -> Result<Expr, DataFusionError> {
    let text = text.trim().trim_end_matches(';');
    let expression = results.parse_sql_expr(text)?;
    // Planning a filter coerces types and checks that the outcome is a truth value.
    results
        .clone()
        .filter(expression.clone())?
        .into_optimized_plan()?;
    match expression.get_type(results.schema())? {
        DataType::Boolean => Ok(expression),
        other => Err(DataFusionError::Plan(format!(
            "a predicate is true or false, this is a {other}"
        ))),
    }
}

fn in_words(error: &DataFusionError) -> String {
    let error = error.strip_backtrace();
    format!("{error}; a slice is one predicate over the columns of `results`")
}

fn named(slice: &Slice, error: &DataFusionError) -> Error {
    Error::Sql {
        problem: format!("slices/{}.sql: {}", slice.name, in_words(error)),
        sql: slice.predicate.trim().to_owned(),
    }
}

/// One pass over the results: every row becomes one row a slice, then those are counted.
async fn count(
    context: &SessionContext,
    results: &DataFrame,
    predicates: &[(&Slice, Expr)],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let names = predicates
        .iter()
        .map(|(slice, _)| lit(slice.name.as_str()))
        .collect();
    let matches = predicates
        .iter()
        .map(|(_, predicate)| predicate.clone())
        .collect();
    let kept = [
        "run_started_at",
        "run_id",
        "run_label",
        "target",
        "status",
        "failure",
    ]
    .map(col);
    let columns = [
        make_array(names).alias("slice"),
        make_array(matches).alias("matches"),
    ];
    let rows = results
        .clone()
        .select(columns.into_iter().chain(kept))?
        .unnest_columns(&["slice", "matches"])?;
    // The rows get a name only for as long as it takes to plan the counts.
    let name = format!("sliced_{}", context.session_id().replace('-', ""));
    context.register_table(&name, rows.into_view())?;
    let counts = context.sql(&COUNTS.replace("sliced", &name)).await;
    context.deregister_table(&name)?;
    counts?.collect().await
}
