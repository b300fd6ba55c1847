//! `auditdm eval`: a public benchmark, asked of models or scored from predictions.

use super::out::Out;
use crate::benchmark::ask::Asker;
use crate::benchmark::candidate::Models;
use crate::benchmark::compare::{self, Comparison};
use crate::benchmark::evaluate::{self, Evaluated};
use crate::benchmark::load::Data;
use crate::benchmark::prompt::Family;
use crate::benchmark::report::Line;
use crate::benchmark::suite::Suite;
use crate::benchmark::{Benchmark, prediction, scores};
use crate::tables::Tables;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Evaluate models on a public benchmark, or score predictions that are there.
///
/// Data are taken in the forms in which people hold them: Hugging Face's Parquet, VLMEvalKit's TSV, the original JSON.
/// Answers go to the same tables as an audit's, by content: what was answered is never asked again, and the same command
/// goes on where it was stopped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm eval vqav2 --data vqav2/validation --model data/lab-target --model data/lab-reference
  auditdm eval mmbench --data MMBench_V11.tsv --config audit.toml --model gemma3-4b --scores scores.parquet
  auditdm eval vqav2 --data questions.json --annotations annotations.json --images val2014 --predictions results.json
  auditdm eval coco-captions --data dataset_coco.json --images coco --predictions captions.json

Prompts: PaliGemma's task prefixes for checkpoints on this machine, instructions for servers; --prompts changes that.
Exit codes: 0 done, 1 failed, 3 done but for calls that failed for now, 130 interrupted.")]
pub(super) struct Arguments {
    /// Which benchmark.
    #[arg(value_enum)]
    benchmark: Benchmark,
    /// The questions: a Parquet file or folder of shards, a TSV, a JSON or JSON Lines file; a path or s3://, gs://, az://.
    #[arg(long, value_name = "URL")]
    data: String,
    /// Answers in a file of their own: VQAv2's annotations, COCO's instances.
    #[arg(long, value_name = "URL")]
    annotations: Option<String>,
    /// The folder of the images that the questions name, or Parquet with columns `id` and `image`.
    #[arg(long, value_name = "URL")]
    images: Option<String>,
    /// A model of the configuration, or a checkpoint's folder; may be repeated.
    #[arg(long, value_name = "NAME", required_unless_present = "predictions")]
    model: Vec<String>,
    /// The configuration whose [models.*] are meant.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Score the answers of this file instead of asking: JSON, JSON Lines, TSV or Parquet with an id and a text.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "config", "tables"])]
    predictions: Option<String>,
    /// Whose rules to score by, instead of the benchmark's own.
    #[arg(long, value_name = "NAME")]
    rules: Option<String>,
    /// How models are asked, instead of by their kind.
    #[arg(long, value_enum)]
    prompts: Option<Family>,
    /// Only the first so many questions.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Where the tables are, instead of the configuration's.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
    /// Write the score of every question to this Parquet file.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// Print no progress.
    #[arg(short, long)]
    quiet: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Outcome {
    benchmark: &'static str,
    #[serde(skip)]
    title: &'static str,
    models: Vec<Table>,
    comparisons: Vec<Comparison>,
}

/// A model's table.
#[derive(Serialize)]
struct Table {
    model: String,
    rules: &'static str,
    questions: usize,
    /// Questions without an answer, which count as wrong.
    unanswered: usize,
    /// Why the first of them has none.
    first_problem: Option<String>,
    /// Answers without a letter, for which the official code would draw one; they count as wrong.
    guessed: usize,
    /// Questions that failed for now and are left out.
    postponed: usize,
    #[serde(rename = "table")]
    lines: Vec<Line>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let suite = arguments.benchmark.suite();
    let data = Data {
        questions: arguments.data.clone(),
        annotations: arguments.annotations.clone(),
        images: arguments.images.clone(),
    };
    let questions = evaluate::questions(suite, data, arguments.limit).await?;
    let rules = |family| {
        suite
            .rules(arguments.rules.as_deref(), family)
            .map_err(anyhow::Error::msg)
    };
    let (asked, models, stopped) = if let Some(file) = &arguments.predictions {
        let rules = rules(arguments.prompts.unwrap_or(Family::PaliGemma))?;
        let asked = prediction::read(file, questions).await?;
        (asked, vec![(file.clone(), rules)], false)
    } else {
        let models = arguments
            .config
            .as_deref()
            .map(Models::read)
            .transpose()?
            .unwrap_or_default();
        let tables = arguments.tables.clone().or_else(|| models.tables.clone());
        let tables = Tables::open(tables.as_deref().unwrap_or("auditdm-tables")).await?;
        let (names, prompts) = (arguments.model.clone(), arguments.prompts);
        let opened = tokio::task::spawn_blocking(move || {
            names
                .iter()
                .map(|name| models.open(name, suite, prompts))
                .collect::<Result<Vec<_>, _>>()
        });
        let candidates = opened.await??;
        let models: Vec<(String, &'static str)> = candidates
            .iter()
            .map(|candidate| Ok((candidate.name.clone(), rules(candidate.family)?)))
            .collect::<anyhow::Result<_>>()?;
        let asker = Arc::new(Asker::open(suite, candidates, &tables).await?);
        let bar = bar(arguments.quiet || arguments.json);
        let progress = |count: usize| bar.inc(count as u64);
        let (asked, stopped) = evaluate::ask(asker, questions, &tables, progress, interrupted()).await?;
        bar.finish_and_clear();
        (asked, models, stopped)
    };
    anyhow::ensure!(
        !asked.is_empty() || stopped,
        "no question of {} is in {}",
        suite.title,
        arguments.data
    );
    let evaluated = evaluate::score(suite, &asked, &models);
    if let Some(path) = &arguments.scores {
        scores::write(path, suite, &evaluated)?;
    }
    let outcome = Outcome::new(suite, &evaluated);
    if arguments.json {
        writeln!(Out, "{}", serde_json::to_string_pretty(&outcome)?)?;
    } else {
        write!(Out, "{outcome}")?;
    }
    Ok(if stopped {
        eprintln!("interrupted; what is answered is committed, and the same command goes on from here");
        ExitCode::from(130)
    } else if evaluated.iter().any(|model| model.postponed > 0) {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {pos} questions, {per_sec}").expect("a constant template");
    ProgressBar::no_length().with_style(style)
}

/// Ready at the first Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    eprintln!("\nfinishing what is under way and committing it");
}

impl Outcome {
    fn new(suite: &'static Suite, models: &[Evaluated]) -> Self {
        let table = |model: &Evaluated| Table {
            model: model.model.clone(),
            rules: model.rules,
            questions: model.scored.len(),
            unanswered: model.scored.iter().filter(|each| each.answer.is_none()).count(),
            first_problem: model.scored.iter().find_map(|each| each.problem.clone()),
            guessed: model
                .scored
                .iter()
                .filter(|each| each.answer.is_some() && each.score.guessed)
                .count(),
            postponed: model.postponed,
            lines: (suite.report)(&model.scored, model.rules),
        };
        Self {
            benchmark: suite.name,
            title: suite.title,
            models: models.iter().map(table).collect(),
            comparisons: compare::pairs(suite, models),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for model in &self.models {
            let Table {
                model: name,
                rules,
                questions,
                ..
            } = model;
            writeln!(
                f,
                "{}, {name}: {questions} questions, rules `{rules}`\n",
                self.title
            )?;
            let width = |of: fn(&Line) -> usize| model.lines.iter().map(of).max().unwrap_or(0);
            let (part, measure) = (
                width(|line| line.part.chars().count()),
                width(|line| line.measure.chars().count()),
            );
            for line in &model.lines {
                write!(
                    f,
                    "  {:part$}  {:measure$}  {:>7}  {:>8.2}",
                    line.part, line.measure, line.n, line.value
                )?;
                match line.interval {
                    Some((low, high)) => writeln!(f, "  ({low:.2}–{high:.2})")?,
                    None => writeln!(f)?,
                }
            }
            if model.guessed > 0 {
                writeln!(
                    f,
                    "  {} answers have no letter; the official code would draw one, here they are wrong",
                    model.guessed
                )?;
            }
            if model.unanswered > 0 {
                let problem = model.first_problem.as_deref().unwrap_or_default();
                writeln!(
                    f,
                    "  {} questions have no answer and count as wrong; the first: {problem}",
                    model.unanswered
                )?;
            }
            if model.postponed > 0 {
                writeln!(
                    f,
                    "  {} questions failed for now and are left out; run this again",
                    model.postponed
                )?;
            }
            writeln!(f)?;
        }
        for pair in &self.comparisons {
            let Comparison {
                first,
                second,
                n,
                first_better,
                second_better,
                difference,
                test,
                p,
                p_adjusted,
                ..
            } = pair;
            write!(f, "{first} − {second}: {difference:+.2} points")?;
            if let Some((low, high)) = pair.interval {
                write!(f, " ({low:+.2} to {high:+.2})")?;
            }
            write!(
                f,
                " on {n} questions; better on {first_better}, worse on {second_better}; p = {p:.3} ({test})"
            )?;
            if self.comparisons.len() > 1 {
                write!(f, ", adjusted {p_adjusted:.3}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
