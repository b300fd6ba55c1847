//! The requests of `auditdm serve reward`, bounded in number, size and time.
//!
//! What is wrong with a request is a status with a remedy, what is wrong with a sample is its own row. JSON is asked for by
//! its content type, which a page in somebody's browser cannot send to this address unasked. Left out: TLS and passwords.

use crate::config::RewardOptions;
use crate::reward::{Sample, Scored, Scorer};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What all requests share.
pub(super) struct Face {
    scorer: Arc<Scorer>,
    run_id: String,
    slots: Arc<Semaphore>,
    max_requests: usize,
    max_samples: usize,
    max_body_byte: usize,
    /// For a body to arrive.
    patience: Duration,
    scored: AtomicU64,
}

impl Face {
    pub(super) fn new(scorer: Arc<Scorer>, options: &RewardOptions, run_id: &str) -> Arc<Self> {
        Arc::new(Self {
            scorer,
            run_id: run_id.to_owned(),
            slots: Arc::new(Semaphore::new(options.max_requests)),
            max_requests: options.max_requests,
            max_samples: options.max_samples,
            max_body_byte: options.max_body_mib << 20,
            patience: Duration::from_secs_f64(options.deadline_s),
            scored: AtomicU64::new(0),
        })
    }
}

/// The routes.
pub(super) fn router(face: Arc<Face>) -> Router {
    Router::new()
        .route("/reward", post(reward))
        .route("/health", get(health))
        .with_state(face)
}

/// A request that is not served.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(json!({ "error": self.1 }))).into_response();
        if self.0 == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    samples: Vec<Box<RawValue>>,
}

async fn health(State(face): State<Arc<Face>>) -> Json<serde_json::Value> {
    Json(json!({
        "status": "ok",
        "run_id": face.run_id,
        "requests_in_flight": face.max_requests - face.slots.available_permits(),
        "scored": face.scored.load(Ordering::Relaxed),
    }))
}

async fn reward(State(face): State<Arc<Face>>, request: Request) -> Result<Json<serde_json::Value>, Refusal> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let remedy = "send JSON with the header Content-Type: application/json";
        return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, remedy.to_owned()));
    }
    let slot = face.slots.clone().try_acquire_owned().map_err(|_| {
        let most = face.max_requests;
        Refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{most} requests are worked on: come again, or raise `max_requests` of [reward]"),
        )
    })?;
    let body = tokio::time::timeout(face.patience, body(request.into_body(), face.max_body_byte))
        .await
        .unwrap_or_else(|_| {
            Err(Refusal(
                StatusCode::REQUEST_TIMEOUT,
                "the request did not arrive".to_owned(),
            ))
        })?;
    let asked: Asked = serde_json::from_slice(&body).map_err(|problem| {
        let form = "{\"samples\": [{\"image\": …, \"completion\": …}, …]}";
        Refusal(
            StatusCode::BAD_REQUEST,
            format!("not a request of the form {form}: {problem}"),
        )
    })?;
    drop(body);
    let (count, most) = (asked.samples.len(), face.max_samples);
    if count > most {
        let problem = format!(
            "{count} samples are more than {most}: send fewer at once, or raise `max_samples` of [reward]"
        );
        return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, problem));
    }
    let sample = |raw: Box<RawValue>| {
        serde_json::from_str::<Sample>(raw.get())
            .map_err(|problem| format!("the sample is not understood: {problem}"))
    };
    let samples = asked.samples.into_iter().map(sample).collect();
    let rewards: Vec<Scored> = face.scorer.score(samples, &Arc::new(slot)).await;
    face.scored.fetch_add(rewards.len() as u64, Ordering::Relaxed);
    Ok(Json(json!({ "rewards": rewards })))
}

/// A body of at most so many bytes. A larger one is taken to its end, or its sender would not read why it was refused.
async fn body(body: Body, max_byte: usize) -> Result<Vec<u8>, Refusal> {
    let (mut taken, mut byte) = (Vec::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let broken = |_| Refusal(StatusCode::BAD_REQUEST, "the request broke off".to_owned());
        let chunk = chunk.map_err(broken)?;
        byte += chunk.len();
        if byte <= max_byte {
            taken.extend_from_slice(&chunk);
        } else {
            taken = Vec::new();
        }
    }
    if byte > max_byte {
        let most = max_byte >> 20;
        let problem =
            format!("more than {most} MiB: send fewer samples at once, or raise `max_body_mib` of [reward]");
        return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, problem));
    }
    Ok(taken)
}
