//! The `auditdm` program; see `auditdm --help`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    auditdm::command::run(auditdm::command::Cli::parse())
}
