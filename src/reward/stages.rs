//! One question about one image through the stages: drawn, answered, judged, scored, remembered.
//!
//! What is begun comes to its end and is committed, whether or not anybody still waits for it.

use super::{Scored, Scorer, covers};
use crate::answer::answer_of;
use crate::audit::PAINTER;
use crate::config::RewardOptions;
use crate::diverge::{Truth, reward};
use crate::imagine;
use crate::probe::Pair;
use crate::row::{DivergenceRow, ProbeRow, Role, Rows};
use futures::future::{BoxFuture, FutureExt, Shared};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Finished works that are remembered.
const REMEMBERED: usize = 20_000;

/// What came of a question, for whoever asks it.
pub(super) type Work = Shared<BoxFuture<'static, Arc<Outcome>>>;

/// What came of a question.
pub(super) struct Outcome {
    /// The probe that was asked first; none where it failed before there was an image.
    row: Option<ProbeRow>,
    /// None where something failed, or nothing could be drawn.
    divergence: Option<DivergenceRow>,
    target: Option<String>,
    references: Vec<Option<String>>,
    /// Why there is no divergence.
    problem: String,
}

/// The works of late, by id.
#[derive(Default)]
pub(super) struct Memory {
    works: HashMap<String, Work>,
    order: VecDeque<String>,
}

impl Memory {
    /// Whether a work is under way, or done and did not fail.
    pub(super) fn holds(&self, work_id: &str) -> bool {
        self.works
            .get(work_id)
            .is_some_and(|work| work.peek().is_none_or(|outcome| !outcome.is_failed()))
    }

    pub(super) fn find(&self, work_id: &str) -> Option<Work> {
        self.works.get(work_id).cloned()
    }

    pub(super) fn insert(&mut self, work_id: &str, work: Work) {
        if self.works.insert(work_id.to_owned(), work).is_none() {
            self.order.push_back(work_id.to_owned());
        }
        // What is still under way goes on without being remembered.
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.works.remove(&oldest);
        }
    }
}

/// Begins the work on some pairs together; one handle a pair.
pub(super) fn start(scorer: &Arc<Scorer>, pairs: Vec<Pair>, slot: &Arc<OwnedSemaphorePermit>) -> Vec<Work> {
    let (senders, receivers): (Vec<_>, Vec<_>) = pairs.iter().map(|_| oneshot::channel()).unzip();
    let (scorer, slot) = (scorer.clone(), slot.clone());
    tokio::spawn(async move {
        for (sender, outcome) in senders.into_iter().zip(scorer.stages(pairs).await) {
            // Nobody waits any more.
            let _ = sender.send(Arc::new(outcome));
        }
        drop(slot);
    });
    let work = |receiver: oneshot::Receiver<Arc<Outcome>>| {
        let gone = |_| Arc::new(Outcome::failed(None, "the stages gave up"));
        receiver
            .map(move |outcome| outcome.unwrap_or_else(gone))
            .boxed()
            .shared()
    };
    receivers.into_iter().map(work).collect()
}

impl Scorer {
    async fn stages(&self, pairs: Vec<Pair>) -> Vec<Outcome> {
        let (audit, mut rows) = (&self.audit, Rows::default());
        let probe_ids: Vec<String> = pairs.iter().map(|pair| pair.row.probe_id.clone()).collect();
        let painter = audit.cast.painter.as_deref();
        let painter = painter.map(|painter| (painter, audit.progress.of(Role::Painter, PAINTER)));
        let mut drawn = imagine::draw(pairs, painter, &audit.run_id, &mut rows).await;
        for pair in &mut drawn {
            // Nobody is to win by what only the lab knows.
            pair.truth = Truth::Unknown;
        }
        let (answers, problem) = match audit.answers(&drawn, &mut rows).await {
            Ok(answers) => (answers, None),
            Err(error) => (HashMap::new(), Some(error.to_string())),
        };
        let judges = audit.cast.judges_alone();
        for row in &mut rows.divergences {
            row.judge_set.clone_from(&judges);
        }
        let of = |row: &ProbeRow, id: &str| row.probe_id == id;
        let outcome = |probe_id: &String| {
            if let Some(row) = rows.probes.iter().find(|row| of(row, probe_id)) {
                let problem = row.painter_error.clone().unwrap_or_default();
                return Outcome::failed(Some(row.clone()), problem);
            }
            let pair = drawn.iter().find(|pair| of(&pair.row, probe_id));
            let subjects = [
                Some(probe_id.as_str()),
                pair.and_then(|pair| pair.row.pair_id.as_deref()),
            ];
            let said = |model_id: &str| answer_of(pair?, model_id, &answers)?.text.clone();
            let mut players = audit
                .cast
                .players()
                .map(|(_, player)| said(&player.model.card().model_id));
            Outcome {
                row: pair.map(|pair| pair.row.clone()),
                divergence: rows
                    .divergences
                    .iter()
                    .find(|row| row.probe_id == *probe_id)
                    .cloned(),
                target: players.next().flatten(),
                references: players.collect(),
                problem: problem.clone().unwrap_or_else(|| self.problem(&rows, subjects)),
            }
        };
        let outcomes: Vec<Outcome> = probe_ids.iter().map(outcome).collect();
        rows.probes.clear();
        // Rows of probes and divergences are each sample's own.
        rows.divergences.clear();
        self.write(rows).await;
        outcomes
    }

    /// Why there is no divergence: the last call that failed, or the brake.
    fn problem(&self, rows: &Rows, subjects: [Option<&str>; 2]) -> String {
        if let Some(stop) = self.audit.cast.traffic.halt.reason() {
            return stop.to_string();
        }
        let about = |subject: &str| subjects.contains(&Some(subject));
        let mut failed = rows.calls.iter().rev().filter(|call| call.status != "ok");
        // A judge's calls are about one answer, not about the pair.
        let other = failed.clone().next();
        match failed.find(|call| about(&call.subject)).or(other) {
            Some(call) => format!(
                "the {}: {}",
                call.role,
                call.error.as_deref().unwrap_or(&call.status)
            ),
            None => "a model did not answer: send it again".to_owned(),
        }
    }
}

impl Outcome {
    fn failed(row: Option<ProbeRow>, problem: impl Into<String>) -> Self {
        Self {
            row,
            divergence: None,
            target: None,
            references: Vec::new(),
            problem: problem.into(),
        }
    }

    fn is_refused(&self) -> bool {
        let status = self.row.as_ref().and_then(|row| row.painter_status.as_deref());
        status == Some("refused")
    }

    /// Whether another try may give more.
    pub(super) fn is_failed(&self) -> bool {
        self.divergence.is_none() && !self.is_refused()
    }

    /// The rows of a sample that asked this.
    pub(super) fn rows_for(&self, pair: &Pair, run_id: &str) -> Rows {
        let mut rows = Rows::default();
        let Some(asked) = self.row.as_ref() else {
            return rows;
        };
        let (own, classed) = (pair.row.clone(), self.classed(&pair.row));
        rows.run_probes.push(covers(run_id, &own.probe_id));
        rows.divergences
            .extend(self.divergence.clone().map(|row| DivergenceRow {
                probe_id: own.probe_id.clone(),
                ..row
            }));
        rows.probes.push(ProbeRow {
            category: classed.category.clone(),
            category_source: classed.category_source.clone(),
            probe_id: own.probe_id,
            group_id: own.group_id,
            raw_output: own.raw_output,
            expected_answer: own.expected_answer,
            created_at: own.created_at,
            ..asked.clone()
        });
        rows
    }

    /// Whose word on the category counts: the lab's grammar knows better than the auditor.
    fn classed<'a>(&'a self, own: &'a ProbeRow) -> &'a ProbeRow {
        let grammar = |row: &&ProbeRow| row.category_source.as_deref() == Some("grammar");
        self.row.as_ref().filter(grammar).unwrap_or(own)
    }

    /// What a sample that asked this is told.
    pub(super) fn scored(&self, pair: &Pair, options: &RewardOptions) -> Scored {
        let mut scored = match &self.divergence {
            Some(row) => {
                let given = reward(row, options.invalid);
                Scored {
                    divergence: row.score,
                    consensus: row.consensus.clone(),
                    ..Scored::closed(given.value, given.status, given.reason)
                }
            }
            None if self.is_refused() => {
                let reason = format!("it cannot be drawn: {}", self.problem);
                Scored::closed(options.unparsed.value(), "refused", reason)
            }
            None => Scored::failed(self.problem.clone()),
        };
        scored.question.clone_from(&pair.row.question);
        scored.category.clone_from(&self.classed(&pair.row).category);
        scored.target_answer.clone_from(&self.target);
        scored.reference_answers.clone_from(&self.references);
        scored.probe_id = Some(pair.row.probe_id.clone());
        scored
    }
}
