//! `auditdm improve`: audit, train, rectify, and again.

use super::audit::interrupted;
use super::out::Out;
use super::rectify::tell;
use crate::config::Config;
use crate::train;
use crate::train::improve::{Event, Stage, improve};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Improve the target in rounds: train the auditor on it, audit with it, rectify the target, and again.
///
/// The file is an audit's with sections [training] and [rectification] (see `auditdm train auditor --help` and `auditdm
/// rectify --help`); their outputs go below the folder, one of each a round. Every round is a run of its own label,
/// `LABEL round 0` and so on, and a last audit shows what the last target still gets wrong. Stopped, the same command goes
/// on between stages and within them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm improve audit.toml --rounds 3 --output rounds
  auditdm diff \"audit round 0\" \"audit round 3\"     what got fixed and what broke")]
pub(super) struct Arguments {
    /// The configuration.
    config: PathBuf,
    /// How many rounds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// The folder for the rounds' checkpoints.
    #[arg(long, value_name = "FOLDER", default_value = "rounds")]
    output: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(status) = train::relaunch()? {
        return Ok(ExitCode::from(status.code().unwrap_or(1) as u8));
    }
    super::blocking(run_to_end(arguments))
}

async fn run_to_end(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments {
        config: path,
        rounds,
        output,
    } = arguments;
    let config = Config::read(&path)?;
    let queries = path.parent().map(|folder| folder.join("queries"));
    let mut printed = Instant::now();
    let mut due = move || {
        let due = printed.elapsed() > Duration::from_secs(5);
        if due {
            printed = Instant::now();
        }
        due
    };
    let show = |event: &Event| {
        // Progress is no reason to stop.
        let _ = match event {
            Event::Stage(Stage::Train(round, folder)) => {
                writeln!(Out, "\nround {round}: the auditor learns: {}", folder.display())
            }
            Event::Stage(Stage::Audit(_, label)) => writeln!(Out, "\naudit `{label}`"),
            Event::Stage(Stage::Rectify(round, folder)) => {
                writeln!(Out, "\nround {round}: the target learns: {}", folder.display())
            }
            Event::Trained(figures) if due() => writeln!(Out, "{figures}"),
            Event::Rectified(figures) if figures.accuracy.is_some() || due() => {
                writeln!(
                    Out,
                    "step {} of {}: loss {:.3}",
                    figures.step, figures.steps, figures.loss
                )
            }
            Event::Changed(rectified) => tell(rectified),
            Event::Trained(_) | Event::Rectified(_) => Ok(()),
        };
    };
    let improving = improve(&config, rounds, &output, queries.as_deref(), interrupted(), show);
    let done = Box::pin(improving).await?;
    if !done {
        writeln!(Out, "\nstopped; go on with the same command")?;
        return Ok(ExitCode::from(130));
    }
    writeln!(
        Out,
        "\n{rounds} rounds are done. What got fixed and what broke: auditdm diff \"{0} round 0\" \"{0} round {rounds}\"",
        config.label
    )?;
    Ok(ExitCode::SUCCESS)
}
