//! A bucket in memory behind the S3 protocol, as far as tables need it, on a network that fails.
//!
//! Objects are put (with If-None-Match), read (with ranges), listed and deleted; multipart uploads and bulk
//! deletes are left out. Credentials are not looked at. With `AUDITDM_S3=http://host:port` the network leads to
//! that server instead, which must have a bucket `audits`.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "included as a private module")]

use auditdm::row::content_id;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What may become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// 503 before anything is done.
    Busy,
    /// A while before everything.
    Slow,
    /// It is done, and the reply says 500.
    LostBehindError,
    /// It is done, and the connection breaks.
    LostReply,
    /// The connection breaks before anything is done.
    LostRequest,
}

/// So many requests have one fault of each kind.
const PERIOD: usize = 60;
/// Which of them.
const FAULTS: [(usize, Fault); 5] = [
    (11, Fault::Busy),
    (23, Fault::Slow),
    (35, Fault::LostBehindError),
    (47, Fault::LostReply),
    (59, Fault::LostRequest),
];

#[derive(Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// Whether the network fails.
    unsteady: AtomicBool,
    requests: AtomicUsize,
    faults: AtomicUsize,
}

/// A bucket on a free local port, until it is dropped.
pub struct Bucket {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Bucket {
    /// Starts it, empty.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let router = axum::Router::new();
        let router = match std::env::var("AUDITDM_S3") {
            Ok(server) => router.fallback(move |request| forward(server.clone(), request)),
            Err(_) => router.fallback(serve),
        };
        let router = router
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(from_fn_with_state(shared.clone(), unsteady))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// Whether requests have faults from here on.
    pub fn fail(&self, unsteady: bool) {
        self.shared.unsteady.store(unsteady, Relaxed);
    }

    /// How many requests there were, and how many of them had a fault.
    pub fn counts(&self) -> (usize, usize) {
        (
            self.shared.requests.load(Relaxed),
            self.shared.faults.load(Relaxed),
        )
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn unsteady(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let number = shared.requests.fetch_add(1, Relaxed);
    let fault = FAULTS.iter().find(|(at, _)| *at == number % PERIOD);
    let fault = fault
        .filter(|_| shared.unsteady.load(Relaxed))
        .map(|(_, fault)| *fault);
    shared.faults.fetch_add(usize::from(fault.is_some()), Relaxed);
    match fault {
        None => next.run(request).await,
        Some(Fault::Busy) => error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Slow) => {
            tokio::time::sleep(Duration::from_millis(400)).await;
            next.run(request).await
        }
        Some(Fault::LostBehindError) => {
            next.run(request).await;
            error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
        Some(Fault::LostReply) => {
            next.run(request).await;
            hang_up()
        }
        Some(Fault::LostRequest) => hang_up(),
    }
}

/// Ends the connection's task, and with it the connection, without a word.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("a connection that breaks"))
}

async fn forward(server: String, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = reqwest::Client::new().request(parts.method, format!("{server}{}", parts.uri));
    let reply = request.headers(parts.headers).body(body).send().await.unwrap();
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove("transfer-encoding");
    (status, headers, reply.bytes().await.unwrap()).into_response()
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let query: HashMap<String, String> = url::form_urlencoded::parse(query).into_owned().collect();
    // `/bucket/key`: every bucket is the same one.
    let path = uri.path().trim_start_matches('/');
    let path = percent_decoded(path.split_once('/').map_or("", |(_, key)| key));
    let mut objects = shared.objects.lock().unwrap();
    match method {
        Method::GET if query.contains_key("list-type") => list(&objects, &query),
        Method::GET | Method::HEAD => match objects.get(&path) {
            None => error(StatusCode::NOT_FOUND, "NoSuchKey"),
            Some(bytes) => read(bytes, &method, &headers),
        },
        Method::PUT if headers.contains_key("if-none-match") && objects.contains_key(&path) => {
            error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed")
        }
        Method::PUT if query.is_empty() => {
            let tag = tag(&body);
            objects.insert(path, body);
            [("etag", tag)].into_response()
        }
        Method::DELETE if query.is_empty() => {
            objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
    }
}

fn read(bytes: &Bytes, method: &Method, headers: &HeaderMap) -> Response {
    let whole = bytes.len();
    let range = headers.get("range").and_then(|range| {
        let range = range.to_str().ok()?.strip_prefix("bytes=")?;
        let (start, end) = range.split_once('-')?;
        Some(match (start.parse::<usize>(), end.parse::<usize>()) {
            (Ok(start), Ok(end)) => start..(end + 1).min(whole),
            (Ok(start), Err(_)) => start..whole,
            (Err(_), Ok(last)) => whole.saturating_sub(last)..whole,
            _ => return None,
        })
    });
    let response = Response::builder()
        .header("etag", tag(bytes))
        .header("last-modified", "Tue, 24 Nov 2026 00:00:00 GMT");
    let response = match &range {
        Some(range) => response.status(StatusCode::PARTIAL_CONTENT).header(
            "content-range",
            format!("bytes {}-{}/{whole}", range.start, range.end - 1),
        ),
        None => response,
    };
    if *method == Method::HEAD {
        let response = response.header("content-length", whole);
        return response.body(Body::empty()).unwrap();
    }
    let bytes = range.map_or_else(|| bytes.clone(), |range| bytes.slice(range));
    response.body(Body::from(bytes)).unwrap()
}

fn list(objects: &BTreeMap<String, Bytes>, query: &HashMap<String, String>) -> Response {
    let parameter = |name: &str| query.get(name).map_or("", String::as_str);
    let (prefix, after) = (parameter("prefix"), parameter("start-after"));
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    let (mut contents, mut folders) = (Vec::new(), BTreeSet::new());
    for (key, bytes) in objects {
        let Some(rest) = key.strip_prefix(prefix).filter(|_| key.as_str() > after) else {
            continue;
        };
        match delimiter.and_then(|delimiter| Some((rest.find(delimiter.as_str())?, delimiter))) {
            Some((at, delimiter)) => {
                folders.insert(&key[..prefix.len() + at + delimiter.len()]);
            }
            None => contents.push(format!(
                "<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2026-11-24T00:00:00Z</LastModified>\
                 <ETag>{}</ETag></Contents>",
                bytes.len(),
                tag(bytes)
            )),
        }
    }
    let folders = folders
        .iter()
        .map(|folder| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
    let folders: String = folders.collect();
    let contents = contents.concat();
    format!("<ListBucketResult>{contents}{folders}</ListBucketResult>").into_response()
}

fn tag(bytes: &[u8]) -> String {
    content_id(bytes)
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

fn percent_decoded(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.map(|(key, _)| key.into_owned()).collect()
}
