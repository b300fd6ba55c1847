//! The path of an audit, on one page.
//!
//! In: images as a source lists them, a [`Cast`] of models, and what is [`Done`] already. Out: a stream of [`Rows`], each complete in itself; the sink is one consumer. There is no global
//! state: several audits may run in one process.

mod cast;
mod done;
mod read;
mod run;

pub use cast::Cast;
pub use done::Done;
pub use run::{Ended, Run};

use crate::answer::{self, Answers, Player, Said, Verdicts};
use crate::config::{Claim, CopyBytes, Pace};
use crate::diverge::{Case, Measure, score};
use crate::error::Result;
use crate::imagine;
use crate::probe::{Ask, Pair, Subject, asks, propose};
use crate::progress::Progress;
use crate::row::{ImageBytesRow, Role, Rows, RunProbeRow};
use crate::source::Found;
use chrono::Utc;
use futures::future::{join_all, try_join_all};
use futures::stream::{BoxStream, StreamExt};
use read::Seen;
use std::collections::HashSet;
use std::sync::Arc;

/// Images that are read ahead of the stages.
const READS_IN_FLIGHT: usize = 16;

/// What an audit needs beside its images.
pub struct Audit {
    /// Identifies the run in the tables.
    pub run_id: String,
    /// Who asks, draws, answers and judges.
    pub cast: Cast,
    /// How answers are compared.
    pub measure: Measure,
    /// Seeds the probes.
    pub seed: u64,
    /// Whether original images are copied into the tables.
    pub copy_bytes: CopyBytes,
    /// The images that this process works on.
    pub claim: Claim,
    /// How much is under way at once.
    pub pace: Pace,
    /// What the tables held when the run began.
    pub done: Done,
    /// How far it is.
    pub progress: Progress,
}

/// Audits every image: the rows of one batch of images after another, as batches finish.
pub fn audit(
    audit: Arc<Audit>,
    found: BoxStream<'static, Result<Found>>,
) -> BoxStream<'static, Result<Rows>> {
    let (batch_images, batches_in_flight) = (audit.pace.batch_images, audit.pace.batches_in_flight);
    let (watch, claim) = (audit.clone(), audit.claim);
    let mut shown = HashSet::new();
    found
        .map(|found| async { Ok(read::read(found?).await) })
        // In the source's order, so that of equal images always the same one stands for all.
        .buffered(READS_IN_FLIGHT)
        .filter(move |seen| {
            let id = seen.as_ref().map(|seen| &seen.row.image_id);
            std::future::ready(id.map_or(true, |id| claim.holds(id)))
        })
        .filter_map(move |seen: Result<Seen>| {
            let first = seen
                .as_ref()
                .map_or(true, |seen| shown.insert(seen.row.image_id.clone()));
            if !first {
                watch.progress.duplicates.add(1);
            }
            std::future::ready(first.then_some(seen))
        })
        .chunks(batch_images)
        .map(move |batch| {
            let audit = audit.clone();
            // On a task of its own: a consumer that commits does not hold up the calls that are under way.
            let batch =
                tokio::spawn(async move { audit.batch(batch.into_iter().collect::<Result<_>>()?).await });
            async move {
                batch
                    .await
                    .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
            }
        })
        .buffer_unordered(batches_in_flight)
        .boxed()
}

impl Audit {
    /// Everything that is not done yet about some images.
    async fn batch(&self, seen: Vec<Seen>) -> Result<Rows> {
        let images = seen.len();
        let mut rows = Rows::default();
        let subjects = self.images(seen, &mut rows);
        let written = self.probes(&subjects, &mut rows).await;
        let painter = self.cast.painter.as_deref();
        let painter = painter.map(|painter| (painter, self.progress.of(Role::Painter, cast::PAINTER)));
        let mut pairs = imagine::draw(written, painter, &self.run_id, &mut rows).await;
        self.progress.probes.add(pairs.len() + rows.probes.len());
        rows.probes.extend(pairs.iter().map(|pair| pair.row.clone()));
        pairs.extend(self.pending(&subjects).await?);
        self.cover(&subjects, &mut rows);
        self.answers(&pairs, &mut rows).await?;
        self.progress.images.add(images);
        Ok(rows)
    }

    /// Notes the images that are new; the subjects are those that could be decoded.
    fn images(&self, seen: Vec<Seen>, rows: &mut Rows) -> Vec<Subject> {
        let mut subjects = Vec::with_capacity(seen.len());
        for Seen { row, subject, path } in seen {
            let new = !self.done.knows_image(&row.image_id);
            match &subject {
                None => self.progress.broken.add(1),
                Some(subject) if new && self.copy_bytes == CopyBytes::All => {
                    rows.image_bytes.push(ImageBytesRow {
                        image_id: row.image_id.clone(),
                        bytes: subject.image.bytes.clone(),
                        path,
                    });
                }
                Some(_) => {}
            }
            if new {
                rows.images.push(row);
            }
            subjects.extend(subject);
        }
        subjects
    }

    /// The probes that are missing for the subjects, written.
    async fn probes(&self, subjects: &[Subject], rows: &mut Rows) -> Vec<Pair> {
        let asked = subjects
            .iter()
            .flat_map(|subject| self.cast.askers.iter().map(move |asker| (subject, asker)));
        let written = join_all(asked.map(|(subject, asker)| async move {
            let mut rows = Rows::default();
            let mut missing = asks(asker, subject, self.seed);
            missing.retain(|(ask, _)| !self.done.knows_probe(&ask.probe_id));
            let wanted = missing.len();
            let counted = self.progress.of(Role::Prober, &asker.name);
            counted.asked.add(wanted);
            let pairs = propose(asker, subject, missing, &self.run_id, &mut rows).await;
            let done = pairs.len() + rows.probes.len();
            counted.done.add(done);
            counted.failed.add(wanted - done);
            self.progress.postponed.add(wanted - done);
            (pairs, rows)
        }))
        .await;
        written
            .into_iter()
            .flat_map(|(pairs, new)| {
                rows.extend(new);
                pairs
            })
            .collect()
    }

    /// The probes of earlier runs, or of an interrupted one, that this cast has not been compared on.
    async fn pending(&self, subjects: &[Subject]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for subject in subjects {
            let asked: Vec<Ask> = self.asked(subject).collect();
            pairs.extend(self.done.pending(subject, &asked).await?);
        }
        Ok(pairs)
    }

    /// Everything that this run asks about an image, done or not.
    fn asked<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = Ask> + 'a {
        let asked = self
            .cast
            .askers
            .iter()
            .flat_map(move |asker| asks(asker, subject, self.seed));
        asked.map(|(ask, _)| ask)
    }

    /// Notes which probes this run covers.
    fn cover(&self, subjects: &[Subject], rows: &mut Rows) {
        let new: HashSet<String> = rows.probes.iter().map(|probe| probe.probe_id.clone()).collect();
        let asked = subjects.iter().flat_map(|subject| self.asked(subject));
        let old = asked
            .map(|ask| ask.probe_id.to_string())
            .filter(|id| self.done.knows_probe(id));
        let row = |probe_id: String, origin: &str| RunProbeRow {
            run_id: self.run_id.clone(),
            probe_id,
            origin: origin.to_owned(),
        };
        let replayed: Vec<_> = old
            .filter(|id| !self.done.covers(id))
            .map(|id| row(id, "replayed"))
            .collect();
        rows.run_probes.extend(new.into_iter().map(|id| row(id, "new")));
        rows.run_probes.extend(replayed);
        rows.run_probes.sort_by(|a, b| a.probe_id.cmp(&b.probe_id));
    }

    /// Answers, verdicts and divergences of pairs that lack them.
    async fn answers(&self, pairs: &[Pair], rows: &mut Rows) -> Result<()> {
        let mut answers = self.done.answers(pairs)?;
        let known = &answers;
        let replies = try_join_all(self.cast.players().map(|(role, player)| {
            let progress = self.progress.of(role, &player.name);
            answer::ask(player, role, pairs, known, &self.run_id, progress)
        }))
        .await?;
        for new in replies {
            let keyed = new
                .answers
                .iter()
                .map(|row| ((row.pair_id.clone(), row.model_id.clone()), row.clone()));
            answers.extend(keyed);
            rows.extend(new);
        }
        self.verdicts(pairs, &answers, rows).await
    }

    async fn verdicts(&self, pairs: &[Pair], answers: &Answers, rows: &mut Rows) -> Result<()> {
        let models: Vec<String> = self
            .cast
            .players()
            .map(|(_, player)| player.model.card().model_id.clone())
            .collect();
        let said = Said {
            pairs,
            answers,
            models: &models,
            number_tolerance: self.measure.number_tolerance,
        };
        let mut verdicts = self.done.verdicts(pairs)?;
        let known = &verdicts;
        let judged = try_join_all(self.cast.judges.iter().map(|judge: &Player| {
            let progress = self.progress.of(Role::Judge, &judge.name);
            answer::judge(judge, said, known, &self.run_id, progress)
        }))
        .await?;
        let truths = answer::by_truth(said).into_iter();
        let truths = truths
            .filter(|row| !known.contains_key(&answer::verdict_key(row)))
            .collect();
        let truths = Rows {
            verdicts: truths,
            ..Rows::default()
        };
        for new in judged.into_iter().chain([truths]) {
            verdicts.extend(
                new.verdicts
                    .iter()
                    .map(|row| (answer::verdict_key(row), row.clone())),
            );
            rows.extend(new);
        }
        self.divergences(said, &verdicts, rows);
        Ok(())
    }

    /// Scores the pairs that everybody has answered and every judge has decided on; what a transient
    /// failure left open is tried again by a later run.
    fn divergences(&self, said: Said, verdicts: &Verdicts, rows: &mut Rows) {
        let judges: Vec<&str> = self
            .cast
            .judges
            .iter()
            .map(|judge| judge.model.card().model_id.as_str())
            .collect();
        let awaited = |pair: &Pair, model_id: &String| {
            let key = |judge: &&str| (pair.row.probe_id.clone(), model_id.clone(), (*judge).to_owned());
            said.undecided(pair, model_id).is_some()
                && judges.iter().any(|judge| !verdicts.contains_key(&key(judge)))
        };
        let (target_id, reference_set, judge_set) = (
            &self.cast.target.model.card().model_id,
            self.cast.reference_set(),
            self.cast.judge_set(),
        );
        for pair in said.pairs {
            let target = answer::answer_of(pair, target_id, said.answers);
            let references: Option<Vec<_>> = self
                .cast
                .references
                .iter()
                .map(|player| answer::answer_of(pair, &player.model.card().model_id, said.answers))
                .collect();
            let decided: Vec<_> = verdicts
                .values()
                .filter(|row| row.probe_id == pair.row.probe_id)
                .collect();
            let (Some(target), Some(references)) = (target, references) else {
                self.progress.postponed.add(1);
                continue;
            };
            if said.models.iter().any(|model_id| awaited(pair, model_id)) {
                self.progress.postponed.add(1);
                continue;
            }
            let case = Case {
                probe_id: &pair.row.probe_id,
                choices: &pair.row.choices,
                truth: &pair.truth,
                target,
                references: &references,
                verdicts: &decided,
            };
            rows.divergences.push(score(
                &case,
                &reference_set,
                &judge_set,
                &self.measure,
                Utc::now(),
            ));
            self.progress.pairs.add(1);
        }
    }
}
