//! What people see: the command line.
//!
//! Exit codes: 0 done, 1 failed (or, for `models verify`, beyond the tolerance), 2 wrong usage, 3 done but
//! for calls that failed for now (run it again), 4 stopped at the budget, 5 inferior or 6 undecided (`compare`), 130 interrupted; in all of them
//! everything finished is committed.

mod audit;
mod compare;
mod diff;
mod estimate;
mod eval;
mod export;
mod freeze;
mod improve;
mod init;
mod lab;
mod log;
mod metrics;
mod models;
mod otel;
mod out;
mod plain;
mod preview;
mod progress;
mod query;
mod rectify;
mod report;
mod select;
mod serve;
mod slices;
mod summary;
mod tables;
mod train;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Audits vision-language models by their differences: finds questions and images on which a target model
/// fails and its references do not, and keeps everything in tables that SQL can slice.
#[derive(Debug, Parser)]
#[command(name = "auditdm", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    log: log::Options,
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
    Serve(serve::Arguments),
    Query(query::Arguments),
    Slices(slices::Arguments),
    Compare(compare::Arguments),
    Diff(diff::Arguments),
    Report(report::Arguments),
    Export(export::Arguments),
    Select(select::Arguments),
    Freeze(freeze::Arguments),
    Tables(tables::Arguments),
    Eval(eval::Arguments),
    Init(init::Arguments),
    Models(models::Arguments),
    Train(train::Arguments),
    Rectify(rectify::Arguments),
    Improve(improve::Arguments),
    Lab(lab::Arguments),
}

/// Runs a command line; errors are printed in words, causes included.
pub fn run(cli: Cli) -> ExitCode {
    let _exporter = cli.log.start();
    let outcome = match cli.command {
        Command::Audit(arguments) => blocking(audit::run(arguments)),
        Command::Serve(arguments) => blocking(serve::run(arguments)),
        Command::Query(arguments) => blocking(query::run(arguments)),
        Command::Slices(arguments) => blocking(slices::run(arguments)),
        Command::Compare(arguments) => blocking(compare::run(arguments)),
        Command::Diff(arguments) => blocking(diff::run(arguments)),
        Command::Report(arguments) => blocking(report::run(arguments)),
        Command::Select(arguments) => blocking(select::run(arguments)),
        Command::Freeze(arguments) => blocking(freeze::run(arguments)),
        Command::Export(arguments) => blocking(export::run(arguments)),
        Command::Tables(arguments) => blocking(tables::run(arguments)),
        Command::Eval(arguments) => blocking(eval::run(arguments)),
        Command::Init(arguments) => init::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Improve(arguments) => improve::run(arguments),
        Command::Rectify(arguments) => rectify::run(arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::Lab(arguments) => lab::run(arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", plain::lines(&format!("{error:#}")));
        ExitCode::FAILURE
    })
}

fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
