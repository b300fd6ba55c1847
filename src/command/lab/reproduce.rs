//! `auditdm lab reproduce`: experiments of the method's paper, at the lab's scale.

mod methods;
mod search;

use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Repeat an experiment of the method's paper at the lab's scale, on the committed checkpoints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm lab reproduce methods
  auditdm lab reproduce search --trained auditor-trained")]
pub(super) struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    Methods(methods::Arguments),
    Search(search::Arguments),
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.experiment {
        Experiment::Methods(arguments) => methods::run(arguments),
        Experiment::Search(arguments) => search::run(arguments),
    }
}
