//! `auditdm audit`: one run with progress, a summary, and an exit code.

use super::out::Out;
use super::plain;
use super::progress::Face;
use super::summary;
use crate::audit::{Ended, Run};
use crate::config::Config;
use anyhow::Context;
use clap::Args;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Audit a target model against its references.
///
/// Without a file, the lab: the committed target checkpoint is audited against the committed reference on
/// procedural scenes whose truth is known. What is done is committed to the tables as it goes; the same
/// command goes on where it was stopped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm audit                                   the lab, nothing to configure
  auditdm audit audit.toml                        your models, your images (see `auditdm init`)
  auditdm audit audit.toml --label nightly-11-24  the same questions as a run of its own
  auditdm audit audit.toml --json > summary.json  for scripts

Exit codes: 0 done, 1 failed, 3 done but for calls that failed for now, 130 interrupted.")]
pub(super) struct Arguments {
    /// The configuration; the lab without one.
    config: Option<PathBuf>,
    /// Where the tables are, instead of the configuration's `tables`.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
    /// The run's label, instead of the configuration's.
    #[arg(long)]
    label: Option<String>,
    /// Print no progress, only the summary.
    #[arg(short, long)]
    quiet: bool,
    /// Print the summary as JSON, and no progress.
    #[arg(long)]
    json: bool,
}

/// The configuration of an audit without a file.
const LAB: &str = include_str!("lab.toml");

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let options = [(
        "",
        arguments.config.as_ref().map(|path| path.display().to_string()),
    )];
    let options = options.into_iter().chain([
        ("--tables ", arguments.tables.clone()),
        ("--label ", arguments.label.clone()),
    ]);
    let again = options.fold("auditdm audit".to_owned(), |line, (option, value)| match value {
        Some(value) => format!("{line} {option}{value}"),
        None => line,
    });
    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => lab()?,
    };
    if let Some(tables) = arguments.tables {
        config.tables = tables;
    }
    if let Some(label) = arguments.label {
        config.label = label;
    }
    let tables_url = config.tables.clone();
    let mut run = Run::open(config.clone()).await?;
    let face = Face::show(&run, arguments.quiet || arguments.json);
    let ended = run.go(interrupted()).await?;
    face.close();

    let folder = arguments
        .config
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    let found = summary::Summary::gather(&run, &ended, &tables_url, folder)
        .await
        .context("the run is committed, but its summary could not be read back")?;
    if arguments.json {
        let mut found = serde_json::to_string_pretty(&found)?;
        if std::io::stdout().is_terminal() {
            found = plain::lines(&found);
        }
        writeln!(Out, "{found}")?;
    } else {
        write!(Out, "{}", plain::lines(&found.to_string()))?;
    }
    Ok(match ended {
        Ended::Failed(error) => return Err(error.into()),
        Ended::Interrupted => {
            eprintln!("interrupted; everything finished is committed. Go on with: {again}");
            ExitCode::from(130)
        }
        Ended::Done if found.postponed > 0 => ExitCode::from(3),
        Ended::Done => ExitCode::SUCCESS,
    })
}

fn lab() -> anyhow::Result<Config> {
    anyhow::ensure!(
        Path::new("data/lab-target/config.json").exists(),
        "without a configuration the lab is audited, but its checkpoints are not here: run this in the repository's \
         root, or write a configuration with `auditdm init` and name it: auditdm audit audit.toml"
    );
    Ok(Config::parse(LAB, "the lab's configuration", Path::new(""))?)
}

/// Ready at the first Ctrl-C; the second ends the process at once.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    eprintln!("\nfinishing what is under way and committing it; press Ctrl-C again to give it up");
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}
