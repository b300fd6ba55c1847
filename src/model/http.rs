//! Models behind an OpenAI-compatible chat-completions API: vLLM, SGLang, Ollama, llama.cpp,
//! `transformers serve`, hosted services.
//!
//! In: requests with encoded images, sent as data URIs. Out: the text, token counts, and log-probabilities
//! where asked for. Left out: streaming, tools, several choices a request, uploads of images by URL.

mod body;
mod endpoint;
mod failure;
mod options;
mod picture;
mod reply;

pub use options::HttpOptions;

pub(crate) use endpoint::{Endpoint, Payload};
pub(crate) use failure::{refused, transient};
pub(crate) use options::{check, endpoint_problems, secret};
pub(crate) use picture::{fitted, on_pixel_threads};
pub(crate) use reply::{Usage, document};

use super::{
    Attempt, CallError, Completion, Lane, Model, ModelCard, Paced, Reply, Request, Sampling, Traffic,
};
use crate::error::{Error, Result};
use chrono::Utc;
use futures::future::{join_all, try_join_all};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A reply longer than this is none.
const LONGEST_REPLY_BYTES: usize = 4 << 20;

/// The client that all HTTP models and painters of a run share, with its pool of connections.
///
/// Redirects are not followed: a POST would lose its body, and its key might reach another host.
pub fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("auditdm/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_mins(1))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Error::Model {
            model: "http".into(),
            problem: format!("cannot set up the HTTP client: {error}"),
        })
}

/// A model behind a chat-completions API, asked once and without a deadline; [`HttpModel::paced`] adds
/// those.
pub struct HttpModel {
    card: ModelCard,
    options: HttpOptions,
    endpoint: Endpoint,
}

impl HttpModel {
    /// Reads the key from the environment; nothing is sent yet. `sampling` stands on the card: requests
    /// carry their own.
    pub fn new(client: reqwest::Client, options: HttpOptions, sampling: &Sampling) -> Result<Self> {
        let name = &options.model;
        check(name, &options.validate())?;
        let key = secret(name, options.api_key_env.as_deref())?;
        let endpoint = Endpoint::new(client, name, &options.url, key)?;
        let sent = json!({
            "sampling": sampling,
            "extra_body": options.extra_body,
            "omit_fields": options.omit_fields,
        });
        let pictures = picture::preprocessing(options.image_max_side, options.image_detail.as_deref());
        let (revision, template) = (&options.revision, &options.prompt_template);
        let card = ModelCard::new("http", name, revision, template, sent.to_string(), pictures)
            .with_prices(options.input_usd_per_mtok, options.output_usd_per_mtok);
        Ok(Self {
            card,
            options,
            endpoint,
        })
    }

    /// The same model with the limit, deadline and retries of its options, in a lane of its own.
    #[must_use]
    pub fn paced(self) -> Arc<dyn Model> {
        let lane = lane("model", &self.options, &Traffic::default());
        self.in_lane(Arc::new(lane))
    }

    /// The same model in a lane that it shares.
    #[must_use]
    pub fn in_lane(self, lane: Arc<Lane>) -> Arc<dyn Model> {
        let longest_answer = self.options.longest_answer().ok().flatten();
        Arc::new(Paced::new(Arc::new(self), lane, longest_answer))
    }

    async fn ask(&self, request: &Request) -> Result<reply::Answered, CallError> {
        let fitted = request
            .images
            .iter()
            .map(|image| fitted(image, self.options.image_max_side));
        let payload = body::chat(&self.options, request, &try_join_all(fitted).await?);
        let bytes = self
            .endpoint
            .post("chat/completions", payload, LONGEST_REPLY_BYTES)
            .await?;
        reply::parse(&bytes, request.sampling.max_tokens)
    }
}

/// The lane to the server of these options; `name` is what the configuration calls the model.
pub fn lane(name: &str, options: &HttpOptions, traffic: &Traffic) -> Lane {
    Lane::new(name, &options.url, options.pace(), options.prices(), traffic)
}

#[async_trait::async_trait]
impl Model for HttpModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(async |request| {
            let (started_at, clock) = (Utc::now(), Instant::now());
            let answered = self.ask(&request).await;
            let (outcome, usage): (Result<Completion, CallError>, _) = match answered {
                Ok(answered) => (answered.outcome, answered.usage),
                Err(error) => (Err(error), reply::Usage::default()),
            };
            let attempt = Attempt {
                started_at,
                latency_ms: clock.elapsed().as_secs_f64() * 1e3,
                tokens_in: usage.tokens_in,
                tokens_out: usage.tokens_out,
                error: outcome.as_ref().err().cloned(),
            };
            Reply {
                outcome,
                attempts: vec![attempt],
            }
        }))
        .await
    }
}

/// Reads the body of a chat's reply, for the fuzz target of that name.
#[cfg(fuzzing)]
pub fn read(bytes: &[u8]) {
    let _ = reply::parse(bytes, 64);
}

#[cfg(test)]
mod tests;
