//! `auditdm models`: what is known about a checkpoint.

use super::out::Out;
use crate::{flux, hub, vlm};
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
    /// implementation; of a painter (model_index.json), the largest difference of each of its parts and of
    /// whole images. Exits with 1 beyond the tolerance.
    #[command(after_help = "\
Examples:
  auditdm models verify data/lab-target
  auditdm models verify tests/data/parity --fixture tests/data/parity/batch.safetensors
  auditdm models verify google/paligemma2-3b-mix-224@main --adapter my-lora
  auditdm models verify black-forest-labs/FLUX.1-schnell")]
    Verify {
        /// The checkpoint's folder (config.json or model_index.json, and safetensors, single or sharded), or its name on the hub.
        folder: String,
        /// A folder with a LoRA adapter as PEFT writes it.
        #[arg(long, value_name = "FOLDER")]
        adapter: Option<String>,
        /// A file with pixel_values, input_ids, attention_mask, token_type_ids, logits, generated_ids; of a
        /// painter, one of make_flux_fixture.py.
        #[arg(long, value_name = "FILE")]
        fixture: Option<PathBuf>,
        /// The largest difference that passes: 1e-4 for logits, 1e-3 for a painter, unless said.
        #[arg(long)]
        tolerance: Option<f64>,
    },
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Command::Verify {
        folder,
        adapter,
        fixture,
        tolerance,
    } = &arguments.command;
    let folder = hub::folder(folder)?;
    let passed = if flux::is_painter(&folder) {
        if adapter.is_some() {
            anyhow::bail!("a painter takes no adapter: leave --adapter out");
        }
        let report = flux::verify(&folder, fixture.as_deref(), tolerance.unwrap_or(1e-3))?;
        writeln!(Out, "{report}")?;
        report.passed()
    } else {
        let adapter = adapter.as_deref().map(hub::folder).transpose()?;
        let tolerance = tolerance.unwrap_or(1e-4);
        let report = vlm::verify(&folder, adapter.as_deref(), fixture.as_deref(), tolerance)?;
        writeln!(Out, "{report}")?;
        report.passed()
    };
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
