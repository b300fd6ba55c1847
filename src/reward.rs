//! Rewards for an auditor that learns elsewhere: its completions go through the audit's own stages.
//!
//! In: samples of an image, a strategy and a completion. Out: one [`Scored`] a sample, in order; a sample that cannot be
//! scored says why and keeps no other back. Rows of probes, answers and divergences go to the tables like an audit's.
//! Ground truth decides nothing: what the lab knows of a scene is withheld before anybody answers. The same question
//! about the same image is asked once, by whichever request comes first. Left out: likeness between requests, the
//! graded form over several samples of the target, and tokens of the completion.

mod picture;
mod sample;
mod session;
mod stages;

#[cfg(test)]
mod tests;

pub use sample::{Sample, Scored};
pub use session::Session;

use crate::audit::Audit;
use crate::config::{Repeats, RewardOptions};
use crate::diverge::normalize;
use crate::model::ModelCard;
use crate::plan::Ids;
use crate::probe::{Pair, Subject};
use crate::row::{Rows, RunProbeRow};
use crate::source::{Found, SourceOptions};
use sample::Read;
use stages::{Memory, Work};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

/// Gives rewards; clones of its `Arc` serve requests side by side.
pub struct Scorer {
    audit: Arc<Audit>,
    options: RewardOptions,
    /// Who wrote the completions.
    auditor: ModelCard,
    source: SourceOptions,
    /// The source's images by address, from when one is first named.
    listing: OnceCell<Result<HashMap<String, Found>, String>>,
    memory: Mutex<Memory>,
    /// The images and probes that are written.
    written: Mutex<Ids>,
    /// To the sink, until the session closes.
    rows: Mutex<Option<mpsc::Sender<Rows>>>,
}

impl Scorer {
    /// Scores the samples of one request until its deadline; a sample that could not be read is its problem in words.
    /// `slot` is held until all that was begun is done, even after the deadline.
    pub async fn score(
        self: &Arc<Self>,
        samples: Vec<Result<Sample, String>>,
        slot: &Arc<OwnedSemaphorePermit>,
    ) -> Vec<Scored> {
        let deadline = Instant::now() + Duration::from_secs_f64(self.options.deadline_s);
        let late = || {
            Scored::failed(format!(
                "not scored within {} s: send it again",
                self.options.deadline_s
            ))
        };
        let Ok(subjects) = timeout_at(deadline, self.subjects(&samples)).await else {
            return samples.iter().map(|_| late()).collect();
        };
        let read: Vec<Read> = samples
            .into_iter()
            .map(|sample| self.read(sample, &subjects))
            .collect();
        let mut rows = Rows::default();
        let works = self.works(&read, slot);
        let mut scored = Vec::with_capacity(read.len());
        for (sample, work) in read.iter().zip(works) {
            scored.push(match (sample, work) {
                (Read::Closed { scored, row }, _) => {
                    if let Some(row) = row.as_deref().filter(|row| self.is_new(&row.probe_id)) {
                        rows.run_probes.push(covers(&self.audit.run_id, &row.probe_id));
                        rows.probes.push(row.clone());
                    }
                    scored.clone()
                }
                (Read::Open { pair, .. }, Some(work)) => match timeout_at(deadline, work).await {
                    Ok(outcome) => {
                        if !outcome.is_failed() && self.is_new(&pair.row.probe_id) {
                            rows.extend(outcome.rows_for(pair, &self.audit.run_id));
                        }
                        outcome.scored(pair, &self.options)
                    }
                    Err(_) => late(),
                },
                (Read::Open { .. }, None) => late(),
            });
        }
        if self.options.repeats == Repeats::Share {
            share(&read, &mut scored);
        }
        self.audit.progress.probes.add(rows.probes.len());
        self.write(rows).await;
        scored
    }

    /// The work of every open sample, begun here or under way or done already.
    fn works(self: &Arc<Self>, read: &[Read], slot: &Arc<OwnedSemaphorePermit>) -> Vec<Option<Work>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut missing, mut begun) = (Vec::new(), HashSet::new());
        for sample in read {
            if let Read::Open { work_id, pair, .. } = sample
                && !memory.holds(work_id)
                && begun.insert(work_id)
            {
                missing.push((work_id, pair));
            }
        }
        // A local model answers in batches; a remote one is asked each thing when it comes.
        let together = if self.audit.cast.is_local() {
            missing.len().max(1)
        } else {
            1
        };
        for chunk in missing.chunks(together) {
            let pairs = chunk.iter().map(|(_, pair)| Pair::clone(pair)).collect();
            for ((work_id, _), work) in chunk.iter().zip(stages::start(self, pairs, slot)) {
                memory.insert(work_id, work);
            }
        }
        let work = |sample: &Read| match sample {
            Read::Open { work_id, .. } => memory.find(work_id),
            Read::Closed { .. } => None,
        };
        read.iter().map(work).collect()
    }

    /// Whether an image or probe was not written yet; it is from now on.
    fn is_new(&self, id: &str) -> bool {
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id)
    }

    /// Hands rows to the sink; after the session has closed nobody takes them.
    async fn write(&self, rows: Rows) {
        let sink = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink.filter(|_| !rows.is_empty()) {
            // A sink that is gone has said why to the session.
            let _ = sink.send(rows).await;
        }
    }
}

fn covers(run_id: &str, probe_id: &str) -> RunProbeRow {
    RunProbeRow {
        run_id: run_id.to_owned(),
        probe_id: probe_id.to_owned(),
        origin: "new".to_owned(),
    }
}

/// Divides a reward among the samples of a group that ask the same thing about the same image.
fn share(read: &[Read], scored: &mut [Scored]) {
    let mut alike: HashMap<[String; 4], Vec<usize>> = HashMap::new();
    for (at, sample) in read.iter().enumerate() {
        if let Read::Open { pair, group, .. } = sample {
            let text = |text: &Option<String>| text.as_deref().map(normalize).unwrap_or_default();
            let key = [
                group.clone(),
                pair.row.source_image_id.clone(),
                text(&pair.row.question),
                text(&pair.row.instruction),
            ];
            alike.entry(key).or_default().push(at);
        }
    }
    for places in alike.into_values().filter(|places| places.len() > 1) {
        let count = places.len();
        for at in places {
            let Scored { reward, reason, .. } = &mut scored[at];
            if let Some(reward) = reward.as_mut().filter(|reward| **reward > 0.0) {
                *reward /= count as f64;
                *reason = format!("{reason}; shared by {count} samples of the group that ask the same");
            }
        }
    }
}

/// Images by how the samples name them.
type Subjects = HashMap<String, Result<Subject, String>>;
