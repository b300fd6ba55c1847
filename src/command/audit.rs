//! `auditdm audit`: one run with progress, a summary, and an exit code.

use super::out::Out;
use super::progress::Face;
use super::summary;
use crate::audit::{Ended, Run};
use crate::config::{Claim, Config};
use anyhow::Context;
use clap::Args;
use std::io::Write;
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
  auditdm audit audit.toml --worker 1/4           one of four processes, beside 2/4, 3/4 and 4/4

Several processes share a source and its tables with --worker: each takes the images whose hash falls into its
share, and no image is paid for twice. One that was killed goes on with the same command; a last run without
--worker does whatever any of them left. Without --worker two processes at once are right too, but may both pay.

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
    /// Work on a share of the images only, K of N: the others are for other processes.
    #[arg(long, value_name = "K/N")]
    worker: Option<Claim>,
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
        ("--worker ", arguments.worker.map(|worker| worker.to_string())),
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
    config.claim = arguments.worker.unwrap_or_default();
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
        writeln!(Out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        write!(Out, "{found}")?;
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
