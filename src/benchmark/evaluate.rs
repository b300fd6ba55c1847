//! The path of an evaluation: records, questions, answers, scores.
//!
//! Questions are asked in batches, several under way at once, and committed as they come; a run that is stopped goes on
//! where it was. Scores are computed at the end, since some are scores of the whole.

use super::ask::{Asked, Asker};
use super::load::Data;
use super::suite::Suite;
use super::{Question, Score, Scored};
use crate::error::Result;
use crate::journal::Journal;
use crate::row::Rows;
use crate::sink::{Limits, Sink};
use crate::tables::Tables;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Questions that are asked together.
const BATCH: usize = 32;
/// Batches under way.
const BATCHES_IN_FLIGHT: usize = 3;
/// Answers are committed when there are so many rows.
const COMMIT_ROWS: usize = 2_000;

/// What a candidate's evaluation came to.
#[derive(Debug)]
pub struct Evaluated {
    /// The model's name.
    pub model: String,
    /// The rules that it was scored by.
    pub rules: &'static str,
    /// Every question, scored.
    pub scored: Vec<Scored>,
    /// Questions that failed for now; they are not among the scored ones.
    pub postponed: usize,
}

/// The questions of a benchmark, the first `limit` of them.
///
/// # Errors
/// [`crate::Error::ImageSource`] naming the row and what was expected and found.
pub async fn questions(
    suite: &'static Suite,
    data: Data,
    limit: Option<usize>,
) -> Result<BoxStream<'static, Result<Question>>> {
    let records = data.open().await?;
    let questions = records
        .map(move |record| {
            let questions =
                record.and_then(|record| (suite.read)(&record).map_err(|problem| data.error(problem)));
            stream::iter(questions.map_or_else(
                |error| vec![Err(error)],
                |some| some.into_iter().map(Ok).collect(),
            ))
        })
        .flatten();
    Ok(questions.take(limit.unwrap_or(usize::MAX)).boxed())
}

/// Where answers go, and the journal that is to know what is committed.
#[must_use]
pub fn sink(tables: &Tables, journal: Option<Arc<Journal>>) -> Sink {
    let limits = Limits {
        rows: COMMIT_ROWS,
        ..Limits::default()
    };
    Sink::new(tables.clone(), limits, journal)
}

/// Has every candidate answer every question; `progress` is told how many are through, `stop` ends it early. Out come
/// the questions that are through, and whether it was stopped.
///
/// # Errors
/// When a file, a table or a model fails as a whole; what was answered before is committed.
pub async fn ask(
    asker: Arc<Asker>,
    questions: BoxStream<'static, Result<Question>>,
    mut sink: Sink,
    progress: impl Fn(usize),
    stop: impl Future<Output = ()> + Send,
) -> Result<(Vec<Asked>, bool)> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    // Told when something failed: what is under way is paid for and comes to its end, nothing new begins.
    let halt = Arc::new(Notify::new());
    let halted = halt.clone();
    let stop = async move {
        tokio::select! {
            () = stop => flag.store(true, Ordering::Relaxed),
            () = halted.notified() => {}
        }
    };
    let mut asked: Vec<Asked> = Vec::new();
    let mut failed = None;
    {
        let batches = questions.take_until(stop).try_chunks(BATCH).map(|batch| {
            let asker = asker.clone();
            // On a task of its own: a commit does not hold up the calls that are under way.
            tokio::spawn(async move {
                let mut rows = Rows::default();
                let asked = match batch {
                    Ok(questions) => asker.ask(questions, &mut rows).await,
                    Err(broken) => Err(broken.1),
                };
                (asked, rows)
            })
        });
        let mut batches = std::pin::pin!(batches.buffered(BATCHES_IN_FLIGHT));
        while let Some(batch) = batches.next().await {
            let (some, rows) = batch.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
            sink.push(rows).await?;
            match some {
                Ok(some) => {
                    progress(some.len());
                    asked.extend(some);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    halt.notify_one();
                }
            }
        }
    }
    sink.commit().await?;
    match failed {
        Some(error) => Err(error),
        None => Ok((asked, stopped.load(Ordering::Relaxed))),
    }
}

/// Scores what every candidate said.
#[must_use]
pub fn score(suite: &Suite, asked: &[Asked], models: &[(String, &'static str)]) -> Vec<Evaluated> {
    let of = |(place, (model, rules)): (usize, &(String, &'static str))| {
        let through: Vec<&Asked> = asked
            .iter()
            .filter(|asked| asked.answers[place].is_some())
            .collect();
        let said: Vec<(&Question, &str)> = through
            .iter()
            .map(|asked| {
                let text = asked.answers[place]
                    .as_ref()
                    .and_then(|answer| answer.as_ref().ok());
                (&asked.question, text.map_or("", String::as_str))
            })
            .collect();
        let scores = (suite.score)(&said, rules);
        let scored = through.iter().zip(scores).map(|(asked, score)| {
            let answer = asked.answers[place].clone().unwrap_or_else(|| Err(String::new()));
            Scored {
                question: asked.question.clone(),
                image: asked.image.clone(),
                // No answer is wrong, also where an empty text would be taken for one.
                score: if answer.is_ok() { score } else { Score::default() },
                problem: answer.as_ref().err().cloned(),
                answer: answer.ok(),
            }
        });
        Evaluated {
            model: model.clone(),
            rules,
            postponed: asked.len() - through.len(),
            scored: scored.collect(),
        }
    };
    models.iter().enumerate().map(of).collect()
}
