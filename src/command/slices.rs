//! `auditdm slices`: where the target is weak, found by itself.

use super::out::Out;
use super::plain::lines;
use crate::slice::{self, Against, Search, Subject, Weakness};
use crate::sql;
use crate::sql::output::{self, Format};
use crate::tables::Tables;
use anyhow::Context;
use arrow::datatypes::{DataType, Field, Schema};
use clap::Args;
use datafusion::prelude::SessionContext;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Find the slices of the results in which the target fails more than elsewhere.
///
/// All combinations of one to three conditions (category, strategy, words of the question, columns of the source …) are
/// counted on half of the root images. Those that stand out are tested on the other half: against all other rows and
/// against each part of the slice, adjusted for their number. Each comes as a predicate that can be pasted into a query or
/// saved as a slice that every run evaluates.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm slices
  auditdm slices --against reference --conditions 2
  auditdm slices --columns category,question,attributes --save slices/worst.sql
  auditdm slices --from \"SELECT *, latency_ms > 900 AS slow FROM results\" --columns slow,category
  auditdm slices --format csv > slices.csv")]
pub(super) struct Arguments {
    /// A run: its id, its first digits, its label, `latest` or `all`.
    #[arg(long, default_value = "latest")]
    run: String,
    /// A view, a table or a query with a column `failure`.
    #[arg(long, value_name = "VIEW|SQL", default_value = "results")]
    from: String,
    /// Whose failures, where the run has several targets.
    #[arg(long)]
    target: Option<String>,
    /// Columns whose values become conditions, instead of those that describe a pair.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Texts that are looked at word by word.
    #[arg(long, value_delimiter = ',', default_value = "question,instruction")]
    words: Vec<String>,
    /// What a slice is compared with: the target elsewhere, or the reference on the same rows.
    #[arg(long, value_enum, default_value = "elsewhere")]
    against: Against,
    /// Conditions of a slice at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    conditions: u8,
    /// Rows of a slice at least, on half of the images [default: 30 and a two-thousandth].
    #[arg(long)]
    min_rows: Option<u32>,
    /// Share of false discoveries at most.
    #[arg(long, default_value_t = 0.05)]
    level: f64,
    /// Slices at most.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Save a slice to this file; `slices/NAME.sql` beside the configuration is evaluated by every run.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Which one to save, by its number.
    #[arg(long, default_value_t = 1, requires = "save")]
    pick: usize,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let subject = Subject {
        from: arguments.from,
        run: arguments.run,
        target: arguments.target,
        columns: arguments.columns,
        words: arguments.words,
    };
    let search = Search {
        against: arguments.against,
        conditions: arguments.conditions.into(),
        min_rows: arguments.min_rows,
        level: arguments.level,
        limit: arguments.limit,
    };
    let weakness = slice::weakness(&context, &subject, &search).await?;
    match arguments.format {
        Format::Table => write!(Out, "{}", lines(&weakness.to_string()))?,
        Format::Json => writeln!(Out, "{}", serde_json::to_string_pretty(&weakness)?)?,
        format => print(&weakness, format).await?,
    }
    if let Some(path) = arguments.save {
        let weak = &weakness.findings.weak;
        let found = weak.get(arguments.pick.wrapping_sub(1)).with_context(|| {
            format!(
                "there is no slice {} to save: {} were found",
                arguments.pick,
                weak.len()
            )
        })?;
        std::fs::write(&path, slice::saved(found))
            .with_context(|| format!("cannot write `{}`: does its folder exist?", path.display()))?;
        eprintln!("saved {}", lines(&path.display().to_string()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A slice as a row.
#[derive(Serialize)]
struct Row<'a> {
    kind: &'static str,
    slice: &'a str,
    sql: &'a str,
    n: u32,
    failures: u32,
    failure_rate: f64,
    failure_rate_low: f64,
    failure_rate_high: f64,
    elsewhere_rate: f64,
    reference_rate: Option<f64>,
    divergence: f64,
    excess: f64,
    p: f64,
    q: f64,
}

async fn print(weakness: &Weakness, format: Format) -> anyhow::Result<()> {
    let (weak, strong) = (&weakness.findings.weak, &weakness.findings.strong);
    let found = weak
        .iter()
        .map(|found| ("weak", found))
        .chain(strong.iter().map(|found| ("strong", found)));
    let rows: Vec<Row> = found
        .map(|(kind, found)| Row {
            kind,
            slice: &found.words,
            sql: &found.sql,
            n: found.target.n,
            failures: found.target.count,
            failure_rate: found.target.rate,
            failure_rate_low: found.target.low,
            failure_rate_high: found.target.high,
            elsewhere_rate: found.elsewhere.rate,
            reference_rate: found.reference.map(|reference| reference.rate),
            divergence: found.divergence,
            excess: found.excess,
            p: found.p,
            q: found.q,
        })
        .collect();
    let texts = ["kind", "slice", "sql"].map(|name| Field::new(name, DataType::Utf8, true));
    let counts = ["n", "failures"].map(|name| Field::new(name, DataType::Int64, true));
    let reals = [
        "failure_rate",
        "failure_rate_low",
        "failure_rate_high",
        "elsewhere_rate",
        "reference_rate",
        "divergence",
        "excess",
        "p",
        "q",
    ]
    .map(|name| Field::new(name, DataType::Float64, true));
    let fields: Vec<Field> = texts.into_iter().chain(counts).chain(reals).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone()).build_decoder()?;
    decoder.serialize(&rows)?;
    let batch = decoder
        .flush()?
        .unwrap_or_else(|| arrow::array::RecordBatch::new_empty(schema));
    anyhow::ensure!(
        format != Format::Parquet || !std::io::stdout().is_terminal(),
        "Parquet is not for the eyes: redirect it to a file"
    );
    output::write(SessionContext::new().read_batch(batch)?, format, None, &mut Out).await?;
    Ok(())
}
