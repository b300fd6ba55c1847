//! Training: of the lab's small models by supervision, of an auditor by the divergence that its probes find.
//!
//! ```text
//! course ──▶ lesson ──▶ learner ──▶ optimiser ──▶ checkpoint ──▶ evaluate
//! scenes,    tensors    forward,    step          hub's layout,  held-out
//! questions             backward                  state          questions
//! ```
//! Supervision of target and reference is twofold: the answers' tokens, and for every patch of the image tower what
//! lies there. The lab's auditor learns to write probes by imitation of well-formed ones ([`imitate`]); what it then
//! learns from the models that it audits is in [`grpo`]; a target learns from its failures in [`rectify`]. Left out: more than one machine.

mod checkpoint;
mod course;
mod evaluate;
pub mod grpo;
mod imitation;
pub mod improve;
mod launch;
mod learner;
mod lesson;
mod muon;
mod optimiser;
mod patch_heads;
mod patch_words;
mod recipe;
pub mod rectify;
#[cfg(test)]
mod resumed;
pub mod search;
mod shape;
mod student;
mod tokenizer;
mod workers;

pub use checkpoint::Progress;
pub use evaluate::{Accuracy, Evaluation, Exam, evaluate};
pub use launch::relaunch;
pub use optimiser::Optimiser;
pub use recipe::Recipe;

use crate::error::{Error, Result};
use crate::lab::label::HEADS;
use crate::vlm::{Config, Family, Network, Weights};
use candle_core::Device;
use course::Course;
use imitation::ProbeCourse;
use learner::{Learner, Sight};
use lesson::Lesson;
use patch_heads::PatchHeads;
use patch_words::PatchWords;
use std::path::{Path, PathBuf};
use std::time::Instant;
use workers::Workers;

/// Shards of a step, images of a shard, questions about an image.
const SHARDS: usize = 2;
const IMAGES: usize = 16;
const QUESTIONS: usize = 4;
/// The part of the time, at the beginning, in which the tower learns from patches alone: a lesson without
/// questions costs a seventh an image.
const LOOKING_SHARE: f64 = 0.2;
/// Of the patches' loss beside the answers'.
const PATCH_SHARE: f64 = 1.0;
/// Learning rates after the warm-up and at the end.
const RATE: (f64, f64) = (1.5e-3, 5e-5);
/// Steps until the full rate.
const WARM_UP: u64 = 200;
/// Seconds between two savings.
const SAVE_EVERY_S: f64 = 120.0;
/// Weight of the newest step in the running figures.
const NEWEST: f64 = 0.02;

/// What to train.
#[derive(Debug, Clone)]
pub struct Options {
    /// The checkpoint's folder; a run whose state lies there is continued.
    pub folder: PathBuf,
    /// Minutes of training, over all sittings.
    pub minutes: f64,
    /// Of the weights and of the scenes.
    pub seed: u64,
    /// Of the scenes.
    pub difficulty: u8,
}

/// Running figures of a run, for its progress line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Steps taken.
    pub step: u64,
    /// Questions learned from.
    pub questions: u64,
    /// Cross-entropy of the answers' tokens, a running mean.
    pub loss: f64,
    /// Cross-entropy of the patches' heads, a running mean.
    pub patch_loss: f64,
    /// Cross-entropy of the patches' words, a running mean.
    pub word_loss: f64,
    /// Share of right answers, a running mean.
    pub accuracy: f64,
    /// Questions a second in this sitting.
    pub questions_per_s: f64,
    /// Seconds until the end.
    pub remaining_s: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            formatter,
            "step {}, {} questions, loss {:.3}, accuracy {:.1} %, patches' losses {:.3} {:.3}, {:.0} questions/s, {:.0} s left",
            self.step,
            self.questions,
            self.loss,
            100.0 * self.accuracy,
            self.patch_loss,
            self.word_loss,
            self.questions_per_s,
            self.remaining_s,
        )
    }
}

/// Trains who answers the lab's questions until the time is up: a PaliGemma 2 from nothing, or a Gemma 3 with the eyes of
/// the checkpoint in `eyes`. Calls `report` after every step.
pub fn train(options: &Options, eyes: Option<&Path>, report: impl FnMut(&Figures)) -> Result<Progress> {
    let texts = || course::texts(options.difficulty);
    let (config, weights, model) = begin(options, eyes, &texts)?;
    let heads = PatchHeads::new(HEADS, config.vision_config.hidden_size, &weights)?;
    let course = Course::new(
        &options.folder,
        &config,
        options.seed,
        IMAGES,
        QUESTIONS,
        options.difficulty,
    )?;
    let words = PatchWords::new(config.image_tokens().isqrt(), |word| course.tokenizer.text(word))?;
    let learner = Learner {
        model,
        sight: Some(Sight {
            heads,
            words,
            share: PATCH_SHARE,
        }),
        optimiser: Optimiser::new(weights.variables()),
        workers: Workers::new()?,
    };
    // Who has eyes need not learn to see first.
    let looking = if eyes.is_some() { 0.0 } else { LOOKING_SHARE };
    study(
        options,
        learner,
        looking,
        &|number, asking| course.lesson(number, asking),
        report,
    )
}

/// Trains the lab's auditor, a Gemma 3, by imitation of random well-formed probes, with the eyes of the checkpoint in
/// `eyes`, until the time is up; calls `report` after every step.
pub fn imitate(options: &Options, eyes: &Path, report: impl FnMut(&Figures)) -> Result<Progress> {
    let texts = || imitation::texts(options.difficulty);
    let (config, weights, model) = begin(options, Some(eyes), &texts)?;
    let course = ProbeCourse::new(&options.folder, &config, options.seed, options.difficulty)?;
    let learner = Learner {
        model,
        sight: None,
        optimiser: Optimiser::new(weights.variables()),
        workers: Workers::new()?,
    };
    study(options, learner, 0.0, &|number, _| course.lesson(number), report)
}

/// A new network of the lab, everything but its weights written to the folder. The tokenizer is learned from `texts`, unless
/// a run goes on: ids must stay what its weights have learned.
fn begin(
    options: &Options,
    eyes: Option<&Path>,
    texts: &dyn Fn() -> Vec<String>,
) -> Result<(Config, Weights, Network)> {
    let folder = &options.folder;
    create(folder)?;
    let images: &[&str] = if eyes.is_some() {
        &tokenizer::GEMMA3
    } else {
        &tokenizer::PALIGEMMA
    };
    let learned = if checkpoint::has_state(folder) {
        tokenizer::open(folder)?
    } else {
        tokenizer::learn(&texts(), images)?
    };
    let vocabulary = learned.get_vocab_size(true);
    let config = if eyes.is_some() {
        tokenizer::save_chat(folder)?;
        shape::gemma(vocabulary)
    } else {
        shape::paligemma(vocabulary)
    };
    describe(folder, &config, &learned)?;
    let weights = Weights::fresh(options.seed, &Device::Cpu).trainable();
    let model = Network::new(&config, &weights)?;
    if let Some(eyes) = eyes {
        shape::take_eyes(&weights.variables(), eyes)?;
    }
    Ok((config, weights, model))
}

/// Takes up what was saved in the folder and learns until the time is up. `lesson` gives lessons by number, in the
/// first `looking` share of the time those without questions.
fn study(
    options: &Options,
    mut learner: Learner,
    looking: f64,
    lesson: &(dyn Fn(u64, bool) -> Result<Lesson> + Sync),
    mut report: impl FnMut(&Figures),
) -> Result<Progress> {
    let folder = &options.folder;
    let mut progress: Progress =
        checkpoint::restore_state(folder, &mut learner.optimiser)?.unwrap_or_default();
    let (started, before) = (Instant::now(), progress.clone());
    let (mut figures, mut saved) = (Figures::default(), Instant::now());
    let budget_s = options.minutes * 60.0;
    while progress.seconds < budget_s {
        let rate = rate(progress.step, progress.seconds / budget_s);
        let step = progress.step;
        let asking = progress.seconds >= budget_s * looking;
        let outcome = learner.step(SHARDS, rate, &|shard| {
            lesson(step * SHARDS as u64 + shard as u64, asking)
        })?;
        progress.step += 1;
        progress.questions += outcome.questions as u64;
        progress.seconds = before.seconds + started.elapsed().as_secs_f64();
        let newest = if figures.step == 0 { 1.0 } else { NEWEST };
        let running = |old: f64, new: f64| old + newest * (new - old);
        figures = Figures {
            step: progress.step,
            questions: progress.questions,
            loss: running(figures.loss, outcome.loss),
            patch_loss: running(figures.patch_loss, outcome.patch_loss),
            word_loss: running(figures.word_loss, outcome.word_loss),
            accuracy: running(figures.accuracy, outcome.right),
            questions_per_s: (progress.questions - before.questions) as f64 / started.elapsed().as_secs_f64(),
            remaining_s: budget_s - progress.seconds,
        };
        report(&figures);
        if saved.elapsed().as_secs_f64() > SAVE_EVERY_S {
            checkpoint::save_state(folder, &mut learner.optimiser, &progress)?;
            checkpoint::save_weights(folder, &learner.optimiser)?;
            saved = Instant::now();
        }
    }
    checkpoint::save_state(folder, &mut learner.optimiser, &progress)?;
    checkpoint::save_weights(folder, &learner.optimiser)?;
    Ok(progress)
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

/// Warm-up by steps, then half a cosine by the clock; `share` is that of the time that is gone.
fn rate(step: u64, share: f64) -> f64 {
    let warm = ((step + 1) as f64 / WARM_UP as f64).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos());
    warm * (RATE.1 + (RATE.0 - RATE.1) * cosine)
}

/// Writes everything but the weights.
fn describe(folder: &std::path::Path, config: &Config, tokenizer: &tokenizers::Tokenizer) -> Result<()> {
    let mut description = serde_json::to_value(config).expect("a config serialises");
    let architecture = match config.model_type {
        Family::PaliGemma2 => "PaliGemmaForConditionalGeneration",
        Family::Gemma3 | Family::Gemma3Text => "Gemma3ForConditionalGeneration",
    };
    description["architectures"] = serde_json::json!([architecture]);
    checkpoint::write_json(&folder.join("config.json"), &description)?;
    checkpoint::write_json(
        &folder.join("preprocessor_config.json"),
        &shape::preprocessor(config),
    )?;
    let image = &config.image_token_index;
    tokenizer::save(tokenizer, *image, folder)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "equal to the last bit")]
mod tests {
    use super::*;
    use crate::lab::generate::Split;

    #[test]
    fn a_run_continues_where_it_stopped_and_its_checkpoint_answers() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options {
            folder: folder.path().into(),
            minutes: 0.01,
            seed: 4,
            difficulty: 1,
        };
        let first = train(&options, None, |_| {}).unwrap();
        assert!(first.step > 0);
        let again = train(&options, None, |_| panic!("its time is up")).unwrap();
        assert_eq!((again.step, again.questions), (first.step, first.questions));
        options.minutes = first.seconds / 60.0 + 0.01;
        let mut steps = Vec::new();
        let second = train(&options, None, |figures| steps.push(figures.step)).unwrap();
        assert_eq!(steps.first(), Some(&(first.step + 1)));
        assert!(second.seconds > first.seconds);
        let exam = Exam {
            seed: 1,
            difficulty: 1,
            split: Split::HeldOut,
            questions: 30,
            blind: false,
        };
        let evaluation = evaluate(folder.path(), &exam).unwrap();
        assert_eq!(
            evaluation
                .categories
                .values()
                .map(|each| each.asked)
                .sum::<usize>(),
            30
        );
    }

    #[test]
    fn the_rate_rises_and_falls() {
        assert!(rate(0, 0.0) < 0.01 * RATE.0);
        assert_eq!(rate(WARM_UP, 0.0), RATE.0);
        assert!((rate(WARM_UP, 1.0) - RATE.1).abs() < 1e-12);
    }
}
