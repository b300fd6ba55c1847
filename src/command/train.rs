//! `auditdm train`: an auditor learns from what its probes find.

use super::audit::interrupted;
use super::out::Out;
use crate::config::Config;
use crate::train;
use crate::train::grpo::{StepFigures, Training};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Train an auditor by the divergence that its probes find.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm train auditor training.toml
  auditdm query training                   what every step was like")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Group-relative policy optimisation (GRPO) of the prompted prober, a local checkpoint.
    ///
    /// The file is an audit's with a section [training]: the prober writes its probes, the painter draws, target and
    /// references answer, and what the prober's probes find is its reward. Every probe and answer goes to the tables, every
    /// step's figures to the table `steps`. State is saved every few steps; the same command goes on where it was
    /// stopped, with the same numbers.
    #[command(after_help = "\
Examples:
  auditdm train auditor training.toml
  auditdm train auditor training.toml --steps 20      only so many steps for now

A section for the lab's auditor (`auditdm lab train auditor` makes the checkpoint):

  references = [\"reference\", \"second\"]  # two at least, or a judge: who is right must be told
  [[probers]]
  kind = \"prompted\"
  model = \"auditor\"                     # a section [models.auditor.local]
  prompt = \"{strategy}: {focus}\"
  strategies = [\"question\", \"edit\", \"generation\"]
  probes = 8                            # of a group
  [training]
  output = \"auditor-trained\"
  steps = 300
  learning_rate = 2e-4                  # 3e-6 for billions of weights
  invalid = \"zero\"                      # or \"mask\"
  baseline = \"focus\"                    # or \"group\", \"batch\"
  focus = \"bandit\"                      # categories by what they yield, within
  quota = 0.1                           # this share of the failures each")]
    Auditor {
        /// The configuration.
        config: PathBuf,
        /// Stop after so many steps in all, instead of the configuration's.
        #[arg(long)]
        steps: Option<u64>,
    },
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(status) = train::relaunch()? {
        return Ok(ExitCode::from(status.code().unwrap_or(1) as u8));
    }
    let Command::Auditor { config, steps } = arguments.command;
    super::blocking(auditor(Config::read(&config)?, steps, &config))
}

async fn auditor(config: Config, until: Option<u64>, path: &std::path::Path) -> anyhow::Result<ExitCode> {
    let mut training = Training::open(config).await?;
    let (started, mut printed) = (Instant::now(), None::<Instant>);
    let mut first = None;
    let steps = training.steps(until);
    let trained = training
        .go(until, interrupted(), |figures: &StepFigures| {
            let from = *first.get_or_insert(figures.step);
            if printed.is_some_and(|printed| printed.elapsed() < Duration::from_secs(5)) {
                return;
            }
            printed = Some(Instant::now());
            let taken = (figures.step + 1 - from) as f64;
            let left =
                steps.saturating_sub(figures.step + 1) as f64 * started.elapsed().as_secs_f64() / taken;
            let _ = writeln!(Out, "{figures}, {left:.0} s left"); // progress is no reason to stop training
        })
        .await?;
    let output = training.output();
    if trained.finished {
        let foci = training.foci();
        let weights: Vec<String> = foci
            .iter()
            .map(|(name, weight)| format!("{name} = {weight}"))
            .collect();
        if !weights.is_empty() {
            writeln!(
                Out,
                "categories by what they yield, for the prober: foci = {{ {} }}",
                weights.join(", ")
            )?;
        }
        writeln!(
            Out,
            "trained for {} steps: {output}. Name it as the prober's model and audit: auditdm audit …; what every step was \
             like: auditdm query training --param run={}",
            trained.steps, training.run_id
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        Out,
        "stopped after {} steps; go on: auditdm train auditor {}",
        trained.steps,
        path.display()
    )?;
    Ok(if until.is_some_and(|until| trained.steps >= until) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(130)
    })
}
