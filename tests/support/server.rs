//! A scripted server of the chat-completions and images APIs, for unit and integration tests.
//!
//! Include it with `#[path = "…/tests/support/server.rs"] mod server;`. It answers each request with the
//! next [`Behaviour`] of its script, and with the last one from then on; it keeps what it was sent.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "included as a private module")]

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use futures::stream;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How the server treats one request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// One of these texts, chosen by hash of the body: the same request gets the same answer.
    Answer(Vec<String>),
    /// An image of the images API, as base64.
    Image(Vec<u8>),
    /// An image of the images API in a colour chosen by hash of the body.
    Colour,
    /// The address of an image instead.
    ImageUrl(String),
    /// These bytes as they are.
    Raw(Vec<u8>),
    /// A status, Retry-After and an error message in OpenAI's form.
    Status(u16, Option<String>, String),
    /// 400 with the reason that the image is too large.
    Refuse,
    /// 200 and a page that is no JSON.
    Garbage,
    /// 200 and half a JSON document.
    Truncated,
    /// 200, half a document, and the connection breaks.
    Disconnect,
    /// No reply, ever.
    Hang,
    /// A byte every 100 ms.
    Drip,
    /// 8 MiB of JSON.
    Huge,
    /// Milliseconds before what follows.
    Delay(u64, Box<Behaviour>),
}

impl Behaviour {
    /// Always this text.
    pub fn answer(text: &str) -> Self {
        Self::answer_any(&[text])
    }

    /// One of these texts by hash of the body.
    pub fn answer_any(texts: &[&str]) -> Self {
        Self::Answer(texts.iter().map(ToString::to_string).collect())
    }
}

#[derive(Debug)]
struct Received {
    path: String,
    key: Option<String>,
    content_type: String,
    body: Bytes,
    peer: SocketAddr,
    answered: Option<Instant>,
}

struct Shared {
    script: Vec<Behaviour>,
    received: Mutex<Vec<Received>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// A server on a free local port, until it is dropped.
pub struct Server {
    /// The API's base, `http://127.0.0.1:PORT/v1`.
    pub url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts it; an empty script answers "yes".
    pub async fn start(mut script: Vec<Behaviour>) -> Self {
        if script.is_empty() {
            script.push(Behaviour::answer("yes"));
        }
        let shared = Arc::new(Shared {
            script,
            received: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let router = axum::Router::new()
            .fallback(serve)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(shared.clone())
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// Every body, in the order of arrival.
    pub fn bodies(&self) -> Vec<Bytes> {
        self.each(|received| received.body.clone())
    }

    /// Every body, with the moment when its reply was ready; none where the client went away before.
    pub fn exchanges(&self) -> Vec<(Bytes, Option<Instant>)> {
        self.each(|received| (received.body.clone(), received.answered))
    }

    /// Every path.
    pub fn paths(&self) -> Vec<String> {
        self.each(|received| received.path.clone())
    }

    /// Every Authorization header.
    pub fn keys(&self) -> Vec<Option<String>> {
        self.each(|received| received.key.clone())
    }

    /// Every Content-Type header.
    pub fn content_types(&self) -> Vec<String> {
        self.each(|received| received.content_type.clone())
    }

    /// How many connections the requests came over.
    pub fn connections(&self) -> usize {
        let peers: std::collections::BTreeSet<_> = self.each(|received| received.peer).into_iter().collect();
        peers.len()
    }

    /// The most requests that were open at once.
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(SeqCst)
    }

    fn each<T>(&self, read: impl Fn(&Received) -> T) -> Vec<T> {
        self.shared.received.lock().unwrap().iter().map(read).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let (number, index) = {
        let mut received = shared.received.lock().unwrap();
        received.push(Received {
            path: uri.path().to_owned(),
            key: header("authorization"),
            content_type: header("content-type").unwrap_or_default(),
            body: body.clone(),
            peer,
            answered: None,
        });
        let number = received.len() - 1;
        (number, number.min(shared.script.len() - 1))
    };
    let now = shared.in_flight.fetch_add(1, SeqCst) + 1;
    shared.most_in_flight.fetch_max(now, SeqCst);
    let response = respond(&shared.script[index], &body).await;
    shared.in_flight.fetch_sub(1, SeqCst);
    shared.received.lock().unwrap()[number].answered = Some(Instant::now());
    response
}

fn respond<'a>(behaviour: &'a Behaviour, body: &'a Bytes) -> BoxFuture<'a, Response> {
    Box::pin(async move {
        match behaviour {
            Behaviour::Answer(texts) => {
                let pick = Sha256::digest(body)[0] as usize % texts.len();
                completion(&texts[pick], body.len()).into_response()
            }
            Behaviour::Image(bytes) => {
                axum::Json(json!({ "created": 0, "data": [{ "b64_json": STANDARD.encode(bytes) }] }))
                    .into_response()
            }
            Behaviour::Colour => {
                let hash = Sha256::digest(body);
                let image = image::RgbImage::from_pixel(8, 8, image::Rgb([hash[0], hash[1], hash[2]]));
                let mut bytes = std::io::Cursor::new(Vec::new());
                image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
                respond(&Behaviour::Image(bytes.into_inner()), body).await
            }
            Behaviour::ImageUrl(url) => {
                axum::Json(json!({ "created": 0, "data": [{ "url": url }] })).into_response()
            }
            Behaviour::Raw(bytes) => bytes.clone().into_response(),
            Behaviour::Status(status, retry_after, message) => {
                let status = StatusCode::from_u16(*status).unwrap();
                let mut response =
                    (status, axum::Json(json!({ "error": { "message": message } }))).into_response();
                if let Some(value) = retry_after {
                    response
                        .headers_mut()
                        .insert("retry-after", value.parse().unwrap());
                }
                response
            }
            Behaviour::Refuse => {
                let error = json!({ "error": {
                    "message": "the image is too large",
                    "type": "invalid_request_error",
                    "param": null,
                    "code": 400,
                } });
                (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
            }
            Behaviour::Garbage => "<html>proxy says hello</html>".into_response(),
            Behaviour::Truncated => r#"{"choices":[{"message":{"role":"assis"#.into_response(),
            Behaviour::Disconnect => {
                let parts = [Ok("{\"choices\":["), Err(std::io::Error::other("scripted"))];
                Body::from_stream(stream::iter(parts)).into_response()
            }
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Drip => {
                let drops = stream::unfold((), async |()| {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Some((Ok::<_, std::io::Error>(" "), ()))
                });
                Body::from_stream(drops).into_response()
            }
            Behaviour::Huge => completion(&"x".repeat(8 << 20), 1).into_response(),
            Behaviour::Delay(delay_ms, next) => {
                tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
                respond(next, body).await
            }
        }
    })
}

fn completion(text: &str, prompt_bytes: usize) -> axum::Json<serde_json::Value> {
    axum::Json(json!({
        "id": "scripted",
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text },
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt_bytes / 4,
            "completion_tokens": text.split_whitespace().count(),
            "total_tokens": prompt_bytes / 4 + text.split_whitespace().count(),
        },
    }))
}
