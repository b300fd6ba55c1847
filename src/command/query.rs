//! `auditdm query`: SQL over the tables, named or given.

use super::out::Out;
use super::plain::Plain;
use crate::sql;
use crate::sql::named::Queries;
use crate::sql::output::{self, Format};
use crate::tables::Tables;
use clap::Args;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Ask the tables: a named query, or your own SQL.
///
/// SQL is read-only and sees the audit's tables and the view `results` (one row for each run, probe and
/// target), nothing else.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm query --list
  auditdm query weaknesses
  auditdm query failures --param run=lab --format csv > failures.csv
  auditdm query --sql \"SELECT category, count(*) FROM results WHERE failure GROUP BY 1 ORDER BY 2 DESC\"
  auditdm query --sql \"SELECT * FROM results\" --format parquet --output results.parquet")]
pub(super) struct Arguments {
    /// The query's name; your own are files `queries/NAME.sql` in this folder.
    #[arg(required_unless_present_any = ["sql", "list"], conflicts_with = "sql")]
    name: Option<String>,
    /// A parameter of the query, as `name=value`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// A statement instead of a named query.
    #[arg(long)]
    sql: Option<String>,
    /// List the named queries and their parameters.
    #[arg(long)]
    list: bool,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// A file to write to, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let queries = Queries::load(Some(Path::new("queries")))?;
    if arguments.list {
        list(&queries)?;
        return Ok(ExitCode::SUCCESS);
    }
    let context = sql::open(
        &Tables::open_existing(&arguments.tables).await?,
        sql::memory::limit_byte(),
    )
    .await?;
    let frame = match (&arguments.sql, &arguments.name) {
        (Some(sql), _) => {
            anyhow::ensure!(
                arguments.param.is_empty(),
                "--param goes with a named query: write the value into --sql"
            );
            sql::query(&context, sql, &[]).await?
        }
        (None, Some(name)) => queries.find(name)?.plan(&context, &arguments.param).await?,
        (None, None) => unreachable!("clap requires one of them"),
    };
    let terminal = std::io::stdout().is_terminal() && arguments.output.is_none();
    if arguments.format == Format::Parquet && terminal {
        anyhow::bail!("Parquet is not for the eyes: name a file with --output FILE");
    }
    let mut sink: Box<dyn Write + Send> = match &arguments.output {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create(path)?)),
        None if terminal => Box::new(std::io::BufWriter::new(Plain::new(Out))),
        None => Box::new(std::io::BufWriter::new(Out)),
    };
    let width = terminal_size::terminal_size()
        .filter(|_| terminal)
        .map(|(width, _)| usize::from(width.0));
    output::write(frame, arguments.format, width, &mut *sink).await?;
    sink.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(queries: &Queries) -> std::io::Result<()> {
    for query in queries.iter() {
        writeln!(Out, "{}\n    {}", query.name, query.description)?;
        for parameter in &query.parameters {
            writeln!(
                Out,
                "    --param {}={}: {}",
                parameter.name, parameter.default, parameter.meaning
            )?;
        }
    }
    Ok(())
}
