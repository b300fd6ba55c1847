//! The stage: every prober writes the probes that are missing for an image.
//!
//! In: subjects, and which probes are there already. Out: [`Pair`]s on their way, each with its row.
//! A draft that could not be parsed is a row with its reason; a call that failed for now is only in
//! `calls`, and a later run tries again.

use super::{Ask, Categories, Draft, Perturbed, Prober, Proposal, ProposalError, Strategy, Subject};
use crate::diverge::Truth;
use crate::model::{EncodedImage, calls};
use crate::row::{ProbeRow, Role, RolloutRow, Rows, id};
use chrono::Utc;
use std::sync::Arc;

/// A probe on its way through the stages.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Its row.
    pub row: ProbeRow,
    /// The image that the probe was written about, and its scene in the lab.
    pub subject: Subject,
    /// The image that the question is asked about, once it is there.
    pub image: Option<EncodedImage>,
    /// What is known about the right answer.
    pub truth: Truth,
    /// The prober's own image, until it is stored.
    pub perturbed: Option<Perturbed>,
}

/// The author of a category that the source told: of its own questions, in its words or others.
pub(crate) const SOURCE: &str = "source";

/// A prober with the settings of this run.
pub struct Asker {
    /// Who writes.
    pub prober: Arc<dyn Prober>,
    /// The name in the configuration, for progress.
    pub name: String,
    /// Which pairs are made.
    pub strategies: Vec<Strategy>,
    /// Probes of each image and strategy.
    pub probes: usize,
    /// Another number gives other probes.
    pub round: i32,
    /// What its words for categories mean.
    pub categories: Arc<Categories>,
}

/// The asks of one prober for one image, with the rows that they will fill.
pub fn asks(asker: &Asker, subject: &Subject, seed: u64) -> Vec<(Ask, ProbeRow)> {
    let prober_id = &asker.prober.card().model_id;
    let image_id = &*subject.image.image_id;
    let (round, seed_text) = (asker.round.to_string(), seed.to_string());
    asker
        .prober
        .asks(subject, &asker.strategies, asker.probes)
        .into_iter()
        .map(|(strategy, k)| {
            let group = [prober_id, image_id, strategy.name(), &round];
            let k_text = k.to_string();
            let probe_id = id(group.into_iter().chain([k_text.as_str(), &seed_text]));
            let drawn = seed_of(&probe_id);
            let row = ProbeRow {
                round: asker.round,
                k: k as i32,
                ..blank(&probe_id, id(group), image_id, prober_id, strategy)
            };
            let ask = Ask {
                probe_id: probe_id.into(),
                strategy,
                k,
                seed: drawn,
            };
            (ask, row)
        })
        .collect()
}

/// The first 60 bits of an id: a seed that fits an Int64 and JSON's exact integers nearly always.
pub(crate) fn seed_of(id: &str) -> u64 {
    u64::from_str_radix(&id[..15], 16).unwrap_or_default()
}

/// The row of a probe that nobody has written yet.
pub(crate) fn blank(
    probe_id: &str,
    group_id: String,
    image_id: &str,
    prober_id: &str,
    strategy: Strategy,
) -> ProbeRow {
    ProbeRow {
        probe_id: probe_id.to_owned(),
        group_id,
        source_image_id: image_id.to_owned(),
        prober_id: prober_id.to_owned(),
        strategy: strategy.name().to_owned(),
        round: 0,
        k: 0,
        seed: seed_of(probe_id) as i64,
        raw_output: None,
        prober_status: "ok".to_owned(),
        prober_error: None,
        question: None,
        instruction: None,
        choices: Vec::new(),
        category: None,
        category_source: None,
        answer_type: None,
        expected_answer: None,
        truth: Vec::new(),
        painter_id: None,
        painter_status: None,
        painter_error: None,
        image_ids: Vec::new(),
        pair_id: None,
        created_at: Utc::now(),
    }
}

/// Has one prober write the given asks about one image.
pub async fn propose(
    asker: &Asker,
    subject: &Subject,
    asked: Vec<(Ask, ProbeRow)>,
    run_id: &str,
    rows: &mut Rows,
) -> Vec<Pair> {
    let (asks, blank): (Vec<Ask>, Vec<ProbeRow>) = asked.into_iter().unzip();
    let proposals = asker.prober.propose(subject, asks).await;
    let mut pairs = Vec::with_capacity(blank.len());
    for (mut row, proposal) in blank.into_iter().zip(proposals) {
        rows.calls.extend(calls(
            run_id,
            asker.prober.card(),
            Role::Prober,
            &row.probe_id,
            &proposal.attempts,
        ));
        let Proposal {
            raw_output,
            outcome,
            rollout,
            ..
        } = proposal;
        row.raw_output = raw_output;
        if let Some((tokens, log_probabilities)) = rollout {
            rows.rollouts.push(RolloutRow {
                probe_id: row.probe_id.clone(),
                token_ids: tokens.into_iter().map(|token| token as i32).collect(),
                log_probabilities,
            });
        }
        match outcome {
            Ok(draft) => pairs.push(fill(row, draft, subject, &asker.categories)),
            Err(ProposalError::Failed(_)) => {}
            Err(problem) => rows.probes.push(unwritten(row, &problem)),
        }
    }
    pairs
}

/// The row of a probe that has no question, and never will.
pub(crate) fn unwritten(mut row: ProbeRow, problem: &ProposalError) -> ProbeRow {
    let status = if matches!(problem, ProposalError::Unparsed(_)) {
        "unparsed"
    } else {
        "refused"
    };
    status.clone_into(&mut row.prober_status);
    row.prober_error = Some(problem.to_string());
    row
}

/// The pair that a draft comes to, before anything is drawn.
pub(crate) fn fill(mut row: ProbeRow, draft: Draft, subject: &Subject, categories: &Categories) -> Pair {
    // What the source knows holds for its own image, not for one that is yet to be drawn.
    let drawn = draft.instruction.is_some();
    let mapped = draft.category.map(|word| {
        let is_source = row.strategy == Strategy::Dataset.name() || draft.reworded;
        if is_source {
            (word, SOURCE)
        } else {
            categories.map(&word)
        }
    });
    (row.category, row.category_source) = mapped.map(|(name, said_by)| (name, said_by.to_owned())).unzip();
    row.question = Some(draft.question);
    row.instruction = draft.instruction;
    row.choices = draft.choices;
    row.expected_answer = draft.expected_answer;
    let truth = if drawn || draft.truth.is_empty() {
        Truth::Unknown
    } else {
        Truth::Answers(draft.truth)
    };
    Pair {
        row,
        subject: subject.clone(),
        image: None,
        truth,
        perturbed: draft.perturbed,
    }
}
