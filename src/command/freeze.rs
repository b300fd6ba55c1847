//! `auditdm freeze`: a selection as a benchmark.

use super::out::Out;
use super::plain::line;
use crate::benchmark::set::FOLDER;
use crate::export;
use crate::select;
use crate::sql;
use crate::sql::named::Queries;
use crate::tables::Tables;
use clap::Args;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Freeze a selection as a benchmark: questions, answers and images in one file whose name says what is in it.
///
/// Rows come as for `auditdm export`: from a query, a selection or your own SQL with the columns id, images, prompt and
/// completion; a list audit_accepted adds further right answers. The file NAME-frozen-HASH.parquet holds all that is needed:
/// `auditdm eval NAME --model …` evaluates it like a public benchmark, and as `[source] url` it gives an audit the same
/// questions every week. The same rows give the same file; a file with another content than its name says is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm freeze failures training --param failures=true
  auditdm freeze weekly --selection november
  auditdm freeze counting --sql \"SELECT … FROM results …\" --output s3://sets/benchmarks
  auditdm eval weekly --model data/lab-target --model data/lab-reference")]
pub(super) struct Arguments {
    /// The set's name.
    #[arg(value_parser = plain_name)]
    name: String,
    /// A named query; your own are files `queries/NAME.sql` in this folder.
    #[arg(default_value = "training", conflicts_with_all = ["sql", "selection"])]
    query: String,
    /// A parameter of the query, as `name=value`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::query::parameter)]
    param: Vec<(String, String)>,
    /// A statement instead of a named query.
    #[arg(long, conflicts_with_all = ["param", "selection"])]
    sql: Option<String>,
    /// The rows of a selection: `NAME` for its latest version, or `NAME@VERSION`.
    #[arg(long, value_name = "NAME", conflicts_with = "param")]
    selection: Option<String>,
    /// The folder to write to: a path, `s3://`, `gs://` or `az://`.
    #[arg(short, long, value_name = "URL", default_value = FOLDER)]
    output: String,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
}

fn plain_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let fits = text.len() <= 64
        && text.bytes().all(plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "begin with a letter or digit and use letters, digits, _ and -".to_owned())
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let frame = match (&arguments.sql, &arguments.selection) {
        (Some(sql), _) => sql::query(&context, sql, &[]).await?,
        (None, Some(name)) => sql::query(&context, &select::selected(&tables, name).await?, &[]).await?,
        (None, None) => {
            let queries = Queries::load(Some(Path::new("queries")))?;
            queries
                .find(&arguments.query)?
                .plan(&context, &arguments.param)
                .await?
        }
    };
    let frozen = export::freeze(&tables, frame, &arguments.name, &arguments.output).await?;
    let note = if frozen.same { " (as before)" } else { "" };
    writeln!(
        Out,
        "{}: {} rows{note}",
        line(&frozen.address, 400),
        frozen.exported.rows
    )?;
    for (reason, rows) in &frozen.exported.left_out {
        writeln!(Out, "  left out {rows}: {}", line(reason, 200))?;
    }
    Ok(ExitCode::SUCCESS)
}
