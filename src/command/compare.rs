//! `auditdm compare`: is the small model good enough on my slice?

use super::out::Out;
use super::plain::lines;
use crate::slice::{self, Question, Verdict};
use crate::sql;
use crate::tables::Tables;
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Test whether a small model is at most so many points worse than a large one on your slice.
///
/// Both must have answered the same questions about the same images, as target, as reference or in `auditdm eval`, and
/// ground truth or a judge must have decided on both answers. The difference in accuracy has a 95 % interval that takes
/// questions about one root image together (Tango's score interval with a design effect). The small model is
/// non-inferior when the whole interval lies above the margin, inferior when it lies below; else it is undecided, and so
/// many more pairs would decide. Each category is judged by itself: of forty that lie at the margin, one is called
/// non-inferior by chance. A model that was asked in several ways (audits and evaluations have prompts of their own) is one
/// model.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm compare lab-target lab-reference --margin 5
  auditdm compare gemma-3-4b-it gemma-3-27b-it --where \"category = 'counting' AND attribute(attributes, 'country') = 'fr'\"
  auditdm compare small large --where \"has_word(question, 'colour')\" --margin 2 --format json

Exit codes: 0 non-inferior, 5 inferior, 6 undecided; 1 failed, 2 wrong usage.")]
pub(super) struct Arguments {
    /// The small model: its name in the table `models`, without `org/` if you like, or the first digits of its model_id.
    small: String,
    /// The large model.
    large: String,
    /// The slice: a predicate over the columns of `results`, without WHERE.
    #[arg(long, value_name = "PREDICATE")]
    r#where: Option<String>,
    /// By how many points the small model may be worse.
    #[arg(long, value_name = "POINTS", default_value_t = 2.0, value_parser = margin)]
    margin: f64,
    /// A run: its id, its first digits, its label, `latest` or `all`.
    #[arg(long, default_value = "all")]
    run: String,
    /// Where the tables are.
    #[arg(long, value_name = "URL", default_value = "auditdm-tables")]
    tables: String,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For eyes.
    Table,
    /// One object.
    Json,
}

fn margin(text: &str) -> Result<f64, String> {
    let points: Option<f64> = text.parse().ok();
    points
        .filter(|points| (0.0..100.0).contains(points) && *points > 0.0)
        .ok_or_else(|| "write points of accuracy, above 0 and below 100".to_owned())
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tables = Tables::open_existing(&arguments.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let question = Question {
        small: arguments.small,
        large: arguments.large,
        predicate: arguments.r#where,
        margin: arguments.margin,
        run: arguments.run,
    };
    let compared = slice::compare(&context, &question).await?;
    match arguments.format {
        Format::Table => write!(Out, "{}", lines(&compared.to_string()))?,
        Format::Json => writeln!(Out, "{}", serde_json::to_string_pretty(&compared)?)?,
    }
    Ok(match compared.all.verdict {
        Verdict::NonInferior => ExitCode::SUCCESS,
        Verdict::Inferior => ExitCode::from(5),
        Verdict::Undecided => ExitCode::from(6),
    })
}
