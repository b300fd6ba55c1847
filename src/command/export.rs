//! `auditdm export`: curated rows in the formats of trainers and evaluation harnesses.

use super::out::Out;
use super::plain::line;
use crate::export::{self, Format, Options};
use crate::select;
use crate::sql;
use crate::sql::named::Queries;
use crate::tables::Tables;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write curated rows for trainers and evaluation harnesses.
///
/// Rows come from the named query `training`, another query or your own SQL with its columns: id, images, prompt and
/// completion; choices, label_source, agreement, category, root_image_id, split and licence where there are; all others
/// begin with audit_. The folder gets a data card.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  auditdm export hf --output dataset
  auditdm export trl-dpo training --param failures=true --output s3://sets/dpo
  auditdm export llama-factory --sql \"SELECT * FROM …\" --output sft --name rectified
  auditdm export hf --selection november --output november
  auditdm export check dataset             what would fail in the trainer"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The format.
    #[arg(value_enum, required = true)]
    format: Option<Format>,
    /// A named query; your own are files `queries/NAME.sql` in this folder.
    #[arg(default_value = "training", conflicts_with = "sql")]
    query: String,
    /// A parameter of the query, as `name=value`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::query::parameter)]
    param: Vec<(String, String)>,
    /// A statement instead of a named query.
    #[arg(long, conflicts_with = "param")]
    sql: Option<String>,
    /// The rows of a selection: `NAME` for its latest version, or `NAME@VERSION`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "param", "query"])]
    selection: Option<String>,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// An empty or new folder: a path, `s3://`, `gs://` or `az://`.
    #[arg(short, long, value_name = "URL", required = true)]
    output: Option<String>,
    /// What the data set is called where the format asks for a name.
    #[arg(long, default_value = "auditdm", value_parser = plain_name)]
    name: String,
    /// Megabytes of a shard, about.
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
    shard_mb: u32,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for what would fail in the trainer; exit code 1 when something would.
    #[command(after_help = "Examples:\n  auditdm export check dataset")]
    Check {
        /// A folder that was exported, or written by others in one of these formats.
        folder: PathBuf,
    },
}

fn plain_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(plain);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "use letters, digits and _".to_owned())
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(Command::Check { folder }) = arguments.command {
        return check(&folder);
    }
    let (Some(format), Some(output)) = (arguments.format, arguments.output) else {
        unreachable!("clap requires them");
    };
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let (frame, origin) = match (&arguments.sql, &arguments.selection) {
        (Some(sql), _) => (sql::query(&context, sql, &[]).await?, "a query".to_owned()),
        (None, Some(name)) => {
            let rows = select::selected(&tables, name).await?;
            (
                sql::query(&context, &rows, &[]).await?,
                format!("the selection {name}"),
            )
        }
        (None, None) => {
            let queries = Queries::load(Some(Path::new("queries")))?;
            let frame = queries
                .find(&arguments.query)?
                .plan(&context, &arguments.param)
                .await?;
            (frame, format!("the query {}", arguments.query))
        }
    };
    let options = Options {
        format,
        name: arguments.name,
        shard_byte: arguments.shard_mb as usize * 1_000_000,
        origin: format!("{origin} over {}", tables.url()),
        output,
    };
    let exported = export::export(&tables, frame, &options).await?;
    writeln!(Out, "{}: {} rows", line(&options.output, 200), exported.rows)?;
    for (reason, rows) in &exported.left_out {
        writeln!(Out, "  left out {rows}: {}", line(reason, 200))?;
    }
    anyhow::ensure!(
        exported.rows > 0,
        "no row could be exported: look at the query's result with `auditdm query`"
    );
    Ok(ExitCode::SUCCESS)
}

fn check(folder: &Path) -> anyhow::Result<ExitCode> {
    let checked = export::check::check(folder)?;
    writeln!(Out, "{} records in {} files", checked.records, checked.files)?;
    for problem in &checked.problems {
        writeln!(Out, "  {}", line(problem, 400))?;
    }
    if checked.more_problems > 0 {
        writeln!(Out, "  and {} more problems", checked.more_problems)?;
    }
    Ok(if checked.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
