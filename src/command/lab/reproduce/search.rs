//! `auditdm lab reproduce search`: the prompted auditor against the trained one, as a frontier.

use crate::command::out::Out;
use crate::train;
use crate::train::search::{Found, Search, search};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// How often auditors find failures, with no bound and with no category above a share of them.
///
/// Each auditor explores training scenes, from which its foci under each bound follow by reward, and then audits held-out
/// scenes; ground truth counts its failures.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm lab reproduce search --trained auditor-trained
  auditdm lab reproduce search --trained auditor-trained --quick     a sixth of the probes")]
pub(super) struct Arguments {
    /// The trained auditor's folder; the prompted one is data/lab-auditor.
    #[arg(long, value_name = "FOLDER")]
    trained: PathBuf,
    /// Another prompted auditor, from which the trained one started.
    #[arg(long, value_name = "FOLDER", default_value = "data/lab-auditor")]
    prompted: PathBuf,
    /// Held-out probes for each auditor and bound.
    #[arg(long, default_value_t = 2_160, value_parser = clap::value_parser!(u64).range(24..))]
    probes: u64,
    /// A sixth of the probes.
    #[arg(long)]
    quick: bool,
    /// Seeds scenes and probes.
    #[arg(long, default_value_t = 5)]
    seed: u64,
    /// Where the audits' tables go.
    #[arg(long, value_name = "URL", default_value = "reproduced/search")]
    tables: String,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(status) = train::relaunch()? {
        return Ok(ExitCode::from(status.code().unwrap_or(1) as u8));
    }
    let Arguments {
        trained,
        prompted,
        probes,
        quick,
        seed,
        tables,
    } = arguments;
    let share = if quick { 6 } else { 1 };
    let wanted = Search {
        data: PathBuf::from("data"),
        auditors: vec![("prompted".to_owned(), prompted), ("trained".to_owned(), trained)],
        tables,
        probes: probes / share,
        explored: 6 / share + 1,
        seed,
    };
    writeln!(Out, "{HEAD}")?;
    let work = search(&wanted, |found| {
        let _ = writeln!(Out, "{}", line(found)); // what could not be printed is in the tables
    });
    crate::command::blocking(async { Ok(Box::pin(work).await?) })?;
    Ok(ExitCode::SUCCESS)
}

const HEAD: &str = "\
| auditor | no category above | success | interval | P(valid) | P(wrong given valid) | failures of probes | \
categories of 2 % or more | largest | by strategy | distinct questions |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

fn line(found: &Found) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let (success, low, high) = found.success();
    let (valid, wrong) = found.factors();
    let (share, largest) = &found.largest;
    let covered = match found.covered {
        0 => String::new(),
        covered => format!(", {covered} covered"),
    };
    let strategies = found
        .by_strategy
        .iter()
        .map(|(name, count)| format!("{name} {count}"));
    format!(
        "| {} | {:.0} %{} | {} | {:.1}–{:.1} | {} | {} | {} of {} | {} | {largest} {} | {} | {} |",
        found.auditor,
        100.0 * found.bound,
        covered,
        percent(success),
        100.0 * low,
        100.0 * high,
        percent(valid),
        percent(wrong),
        found.failures,
        found.probes,
        found.categories,
        percent(*share),
        strategies.collect::<Vec<_>>().join(", "),
        found.distinct,
    )
}
