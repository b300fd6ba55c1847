//! Parquet as Hugging Face writes it: images as `struct<bytes, path>`, binary, or lists of these.
//!
//! Shards are read one after the other, a few rows at a time; one in a bucket is fetched to a temporary file first.

use super::{Picture, Place, Record};
use crate::error::{Error, Result};
use crate::source::frozen;
use ::parquet::arrow::ParquetRecordBatchStreamBuilder;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use async_stream::try_stream;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use serde_json::Map;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 16;

pub(super) fn open(shards: Vec<Place>) -> BoxStream<'static, Result<Record>> {
    try_stream! {
        for shard in shards {
            let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Store {
                action: "read",
                url: shard.name(),
                source,
            };
            let here = shard.here().await.map_err(|problem| failed(problem.into()))?;
            let unread = |source| Error::File { action: "read", path: here.path.clone(), source };
            let mut reader = tokio::fs::File::open(&here.path).await.map_err(unread)?;
            let size = reader.metadata().await.map_err(unread)?.len();
            let checked = frozen::check(&shard.name(), size, &mut reader).await;
            checked.map_err(|problem| Error::ImageSource { url: shard.name(), problem })?;
            let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(|error| failed(error.into()))?;
            let mut batches = builder.with_batch_size(BATCH_ROWS).build().map_err(|error| failed(error.into()))?;
            let mut row = 0;
            while let Some(batch) = batches.try_next().await.map_err(|error| failed(error.into()))? {
                for record in records(&batch, &shard, row).map_err(|error| failed(error.into()))? {
                    yield record;
                }
                row += batch.num_rows();
            }
        }
    }
    .boxed()
}

fn records(
    batch: &RecordBatch,
    shard: &Place,
    first: usize,
) -> Result<Vec<Record>, arrow::error::ArrowError> {
    let schema = batch.schema();
    let (images, plain): (Vec<usize>, Vec<usize>) =
        (0..batch.num_columns()).partition(|column| is_image(schema.field(*column).data_type()));
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(&batch.project(&plain)?)?;
    writer.finish()?;
    let lines = writer.into_inner();
    let mut rows = serde_json::Deserializer::from_slice(&lines).into_iter::<Map<String, serde_json::Value>>();
    let mut records = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        // A row without a value is an empty object; a file without plain columns has no lines at all.
        let fields = rows
            .next()
            .transpose()
            .map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))?;
        let mut pictures = Vec::new();
        for &column in &images {
            let mut found = Vec::new();
            bytes(batch.column(column), row, &mut found);
            let name = schema.field(column).name();
            pictures.extend(
                found
                    .into_iter()
                    .map(|bytes| (name.clone(), Picture::Bytes(bytes))),
            );
        }
        records.push(Record {
            at: format!("{}, row {}", shard.name(), first + row + 1).into(),
            fields: fields.unwrap_or_default(),
            pictures,
        });
    }
    Ok(records)
}

fn is_image(data_type: &DataType) -> bool {
    match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::Struct(fields) => fields.find("bytes").is_some(),
        DataType::List(field) | DataType::LargeList(field) => is_image(field.data_type()),
        _ => false,
    }
}

/// The bytes of every image in a cell.
fn bytes(column: &dyn Array, row: usize, found: &mut Vec<Bytes>) {
    if column.is_null(row) {
        return;
    }
    match column.data_type() {
        DataType::Binary => found.push(Bytes::copy_from_slice(column.as_binary::<i32>().value(row))),
        DataType::LargeBinary => found.push(Bytes::copy_from_slice(column.as_binary::<i64>().value(row))),
        DataType::BinaryView => found.push(Bytes::copy_from_slice(column.as_binary_view().value(row))),
        DataType::Struct(_) => {
            if let Some(inner) = column.as_struct().column_by_name("bytes") {
                bytes(inner, row, found);
            }
        }
        DataType::List(_) => {
            let images = column.as_list::<i32>().value(row);
            (0..images.len()).for_each(|image| bytes(&images, image, found));
        }
        DataType::LargeList(_) => {
            let images = column.as_list::<i64>().value(row);
            (0..images.len()).for_each(|image| bytes(&images, image, found));
        }
        _ => {}
    }
}
