//! Where images come from. A source lists what it has; bytes are read when they are needed.
//!
//! In: [`SourceOptions`], the section `[source]` of a configuration. Out: a stream of [`Found`] in an order
//! that depends on names only, so that the same configuration gives the same work. Folders, globs and
//! buckets ([`SourceKind::Folder`]), Parquet files with images inside, JSON files that name images, and the
//! lab. Images are never held: a stream item knows how to read its own bytes.

mod again;
mod age;
mod arrow_json;
mod columns;
mod folder;
mod follow;
pub mod frozen;
mod json;
mod lab;
mod options;
mod parquet;
mod pattern;
mod place;
mod sample;
mod vqa;

use crate::error::Result;
use crate::lab::scene::Scene;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;

pub use again::read_again;
pub use age::Age;
pub use follow::follow;
pub use options::{SourceKind, SourceOptions};
pub(crate) use parquet::BucketFile;

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

/// Lists a source. A source that cannot be listed, has no images or lacks its columns is an error here; an
/// error later in the stream means that listing broke off.
pub async fn open(options: &SourceOptions) -> Result<BoxStream<'static, Result<Found>>> {
    if let Some(problem) = options.validate().into_iter().next() {
        return Err(options.error(problem));
    }
    let options = Arc::new(options.clone());
    let found = match options.kind() {
        SourceKind::Folder => folder::open(options.clone())?,
        // Draws its own sample: rows are chosen before their images are read.
        SourceKind::Parquet => parquet::open(options.clone())?,
        SourceKind::Json => json::open(options.clone()).await?,
        SourceKind::Lab => lab::open(options.clone())?,
    };
    let mut found = match options.limit {
        Some(limit) => found.take(limit).boxed(),
        None => found,
    };
    match found.next().await {
        Some(first) => Ok(stream::iter([Ok(first?)]).chain(found).boxed()),
        None => Err(options.error("it is empty".to_owned())),
    }
}
