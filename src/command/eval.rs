//! `auditdm eval`: a benchmark, asked of models or scored from predictions; or a suite of them.

mod all;
mod session;

use super::out::Out;
use super::plain::lines;
use crate::benchmark::compare::{self, Comparison};
use crate::benchmark::evaluate::{self, Evaluated};
use crate::benchmark::load::Data;
use crate::benchmark::prompt::Family;
use crate::benchmark::report::Line;
use crate::benchmark::{Set, prediction, scores};
use clap::Args;
use serde::Serialize;
use session::{Session, Stopped, Task};
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate models on a benchmark, or score predictions that are there.
///
/// Data are taken in the forms in which people hold them: Hugging Face's Parquet, VLMEvalKit's TSV, the original JSON; or a
/// set that `auditdm freeze` wrote, by its name or file. Answers go to the same tables as an audit's, by content: what was
/// answered is never asked again, and the same command goes on where it was stopped. In `results` an evaluation is the run
/// `eval NAME`. Of --config count [models.*], [answers], tables, journal and [budget]; without a budget there is no limit.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm eval vqav2 --data vqav2/validation --model data/lab-target --model data/lab-reference
  auditdm eval mmbench --data MMBench_V11.tsv --config audit.toml --model gemma3-4b --scores scores.parquet
  auditdm eval vqav2 --data questions.json --annotations annotations.json --images val2014 --predictions results.json
  auditdm eval coco-captions --data dataset_coco.json --images coco --predictions captions.json
  auditdm eval weekly --model data/lab-target                a frozen set of the folder benchmarks/
  auditdm eval all suite.toml > table.md

A suite.toml, whose paths are relative to it:
  models = [\"gemma3-4b\", \"gemma3-27b\"]
  config = \"audit.toml\"
  [[benchmarks]]
  name = \"pope\"
  data = \"coco_pope_random.json\"
  images = \"val2014\"
  [[benchmarks]]
  name = \"weekly\"
  data = \"benchmarks\"

Prompts: PaliGemma's task prefixes for checkpoints on this machine, instructions for servers; --prompts changes that.
Exit codes: 0 done, 1 failed, 3 done but for calls that failed for now, 4 stopped at the budget, 130 interrupted.")]
pub(super) struct Arguments {
    /// vqav2, okvqa, gqa, ai2d, docvqa, chartqa, refcoco, coco-captions, mmbench, mmt, seed, mme, mmmu, mmstar, realworldqa
    /// or pope; a frozen set's name or file; or `all`.
    benchmark: String,
    /// With `all`: models and benchmarks.
    #[arg(value_name = "SUITE.TOML", required_if_eq("benchmark", "all"))]
    suite: Option<PathBuf>,
    /// The questions: a Parquet file or folder of shards, a TSV, a JSON or JSON Lines file; a path or s3://, gs://, az://. Of
    /// a frozen set the folder in which it lies [default: benchmarks].
    #[arg(long, value_name = "URL")]
    data: Option<String>,
    /// Answers in a file of their own: VQAv2's annotations, COCO's instances.
    #[arg(long, value_name = "URL")]
    annotations: Option<String>,
    /// The folder of the images that the questions name, or Parquet with columns `id` and `image`.
    #[arg(long, value_name = "URL")]
    images: Option<String>,
    /// A model of the configuration, or a checkpoint's folder; may be repeated.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["predictions", "suite"], conflicts_with = "suite")]
    model: Vec<String>,
    /// The configuration whose models and budget are meant.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Score the answers of this file instead of asking: JSON, JSON Lines, TSV or Parquet with an id and a text.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "config", "tables", "suite"])]
    predictions: Option<String>,
    /// Whose rules to score by, instead of the benchmark's own.
    #[arg(long, value_name = "NAME", conflicts_with = "suite")]
    rules: Option<String>,
    /// How models are asked, instead of by their kind.
    #[arg(long, value_enum, conflicts_with = "suite")]
    prompts: Option<Family>,
    /// Only the first so many questions.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Where the tables are, instead of the configuration's.
    #[arg(long, value_name = "URL")]
    tables: Option<String>,
    /// Write the score of every question to this Parquet file.
    #[arg(long, value_name = "FILE", conflicts_with = "suite")]
    scores: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// With `all`: how the table is written.
    #[arg(long, value_enum, requires = "suite", conflicts_with = "json")]
    format: Option<Format>,
    /// With `all`: a file to write to, instead of standard output.
    #[arg(short, long, value_name = "FILE", requires = "suite")]
    output: Option<PathBuf>,
    /// Print no progress.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Rows are benchmarks, columns models.
    Markdown,
    /// One object.
    Json,
    /// One row for each benchmark and model.
    Parquet,
}

/// What is printed.
#[derive(Serialize)]
struct Outcome {
    benchmark: String,
    #[serde(skip)]
    title: String,
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
    let quiet = arguments.quiet || arguments.json;
    if let Some(suite) = &arguments.suite {
        anyhow::ensure!(
            arguments.benchmark == "all" && arguments.data.is_none(),
            "a suite is evaluated with `auditdm eval all {}`, and names its data itself",
            suite.display()
        );
        let format = if arguments.json {
            Format::Json
        } else {
            arguments.format.unwrap_or(Format::Markdown)
        };
        let wish = all::Wish {
            suite,
            config: arguments.config.as_deref(),
            tables: arguments.tables.as_deref(),
            limit: arguments.limit,
            format,
            output: arguments.output.as_deref(),
            quiet,
        };
        return all::run(wish).await;
    }
    let data = arguments.data.map(|questions| Data {
        questions,
        annotations: arguments.annotations,
        images: arguments.images,
    });
    let (set, data) = Set::find(&arguments.benchmark, data).await?;
    let (evaluated, stopped) = if let Some(file) = &arguments.predictions {
        let family = arguments.prompts.unwrap_or(Family::PaliGemma);
        let rules = set
            .suite
            .rules(arguments.rules.as_deref(), family)
            .map_err(anyhow::Error::msg)?;
        let url = data.questions.clone();
        let questions = evaluate::questions(set.suite, data, arguments.limit).await?;
        let asked = prediction::read(file, questions).await?;
        anyhow::ensure!(!asked.is_empty(), "no question of {} is in {url}", set.title);
        (evaluate::score(set.suite, &asked, &[(file.clone(), rules)]), None)
    } else {
        let session = Session::open(arguments.config.as_deref(), arguments.tables.as_deref()).await?;
        let task = Task {
            set: set.clone(),
            data,
            models: arguments.model,
            prompts: arguments.prompts,
            rules: arguments.rules,
            limit: arguments.limit,
        };
        session.evaluate(task, quiet).await?
    };
    if let Some(path) = &arguments.scores {
        scores::write(path, &set.name, &evaluated)?;
    }
    let outcome = Outcome::new(&set, &evaluated);
    if arguments.json {
        writeln!(Out, "{}", serde_json::to_string_pretty(&outcome)?)?;
    } else {
        write!(Out, "{}", lines(&outcome.to_string()))?;
    }
    Ok(match stopped {
        Some(stopped) => told(&stopped),
        None if evaluated.iter().any(|model| model.postponed > 0) => ExitCode::from(3),
        None => ExitCode::SUCCESS,
    })
}

/// Says why it was stopped.
fn told(stopped: &Stopped) -> ExitCode {
    match stopped {
        Stopped::Interrupted => {
            eprintln!("interrupted; what is answered is committed, and the same command goes on from here");
            ExitCode::from(130)
        }
        Stopped::Budget(why) => {
            eprintln!("stopped: {}", lines(why));
            ExitCode::from(4)
        }
    }
}

impl Outcome {
    fn new(set: &Set, models: &[Evaluated]) -> Self {
        let suite = set.suite;
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
            benchmark: set.name.clone(),
            title: set.title.clone(),
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
