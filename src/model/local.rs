//! A checkpoint on this machine as a model: one thread owns the weights.
//!
//! In: requests with encoded images. Out: answers with token ids and log-probabilities, the ending token included.
//! A call's requests are answered in batches of fixed shapes, grouped by the padded length of their own prompt, so that
//! an answer does not depend on what else is asked; a call that nobody waits for any more ends at the next token. Left
//! out: batches across calls.

mod features;
mod prefixes;
mod worker;

use super::{Attempt, CallError, Completion, Model, ModelCard, Reply, Request, Sampling};
use crate::error::{Error, Result};
use crate::hub;
use crate::vlm::{self, Checkpoint, Family};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use worker::{Outcome, Worker};

/// How a checkpoint is asked: as its `config.json` says, or as its family expects it.
pub(crate) fn template(config: &vlm::Config) -> &str {
    match (&config.auditdm, config.model_type) {
        (Some(prompting), _) => &prompting.prompt_template,
        (None, Family::PaliGemma2) => "answer en {question}",
        (None, Family::Gemma3 | Family::Gemma3Text) => "{question}",
    }
}

/// Calls that wait for the weights.
const WAITING: usize = 2;

/// A checkpoint in the hub's layout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalOptions {
    /// The folder with `config.json`, weights, tokenizer and preprocessor: PaliGemma 2 or Gemma 3; or the name of such a
    /// model on the hub, `org/name` or `org/name@revision`.
    pub path: String,
    /// A folder with a LoRA adapter as PEFT writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// How target and references are asked, with `{question}` where the question goes; by default as the family
    /// expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_template: Option<String>,
}

/// One call's requests, and where its outcomes go.
struct Job {
    requests: Vec<Request>,
    outcomes: oneshot::Sender<Vec<Outcome>>,
}

/// A loaded checkpoint behind its thread.
pub struct LocalModel {
    card: ModelCard,
    checkpoint: Checkpoint,
    jobs: mpsc::Sender<Job>,
}

impl LocalModel {
    /// Loads the checkpoint, which its folder names, and starts its thread. Without a prompt template it is asked as
    /// its `config.json` or its family says. `sampling` stands on the card, requests carry their own.
    pub fn open(options: &LocalOptions, sampling: &Sampling) -> Result<Self> {
        let name = hub::short_name(&options.path);
        let adapter = options.adapter.as_deref().map(hub::folder).transpose()?;
        let checkpoint = Checkpoint::load(&hub::folder(&options.path)?, adapter.as_deref(), &vlm::device()?)?;
        let template = (options.prompt_template.as_deref())
            .unwrap_or_else(|| template(checkpoint.network.config()))
            .to_owned();
        if !template.contains("{question}") {
            return Err(Error::Model {
                model: name,
                problem: format!(
                    "prompt template `{template}` has no place for the question: write {{question}}"
                ),
            });
        }
        Self::serve(checkpoint, &name, template, sampling)
    }

    /// The same for a checkpoint that is in memory, whose revision names it: one that is being trained.
    pub(crate) fn serve(
        checkpoint: Checkpoint,
        name: &str,
        template: String,
        sampling: &Sampling,
    ) -> Result<Self> {
        let sampling = json!(sampling).to_string();
        let preprocessing = json!(checkpoint.processor).to_string();
        let card = ModelCard::new(
            "local",
            name,
            &checkpoint.revision,
            &template,
            sampling,
            preprocessing,
        );
        let (jobs, mut inbox) = mpsc::channel::<Job>(WAITING);
        let mut worker = Worker::new(checkpoint.clone(), template);
        std::thread::Builder::new()
            .name(format!("model {}", card.name))
            .spawn(move || {
                while let Some(job) = inbox.blocking_recv() {
                    // Whoever asked may have gone; then there is nobody to tell.
                    let gone = || job.outcomes.is_closed();
                    let outcomes = worker.answer(&job.requests, &gone);
                    let _ = job.outcomes.send(outcomes);
                }
            })
            .map_err(|error| Error::Model {
                model: card.name.clone(),
                problem: format!("cannot start its thread: {error}"),
            })?;
        Ok(Self {
            card,
            checkpoint,
            jobs,
        })
    }

    /// The weights themselves, shared with the model's thread: for those who need gradients.
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    async fn outcomes(&self, requests: Vec<Request>) -> Option<Vec<Outcome>> {
        let (outcomes, result) = oneshot::channel();
        self.jobs.send(Job { requests, outcomes }).await.ok()?;
        result.await.ok()
    }
}

#[async_trait::async_trait]
impl Model for LocalModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        let (started_at, clock, count) = (Utc::now(), Instant::now(), requests.len());
        let gone = || Outcome {
            result: Err(CallError::Fatal {
                message: "the model's thread has stopped; see the log".into(),
            }),
            tokens_in: None,
            latency_ms: clock.elapsed().as_secs_f64() * 1e3,
        };
        let outcomes = match self.outcomes(requests).await {
            Some(outcomes) => outcomes,
            None => (0..count).map(|_| gone()).collect(),
        };
        let reply = |outcome: Outcome| Reply {
            attempts: vec![Attempt {
                started_at,
                latency_ms: outcome.latency_ms,
                tokens_in: outcome.tokens_in,
                tokens_out: outcome
                    .result
                    .as_ref()
                    .ok()
                    .map(|done: &Completion| done.token_ids.len() as i64),
                error: outcome.result.as_ref().err().cloned(),
            }],
            outcome: outcome.result,
        };
        outcomes.into_iter().map(reply).collect()
    }
}

#[cfg(test)]
mod tests;
