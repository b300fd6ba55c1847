//! What people see: the command line.
//!
//! Exit codes: 0 done, 1 failed (or, for `models verify`, beyond the tolerance), 2 wrong usage, 3 done but
//! for calls that failed for now (run it again), 130 interrupted with everything finished committed.

mod audit;
mod eval;
mod init;
mod lab;
mod models;
mod out;
mod progress;
mod query;
mod summary;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Audits vision-language models by their differences: finds questions and images on which a target model
/// fails and its references do not, and keeps everything in tables that SQL can slice.
#[derive(Debug, Parser)]
#[command(name = "auditdm", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What is logged to standard error, e.g. `info` or `auditdm=debug`.
    #[arg(
        long,
        global = true,
        default_value = "warn",
        value_name = "FILTER",
        env = "AUDITDM_LOG",
        hide_env = true
    )]
    log: String,
}

const EXAMPLES: &str = "\
Examples:
  auditdm audit                     audit the lab's target against its reference, no configuration needed
  auditdm init && $EDITOR audit.toml && auditdm audit audit.toml
  auditdm query --list              what can be asked of the tables
  auditdm query search_success      how often probes found a failure";

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Query(query::Arguments),
    Eval(eval::Arguments),
    Init(init::Arguments),
    Models(models::Arguments),
    Lab(lab::Arguments),
}

/// Runs a command line; errors are printed in words, causes included.
pub fn run(cli: Cli) -> ExitCode {
    let filter = EnvFilter::try_new(&cli.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let outcome = match cli.command {
        Command::Audit(arguments) => blocking(audit::run(arguments)),
        Command::Query(arguments) => blocking(query::run(arguments)),
        Command::Eval(arguments) => blocking(eval::run(arguments)),
        Command::Init(arguments) => init::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Lab(arguments) => lab::run(arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
