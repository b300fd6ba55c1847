//! The rival that attacks the pixels: projected gradient against a model of this process.
//!
//! In: the source's questions. Out: the same questions on images within a few levels of the source's, on which the attacked
//! model is least sure of its answer, or of the right one where it is wrong already. The image is stored and answered like
//! any other; its meaning, and so the truth, stays the source's. As many images are attacked at once as there are cores.

use super::asked::{grid, kept, question};
use super::{
    Ask, Draft, Perturbed, Prober, Proposal, ProposalError, Strategy, Subject, seed_of, with_choices,
};
use crate::diverge::Truth;
use crate::image::{decode, png};
use crate::model::local::LocalModel;
use crate::model::{Attempt, CallError, EncodedImage, Model, ModelCard, Reply, Request, Sampling};
use crate::row::content_id;
use crate::source::SourceQuestion;
use crate::vlm::{self, Attack, Checkpoint};
use chrono::Utc;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// Stack of an attack: the backward pass walks its graph by recursion.
const STACK_BYTES: usize = 512 << 20;

/// Attacks the source's images.
pub struct VisualAttack {
    model: Arc<LocalModel>,
    sampling: Sampling,
    attack: Attack,
    turns: Semaphore,
    card: ModelCard,
}

impl VisualAttack {
    /// Attacks what this model answers with that sampling.
    pub fn new(model: Arc<LocalModel>, sampling: Sampling, attack: Attack) -> Self {
        let own = model.card();
        let card = ModelCard::new(
            "visual_attack",
            &own.name,
            &own.revision,
            &own.prompt_template,
            serde_json::json!(attack).to_string(),
            &own.preprocessing,
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            model,
            sampling,
            attack,
            turns: Semaphore::new(cores),
            card,
        }
    }

    /// What the model says to each question about the unchanged image.
    async fn said(&self, subject: &Subject, asks: &[Ask], asked: &[SourceQuestion]) -> Vec<Reply> {
        let requests = asks.iter().zip(asked).map(|(ask, known)| Request {
            subject: ask.probe_id.clone(),
            images: vec![subject.image.clone()],
            prompt: with_choices(&known.question, &known.choices),
            system: None,
            sampling: self.sampling.clone(),
            seed: seed_of(&ask.probe_id),
        });
        self.model.answer(requests.collect()).await
    }

    async fn one(&self, subject: &Subject, ask: &Ask, known: &SourceQuestion, said: Reply) -> Proposal {
        let Reply {
            outcome,
            mut attempts,
        } = said;
        let outcome = match outcome {
            Err(CallError::Refused { message }) => Err(ProposalError::Refused(message)),
            Err(error) => Err(ProposalError::Failed(error)),
            Ok(completion) => {
                let _turn = self.turns.acquire().await;
                let (started_at, clock) = (Utc::now(), Instant::now());
                let outcome = self.perturbed(subject, ask, known, &completion.text).await;
                attempts.push(Attempt {
                    started_at,
                    latency_ms: clock.elapsed().as_secs_f64() * 1e3,
                    tokens_in: None,
                    tokens_out: None,
                    error: None,
                });
                outcome.map(|perturbed| Draft {
                    perturbed: Some(perturbed),
                    ..kept(known)
                })
            }
        };
        Proposal {
            raw_output: None,
            outcome,
            attempts,
            rollout: None,
        }
    }

    async fn perturbed(
        &self,
        subject: &Subject,
        ask: &Ask,
        known: &SourceQuestion,
        said: &str,
    ) -> Result<Perturbed, ProposalError> {
        let truth = Truth::Answers(known.answers.clone());
        let right = truth.accepts(said, &known.choices, 0.0) != Some(false);
        let answer = match known.answers.first() {
            Some(answer) if !right => answer.clone(),
            _ => said.to_owned(),
        };
        let prompt = with_choices(&known.question, &known.choices);
        let (checkpoint, bytes) = (self.model.checkpoint().clone(), subject.image.bytes.clone());
        let template = self.card.prompt_template.clone();
        let (attack, seed) = (self.attack, ask.seed);
        let work = move || {
            let thread = std::thread::Builder::new()
                .name("visual attack".to_owned())
                .stack_size(STACK_BYTES);
            let run = move || attacked(&checkpoint, &bytes, &template, &prompt, &answer, attack, seed);
            thread.spawn(run).map(std::thread::JoinHandle::join)
        };
        let failed = |problem: &str| {
            let message = format!("the attack failed: {problem}");
            ProposalError::Failed(CallError::Fatal { message })
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(Ok(attacked))) => attacked,
            Ok(Err(problem)) => Err(failed(&problem.to_string())),
            Ok(Ok(Err(_))) | Err(_) => Err(failed("its thread stopped; see the log")),
        }
    }
}

fn attacked(
    checkpoint: &Checkpoint,
    bytes: &[u8],
    template: &str,
    prompt: &str,
    answer: &str,
    attack: Attack,
    seed: u64,
) -> Result<Perturbed, ProposalError> {
    let refused = |problem: String| ProposalError::Refused(problem);
    let decoded = decode(bytes).map_err(|problem| refused(problem.to_string()))?;
    let tokenizer = &checkpoint.tokenizer;
    let prompt = tokenizer.prompt(None, &template.replace("{question}", prompt), 1);
    let (prompt, label) = prompt
        .and_then(|prompt| Ok((prompt, tokenizer.answer(answer)?)))
        .map_err(|problem| refused(problem.to_string()))?;
    let found = vlm::attack(checkpoint, &decoded.pixels, &prompt, &label, attack, seed)
        .map_err(|problem| refused(problem.to_string()))?;
    let bytes = png(&found.image).map_err(|problem| refused(problem.to_string()))?;
    Ok(Perturbed {
        image: EncodedImage::new(content_id(&bytes), bytes),
        how: format!(
            "change pixels by at most {} of 255 levels: cross-entropy of \"{answer}\" from {:.2} to {:.2}",
            attack.epsilon, found.before, found.after
        ),
    })
}

#[async_trait::async_trait]
impl Prober for VisualAttack {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn asks(&self, _subject: &Subject, strategies: &[Strategy], probes: usize) -> Vec<(Strategy, usize)> {
        grid(&[Strategy::Perturbation], strategies, probes)
    }

    async fn propose(&self, subject: &Subject, asks: Vec<Ask>) -> Vec<Proposal> {
        let asked: Result<Vec<SourceQuestion>, ProposalError> =
            asks.iter().map(|ask| question(subject, ask.k).cloned()).collect();
        let asked = match asked {
            Ok(asked) => asked,
            // Where one question is missing there is none.
            Err(problem) => {
                let refused = |_| Proposal {
                    raw_output: None,
                    outcome: Err(problem.clone()),
                    attempts: Vec::new(),
                    rollout: None,
                };
                return asks.into_iter().map(refused).collect();
            }
        };
        let said = self.said(subject, &asks, &asked).await;
        let each = asks.iter().zip(&asked).zip(said);
        join_all(each.map(|((ask, known), said)| self.one(subject, ask, known, said))).await
    }
}
