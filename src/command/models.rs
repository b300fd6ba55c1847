//! `auditdm models`: what is known about a checkpoint.

use super::out::Out;
use crate::hub;
use crate::vlm;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look at and verify model checkpoints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm models verify data/lab-target")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load a checkpoint and compare it with reference activations.
    ///
    /// Without a fixture: its architecture, parameters, image tokens and dtype. With one: the largest
    /// difference of logits and the first token that differs from greedy decoding by the reference
    /// implementation. Exits with 1 beyond the tolerance.
    #[command(after_help = "\
Examples:
  auditdm models verify data/lab-target
  auditdm models verify tests/data/parity --fixture tests/data/parity/batch.safetensors
  auditdm models verify google/paligemma2-3b-mix-224@main --adapter my-lora")]
    Verify {
        /// The checkpoint's folder (config.json and safetensors, single or sharded), or its name on the hub.
        folder: String,
        /// A folder with a LoRA adapter as PEFT writes it.
        #[arg(long, value_name = "FOLDER")]
        adapter: Option<String>,
        /// A file with pixel_values, input_ids, attention_mask, token_type_ids, logits, generated_ids.
        #[arg(long, value_name = "FILE")]
        fixture: Option<PathBuf>,
        /// The largest difference of a logit that passes.
        #[arg(long, default_value_t = 1e-4)]
        tolerance: f64,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Verify {
        folder,
        adapter,
        fixture,
        tolerance,
    } = &arguments.command;
    let adapter = adapter.as_deref().map(hub::folder).transpose()?;
    let report = vlm::verify(
        &hub::folder(folder)?,
        adapter.as_deref(),
        fixture.as_deref(),
        *tolerance,
    )?;
    writeln!(Out, "{report}")?;
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
