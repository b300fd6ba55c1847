//! A batch of rollouts: images through the audit's own stages, with the auditor as it is now.
//!
//! In: images, and what their groups are to be about. Out: the rows for the tables, and for every probe what was asked,
//! what was drawn and what it is worth.

use super::advantage::Scored;
use super::bandit::Bandit;
use super::policy::{Learned, Policy};
use super::presuppose::missing;
use super::reward::{Kind, Worth};
use super::tap::Tap;
use crate::answer::Answers;
use crate::audit::Audit;
use crate::config::TrainingOptions;
use crate::diverge::normalize;
use crate::error::Result;
use crate::model::{EncodedImage, Request};
use crate::probe::{Asker, Foci, Strategy};
use crate::row::{Category, ProbeRow, RolloutRow, Rows, VerdictRow};
use crate::source::Found;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// One probe of the auditor.
pub(super) struct Rollout {
    pub(super) group: String,
    pub(super) strategy: Strategy,
    pub(super) focus: Category,
    /// What it turned out to be about.
    pub(super) category: Option<String>,
    pub(super) question: Option<String>,
    request: Request,
    tokens: Vec<u32>,
    drawn: Vec<f32>,
    pub(super) worth: Worth,
    /// Whether it is a failure by ground truth, where there is one.
    pub(super) verified: Option<bool>,
}

impl Rollout {
    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Ready to be learned from.
    pub(super) fn learned(&self, advantage: f64) -> Learned {
        Learned {
            request: self.request.clone(),
            tokens: self.tokens.clone(),
            drawn: self.drawn.clone(),
            advantage,
        }
    }
}

/// Has the auditor probe some images, everybody answer, and the answers compared.
pub(super) async fn roll_out(
    audit: &mut Audit,
    policy: &Policy,
    images: Vec<Found>,
    foci: Foci,
    options: &TrainingOptions,
) -> Result<(Vec<Rollout>, Rows)> {
    let step = foci.shared_at.unwrap_or_default();
    let (prober, tap) = policy.prober(foci.clone())?;
    let asker = audit.cast.askers.first().expect("a training has one prober");
    let asker = Asker {
        prober: Arc::new(prober),
        name: asker.name.clone(),
        strategies: asker.strategies.clone(),
        probes: asker.probes,
        round: step as i32,
        categories: asker.categories.clone(),
    };
    audit.cast.askers = vec![asker];
    let mut rows = audit.about(images).await?;
    // Where a grammar tells what questions are about, one that it cannot read is about nothing.
    let is_classed = rows.probes.iter().any(by_grammar);
    let unseen = if options.presuppositions {
        unseen(audit, &tap, is_classed, &mut rows).await
    } else {
        BTreeSet::new()
    };
    let keyed = rows
        .answers
        .iter()
        .map(|row| ((row.pair_id.clone(), row.model_id.clone()), row.clone()));
    let answers: Answers = keyed.collect();
    let mut verdicts: HashMap<&str, Vec<&VerdictRow>> = HashMap::new();
    for row in &rows.verdicts {
        verdicts.entry(&row.probe_id).or_default().push(row);
    }
    let drawn: HashMap<&str, &RolloutRow> = rows.rollouts.iter().map(|row| (&*row.probe_id, row)).collect();
    let failed: HashMap<&str, bool> = rows
        .divergences
        .iter()
        .filter(|row| row.status == "invalid" || row.target_correct.is_some())
        .map(|row| {
            (
                &*row.probe_id,
                row.target_correct == Some(false) && row.status == "valid",
            )
        })
        .collect();
    let rollout = |row: &ProbeRow| -> Option<Rollout> {
        let strategy = [Strategy::Question, Strategy::Edit, Strategy::Generation]
            .into_iter()
            .find(|strategy| strategy.name() == row.strategy)?;
        let focus = foci.of(&row.source_image_id, strategy, row.k as usize);
        let tokens = drawn.get(&*row.probe_id)?;
        let given = Worth::unanswered(
            row.prober_status == "ok",
            row.pair_id.is_some(),
            row.category.as_deref().filter(|_| by_grammar(row) || !is_classed),
            options.keep_focus.then_some(focus),
        );
        let none = Vec::new();
        let verdicts = verdicts.get(&*row.probe_id).unwrap_or(&none);
        let worth = given.unwrap_or_else(|| {
            let worth = Worth::of(row, &answers, verdicts, &audit.cast, options.invalid);
            if unseen.contains(&row.probe_id) {
                worth.unfounded(options.invalid)
            } else {
                worth
            }
        });
        Some(Rollout {
            group: row.group_id.clone(),
            strategy,
            focus,
            category: row.category.clone(),
            question: row.question.as_deref().map(normalize),
            request: tap.request(&row.probe_id)?,
            tokens: tokens.token_ids.iter().map(|&token| token as u32).collect(),
            drawn: tokens.log_probabilities.clone(),
            worth,
            verified: failed.get(&*row.probe_id).copied(),
        })
    };
    let mut rollouts: Vec<Rollout> = rows.probes.iter().filter_map(rollout).collect();
    rollouts.sort_by(|a, b| (&a.group, &a.request.subject).cmp(&(&b.group, &b.request.subject)));
    Ok((rollouts, rows))
}

fn by_grammar(row: &ProbeRow) -> bool {
    row.category_source.as_deref() == Some("grammar")
}

/// The probes on which the target differs, and whose questions are about something that a reference does not see.
async fn unseen(audit: &Audit, tap: &Tap, is_classed: bool, rows: &mut Rows) -> BTreeSet<String> {
    let drawn: HashMap<&str, &Bytes> = rows
        .image_bytes
        .iter()
        .map(|row| (&*row.image_id, &row.bytes))
        .collect();
    let said = |row: &ProbeRow, model_id: &str| {
        let mut answers = rows.answers.iter();
        answers
            .find(|answer| Some(&answer.pair_id) == row.pair_id.as_ref() && answer.model_id == model_id)
            .and_then(|answer| answer.normalized.clone())
    };
    let target = &audit.cast.target.model.card().model_id;
    let differing = rows
        .probes
        .iter()
        .filter(|row| !is_classed || by_grammar(row))
        .filter_map(|row| {
            let image_id = row.image_ids.first()?;
            let references = audit
                .cast
                .references
                .iter()
                .map(|player| said(row, &player.model.card().model_id));
            if references
                .flatten()
                .any(|reference| Some(reference) == said(row, target))
            {
                return None;
            }
            let image = match drawn.get(image_id.as_str()) {
                Some(bytes) => EncodedImage::new(image_id.as_str(), (*bytes).clone()),
                None => tap.request(&row.probe_id)?.images.into_iter().next()?,
            };
            Some((row.probe_id.clone(), row.question.clone()?, image))
        });
    let differing: Vec<_> = differing.collect();
    missing(audit, &differing, rows).await
}

/// Rewards as they are compared; with novelty, equal questions of the batch share theirs.
pub(super) fn scored(rollouts: &[Rollout], novelty: bool, bandit: &Bandit) -> Vec<Scored> {
    let mut same: HashMap<&str, f64> = HashMap::new();
    for rollout in rollouts
        .iter()
        .filter(|rollout| rollout.worth.kind == Kind::Valid)
    {
        *same
            .entry(rollout.question.as_deref().unwrap_or_default())
            .or_default() += 1.0;
    }
    let (mut groups, mut foci) = (HashMap::new(), HashMap::new());
    let scored = |rollout: &Rollout| {
        let (next_group, next_focus) = (groups.len(), foci.len());
        let shared = rollout
            .question
            .as_deref()
            .and_then(|question| same.get(question))
            .filter(|_| novelty);
        Scored {
            reward: rollout
                .worth
                .reward
                .map(|reward| reward / shared.copied().unwrap_or(1.0)),
            group: *groups.entry(rollout.group.clone()).or_insert(next_group),
            focus: *foci
                .entry((rollout.focus, rollout.strategy))
                .or_insert(next_focus),
            expected: bandit.expected(rollout.focus, rollout.strategy),
        }
    };
    rollouts.iter().map(scored).collect()
}
