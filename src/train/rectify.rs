//! Rectification: the target learns from the rows that SQL chose out of an audit.
//!
//! ```text
//! SQL over the tables ──▶ rows with images ──▶ steps on the answers' tokens ──▶ examined on the split `test`
//!                          + labelled images      of the target
//! ```
//! A row's label is what the query says: a consensus of references, or truth where the query uses it. The best state on
//! the rows of the split `test`, which share no root image with the others, is kept. Left out: rows with several images.

mod exam;
mod question;

pub use exam::Change;

use crate::config::{Config, ModelOptions, RectificationOptions};
use crate::error::{Error, Result};
use crate::model::{EncodedImage, Sampling};
use crate::picture::Pictures;
use crate::row::{content_id, id};
use crate::sample::{Columns, Sample, Survey};
use crate::source::{self, Found, SourceQuestion};
use crate::sql;
use crate::sql::named::Queries;
use crate::tables::Tables;
use crate::train::checkpoint;
use crate::train::student::{ROWS, Student, Taught};
use crate::train::workers::gradients;
use crate::vlm::ops;
use candle_core::Tensor;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::{StreamExt, TryStreamExt};
use question::Tested;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;

/// Labelled images that are listed.
const LABELLED: usize = 100_000;
/// Rows of the split `test` that examinations use.
const EXAMINED: usize = 2_000;

/// Where a rectification stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    step: u64,
    /// The best accuracy on the rows of the split `test` so far, and at how many examinations none was better since.
    best: f64,
    worse: u64,
}

/// A rectification that is ready to start.
pub struct Rectification {
    options: RectificationOptions,
    sampling: Sampling,
    student: Student,
    learned: Vec<Sample>,
    tested: Vec<Tested>,
    pictures: Pictures,
    labelled: Vec<Found>,
    seed: u64,
    state: State,
}

/// A step's figures, for progress.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepFigures {
    /// From 1.
    pub step: u64,
    /// Of all.
    pub steps: u64,
    /// Cross-entropy of the answers' tokens.
    pub loss: f64,
    /// Of the rows of the split `test`, where they were just asked.
    pub accuracy: Option<f64>,
}

/// What it came to.
#[derive(Debug)]
pub struct Rectified {
    /// Steps taken.
    pub steps: u64,
    /// Whether it came to its end, early or not.
    pub finished: bool,
    /// On the rows of the split `test`: all first, then by category.
    pub changes: Vec<Change>,
    /// On all of them with the last state instead of the best, which the same rows chose.
    pub last: Change,
}

/// A question with its label, and its image.
struct Lesson {
    image: EncodedImage,
    question: String,
    answer: String,
}

/// The rows that the section asks for: those of a query, of the user's own below `queries` too, or of SQL.
///
/// # Errors
/// [`Error::Sql`] for what is no query or cannot be planned.
pub async fn rows(
    context: &SessionContext,
    options: &RectificationOptions,
    queries: Option<&Path>,
) -> Result<DataFrame> {
    if options.rows.trim().contains(char::is_whitespace) {
        return sql::query(context, &options.rows, &[]).await;
    }
    let params: Vec<(String, String)> = options.params.clone().into_iter().collect();
    let queries = Queries::load(queries)?;
    queries.find(&options.rows)?.plan(context, &params).await
}

impl Rectification {
    /// Opens the target, and reads which rows there are: `frame` is the query's.
    ///
    /// # Errors
    /// Whatever cannot be opened, by name; [`Error::Training`] where there are no rows.
    pub async fn open(config: &Config, tables: &Tables, frame: DataFrame) -> Result<Self> {
        let missing = |problem: &str| Error::Training(problem.to_owned());
        let options = config
            .rectification
            .clone()
            .ok_or_else(|| missing("the configuration has no section [rectification]"))?;
        let ModelOptions::Local(local) = config.models[&config.target].clone() else {
            return Err(missing("only a local checkpoint can be trained"));
        };
        Columns::of(&frame)?;
        let (survey, rows) = Survey::of(frame).await?;
        let pictures = Pictures::find(tables, &survey.image_ids).await?;
        let rows: Vec<Sample> = rows.samples().await?.try_collect().await?;
        let whole = rows
            .into_iter()
            .filter(|row| row.complete().is_ok() && row.images.len() == 1);
        let (mut tested, learned): (Vec<_>, Vec<_>) = whole.partition(|row| row.split() == "test");
        tested.sort_by_cached_key(|row| id(["examined", &row.id]));
        let mut tested: Vec<Tested> = tested.into_iter().map(Tested::row).collect();
        if let Some(examined) = &options.examined {
            let found: Vec<Found> = source::open(examined).await?.take(LABELLED).try_collect().await?;
            tested = found.into_iter().filter_map(Tested::listed).collect();
        }
        tested.truncate(EXAMINED);
        if learned.is_empty() || tested.is_empty() {
            return Err(Error::Training(format!(
                "there are {} rows to learn from and {} questions to be examined on (the split `test`, or `examined`); both \
                 are needed: audit more images, or choose another `rows`",
                learned.len(),
                tested.len()
            )));
        }
        let labelled = match &options.labelled {
            Some(source) => source::open(source).await?.take(LABELLED).try_collect().await?,
            None => Vec::new(),
        };
        let labelled: Vec<Found> = labelled;
        let labelled = labelled
            .into_iter()
            .filter(|found| found.questions.iter().any(is_labelled))
            .collect();
        let name = id([json(&options), config.seed.to_string()]);
        let mut student = Student::open(&local, options.lora.clone(), config.seed, &name)?;
        let folder = PathBuf::from(&options.output);
        super::create(&folder)?;
        let state = checkpoint::restore_state(&folder, &mut student.optimiser)?.unwrap_or_default();
        Ok(Self {
            sampling: config.answers.clone(),
            student,
            learned,
            tested,
            pictures,
            labelled,
            seed: config.seed,
            state,
            options,
        })
    }

    /// Rows to learn from, rows to be examined on, labelled images.
    pub fn sizes(&self) -> [usize; 3] {
        [self.learned.len(), self.tested.len(), self.labelled.len()]
    }

    /// Trains until all steps are taken, nothing gets better or `stop` is ready.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the state cannot be saved, [`Error::Table`] when rows' images cannot be read.
    pub async fn go(
        &mut self,
        stop: impl Future<Output = ()>,
        mut report: impl FnMut(&StepFigures),
    ) -> Result<Rectified> {
        let (mut stop, folder) = (pin!(stop), PathBuf::from(&self.options.output));
        let before = Box::pin(self.right(&self.start()?)).await?;
        if self.state.step == 0 {
            self.state.best = share(&before);
            self.student.save(&folder)?; // what to fall back on where nothing gets better
        }
        let mut finished = false;
        while self.state.step < self.options.steps && !finished && futures::poll!(&mut stop).is_pending() {
            let loss = Box::pin(self.step()).await?;
            let due = self.state.step.is_multiple_of(self.options.examine_every)
                || self.state.step == self.options.steps;
            let mut accuracy = None;
            if due {
                let right = share(&Box::pin(self.right(&self.student)).await?);
                accuracy = Some(right);
                if right > self.state.best {
                    self.student.save(&folder)?;
                    (self.state.best, self.state.worse) = (right, 0);
                } else {
                    self.state.worse += 1;
                }
                checkpoint::save_state(&folder, &mut self.student.optimiser, &self.state)?;
                finished = self.options.patience > 0 && self.state.worse >= self.options.patience;
            }
            report(&StepFigures {
                step: self.state.step,
                steps: self.options.steps,
                loss,
                accuracy,
            });
        }
        finished |= self.state.step >= self.options.steps;
        let after = Box::pin(self.right(&self.kept(&folder)?)).await?;
        let last = if self.state.worse == 0 {
            after.clone()
        } else {
            Box::pin(self.right(&self.student)).await?
        };
        let last = exam::last(&before, &last);
        let categories = self.tested.iter().map(|row| row.category.clone());
        let answered = categories.zip(before.into_iter().zip(after));
        let answered: Vec<_> = answered
            .map(|(category, (before, after))| (category, before, after))
            .collect();
        Ok(Rectified {
            steps: self.state.step,
            finished,
            changes: exam::changes(&answered),
            last,
        })
    }

    /// The target as it was, and as the best state has it.
    fn start(&self) -> Result<Student> {
        self.student.again(&self.student.folder, None)
    }

    fn kept(&self, folder: &Path) -> Result<Student> {
        match &self.options.lora {
            Some(_) => self.student.again(&self.student.folder, Some(folder)),
            None => self.student.again(folder, None),
        }
    }

    async fn right(&self, student: &Student) -> Result<Vec<bool>> {
        question::right(&self.tested, student, &self.sampling, &self.pictures).await
    }

    /// One optimiser step; its loss.
    async fn step(&mut self) -> Result<f64> {
        let mut lessons = self.lessons().await?;
        lessons.sort_by(|a, b| a.image.image_id.cmp(&b.image.image_id));
        let (step, steps) = (self.state.step as f64, self.options.steps as f64);
        let warm = ((step + 1.0) / (self.options.warm_up * steps).max(1.0)).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * step / steps).cos());
        let rate = self.options.learning_rate * warm * (0.1 + 0.9 * cosine);
        let student = &mut self.student;
        let loss = tokio::task::block_in_place(|| learn(student, &lessons, rate))?;
        self.state.step += 1;
        Ok(loss)
    }

    /// The questions of a step: rows and labelled ones, each in an order that the seed decides, over and over.
    async fn lessons(&self) -> Result<Vec<Lesson>> {
        let from_labelled = if self.labelled.is_empty() {
            0
        } else {
            (self.options.batch as f64 * self.options.labelled_share) as usize
        };
        let from_rows = self.options.batch - from_labelled;
        let first = self.state.step as usize;
        let rows = (first * from_rows..(first + 1) * from_rows)
            .map(|at| &self.learned[self.place(at, self.learned.len())]);
        let rows: Vec<&Sample> = rows.collect();
        let ids: HashSet<String> = rows.iter().flat_map(|row| row.images.clone()).collect();
        let bytes = self.pictures.read(&ids).await?;
        let mut lessons = Vec::with_capacity(self.options.batch);
        for row in rows {
            let image = bytes[&row.images[0]].clone();
            let image =
                image.map_err(|problem| Error::Training(format!("image {}: {problem}", row.images[0])))?;
            lessons.push(Lesson {
                image: EncodedImage::new(row.images[0].as_str(), image),
                question: row.question(),
                answer: row.completion.clone(),
            });
        }
        for at in first * from_labelled..(first + 1) * from_labelled {
            let found = &self.labelled[self.place(at, self.labelled.len())];
            let questions: Vec<&SourceQuestion> = found
                .questions
                .iter()
                .filter(|question| is_labelled(question))
                .collect();
            let chosen =
                questions[self.place(at, self.labelled.len().saturating_mul(7).max(1)) % questions.len()];
            let image = (found.read)().await;
            let image = image.map_err(|problem| Error::Training(format!("{}: {problem}", found.uri)))?;
            lessons.push(Lesson {
                image: EncodedImage::new(content_id(&image).as_str(), image),
                question: chosen.question.clone(),
                answer: chosen.answers[0].clone(),
            });
        }
        Ok(lessons)
    }

    /// The `at`-th place of a shuffled order of `count`, shuffled anew for every round.
    fn place(&self, at: usize, count: usize) -> usize {
        let (round, within) = (at / count, at % count);
        // An affine walk with a stride that shares no factor with the count visits every place once.
        let drawn = id(["order".to_owned(), self.seed.to_string(), round.to_string()]);
        let number = |digits: &str| usize::from_str_radix(digits, 16).unwrap_or_default();
        let (start, mut stride) = (number(&drawn[..8]) % count, number(&drawn[8..16]) % count);
        while greatest_common_divisor(stride, count) != 1 {
            stride += 1;
        }
        (start + within * stride) % count
    }
}

/// One step on the answers' tokens, all of them counting alike.
fn learn(student: &mut Student, lessons: &[Lesson], rate: f64) -> Result<f64> {
    let answers: Vec<Vec<u32>> = lessons
        .iter()
        .map(|lesson| student.checkpoint.tokenizer.answer(&lesson.answer))
        .collect::<Result<_>>()?;
    let rows: Vec<Taught> = lessons
        .iter()
        .zip(&answers)
        .map(|(lesson, tokens)| Taught {
            image: &lesson.image,
            prompt: &lesson.question,
            tokens,
        })
        .collect();
    let all: usize = answers.iter().map(Vec::len).sum();
    let shards: Vec<&[Taught]> = rows.chunks(ROWS).collect();
    let this = &*student;
    let (losses, sum) = this.workers.run(shards.len(), &|shard| {
        let lesson = this.lesson(shards[shard])?;
        let network = &this.checkpoint.network;
        let logits = lesson.logits(network, &network.project(&network.see(&lesson.pixels)?)?)?;
        let labels = Tensor::from_slice(&lesson.labels, lesson.labels.len(), network.device())?;
        let share = lesson.labels.len() as f64 / all.max(1) as f64;
        let loss = (ops::cross_entropy(&logits, &labels)? * share)?;
        let gradients = gradients(&loss, this.optimiser.variables())?;
        Ok((f64::from(loss.to_scalar::<f32>()?), gradients))
    })?;
    student.optimiser.step(&sum, rate)?;
    Ok(losses.into_iter().sum())
}

fn is_labelled(question: &SourceQuestion) -> bool {
    question.answers.first().is_some_and(|answer| !answer.is_empty())
}

fn share(right: &[bool]) -> f64 {
    right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
}

fn json(options: &RectificationOptions) -> String {
    serde_json::to_string(options).expect("plain data")
}

const fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
