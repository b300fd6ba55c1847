//! `auditdm init`: a commented configuration to start from.

use super::out::Out;
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a commented configuration to start from.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm init                 writes audit.toml
  auditdm init nightly.toml    writes nightly.toml; never overwrites a file")]
pub(super) struct Arguments {
    /// The file to write.
    #[arg(default_value = "audit.toml")]
    file: PathBuf,
}

/// The file that `init` writes.
const TEMPLATE: &str = include_str!("init.toml");

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let mut file = std::fs::File::create_new(path).with_context(|| {
        format!(
            "cannot write {}: choose another name or remove the file",
            path.display()
        )
    })?;
    file.write_all(TEMPLATE.as_bytes())?;
    writeln!(
        Out,
        "wrote {0}. Fill in source and models, then: auditdm audit {0}",
        path.display()
    )?;
    Ok(ExitCode::SUCCESS)
}
