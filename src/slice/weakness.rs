//! Where a target is weak and where it is strong, in words and numbers, from the tables.
//!
//! In: a session and what to look at. Out: [`Weakness`], from statistics alone.

use super::condition::identifier;
use super::find::{Findings, Found, Search, discover};
use super::frame::Frame;
use super::score::Against;
use crate::error::{Error, Result};
use crate::sql;
use crate::sql::named::check_run;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident, lit};
use futures::StreamExt;
use serde::Serialize;

/// Columns of `results` that describe a pair before anyone answered.
const COLUMNS: [&str; 12] = [
    "category",
    "strategy",
    "operation",
    "answer_type",
    "choices",
    "question",
    "instruction",
    "attributes",
    "width",
    "height",
    "prober",
    "licence",
];
/// Examples of a slice.
const EXAMPLES: usize = 3;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Subject {
    /// A view or table, or a query, with a column `failure`.
    pub from: String,
    /// A run's id, its first digits, its label, `latest` or `all`; only where there is a column `run_id`.
    pub run: String,
    /// Whose failures; may be left out where a run has one target.
    pub target: Option<String>,
    /// Columns whose values become conditions; empty: those of `results` that describe a pair, and all that `results` does not have.
    pub columns: Vec<String>,
    /// Texts that are looked at word by word.
    pub words: Vec<String>,
}

impl Default for Subject {
    fn default() -> Self {
        Self {
            from: "results".to_owned(),
            run: "latest".to_owned(),
            target: None,
            columns: Vec::new(),
            words: ["question", "instruction"].map(str::to_owned).to_vec(),
        }
    }
}

/// A failure to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "columns of `results`")]
pub struct Example {
    pub question: Option<String>,
    pub target_answer: Option<String>,
    pub reference_answers: Option<String>,
    pub right_answer: Option<String>,
    pub image_uri: Option<String>,
    pub image_id: Option<String>,
    pub probe_id: Option<String>,
}

/// Where a target is weak.
#[derive(Debug, Clone, Serialize)]
pub struct Weakness {
    /// Its name; none where the view has no such column.
    pub target: Option<String>,
    /// The slices.
    #[serde(flatten)]
    pub findings: Findings,
    /// Failures of each weak slice, in their order; empty where the view has no questions.
    pub examples: Vec<Vec<Example>>,
}

/// Looks for the slices in which the target fails.
pub async fn weakness(context: &SessionContext, subject: &Subject, search: &Search) -> Result<Weakness> {
    let is_name = subject
        .from
        .chars()
        .all(|each| each.is_alphanumeric() || each == '_');
    let sql = if is_name {
        format!("SELECT * FROM {}", identifier(&subject.from))
    } else {
        subject.from.clone()
    };
    let refused = |problem: String| Error::Sql {
        problem,
        sql: sql.clone(),
    };
    let mut rows = sql::query(context, &sql, &[]).await?;
    let has = |name: &str| rows.schema().has_column_with_unqualified_name(name);
    let (has_run, has_status, has_target) = (has("run_id"), has("status"), has("target"));
    if !has("failure") {
        return Err(refused(
            "there is no column `failure`: name the target's outcome so, true where it is wrong".to_owned(),
        ));
    }
    let root = ["root_image_id", "image_id"].into_iter().find(|name| has(name)).ok_or_else(|| {
        refused("there is no column `root_image_id`: slices are found on half of the images and tested on the others".to_owned())
    })?;
    let reference = match ["reference_failure", "reference_correct"].map(has) {
        [true, _] => ident("reference_failure"),
        [_, true] => Expr::Not(Box::new(ident("reference_correct"))),
        _ => lit(ScalarValue::Boolean(None)),
    };
    if has_run {
        let run = ScalarValue::from(subject.run.as_str());
        check_run(context, &run).await?;
        let ids = sql::collect(
            context,
            "SELECT run_id FROM run_names WHERE name = $run",
            &[("run", run)],
        )
        .await?;
        let ids = texts(&ids, 0)?.into_iter().flatten().map(lit).collect();
        rows = rows.filter(ident("run_id").in_list(ids, false))?;
    }
    if has_status {
        rows = rows.filter(ident("status").eq(lit("valid")))?;
    }
    if search.against == Against::Reference {
        rows = rows.filter(reference.clone().is_not_null())?;
    }
    let target = if has_target {
        Some(one_target(&rows, subject, &refused).await?)
    } else {
        None
    };
    if let Some(target) = &target {
        rows = rows.filter(ident("target").eq(lit(target.as_str())))?;
    }

    let mut chosen = vec![
        ident("failure").alias("slice target"),
        reference.alias("slice reference"),
        ident(root).alias("slice root"),
    ];
    chosen.extend(columns(context, &rows, subject).await?.iter().map(ident));
    let selected = rows.clone().select(chosen)?;
    let mut frame = Frame::new(selected.schema().as_arrow(), &subject.words);
    let mut batches = selected.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        frame.push(&batch?)?;
    }
    if frame.rows() == 0 {
        return Err(refused(
            "there is no verified row: slices need truth, a judge or a second reference".to_owned(),
        ));
    }
    let search = search.clone();
    let findings = tokio::task::spawn_blocking(move || discover(frame, &search));
    let findings = findings
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let mut examples = Vec::new();
    for found in &findings.weak {
        examples.push(self::examples(&rows, found).await?);
    }
    Ok(Weakness {
        target,
        findings,
        examples,
    })
}

/// The one target of the rows, or the one that was asked for.
async fn one_target(
    rows: &DataFrame,
    subject: &Subject,
    refused: &impl Fn(String) -> Error,
) -> Result<String> {
    let known = rows
        .clone()
        .select(vec![ident("target")])?
        .distinct()?
        .collect()
        .await?;
    let mut known: Vec<String> = texts(&known, 0)?.into_iter().flatten().collect();
    known.sort_unstable();
    match (&subject.target, known.as_slice()) {
        (Some(target), known) if known.contains(target) => Ok(target.clone()),
        (None, [only]) => Ok(only.clone()),
        (_, []) => Err(refused(
            "there is no verified row: slices need truth, a judge or a second reference".to_owned(),
        )),
        (_, known) => Err(refused(format!(
            "name one target with --target: {}",
            known.join(", ")
        ))),
    }
}

/// The columns whose values become conditions: of those that `results` has, the ones that describe a pair; of others,
/// all but ids and the reference's outcome.
async fn columns(context: &SessionContext, rows: &DataFrame, subject: &Subject) -> Result<Vec<String>> {
    let names = rows.schema().fields().iter().map(|field| field.name().clone());
    if let Some(missing) = subject
        .columns
        .iter()
        .find(|name| names.clone().all(|each| each != **name))
    {
        return Err(Error::Sql {
            problem: format!(
                "no column `{missing}`; there are: {}",
                names.collect::<Vec<_>>().join(", ")
            ),
            sql: subject.from.clone(),
        });
    }
    if !subject.columns.is_empty() {
        return Ok(subject.columns.clone());
    }
    let results = sql::query(context, "SELECT * FROM results", &[]).await?;
    let tells = |name: &str| {
        results.schema().has_column_with_unqualified_name(name)
            || name == "reference_failure"
            || name.ends_with("_id")
    };
    Ok(names
        .filter(|name| COLUMNS.contains(&name.as_str()) || !tells(name))
        .collect())
}

/// Failures of a slice: those first on which the reference is right and the target was certain.
async fn examples(rows: &DataFrame, found: &Found) -> Result<Vec<Example>> {
    let names = [
        "question",
        "target_answer",
        "reference_answers",
        "truth",
        "consensus",
        "image_uri",
        "image_id",
        "probe_id",
    ];
    let has = |name: &&str| rows.schema().has_column_with_unqualified_name(name);
    if !names.iter().all(has) {
        return Ok(Vec::new());
    }
    let mut order = vec![ident("probe_id").sort(true, false)];
    if has(&"mean_log_probability") {
        order.insert(0, ident("mean_log_probability").sort(false, false));
    }
    if has(&"reference_correct") {
        order.insert(0, ident("reference_correct").sort(false, false));
    }
    let batches = rows
        .clone()
        .filter(rows.parse_sql_expr(&found.sql)?.and(ident("failure")))?
        .sort(order)?
        .limit(0, Some(EXAMPLES))?
        .select(names.map(ident).to_vec())?
        .collect()
        .await?;
    let columns = (0..names.len())
        .map(|at| texts(&batches, at))
        .collect::<Result<Vec<_>>>()?;
    let cell = |column: usize, row: usize| columns[column][row].clone();
    let example = |row| Example {
        question: cell(0, row),
        target_answer: cell(1, row),
        reference_answers: cell(2, row),
        right_answer: cell(3, row).or(cell(4, row)),
        image_uri: cell(5, row),
        image_id: cell(6, row),
        probe_id: cell(7, row),
    };
    Ok((0..columns[0].len()).map(example).collect())
}

/// A column of a few rows.
pub(super) fn texts(batches: &[arrow::array::RecordBatch], column: usize) -> Result<Vec<Option<String>>> {
    let mut texts = Vec::new();
    for batch in batches {
        let array = cast(batch.column(column), &DataType::Utf8)?;
        texts.extend(
            array
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(str::to_owned)),
        );
    }
    Ok(texts)
}
