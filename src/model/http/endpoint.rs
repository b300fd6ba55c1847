//! One server: its address, its key, and the exchange of a bounded reply for a body.

use super::failure::{self, fatal, refused, transient};
use super::options::Key;
use crate::error::{Error, Result};
use crate::model::CallError;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use url::Url;

/// A server that models or painters stand behind.
pub(crate) struct Endpoint {
    client: reqwest::Client,
    base: Url,
    model: String,
    key: Option<(Key, HeaderValue)>,
}

/// A body and its media type.
pub(crate) struct Payload {
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// The names of its fields, to recognise a complaint about one.
    pub(crate) fields: Vec<String>,
}

impl Payload {
    /// A JSON object.
    pub(crate) fn json(body: &Value) -> Self {
        Self {
            content_type: "application/json".into(),
            body: Bytes::from(body.to_string()),
            fields: body
                .as_object()
                .map(|fields| fields.keys().cloned().collect())
                .unwrap_or_default(),
        }
    }
}

impl Endpoint {
    /// `url` is the API's base; paths are appended to it.
    pub(crate) fn new(client: reqwest::Client, model: &str, url: &str, key: Option<Key>) -> Result<Self> {
        let problem = |problem: String| Error::Model {
            model: model.to_owned(),
            problem,
        };
        let mut base = Url::parse(url).map_err(|error| problem(format!("url: {error}")))?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let header = |key: Key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.value))
                .map_err(|_| problem("the key has characters that no header may carry".into()))?;
            value.set_sensitive(true);
            Ok::<_, Error>((key, value))
        };
        Ok(Self {
            client,
            base,
            model: model.to_owned(),
            key: key.map(header).transpose()?,
        })
    }

    /// Sends a body and returns the reply's, of `limit` bytes at most.
    pub(crate) async fn post(&self, path: &str, payload: Payload, limit: usize) -> Result<Bytes, CallError> {
        let url = self
            .base
            .join(path)
            .map_err(|error| fatal(format!("url `{}`: {error}", self.base)))?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, payload.content_type)
            .body(payload.body);
        self.exchange(request, &payload.fields, limit).await
    }

    /// Fetches what a reply points to, from this very server and from nowhere else.
    pub(crate) async fn get(&self, address: &str, limit: usize) -> Result<Bytes, CallError> {
        let url = self
            .base
            .join(address)
            .map_err(|error| refused(format!("the reply's url: {error}")))?;
        if url.origin() != self.base.origin() {
            let (found, own) = (
                url.origin().ascii_serialization(),
                self.base.origin().ascii_serialization(),
            );
            return Err(refused(format!(
                "the reply points to {found} and only {own} is fetched from; ask the server for base64 \
                 (extra_body = {{ response_format = \"b64_json\" }})"
            )));
        }
        let fetched = self.exchange(self.client.get(url), &[], limit).await;
        // One file that is gone says nothing about the next.
        fetched.map_err(|error| match error {
            CallError::Fatal { message } => transient(message, None),
            error => error,
        })
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        fields: &[String],
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let request = match &self.key {
            Some((_, header)) => request.header(AUTHORIZATION, header.clone()),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.broken(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read(response, limit).await;
        if status.is_success() {
            return body;
        }
        // An error's text is a help, not a condition: one that cannot be read is an empty one.
        let text = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
        let text = self.without_key(&text);
        let variable = self.key.as_ref().map(|(key, _)| key.variable.as_str());
        let error = failure::classify(status, &headers, &text, fields);
        Err(failure::with_remedy(
            error,
            status,
            &self.base,
            &self.model,
            variable,
        ))
    }

    async fn read(&self, mut response: reqwest::Response, limit: usize) -> Result<Bytes, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(refused(format!("the reply is longer than {} MiB", limit >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    /// A connection that did not come about or broke.
    fn broken(&self, error: &reqwest::Error) -> CallError {
        // The outermost message repeats the address; the innermost says what happened.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let what = if error.is_builder() {
            return fatal(format!("cannot build a request to {}: {cause}", self.base));
        } else if error.is_connect() {
            "cannot connect to"
        } else if error.is_timeout() {
            "no reply in time from"
        } else {
            "the connection broke with"
        };
        let text = self.without_key(&format!("{what} {}: {cause}", self.base));
        transient(failure::shorten(&text), None)
    }

    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some((key, _)) => text.replace(&key.value, "***"),
            None => text.to_owned(),
        }
    }
}
