//! `auditdm report`: what a run found, as a page to look at and to send on.

use super::out::Out;
use crate::report::{Options, Report};
use crate::tables::Tables;
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write a report of a run: one HTML file that needs no network.
///
/// Figures with intervals, charts, agreement, cost, and a gallery of the pairs on which somebody is wrong, with filters
/// and search. Predicates in `slices/NAME.sql` in this folder are reported as slices.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm report                                   writes report.html for the latest run
  auditdm report --run nightly --output nightly.html --charts charts
  auditdm report --tables s3://audits/a --gallery 10000 --max-mb 64")]
pub(super) struct Arguments {
    /// The run: its id, the id's first digits, its label or `latest`.
    #[arg(long, default_value = "latest")]
    run: String,
    /// The target's name, where the run measured several.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// The file to write.
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// A folder for the charts as SVG files.
    #[arg(long, value_name = "FOLDER")]
    charts: Option<PathBuf>,
    /// Examples in the gallery at most.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    gallery: usize,
    /// Megabytes of the gallery at most, pictures included.
    #[arg(long, value_name = "MB", default_value_t = 24)]
    max_mb: usize,
    /// The longer side of the gallery's pictures, in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 240, value_parser = clap::value_parser!(u32).range(16..=2048))]
    side: u32,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let options = Options {
        run: arguments.run,
        target: arguments.target,
        gallery: arguments.gallery,
        max_byte: arguments.max_mb << 20,
        side_px: arguments.side,
    };
    let report = Report::gather(&tables, Path::new("."), &options).await?;
    write(&arguments.output, &report.page()?)?;
    let left_out = report.gallery.left_out;
    writeln!(
        Out,
        "{}: run {}, {} of {} examples",
        arguments.output.display(),
        &report.run.run_id[..8],
        left_out.shown,
        left_out.total
    )?;
    if let Some(folder) = arguments.charts {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        for (name, text) in report.charts() {
            let path = folder.join(format!("{name}.svg"));
            write(&path, &text)?;
            writeln!(Out, "{}", path.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
