//! The boundary to every model: a batch of requests in, one reply each out, in order.
//!
//! Implementations: [`http`] (OpenAI-compatible chat completions), [`local`] (candle), [`mock`].
//! Limits, timeouts and retries are wrappers around any of them.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

mod call;
mod card;
pub mod http;
pub mod limit;
pub mod local;
pub mod mock;
pub mod retry;
pub mod timeout;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
#[path = "../tests/support/server.rs"]
pub(crate) mod server;

pub use crate::vlm::Sampling;
pub use call::calls;

/// Whatever answers, asks or judges.
#[async_trait::async_trait]
pub trait Model: Send + Sync {
    /// Who this is; `model_id` names it in the tables.
    fn card(&self) -> &ModelCard;

    /// Answers each request; as many replies as requests, in the same order.
    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply>;
}

/// What the table `models` holds of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// H(kind, name, revision, prompt template, sampling, preprocessing).
    pub model_id: String,
    /// `http`, `local`, `mock`, `lab`, `dataset`, `images_http`.
    pub kind: String,
    /// The name in the configuration's terms, e.g. `google/gemma-3-4b-it`.
    pub name: String,
    /// Declared by the user for HTTP, the weights' hash for local ones.
    pub revision: String,
    /// How a question becomes a prompt.
    pub prompt_template: String,
    /// Sampling as JSON.
    pub sampling: String,
    /// Image preprocessing, e.g. the size limit.
    pub preprocessing: String,
    /// Price of a million input tokens, where known.
    pub input_usd_per_mtok: Option<f64>,
    /// Price of a million output tokens, where known.
    pub output_usd_per_mtok: Option<f64>,
}

/// An encoded image on its way to a model; cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    /// SHA-256 of the bytes as found or painted.
    pub image_id: Arc<str>,
    /// JPEG, PNG or WebP.
    pub bytes: Bytes,
}

/// One question about some images.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the call is about (a pair's, probe's or image's id), for the table `calls`.
    pub subject: Arc<str>,
    /// The images, in the order in which the prompt refers to them.
    pub images: Vec<EncodedImage>,
    /// The question as the user or prober wrote it; the model applies its template.
    pub prompt: String,
    /// Instructions that stand before everything, where the model has room for them.
    pub system: Option<String>,
    /// How to draw.
    pub sampling: Sampling,
    /// Derived from the subject, so that the same config draws the same tokens.
    pub seed: u64,
}

/// What came back, and what it took.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The text, or why there is none.
    pub outcome: Result<Completion, CallError>,
    /// Every attempt, in order; at least one.
    pub attempts: Vec<Attempt>,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Completion {
    /// The text without special tokens.
    pub text: String,
    /// `stop`, `length`, or the server's own word.
    pub finish_reason: String,
    /// Log-probability of each token of the answer, where the model tells.
    pub log_probabilities: Vec<f32>,
    /// The tokens of the answer, where the model tells.
    pub token_ids: Vec<u32>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CallError {
    /// Worth another try now or in a later run: timeouts, 429, 5xx, broken connections.
    #[error("{message}")]
    Transient {
        /// In words.
        message: String,
        /// Seconds that the server asked to wait.
        retry_after_s: Option<u64>,
    },
    /// The same request will never be answered: a policy refusal, an image that is too large, 4xx.
    #[error("{message}")]
    Refused {
        /// In words.
        message: String,
    },
    /// Nothing sent to this model can succeed: wrong key, unknown model. The run stops.
    #[error("{message}")]
    Fatal {
        /// In words, with the remedy.
        message: String,
    },
}

/// One try of one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was sent.
    pub started_at: DateTime<Utc>,
    /// Until the reply or the error.
    pub latency_ms: f64,
    /// Prompt tokens, where told.
    pub tokens_in: Option<i64>,
    /// Answer tokens, where told.
    pub tokens_out: Option<i64>,
    /// What went wrong, if it did.
    pub error: Option<CallError>,
}

/// Wraps a remote model so that it is asked at its own pace: retries around the limit around the
/// deadline, so that neither a wait between attempts nor a wait in the queue counts as a call.
#[must_use]
pub fn paced(model: Arc<dyn Model>, pace: &Pace) -> Arc<dyn Model> {
    let timed = Arc::new(timeout::Timeout::new(model, pace.timeout));
    let limited = Arc::new(limit::Limit::new(timed, pace.max_in_flight));
    Arc::new(retry::Retry::new(limited, pace.max_retries))
}

/// How fast and how persistently something remote is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests on their way at the same time.
    pub max_in_flight: usize,
    /// Longest wait for one reply.
    pub timeout: std::time::Duration,
    /// Attempts after the first.
    pub max_retries: u32,
}

/// Asks a model one thing.
pub(crate) async fn answer_one(model: &dyn Model, request: Request) -> Reply {
    let reply = model.answer(vec![request]).await.pop();
    reply.expect("a model gives as many replies as it gets requests")
}
