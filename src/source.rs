//! Where images come from. A source lists what it has; bytes are read when they are needed.

use crate::lab::scene::Scene;
use bytes::Bytes;
use futures::future::BoxFuture;
use std::sync::Arc;

/// One image that a source offers, with the source's own questions about it.
#[derive(Clone)]
pub struct Found {
    /// Where it is, without credentials; for rows inside a file `URL#row`.
    pub uri: String,
    /// Changes when the content does, where the store tells.
    pub etag: Option<String>,
    /// Columns taken from the path or the file.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Under which licence, where the source tells.
    pub licence: Option<String>,
    /// What the lab rendered it from.
    pub scene: Option<Arc<Scene>>,
    /// The source's own questions, for the `dataset` prober and for truth.
    pub questions: Vec<SourceQuestion>,
    /// Reads the encoded bytes; an error in words is a row, never a stop.
    pub read: Arc<dyn Fn() -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>,
}

/// A question that came with an image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceQuestion {
    /// As written.
    pub question: String,
    /// Accepted answers, if any; several annotators' answers keep their repeats.
    pub answers: Vec<String>,
    /// The options of a multiple-choice question.
    pub choices: Vec<String>,
    /// The source's own category.
    pub category: Option<String>,
}
