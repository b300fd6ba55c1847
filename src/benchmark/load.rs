//! A benchmark's files as records: Hugging Face's Parquet, VLMEvalKit's tables, JSON.
//!
//! In: a file or folder, and where further annotations and images are. Out: a stream of [`Record`]s. Rows are read as
//! they are needed; pictures stay where they are until somebody asks for their bytes.

mod json;
mod parquet;
pub mod tsv;

#[cfg(test)]
mod tests;

use super::picture::Picture;
use super::place::{Place, shown};
use super::record::Record;
use crate::error::{Error, Result};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a benchmark's parts are.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// The questions: a Parquet file or a folder of shards, a TSV, a JSON or JSON Lines file.
    pub questions: String,
    /// Answers in a file of their own: VQAv2's annotations, COCO's instances.
    pub annotations: Option<String>,
    /// The folder in which images lie, or a Parquet file or folder with columns `id` and `image`.
    pub images: Option<String>,
}

/// Columns that name the image of a record, the most telling first.
const IMAGE_PATHS: [&str; 8] = [
    "image",
    "image_path",
    "file_name",
    "imgname",
    "filename",
    "image_name",
    "imageId",
    "data_id",
];

impl Data {
    /// An error about the questions.
    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        Error::ImageSource {
            url: shown(&self.questions),
            problem: problem.into(),
        }
    }

    /// The records, with their pictures.
    pub async fn open(&self) -> Result<BoxStream<'static, Result<Record>>> {
        let place = Place::parse(&self.questions)?;
        let ending = place.ending();
        let mut files = match ending.as_str() {
            "tsv" | "json" | "jsonl" | "ndjson" => vec![place.clone()],
            _ => place.files(&["parquet"]).await?,
        };
        if files.is_empty() {
            files = place.files(&["tsv", "json", "jsonl", "ndjson"]).await?;
        }
        let Some(first) = files.first() else {
            return Err(self.error("no Parquet, TSV, JSON or JSON Lines file is here"));
        };
        let records = match first.ending().as_str() {
            "parquet" => parquet::open(files.clone()),
            "tsv" if files.len() == 1 => tsv::open(first).await.map_err(|problem| self.error(problem))?,
            _ if files.len() == 1 => json::open(first, self).await?,
            _ => {
                let names: Vec<String> = files.iter().map(Place::name).collect();
                return Err(self.error(format!(
                    "several files are here; name one of: {}",
                    names.join(", ")
                )));
            }
        };
        let images = Arc::new(Images::open(self, first).await?);
        Ok(records.map_ok(move |record| images.attach(record)).boxed())
    }
}

/// Where pictures are that records only name.
struct Images {
    folder: Place,
    by_id: HashMap<String, Picture>,
}

impl Images {
    async fn open(data: &Data, questions: &Place) -> Result<Self> {
        let Some(address) = &data.images else {
            return Ok(Self {
                folder: questions.folder(),
                by_id: HashMap::new(),
            });
        };
        let folder = Place::parse(address)?;
        let shards = folder.files(&["parquet"]).await?;
        let mut by_id = HashMap::new();
        if !shards.is_empty() {
            let mut records = parquet::open(shards);
            while let Some(record) = records.try_next().await? {
                let found = record
                    .text(&["id", "image_id"])
                    .and_then(|id| Ok((id, record.pictures(&["image"])?)));
                let (id, pictures) = found.map_err(|problem| data.error(problem))?;
                by_id.extend(pictures.into_iter().next().map(|picture| (id, picture)));
            }
        }
        Ok(Self { folder, by_id })
    }

    /// The record with the picture that it names, if it has none inside.
    fn attach(&self, mut record: Record) -> Record {
        if record.pictures.iter().any(|(name, _)| name.starts_with("image")) {
            return record;
        }
        let named = IMAGE_PATHS.iter().find_map(|name| record.text_if(&[name]));
        let numbered = || {
            record
                .value(&["image_id"])
                .and_then(Value::as_u64)
                .map(|id| format!("{id:012}.jpg"))
        };
        if let Some(name) = named.or_else(numbered) {
            let picture = self.by_id.get(&name).cloned().unwrap_or_else(|| {
                let ending = if name.rsplit('/').next().unwrap_or_default().contains('.') {
                    ""
                } else {
                    ".jpg"
                };
                Picture::File(self.folder.join(&format!("{name}{ending}")))
            });
            record.pictures.push(("image".to_owned(), picture));
        }
        record
    }
}
