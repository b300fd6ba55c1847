//! `auditdm audit`: one run with progress, a summary, and an exit code.

use super::out::Out;
use super::plain;
use super::preview::Preview;
use super::progress::Face;
use super::summary;
use crate::audit::{Ended, Run};
use crate::config::{Claim, Config};
use crate::model::Stop;
use crate::source::Age;
use anyhow::Context;
use clap::Args;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing::Instrument;

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
  auditdm audit audit.toml --dry-run              how many calls, tokens, dollars and minutes it would take
  auditdm audit audit.toml --preview 10           ten images first, their pairs shown; the rest goes on from there
  auditdm audit audit.toml --metrics 127.0.0.1:9464   counters for Prometheus while it runs
  auditdm audit audit.toml --json > summary.json  for scripts
  auditdm audit audit.toml --worker 1/4           one of four processes, beside 2/4, 3/4 and 4/4
  auditdm audit audit.toml --follow --poll 30s    as a service: also what arrives from now on

Several processes share a source and its tables with --worker: each takes the images whose hash falls into its
share, and no image is paid for twice. One that was killed goes on with the same command; a last run without
--worker does whatever any of them left. Without --worker two processes at once are right too, but may both pay.

Exit codes: 0 done, 1 failed, 3 done but for calls that failed for now, 4 stopped at the budget (section
[budget]; without one, 1000 requests to remote models), 130 interrupted. Whatever was received is committed,
and the same command goes on.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Arguments {
    /// The configuration; the lab without one.
    config: Option<PathBuf>,
    /// Where the tables are, instead of the configuration's `tables`.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
    /// The run's label, instead of the configuration's.
    #[arg(long)]
    label: Option<String>,
    /// Ask nobody: estimate calls, tokens, money and time of what is to do.
    #[arg(long, conflicts_with = "preview")]
    dry_run: bool,
    /// Audit the first N images only and show their pairs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    preview: Option<u32>,
    /// Serve counters for Prometheus at this address while the run is under way.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Work on a share of the images only, K of N: the others are for other processes.
    #[arg(long, value_name = "K/N")]
    worker: Option<Claim>,
    /// Go on with what newly arrives in the source (a folder, glob or bucket), until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// How often the source is listed for --follow.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    poll: Age,
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
    config.pace.follow = config.pace.follow.or(arguments.follow.then_some(arguments.poll));
    let tables_url = config.tables.clone();
    let mut run = Run::open(config.clone()).await?;
    if arguments.dry_run {
        let estimate = run.estimate().await?;
        return super::estimate::print(&estimate, &run.audit.cast.traffic.budget, arguments.json);
    }
    let wanted = match arguments.preview {
        Some(images) => Some(run.preview(images as usize).await?),
        None => None,
    };
    let metrics = match arguments.metrics {
        Some(address) => Some(super::metrics::serve(address, run.audit.clone()).await?),
        None => None,
    };
    let face = Face::show(&run, arguments.quiet || arguments.json);
    let span = tracing::info_span!("run", run_id = run.audit.run_id, label = config.label);
    let ended = run.go(interrupted()).instrument(span).await?;
    face.close();
    if let Some(metrics) = metrics {
        metrics.abort();
    }

    let folder = arguments
        .config
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    let found = summary::Summary::gather(&run, &ended, &tables_url, folder)
        .await
        .context("the run is committed, but its summary could not be read back")?;
    if let Some(wanted) = wanted {
        let preview = Preview::gather(&run, &wanted).await?;
        if arguments.json {
            writeln!(Out, "{}", serde_json::to_string_pretty(&preview)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        write!(Out, "{preview}")?;
    }
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
        Ended::Failed(error) => {
            anyhow::bail!("{error}\neverything received is committed; go on with: {again}");
        }
        Ended::Stopped(Stop::Preview(_)) => ExitCode::SUCCESS,
        Ended::Stopped(stop) => {
            eprintln!("stopped: {stop}: {again}");
            ExitCode::from(4)
        }
        Ended::Interrupted if config.pace.follow.is_none() => {
            eprintln!("interrupted; everything finished is committed. Go on with: {again}");
            ExitCode::from(130)
        }
        Ended::Interrupted | Ended::Done if found.postponed > 0 => ExitCode::from(3),
        Ended::Interrupted | Ended::Done => ExitCode::SUCCESS,
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

/// Ready at the first Ctrl-C or request to terminate; a Ctrl-C after that ends the process at once.
pub(super) async fn interrupted() {
    tokio::select! {
        asked = tokio::signal::ctrl_c() => if asked.is_err() {
            return std::future::pending().await;
        },
        () = terminated() => {}
    }
    eprintln!("\nfinishing what is under way and committing it; press Ctrl-C again to give it up");
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}

/// Ready when a service manager asks the process to end.
async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut asked) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        asked.recv().await;
        return;
    }
    std::future::pending::<()>().await;
}
