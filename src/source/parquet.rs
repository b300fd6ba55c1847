//! Parquet files that hold images: `struct<bytes, path>` as Hugging Face writes it, or binary.
//!
//! A file, a folder or a glob of shards, local or in a bucket. Row groups are read one after the other, a few
//! rows at a time; an item holds its own image's bytes until it is dropped. Neighbouring rows with the same
//! image become one item with all their questions. A sample is drawn before any image is read.

mod bucket;
mod picture;

use super::columns::Columns;
use super::folder::{self, licence};
use super::place::{Entry, Place, normal};
use super::sample::Sampler;
use super::{Found, SourceOptions, SourceQuestion, arrow_json, frozen};
use crate::error::{Error, Result};
use ::parquet::arrow::ParquetRecordBatchStreamBuilder;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::RowSelection;
use ::parquet::arrow::async_reader::AsyncFileReader;
use arrow::array::RecordBatch;
use async_stream::try_stream;
pub(crate) use bucket::BucketFile;
use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path as Key;
use picture::{Picture, is_struct_image, picture};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 16;

type Builder = ParquetRecordBatchStreamBuilder<Box<dyn AsyncFileReader>>;

/// A shard, with the columns of its path.
pub(super) struct Shard {
    place: Place,
    entry: Entry,
    uri: String,
    attributes: Map<String, Value>,
}

/// Lists the images of the shards, by path and row.
pub(super) fn open(options: Arc<SourceOptions>) -> Result<BoxStream<'static, Result<Found>>> {
    let mut listed = folder::list(&options, &["parquet"])?;
    Ok(try_stream! {
        let mut shards = Vec::new();
        while let Some((entry, attributes)) = listed.next().await.map_err(|problem| options.error(problem))? {
            let uri = listed.place.uri(&entry.path);
            shards.push(Shard { place: listed.place.clone(), entry, uri, attributes });
        }
        if shards.is_empty() {
            Err(options.error(listed.nothing(&["parquet"], &options)))?;
        }
        for shard in &shards {
            shard.check().await?;
        }
        let drawn = match options.sample {
            Some(_) => Some(draw(&shards, &options).await?),
            None => None,
        };
        for (index, shard) in shards.iter().enumerate() {
            let rows = drawn.as_ref().map(|drawn| {
                drawn.iter().filter(|(of, _)| *of == index).map(|(_, row)| *row).collect::<Vec<_>>()
            });
            if rows.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let mut found = shard.read(rows, options.clone());
            while let Some(each) = found.try_next().await? {
                yield each;
            }
        }
    }
    .boxed())
}

/// Chooses (shard, row) pairs; reads nothing but the column to balance by.
async fn draw(shards: &[Shard], options: &SourceOptions) -> Result<Vec<(usize, usize)>> {
    let mut sampler = Sampler::new(options);
    for (index, shard) in shards.iter().enumerate() {
        let builder = shard.builder().await?;
        let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let inside = options
            .balance_by
            .as_ref()
            .and_then(|name| builder.schema().index_of(name).ok());
        let mut values = Vec::new();
        if let Some(column) = inside {
            let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
            let mut batches = builder
                .with_projection(mask)
                .build()
                .map_err(|error| shard.error(error))?;
            while let Some(batch) = batches.try_next().await.map_err(|error| shard.error(error))? {
                values.extend(arrow_json::values(batch.column(0))?);
            }
        }
        for row in 0..rows {
            let mut attributes = shard.attributes.clone();
            if let (Some(name), Some(value)) = (&options.balance_by, values.get(row)) {
                attributes.insert(name.clone(), value.clone());
            }
            sampler.offer(&format!("{}#{row}", shard.uri), &attributes, None, (index, row));
        }
    }
    sampler.draw().map_err(|problem| options.error(problem))
}

impl Shard {
    /// The file at an address, without columns of its path.
    pub(super) async fn at(uri: &str) -> Result<Self, String> {
        let (place, path) = Place::parse(uri)?;
        let entry = place.entry(&path).await.ok_or("the file is not there any more")?;
        Ok(Self {
            place,
            entry,
            uri: uri.to_owned(),
            attributes: Map::new(),
        })
    }

    async fn builder(&self) -> Result<Builder> {
        let reader = self.reader().await?;
        Builder::new(reader).await.map_err(|error| self.error(error))
    }

    /// Refuses a frozen set that was changed.
    async fn check(&self) -> Result<()> {
        if frozen::parse(&self.entry.path).is_none() {
            return Ok(());
        }
        let mut reader = self.reader().await?;
        let checked = frozen::check(&self.entry.path, self.entry.size, &mut *reader).await;
        checked.map_err(|problem| Error::ImageSource {
            url: self.uri.clone(),
            problem,
        })
    }

    async fn reader(&self) -> Result<Box<dyn AsyncFileReader>> {
        Ok(match &self.place {
            Place::Local => {
                let path = &self.entry.path;
                let explain = |source| Error::File {
                    action: "read",
                    path: path.into(),
                    source,
                };
                Box::new(tokio::fs::File::open(path).await.map_err(explain)?)
            }
            Place::Bucket(store, _) => {
                let key = Key::parse(&self.entry.path).map_err(|error| self.error(error))?;
                Box::new(BucketFile {
                    store: store.clone(),
                    key,
                    size: self.entry.size,
                })
            }
        })
    }

    fn error(&self, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Store {
            action: "read",
            url: self.uri.clone(),
            source: Box::new(source),
        }
    }

    /// The images of all rows or of those chosen (ascending).
    pub(super) fn read(
        &self,
        rows: Option<Vec<usize>>,
        options: Arc<SourceOptions>,
    ) -> BoxStream<'_, Result<Found>> {
        try_stream! {
            let builder = self.builder().await?;
            let wrong = |problem: String| Error::ImageSource { url: self.uri.clone(), problem };
            let schema = builder.schema().clone();
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            let mut columns = Columns::choose(&names, &options).map_err(wrong)?;
            let by_type = || schema.fields().iter().find(|field| is_struct_image(field.data_type()));
            columns.image = columns.image.or_else(|| by_type().map(|field| field.name().clone()));
            let image = columns.image.clone().ok_or_else(|| wrong(Columns::no_image(&names)))?;
            let wanted = schema.fields().iter().enumerate().filter(|(_, field)| {
                field.name() == &image || arrow_json::is_plain(field.data_type())
            });
            let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.map(|(index, _)| index));
            let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
            let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
            let (builder, rows) = match rows {
                Some(rows) => {
                    let ranges = rows.iter().map(|row| *row..*row + 1);
                    let selection = RowSelection::from_consecutive_ranges(ranges, total);
                    (builder.with_row_selection(selection), rows)
                }
                None => (builder, (0..total).collect()),
            };
            let mut batches = builder.build().map_err(|error| self.error(error))?;
            let mut rows = rows.into_iter();
            let mut pending: Option<(Picture, Found)> = None;
            while let Some(batch) = batches.try_next().await.map_err(|error| self.error(error))? {
                for (picture, question, attributes) in parse(&batch, &image, &columns)? {
                    let row = rows.next().unwrap_or(total);
                    match &mut pending {
                        Some((same, found)) if *same == picture => found.questions.extend(question),
                        _ => {
                            let found = self.found(row, &picture, question, attributes, &options);
                            if let Some((_, done)) = pending.replace((picture, found)) {
                                yield done;
                            }
                        }
                    }
                }
            }
            if let Some((_, done)) = pending {
                yield done;
            }
        }
        .boxed()
    }

    fn found(
        &self,
        row: usize,
        picture: &Picture,
        question: Option<SourceQuestion>,
        attributes: Map<String, Value>,
        options: &SourceOptions,
    ) -> Found {
        let attributes: Map<String, Value> = self.attributes.clone().into_iter().chain(attributes).collect();
        let (place, folder) = (
            self.place.clone(),
            self.entry.path.rsplit_once('/').map_or("", |(folder, _)| folder),
        );
        let picture = match picture.clone() {
            Picture::Path(path) => {
                let root = if matches!(place, Place::Local) { "/" } else { "" };
                Picture::Path(format!("{root}{}", normal(&format!("{folder}/{path}"))))
            }
            other => other,
        };
        let max_bytes = options.max_bytes;
        // The file's mark says nothing about images that it only points to.
        let inside = matches!(picture, Picture::Bytes(_));
        Found {
            uri: format!("{}#{row}", self.uri),
            etag: self.entry.etag.clone().filter(|_| inside),
            licence: licence(options, &attributes),
            attributes,
            scene: None,
            questions: question.into_iter().collect(),
            read: Arc::new(move || {
                let (place, picture) = (place.clone(), picture.clone());
                Box::pin(async move {
                    match picture {
                        Picture::Bytes(bytes) if bytes.len() > max_bytes => Err(format!(
                            "image of {} bytes is too big: the limit is {max_bytes}",
                            bytes.len()
                        )),
                        Picture::Bytes(bytes) => Ok(bytes),
                        Picture::Path(path) => place.read(&path, max_bytes).await,
                        Picture::Wrong(problem) => Err(problem),
                    }
                })
            }),
        }
    }
}

type Row = (Picture, Option<SourceQuestion>, Map<String, Value>);

fn parse(batch: &RecordBatch, image: &str, columns: &Columns) -> Result<Vec<Row>> {
    let mut records = vec![Map::new(); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name() != image {
            for (record, value) in records.iter_mut().zip(arrow_json::values(column)?) {
                record.insert(field.name().clone(), value);
            }
        }
    }
    let pictures = batch
        .column_by_name(image)
        .expect("the image column is projected");
    Ok(records
        .into_iter()
        .enumerate()
        .map(|(row, record)| {
            let (question, attributes) = columns.read(record);
            (picture(pictures, row), question, attributes)
        })
        .collect())
}

#[cfg(test)]
mod tests;
