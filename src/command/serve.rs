//! `auditdm serve reward`: rewards over HTTP until Ctrl-C, the end of the budget, or a model that is given up.

mod http;

use super::audit::interrupted;
use crate::audit::Ended;
use crate::config::{Config, ModelOptions};
use crate::reward::Session;
use anyhow::Context;
use clap::{Args, Subcommand};
use http::Face;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Serve what trainers elsewhere need.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm serve reward audit.toml      rewards for an auditor that TRL, verl or OpenRLHF train")]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Reward(Reward),
}

/// Serve rewards for an auditor's completions.
///
/// POST /reward takes {"samples": [{"image": …, "completion": …, "strategy": "question"}, …]} and gives
/// {"rewards": [{"reward": 1.0, "status": "valid", "reason": …}, …]} in the same order; null where nothing is
/// known. The configuration is an audit's with a section [reward]; it needs no probers, and two references or a judge.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm serve reward audit.toml
  auditdm serve reward audit.toml --listen 127.0.0.1:9000 --label grpo-run-3
  curl -s http://127.0.0.1:8765/health

There is no password: listen beyond the loopback address only where everybody who reaches it may spend your
models' time. Ctrl-C answers what is under way, commits and ends.

Exit codes: 0 asked to stop, 1 failed, 4 stopped at the budget (section [budget]; without one, 1000 requests to
remote models), 130 given up by a second Ctrl-C.")]
struct Reward {
    /// The configuration.
    config: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    listen: SocketAddr,
    /// Where the tables are, instead of the configuration's `tables`.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
    /// The run's label, instead of the configuration's.
    #[arg(long)]
    label: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Reward(arguments) => Box::pin(reward(arguments)).await,
    }
}

async fn reward(arguments: Reward) -> anyhow::Result<ExitCode> {
    let mut config = Config::read(&arguments.config)?;
    config.tables = arguments.tables.unwrap_or(config.tables);
    config.label = arguments.label.unwrap_or(config.label);
    let options = config.reward.clone().unwrap_or_default();
    let remote = config
        .models
        .values()
        .any(|model| matches!(model, ModelOptions::Http(_)));
    let unsaid = config.budget.is_none() && remote;
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: choose another address with --listen",
            arguments.listen
        )
    })?;
    let address = listener.local_addr()?;
    let session = Session::open(config).await?;
    if !address.ip().is_loopback() {
        eprintln!("warning: whoever reaches {address} can have your models asked: there is no password");
    }
    if unsaid {
        eprintln!("warning: without a section [budget] it ends after 1000 requests to remote models");
    }
    eprintln!(
        "rewards at http://{address}/reward (run {}); Ctrl-C ends",
        &session.run_id()[..8]
    );

    let stop = Arc::new(Notify::new());
    let face = Face::new(session.scorer.clone(), &options, session.run_id());
    let stopping = stop.clone();
    let serving = axum::serve(listener, http::router(face))
        .with_graceful_shutdown(async move { stopping.notified().await });
    let serving = tokio::spawn(serving.into_future());
    tokio::select! {
        () = interrupted() => {}
        () = session.stopped() => {}
    }
    stop.notify_one();
    // A client that never ends its request holds up nobody longer than one that waits for its answer.
    let _ = tokio::time::timeout(Duration::from_secs_f64(options.deadline_s), serving).await;
    Ok(match session.close().await? {
        Ended::Failed(error) => {
            anyhow::bail!("{error}\neverything received is committed; start it again to go on")
        }
        Ended::Stopped(stop) => {
            eprintln!("stopped: {stop}");
            ExitCode::from(4)
        }
        Ended::Interrupted | Ended::Done => ExitCode::SUCCESS,
    })
}
