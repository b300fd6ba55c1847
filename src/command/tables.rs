//! `auditdm tables`: the upkeep of the tables.

use super::out::Out;
use crate::source::Age;
use crate::sql::duckdb;
use crate::sql::output::{self, Format};
use crate::tables::{TableName, Tables};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use clap::{Args, Subcommand};
use datafusion::prelude::SessionContext;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Keep the tables quick and small, and see what happened to them.
///
/// Everything here may be done while audits write and queries read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm tables check                             is everything there? exit code 1 when not
  auditdm tables history --limit 5                 what was committed last, when and by whom
  auditdm tables compact --tables s3://audits/a    merge small files, so that queries are quick
  auditdm tables duckdb > audit.sql                the same tables, views and functions for DuckDB
  auditdm tables vacuum                            what could be removed; --yes removes it")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables", global = true)]
    tables: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "table", global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Merge small files into large ones; no row changes.
    ///
    /// Audits do this by themselves (`compact_files` in `[pace]`), so this is for tables that many short
    /// runs wrote to.
    #[command(
        after_help = "Examples:\n  auditdm tables compact\n  auditdm tables compact --tables s3://audits/a"
    )]
    Compact,
    /// List what was committed to each table, newest first.
    #[command(
        after_help = "Examples:\n  auditdm tables history\n  auditdm tables history --only answers --format json"
    )]
    History {
        /// At most so many commits of each table.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Only this table.
        #[arg(long, value_name = "TABLE", value_parser = table)]
        only: Option<TableName>,
    },
    /// Remove files that only old versions need.
    ///
    /// Without --yes nothing is removed: it tells how much would be.
    #[command(after_help = "Examples:\n  auditdm tables vacuum\n  auditdm tables vacuum --keep 30d --yes")]
    Vacuum {
        /// How long a version can still be read after it was replaced.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        keep: Age,
        /// Remove them.
        #[arg(long)]
        yes: bool,
    },
    /// Look whether the tables are whole.
    ///
    /// Tables open and have their columns, files are all there, ids refer to something, views leave out
    /// repeated rows. Exit code 1 when something is lost.
    #[command(
        after_help = "Examples:\n  auditdm tables check\n  auditdm tables check --format json > check.json"
    )]
    Check,
    /// Print views and macros that give DuckDB the same tables, views and functions.
    ///
    /// The script names the files of the tables' present version: print it anew after an audit.
    #[command(
        after_help = "Examples:\n  auditdm tables duckdb > audit.sql && duckdb -init audit.sql\n  \
                      auditdm tables duckdb --tables s3://audits/a"
    )]
    Duckdb,
}

fn table(name: &str) -> Result<TableName, String> {
    let names = TableName::ALL.map(TableName::name);
    let found = TableName::ALL.into_iter().find(|table| table.name() == name);
    found.ok_or_else(|| format!("the tables are {}", names.join(", ")))
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let format = arguments.format;
    match arguments.command {
        Command::Compact => {
            let mut rows = Vec::new();
            for table in TableName::ALL {
                let done = tables.compact(table, 2).await?;
                rows.push(CompactRow {
                    table: table.name(),
                    files_before: done.files_before,
                    files_after: done.files_after,
                    written_byte: done.written_byte,
                });
            }
            print(
                &rows,
                &[
                    ("files_before", Kind::Number),
                    ("files_after", Kind::Number),
                    ("written_byte", Kind::Number),
                ],
                format,
            )
            .await?;
        }
        Command::History { limit, only } => {
            let mut commits = Vec::new();
            for table in TableName::ALL
                .into_iter()
                .filter(|table| only.is_none_or(|only| only == *table))
            {
                commits.extend(tables.history(table, limit).await?);
            }
            commits.sort_by_key(|commit| std::cmp::Reverse(commit.committed_at));
            let columns = [
                ("version", Kind::Number),
                ("committed_at", Kind::Time),
                ("operation", Kind::Text),
                ("rows", Kind::Number),
                ("files_added", Kind::Number),
                ("files_removed", Kind::Number),
                ("added_byte", Kind::Number),
                ("writer", Kind::Text),
            ];
            print(&commits, &columns, format).await?;
        }
        Command::Vacuum { keep, yes } => vacuum(&tables, keep.duration(), yes, format).await?,
        Command::Check => return check(&tables, format).await,
        Command::Duckdb => write!(Out, "{}", duckdb::script(&tables).await?)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct CompactRow {
    table: &'static str,
    files_before: usize,
    files_after: usize,
    written_byte: u64,
}

#[derive(Serialize)]
struct VacuumRow {
    table: &'static str,
    files: usize,
    byte: u64,
}

async fn vacuum(tables: &Tables, keep: Duration, yes: bool, format: Format) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for table in TableName::ALL {
        let found = tables.vacuum(table, keep, yes).await?;
        rows.push(VacuumRow {
            table: table.name(),
            files: found.files,
            byte: found.byte,
        });
    }
    print(&rows, &[("files", Kind::Number), ("byte", Kind::Number)], format).await?;
    let (files, byte) = rows
        .iter()
        .fold((0, 0), |(files, byte), row| (files + row.files, byte + row.byte));
    if yes {
        eprintln!("removed {files} files, {byte} bytes");
    } else {
        eprintln!("{files} files, {byte} bytes can be removed: do it with --yes");
    }
    Ok(())
}

async fn check(tables: &Tables, format: Format) -> anyhow::Result<ExitCode> {
    let checked = tables.check().await;
    if format == Format::Json {
        writeln!(Out, "{}", serde_json::to_string_pretty(&checked)?)?;
    } else {
        let columns = ["version", "rows", "repeated", "files", "byte", "unused_byte"];
        print(&checked.tables, &columns.map(|name| (name, Kind::Number)), format).await?;
        for problem in &checked.problems {
            let kind = if problem.broken { "broken" } else { "note" };
            eprintln!(
                "{kind}: `{}` {}\n  {}",
                problem.table, problem.problem, problem.remedy
            );
        }
    }
    if checked.is_broken() {
        return Ok(ExitCode::FAILURE);
    }
    eprintln!("the tables are whole");
    Ok(ExitCode::SUCCESS)
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Time,
}

/// Writes rows as a query's result is written; the first column is the table's name.
async fn print<R: Serialize>(rows: &[R], columns: &[(&str, Kind)], format: Format) -> anyhow::Result<()> {
    let columns = [("table", Kind::Text)].iter().chain(columns).map(|(name, kind)| {
        let data_type = match kind {
            Kind::Number => DataType::Int64,
            Kind::Text => DataType::Utf8,
            Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        };
        Field::new(*name, data_type, true)
    });
    let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone()).build_decoder()?;
    decoder.serialize(rows)?;
    let batch = decoder
        .flush()?
        .unwrap_or_else(|| arrow::array::RecordBatch::new_empty(schema));
    let frame = SessionContext::new().read_batch(batch)?;
    let terminal = std::io::stdout().is_terminal();
    anyhow::ensure!(
        format != Format::Parquet || !terminal,
        "Parquet is not for the eyes: redirect it to a file"
    );
    let width = terminal_size::terminal_size()
        .filter(|_| terminal)
        .map(|(width, _)| usize::from(width.0));
    output::write(frame, format, width, &mut Out).await?;
    Ok(())
}
