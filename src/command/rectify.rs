//! `auditdm rectify`: the target learns from the rows that SQL chose.

use super::audit::interrupted;
use super::out::Out;
use crate::config::Config;
use crate::sql;
use crate::tables::Tables;
use crate::train;
use crate::train::rectify::{self, Rectification, Rectified};
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Fine-tune the target, a local checkpoint, on what an audit found.
///
/// The file is an audit's with a section [rectification]. Its rows come from the tables by a named query or SQL with the
/// columns of the query `training`; labelled images may be mixed in. The target is examined as it goes on labelled images of
/// its own (`examined`), or on the rows of the split `test`, which share no root image with the others; the best state is
/// kept, and before and after are compared by category with paired tests. State is saved at every examination; the same command goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm rectify audit.toml
  auditdm rectify audit.toml --tables s3://audits/tables

A section:

  [rectification]
  rows = \"training\"                      # a query of `auditdm query --list`, or SQL
  params = { failures = \"true\" }
  labelled = { url = \"train.parquet\" }    # mixed in against forgetting; without it the rows alone
  labelled_share = 0.5
  examined = { url = \"val.parquet\" }      # instead of the rows of the split `test`
  output = \"target-rectified\"
  steps = 300
  learning_rate = 3e-4                    # 1e-5 for billions of weights")]
pub(super) struct Arguments {
    /// The configuration.
    config: PathBuf,
    /// Where the tables are, instead of the configuration's `tables`.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(status) = train::relaunch()? {
        return Ok(ExitCode::from(status.code().unwrap_or(1) as u8));
    }
    super::blocking(run_to_end(arguments))
}

async fn run_to_end(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut config = Config::read(&arguments.config)?;
    config.tables = arguments.tables.unwrap_or(config.tables);
    let options = config
        .rectification
        .clone()
        .context("the configuration has no section [rectification]")?;
    let tables = Tables::open_existing(&config.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let own = arguments.config.parent().map(|folder| folder.join("queries"));
    let frame = rectify::rows(&context, &options, own.as_deref()).await?;
    let mut rectification = Rectification::open(&config, &tables, frame).await?;
    let [learned, tested, labelled] = rectification.sizes();
    writeln!(
        Out,
        "{learned} rows to learn from, {labelled} labelled images beside them, {tested} questions to be examined on"
    )?;
    let (started, mut printed, mut first) = (Instant::now(), None::<Instant>, None);
    let rectified = rectification
        .go(interrupted(), |figures| {
            let from = *first.get_or_insert(figures.step - 1);
            let recent = printed.is_some_and(|at| at.elapsed() < Duration::from_secs(5));
            if figures.accuracy.is_none() && recent {
                return;
            }
            printed = Some(Instant::now());
            let each = started.elapsed().as_secs_f64() / (figures.step - from) as f64;
            let left = (figures.steps - figures.step) as f64 * each;
            let right = figures
                .accuracy
                .map(|right| format!(", {:.1} % right", 100.0 * right));
            let _ = writeln!(
                Out,
                "step {} of {}: loss {:.3}{}, {left:.0} s left",
                figures.step,
                figures.steps,
                figures.loss,
                right.unwrap_or_default()
            );
        })
        .await?;
    tell(&rectified)?;
    let output = Path::new(&options.output).display();
    if rectified.finished {
        writeln!(
            Out,
            "\nrectified in {} steps: {output}. Make it the target and audit again.",
            rectified.steps
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        Out,
        "\nstopped after {} steps, the best state is kept in {output}; go on: auditdm rectify {}",
        rectified.steps,
        arguments.config.display()
    )?;
    Ok(ExitCode::from(130))
}

/// Before and after by category, as a Markdown table.
pub(super) fn tell(rectified: &Rectified) -> std::io::Result<()> {
    let head = "| category | questions | before | after | gained | lost | p |";
    writeln!(Out, "\n{head}\n| --- | --- | --- | --- | --- | --- | --- |")?;
    for change in &rectified.changes {
        writeln!(Out, "{change}")?;
    }
    Ok(())
}
