//! `auditdm lab`: train and examine the lab's small models, look at its scenes.

mod reproduce;

use super::out::Out;
use crate::lab;
use crate::lab::generate::{Split, World};
use crate::train::{self, Exam, Figures, Options, Recipe};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The lab: a procedural world where ground truth is free.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  auditdm lab show 17 --output scene.png
  auditdm lab examine data/lab-target
  auditdm lab train target
  auditdm lab reproduce methods")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a small PaliGemma 2 or Gemma 3 on the lab's questions, or a Gemma 3 to write such questions, edits and captions.
    ///
    /// Progress is saved every two minutes; the same command goes on where it was stopped, until the
    /// minutes are over.
    #[command(after_help = "\
Examples:
  auditdm lab train reference              the recipe of data/lab-reference
  auditdm lab train target                 the recipe of data/lab-target
  auditdm lab train gemma                  the recipe of data/lab-gemma, with the eyes of data/lab-reference
  auditdm lab train auditor                the recipe of data/lab-auditor, with the eyes of data/lab-reference
  auditdm lab train target --minutes 2 --output quick --seed 7")]
    Train {
        /// Which recipe.
        role: Role,
        /// Minutes of training over all sittings, instead of the recipe's.
        #[arg(long)]
        minutes: Option<f64>,
        /// The checkpoint's folder, instead of the recipe's under `data/`.
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
        /// Seeds weights and scenes, instead of the recipe's.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Examine a checkpoint on held-out scenes, or without seeing them.
    #[command(after_help = "\
Examples:
  auditdm lab examine data/lab-target
  auditdm lab examine data/lab-target --blind      a grey image instead of each scene
  auditdm lab examine data/lab-target --split train")]
    Examine {
        /// The checkpoint's folder.
        folder: PathBuf,
        /// Questions over all fifteen categories.
        #[arg(long, default_value_t = 3_000)]
        questions: usize,
        /// Which scenes and wordings.
        #[arg(long, default_value = "held-out")]
        split: Scenes,
        /// Show a grey image instead of the scene.
        #[arg(long)]
        blind: bool,
        /// Seeds the scenes.
        #[arg(long, default_value_t = 77)]
        seed: u64,
        /// 0 to 3.
        #[arg(long, default_value_t = 1)]
        difficulty: u8,
    },
    /// Write a scene as PNG and print its graph, questions and answers; or answer your own question.
    #[command(after_help = "\
Examples:
  auditdm lab show 17 --output scene.png
  auditdm lab show 17 --question \"how many stars are left of the clock?\"")]
    Show {
        /// The scene's number.
        index: u64,
        /// Seeds the world.
        #[arg(long, default_value_t = 2)]
        seed: u64,
        /// 0 to 3.
        #[arg(long, default_value_t = 1)]
        difficulty: u8,
        /// Where to write the image.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// A question of your own.
        #[arg(long)]
        question: Option<String>,
    },
    Reproduce(reproduce::Arguments),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Target,
    Reference,
    Gemma,
    Auditor,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scenes {
    Train,
    HeldOut,
}

impl From<Scenes> for Split {
    fn from(scenes: Scenes) -> Self {
        match scenes {
            Scenes::Train => Self::Train,
            Scenes::HeldOut => Self::HeldOut,
        }
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Train {
            role,
            minutes,
            output,
            seed,
        } => {
            if let Some(status) = train::relaunch()? {
                return Ok(if status.success() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                });
            }
            let recipe = match role {
                Role::Target => Recipe::Target,
                Role::Reference => Recipe::Reference,
                Role::Gemma => Recipe::Gemma,
                Role::Auditor => Recipe::Auditor,
            };
            let data = Path::new("data");
            let mut options = recipe.options(data);
            options.minutes = minutes.unwrap_or(options.minutes);
            options.seed = seed.unwrap_or(options.seed);
            options.folder = output.unwrap_or(options.folder);
            let eyes = data.join(Recipe::Reference.name());
            train(recipe, &options, &eyes)?;
        }
        Command::Examine {
            folder,
            questions,
            split,
            blind,
            seed,
            difficulty,
        } => {
            let exam = Exam {
                seed,
                difficulty,
                split: split.into(),
                questions,
                blind,
            };
            writeln!(Out, "{}", train::evaluate(&folder, &exam)?)?;
        }
        Command::Show {
            index,
            seed,
            difficulty,
            output,
            question,
        } => {
            let world = World {
                seed,
                difficulty,
                split: Split::HeldOut,
            };
            show(&world, index, output, question)?;
        }
        Command::Reproduce(arguments) => return reproduce::run(arguments),
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains who answers or who asks, a Gemma 3 with the eyes of another checkpoint.
fn train(recipe: Recipe, options: &Options, eyes: &Path) -> anyhow::Result<()> {
    let mut printed = Instant::now();
    let report = |figures: &Figures| {
        if printed.elapsed() >= Duration::from_secs(10) {
            printed = Instant::now();
            let _ = writeln!(Out, "{figures}"); // progress is no reason to stop training
        }
    };
    let examine = "Examine it: auditdm lab examine FOLDER";
    let (progress, next) = match recipe {
        Recipe::Auditor => (
            train::imitate(options, eyes, report)?,
            "Train it further: auditdm train auditor --help",
        ),
        Recipe::Gemma => (train::train(options, Some(eyes), report)?, examine),
        Recipe::Target | Recipe::Reference => (train::train(options, None, report)?, examine),
    };
    writeln!(
        Out,
        "trained on {} questions in {:.1} minutes: {}. {next}",
        progress.questions,
        progress.seconds / 60.0,
        options.folder.display(),
    )?;
    Ok(())
}

fn show(world: &World, index: u64, output: Option<PathBuf>, question: Option<String>) -> anyhow::Result<()> {
    let scene = world.scene(index);
    if let Some(path) = output {
        std::fs::write(&path, lab::render::png(&scene))?;
        writeln!(Out, "wrote {}", path.display())?;
    }
    if let Some(question) = question {
        match lab::answer(&scene, &question) {
            Ok(answer) => writeln!(Out, "{answer}")?,
            Err(reason) => writeln!(Out, "unanswerable: {reason}")?,
        }
        return Ok(());
    }
    writeln!(Out, "{}", serde_json::to_string_pretty(&scene)?)?;
    for asked in lab::question::questions(&scene, world.split, index) {
        writeln!(
            Out,
            "{:<24} {} {}",
            asked.category.name(),
            asked.question,
            asked.answer
        )?;
    }
    Ok(())
}
