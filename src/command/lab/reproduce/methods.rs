//! `auditdm lab reproduce methods`: the rivals of auditing and the auditors, side by side.

use crate::command::audit::interrupted;
use crate::command::out::Out;
use crate::reproduce::{Event, Plan, Row, csv, methods, table};
use crate::train;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The rival methods and the auditors side by side, each with the same budget of probes.
///
/// Every method audits the committed lab target on the same held-out scenes, against the lab's references and truth.
/// Its tables, its rectified target and its row lie in a folder of its own below the output; the same command goes on
/// where it was stopped. The columns:
///
/// data scale: distinct valid pairs, and in brackets the share of a second round's pairs (other seeds, a tenth of the
/// scenes) that are new; weakness seeking: search success divided by the fixed set's on the same scenes, with a 95 %
/// interval by a bootstrap over scenes; image weaknesses: failures on images of the method's making on whose unedited
/// image the target answers the same question rightly; text weaknesses: failures on questions of the method's making
/// where the target answers the question that was reworded rightly, or else most of the lab's own questions of that
/// category about the source's image; interpretability: failures within the slices that `auditdm slices` reports;
/// rectification: points of accuracy on held-out questions after the target learned from the failures and as many
/// labelled questions, with McNemar's p (the last row is the control: 31 of 32 questions are labelled ones); search success: failures by the
/// lab's truth of all probes, with a 95 % interval; validity: valid pairs of all probes; categories: those with 2 % of the failures
/// and at least two; cost: calls of all models (an attack is one more) and seconds of the audit.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm lab reproduce methods
  auditdm lab reproduce methods --auditor auditor-trained --budget 1200 --format json
  auditdm lab reproduce methods --quick --output try")]
pub(super) struct Arguments {
    /// A trained auditor's checkpoint as one more method.
    #[arg(long, value_name = "FOLDER")]
    auditor: Option<PathBuf>,
    /// Probes of each method, six about a scene [default: 600, 12 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(6..))]
    budget: Option<u32>,
    /// Steps of each rectification [default: 100, 2 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Seeds scenes, probes and training.
    #[arg(long, default_value_t = 5)]
    seed: u64,
    /// Little of everything, to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Where everything goes.
    #[arg(long, value_name = "FOLDER", default_value = "methods")]
    output: PathBuf,
    /// Where the lab's checkpoints are.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    data: PathBuf,
    /// What is printed; `methods.json` and `methods.csv` are written in any case.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Markdown.
    Table,
    /// One object a method.
    Json,
    /// A line a method.
    Csv,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(status) = train::relaunch()? {
        return Ok(ExitCode::from(status.code().unwrap_or(1) as u8));
    }
    crate::command::blocking(run_methods(arguments))
}

async fn run_methods(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (budget, steps, examined) = if arguments.quick {
        (12, 2, 20)
    } else {
        (600, 100, 600)
    };
    let plan = Plan {
        data: arguments.data,
        folder: arguments.output,
        auditor: arguments.auditor,
        budget: arguments.budget.unwrap_or(budget) as usize,
        steps: arguments.steps.unwrap_or(steps),
        examined,
        seed: arguments.seed,
    };
    let tell = |event: &Event| match event {
        Event::Stage(method, stage) => eprintln!("{}: {stage}", method.name()),
        Event::Row(row) => eprintln!("{}: done", row.method.name()),
    };
    let Some(rows) = Box::pin(methods(&plan, interrupted(), tell)).await? else {
        eprintln!("stopped; go on with the same command");
        return Ok(ExitCode::from(130));
    };
    let (json, sheet) = (json(&rows)?, csv(&rows)?);
    for (name, text) in [("methods.json", &json), ("methods.csv", &sheet)] {
        let path = plan.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match arguments.format {
        Format::Table => write!(Out, "{}", table(&rows))?,
        Format::Json => write!(Out, "{json}")?,
        Format::Csv => write!(Out, "{sheet}")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn json(rows: &[Row]) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(rows)? + "\n")
}
