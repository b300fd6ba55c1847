//! The `auditdm` program; see `auditdm --help`.

#[cfg(not(target_env = "msvc"))]
mod allocator;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    auditdm::command::run(auditdm::command::Cli::parse())
}
