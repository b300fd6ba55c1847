//! The lab's prober: questions from templates, edits and captions from the scene graph.
//!
//! An edit probe with an even k keeps the question that the question probe with the same k asks of the
//! unedited image, so that answers before and after can be compared (counterfactual flips); one with an
//! odd k asks something new of the edited scene. The painter draws the scene again from the instruction
//! and the probe's seed: what the prober looked at is what will be drawn.

use super::{Ask, Draft, Prober, Proposal, ProposalError, Strategy, Subject};
use crate::lab;
use crate::lab::scene::Scene;
use crate::model::ModelCard;
use crate::row::id;
use crate::source::SourceQuestion;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Writes well-formed probes about lab scenes, with known answers.
pub struct Lab {
    card: ModelCard,
}

impl Lab {
    /// The lab's prober.
    #[must_use]
    pub fn new() -> Self {
        Self {
            card: ModelCard::new("lab", "lab-prober", lab::REVISION, "", "", ""),
        }
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Prober for Lab {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        if subject.scene.is_none() {
            return Vec::new();
        }
        strategies
            .iter()
            .flat_map(|&strategy| (0..probes).map(move |k| (strategy, k)))
            .collect()
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        // The source lists questions by category; K of them shall be of many.
        let mut mixed: Vec<&SourceQuestion> = subject.questions.iter().collect();
        mixed.sort_by_cached_key(|question| id([&*subject.image.image_id, &question.question]));
        asks.into_iter()
            .map(|ask| Proposal {
                raw_output: None,
                outcome: match &subject.scene {
                    Some(scene) => draft(scene, &mixed, &ask),
                    None => Err(ProposalError::Refused("this image is no lab scene".to_owned())),
                },
                attempts: Vec::new(),
                rollout: None,
            })
            .collect()
    }
}

fn draft(scene: &Scene, questions: &[&SourceQuestion], ask: &Ask) -> Result<Draft, ProposalError> {
    let mut rng = ChaCha8Rng::seed_from_u64(ask.seed);
    let nothing = |what: &str| ProposalError::Refused(format!("nothing to ask about {what}"));
    match ask.strategy {
        Strategy::Dataset | Strategy::Perturbation => Err(ProposalError::Refused(format!(
            "the lab's prober writes no {} probes",
            ask.strategy.name()
        ))),
        Strategy::Question => kth(questions, ask.k).ok_or_else(|| nothing("this scene")),
        Strategy::Edit => {
            let instruction = lab::paint::propose_edit(scene, &mut rng);
            let edited = lab::paint::edit(scene, &instruction, ask.seed).map_err(ProposalError::Refused)?;
            let draft = match kth(questions, ask.k).filter(|_| ask.k.is_multiple_of(2)) {
                Some(kept) => kept,
                None => any(&edited, &mut rng, ask.seed).ok_or_else(|| nothing("the edited scene"))?,
            };
            Ok(Draft {
                instruction: Some(instruction),
                ..draft
            })
        }
        Strategy::Generation => {
            // A change of what is there, told as a caption: near the source's images, not one of them.
            let edit = lab::paint::propose_edit(scene, &mut rng);
            let changed = lab::paint::edit(scene, &edit, ask.seed).map_err(ProposalError::Refused)?;
            let caption = lab::paint::caption(&changed);
            let drawn = lab::paint::generate(&caption, ask.seed).map_err(ProposalError::Refused)?;
            let draft = any(&drawn, &mut rng, ask.seed).ok_or_else(|| nothing("the generated scene"))?;
            Ok(Draft {
                instruction: Some(caption),
                ..draft
            })
        }
    }
}

/// The k-th of the scene's own questions.
fn kth(questions: &[&SourceQuestion], k: usize) -> Option<Draft> {
    let question = questions.get(k % questions.len().max(1))?;
    Some(Draft {
        question: question.question.clone(),
        choices: question.choices.clone(),
        category: question.category.clone(),
        expected_answer: question.answers.first().cloned(),
        truth: question.answers.clone(),
        ..Draft::default()
    })
}

fn any(scene: &Scene, rng: &mut ChaCha8Rng, seed: u64) -> Option<Draft> {
    let questions = lab::question::questions(scene, lab::generate::Split::HeldOut, seed);
    let chosen = questions.choose(rng)?;
    Some(Draft {
        question: chosen.question.clone(),
        choices: chosen.choices.clone(),
        category: Some(chosen.category.name().to_owned()),
        expected_answer: Some(chosen.answer.clone()),
        truth: vec![chosen.answer.clone()],
        ..Draft::default()
    })
}
