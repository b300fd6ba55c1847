//! `auditdm select`: exactly so many rows, kept as a version of a named selection.

use super::out::Out;
use super::plain::line;
use crate::select::{self, Diversity, Options};
use crate::source::SourceOptions;
use crate::sql;
use crate::sql::named::Queries;
use crate::tables::Tables;
use clap::Args;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Choose exactly so many rows for training or testing, and keep them as a version of a selection.
///
/// Rows come from the named query `training`, another query or your own SQL with its columns. Repeated pairs,
/// near-duplicates, rows of other selections and images of benchmarks are left out; categories get equal shares. When
/// there are too few rows, nothing is written and it says which quota could not be filled.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm select november --budget 1000
  auditdm select november training --param failures=true --budget 300 --quota counting=200 --quota clock_reading=100
  auditdm select wide --budget 500 --diverse --embedder sentence-transformers/all-MiniLM-L6-v2
  auditdm select weekly --sql \"SELECT …\" --budget 500 --benchmark data/pope --benchmark mmbench.parquet
  auditdm export hf --selection november --output november")]
pub(super) struct Arguments {
    /// The selection's name.
    name: String,
    /// A named query; your own are files `queries/NAME.sql` in this folder.
    #[arg(default_value = "training", conflicts_with = "sql")]
    query: String,
    /// How many rows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    budget: u64,
    /// A parameter of the query, as `name=value`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::query::parameter)]
    param: Vec<(String, String)>,
    /// A statement instead of a named query.
    #[arg(long, conflicts_with = "param")]
    sql: Option<String>,
    /// The column whose values get equal shares; `none` for a plain random sample.
    #[arg(long, value_name = "COLUMN", default_value = "category")]
    by: String,
    /// Rows of one value, as `value=rows`; may be repeated, and then these are all the quotas.
    #[arg(long, value_name = "VALUE=ROWS", value_parser = quota)]
    quota: Vec<(String, usize)>,
    /// What the random order derives from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Images whose perceptual hashes differ in so many of 64 bits at most are near-duplicates.
    #[arg(long, value_name = "BITS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=16))]
    near: u32,
    /// Take rows of one value that are unlike each other, in what their images look like and, with --embedder, in what is
    /// asked, instead of a random sample.
    #[arg(long)]
    diverse: bool,
    /// A model of sentences for the distance of questions: a folder as sentence-transformers saves it, or its name on the hub.
    #[arg(long, value_name = "MODEL", requires = "diverse")]
    embedder: Option<String>,
    /// Share of the root images whose rows go to the split `test`.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    holdout: f64,
    /// A selection whose rows are not chosen again, `all` others or `none`; may be repeated.
    #[arg(long, value_name = "NAME", default_value = "all")]
    against: Vec<String>,
    /// A folder, bucket, Parquet or JSON file whose images must not be in it; may be repeated.
    #[arg(long, value_name = "URL")]
    benchmark: Vec<String>,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
}

fn quota(text: &str) -> Result<(String, usize), String> {
    let (value, rows) = text.rsplit_once('=').ok_or("write it as value=rows")?;
    let rows = rows
        .parse()
        .map_err(|_| format!("`{rows}` is no number of rows"))?;
    Ok((value.to_owned(), rows))
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        (0.0..=1.0).contains(&arguments.holdout),
        "--holdout is a share between 0 and 1"
    );
    let plain = |each: char| each.is_alphanumeric() || "_-.".contains(each);
    anyhow::ensure!(
        !arguments.name.is_empty() && arguments.name.chars().all(plain),
        "a selection's name has letters, digits, `_`, `-` and `.`"
    );
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let (frame, origin) = if let Some(sql) = arguments.sql {
        (sql::query(&context, &sql, &[]).await?, sql)
    } else {
        let queries = Queries::load(Some(Path::new("queries")))?;
        let given = arguments
            .param
            .iter()
            .map(|(name, value)| format!(" {name}={value}"));
        let origin = arguments.query.clone() + &given.collect::<String>();
        let query = queries.find(&arguments.query)?;
        (query.plan(&context, &arguments.param).await?, origin)
    };
    let benchmark = |url: String| SourceOptions {
        url,
        ..SourceOptions::default()
    };
    let options = Options {
        name: arguments.name,
        budget: usize::try_from(arguments.budget)?,
        by: Some(arguments.by).filter(|by| by != "none"),
        quotas: arguments.quota.into_iter().collect(),
        seed: arguments.seed,
        near_bits: arguments.near,
        holdout: arguments.holdout,
        diversity: arguments.diverse.then_some(Diversity {
            embedder: arguments.embedder,
        }),
        against: arguments
            .against
            .into_iter()
            .filter(|name| name != "none")
            .collect(),
        benchmarks: arguments.benchmark.into_iter().map(benchmark).collect(),
        origin,
    };
    let selected = select::select(&tables, frame, &options).await?;
    let note = if selected.same { " (as before)" } else { "" };
    writeln!(
        Out,
        "{} version {}{note}: {} of {} rows",
        options.name, selected.version, options.budget, selected.candidates
    )?;
    for (value, (chosen, available)) in &selected.quotas {
        writeln!(Out, "  {chosen:>8} of {available:>8}  {}", line(value, 60))?;
    }
    let splits: Vec<String> = selected
        .splits
        .iter()
        .map(|(split, rows)| format!("{rows} {split}"))
        .collect();
    writeln!(Out, "  splits by root image: {}", splits.join(", "))?;
    for (reason, removed) in &selected.removed {
        let ids: Vec<String> = removed.ids.iter().map(|id| line(id, 8)).collect();
        writeln!(
            Out,
            "  left out {}: {} (e.g. {})",
            removed.rows,
            line(reason, 100),
            ids.join(", ")
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
