//! The boundary to every model: a batch of requests in, one reply each out, in order.
//!
//! Implementations: [`http`] (OpenAI-compatible chat completions), [`local`] (candle), [`mock`].
//! Limits, deadlines, retries and budgets are wrappers around any of them; [`Lane`] puts them together.

use crate::image::Fitted;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

mod breaker;
mod call;
mod card;
mod halt;
mod hedge;
pub mod http;
mod lane;
mod limit;
pub mod local;
mod meter;
pub mod mock;
mod pulse;
mod retry;
mod timeout;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
#[path = "../tests/support/server.rs"]
pub(crate) mod server;

pub use crate::vlm::Sampling;
pub use breaker::BreakerOptions;
pub use call::calls;
pub use halt::{Halt, Stop};
pub(crate) use lane::Outcome;
pub use lane::{Lane, Pace, Paced, Traffic};
pub(crate) use meter::Asked;
pub use meter::Prices;

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
    /// `http`, `local`, `mock`, `lab`, `dataset`, `images_http`, `painter` (in this process), `served` (an auditor that
    /// learns elsewhere), or the kind of an auditor's rival, e.g. `visual_attack`.
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

/// An encoded image on its way to a model; clones share the bytes and what was made of them.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    /// SHA-256 of the bytes as found or painted.
    pub image_id: Arc<str>,
    /// JPEG, PNG or WebP.
    pub bytes: Bytes,
    /// As servers take it, by longest side: an image is scaled once, however many requests send it.
    pub(crate) fitted: Arc<Mutex<BTreeMap<u32, Fitted>>>,
}

impl EncodedImage {
    /// An image that nothing was made of yet.
    pub fn new(image_id: impl Into<Arc<str>>, bytes: impl Into<Bytes>) -> Self {
        Self {
            image_id: image_id.into(),
            bytes: bytes.into(),
            fitted: Arc::default(),
        }
    }
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
    /// Every attempt, in order; none if nothing was sent ([`CallError::Unsent`]).
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
        /// What kind of trouble it is, for those who set the pace.
        trouble: Trouble,
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
    /// Not sent, for the run is stopping; a later one asks.
    #[error("{message}")]
    Unsent {
        /// Why the run is stopping.
        message: String,
    },
}

/// Kinds of transient trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Too many requests (429).
    Busy,
    /// More than the server can do at once (503, 529).
    Overloaded,
    /// No reply, though the request was sent: it may be billed.
    Silent,
    /// Anything else.
    Other,
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

/// The outcome of a call that is not sent, for the run is stopping.
fn unsent(halt: &Halt) -> CallError {
    let why = halt.reason().map_or_else(String::new, |stop| stop.to_string());
    CallError::Unsent {
        message: format!("not sent: {why}"),
    }
}

/// Asks a model one thing.
pub(crate) async fn answer_one(model: &dyn Model, request: Request) -> Reply {
    let reply = model.answer(vec![request]).await.pop();
    reply.expect("a model gives as many replies as it gets requests")
}
