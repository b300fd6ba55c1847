//! `auditdm diff`: two runs compared.

use super::out::Out;
use super::plain::lines;
use crate::slice::{self, Sides};
use crate::sql;
use crate::tables::Tables;
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Compare two runs: what broke and what got fixed, on the pairs that both have verified.
///
/// The same image and question is the same pair. McNemar's exact test over all common pairs and, adjusted for their number,
/// for each category; examples; and the statement that lists every change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm diff baseline latest
  auditdm diff 031288f3 5a77e0c1 --format json > diff.json
  auditdm diff latest latest --before-target small --target large    two targets of one run")]
pub(super) struct Arguments {
    /// The earlier run: its id, its first digits, its label or `latest`.
    before: String,
    /// The later run.
    after: String,
    /// The target, where a run has several.
    #[arg(long)]
    target: Option<String>,
    /// The target of the earlier run, if another.
    #[arg(long)]
    before_target: Option<String>,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For eyes.
    Text,
    /// One object.
    Json,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let sides = Sides {
        runs: [arguments.before, arguments.after],
        targets: [
            arguments.before_target.or_else(|| arguments.target.clone()),
            arguments.target,
        ],
    };
    let diff = slice::diff(&context, &sides).await?;
    match arguments.format {
        Format::Text => write!(Out, "{}", lines(&diff.to_string()))?,
        Format::Json => writeln!(Out, "{}", serde_json::to_string_pretty(&diff)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
