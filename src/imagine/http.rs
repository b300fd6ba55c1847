//! Painters behind an OpenAI-compatible images API: hosted services, vLLM-Omni, SGLang, LocalAI.
//!
//! In: a caption (`images/generations`) or an image and an instruction (`images/edits`, multipart). Out: the
//! bytes as the server sent them, checked to be an image that can be decoded. Left out: masks, several
//! images a request.

mod multipart;
mod options;
mod picture;

pub use options::ImagesOptions;

use super::{DrawRequest, Drawing, Drawn, Painter};
use crate::error::Result;
use crate::model::http::{Endpoint, Payload, Usage, check, document, fitted, secret};
use crate::model::{Asked, Attempt, CallError, Lane, ModelCard, Outcome, Traffic};
use chrono::Utc;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// A reply longer than this is none (base64 makes a file a third longer).
const LONGEST_REPLY_BYTES: usize = 48 << 20;

/// Tokens of a drawn image, at most, where a budget wants to know.
const IMAGE_TOKENS: usize = 8_000;

/// A painter behind an images API, with its limit, deadline and retries.
pub struct HttpPainter {
    card: ModelCard,
    options: ImagesOptions,
    endpoint: Endpoint,
    lane: Lane,
}

impl HttpPainter {
    /// Reads the key from the environment; nothing is sent yet.
    pub fn new(client: reqwest::Client, options: ImagesOptions, traffic: &Traffic) -> Result<Self> {
        let name = &options.model;
        check(name, &options.validate())?;
        let key = secret(name, options.api_key_env.as_deref())?;
        let endpoint = Endpoint::new(client, name, &options.url, key)?;
        let sent = json!({
            "size": options.size,
            "extra_body": options.extra_body,
            "omit_fields": options.omit_fields,
        });
        let base = json!({ "max_side": options.image_max_side });
        let (revision, sent, base) = (&options.revision, sent.to_string(), base.to_string());
        let card = ModelCard::new("images_http", name, revision, "{prompt}", sent, base)
            .with_prices(options.input_usd_per_mtok, options.output_usd_per_mtok);
        Ok(Self {
            card,
            lane: Lane::new("painter", &options.url, options.pace(), options.prices(), traffic),
            options,
            endpoint,
        })
    }

    async fn attempt(&self, request: &DrawRequest) -> Outcome<Drawn> {
        let (started_at, clock) = (Utc::now(), Instant::now());
        let mut usage = Usage::default();
        let outcome = self.ask(request, &mut usage).await;
        let attempt = Attempt {
            started_at,
            latency_ms: clock.elapsed().as_secs_f64() * 1e3,
            tokens_in: usage.tokens_in,
            tokens_out: usage.tokens_out,
            error: outcome.as_ref().err().cloned(),
        };
        (outcome, vec![attempt])
    }

    async fn ask(&self, request: &DrawRequest, usage: &mut Usage) -> Result<Drawn, CallError> {
        let fields = self.fields(request);
        let (path, payload) = match &request.base {
            None => ("images/generations", Payload::json(&Value::Object(fields))),
            Some((image, _)) => {
                let fitted = fitted(image, self.options.image_max_side).await?;
                ("images/edits", multipart::payload(&fields, &fitted))
            }
        };
        let body = document(&self.endpoint.post(path, payload, LONGEST_REPLY_BYTES).await?)?;
        *usage = Usage {
            tokens_in: body["usage"]["input_tokens"].as_i64(),
            tokens_out: body["usage"]["output_tokens"].as_i64(),
        };
        let image = picture::read(&self.endpoint, &body).await?;
        Ok(Drawn { image, scene: None })
    }

    fn fields(&self, request: &DrawRequest) -> Map<String, Value> {
        let own = [
            ("model", json!(self.options.model)),
            ("prompt", json!(request.instruction)),
            ("n", json!(1)),
            ("size", json!(self.options.size)),
            // 31 bits: some servers keep seeds in a C int.
            ("seed", json!(request.seed & 0x7fff_ffff)),
        ];
        let is_sent = |name: &str, value: &Value| {
            !value.is_null() && !self.options.omit_fields.iter().any(|omitted| omitted == name)
        };
        let sent = own.into_iter().filter(|(name, value)| is_sent(name, value));
        let mut fields: Map<String, Value> = sent.map(|(name, value)| (name.to_owned(), value)).collect();
        fields.extend(self.options.extra_body.clone());
        fields
    }
}

#[async_trait::async_trait]
impl Painter for HttpPainter {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn draw(&self, request: DrawRequest) -> Drawing {
        let asked = Asked {
            text_byte: request.instruction.len(),
            images: usize::from(request.base.is_some()),
            tokens_out: IMAGE_TOKENS,
        };
        let attempt = || self.attempt(&request);
        let (outcome, attempts) = self.lane.call(&request.subject, asked, attempt).await;
        Drawing { outcome, attempts }
    }
}

#[cfg(test)]
mod tests;
