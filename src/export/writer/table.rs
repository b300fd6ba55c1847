//! Records in Parquet with their images inside, in shards.
//!
//! The images' column is exactly what `datasets` takes for pictures: nullable `struct<bytes: binary, path: string>` and a
//! note in the schema's metadata. Row groups are small, because readers hold a whole one. They are encoded beside each other
//! and written in the rows' order.

use super::Files;
use crate::error::{Error, Result};
use crate::export::Ready;
use crate::export::output::{File, Output};
use crate::export::shape::{Parquet, Picture};
use arrow::array::{ArrayRef, BinaryArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A hundred photographs or a thousand icons: every row group costs all columns' encoders anew.
const ROWS_PER_GROUP: usize = 1000;
const BYTE_PER_GROUP: usize = 16 << 20;

/// Row groups of a split that are encoded at once.
const GROUPS_IN_FLIGHT: usize = 2;

/// How records and images lie in a file.
pub(in crate::export) struct Layout {
    parquet: Parquet,
    /// What the format has of its own.
    plain: SchemaRef,
    schema: SchemaRef,
    properties: WriterProperties,
    encoders: ArrowRowGroupWriterFactory,
}

/// A file that grows by row groups in memory, and is emptied after each.
pub(in crate::export) struct Shard(SerializedFileWriter<Vec<u8>>);

pub(super) struct Table {
    layout: Arc<Layout>,
    shard_byte: usize,
    splits: BTreeMap<String, Split>,
    /// Of the row groups, where the format asks for it.
    hash: Option<Sha256>,
}

#[derive(Default)]
struct Split {
    shards: usize,
    open: Option<(Shard, File)>,
    waiting: Vec<Ready>,
    waiting_byte: usize,
    encoding: VecDeque<JoinHandle<Result<Vec<ArrowColumnChunk>>>>,
}

impl Layout {
    pub(in crate::export) fn new(parquet: Parquet) -> Result<Self> {
        let plain: SchemaRef = Schema::new(parquet.fields.clone()).into();
        let (name, feature, data_type) = if parquet.single {
            ("image", json!({"_type": "Image"}), picture_type())
        } else {
            let list = json!({"feature": {"_type": "Image"}, "_type": "Sequence"});
            ("images", list, DataType::List(item()))
        };
        let features = json!({"info": {"features": {name: feature}}}).to_string();
        let metadata = HashMap::from([("huggingface".to_owned(), features.clone())]);
        let images: Arc<Field> = Field::new(name, data_type, true).into();
        let fields: Vec<_> = [images]
            .into_iter()
            .chain(parquet.fields.iter().chain(&parquet.others).cloned())
            .collect();
        let schema: SchemaRef = Schema::new_with_metadata(fields, metadata).into();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), features)]));
        let columns = ArrowSchemaConverter::new().convert(&schema).map_err(broken)?;
        for column in columns.columns() {
            let path = column.path();
            if path.parts().last().is_some_and(|part| part == "bytes") {
                properties = properties
                    .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
            }
        }
        let properties = properties.build();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.clone()));
        let (_, encoders) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(broken)?;
        Ok(Self {
            parquet,
            plain,
            schema,
            properties,
            encoders,
        })
    }

    /// A new file.
    pub(in crate::export) fn shard(&self) -> Result<Shard> {
        let writer = ArrowWriter::try_new(Vec::new(), self.schema.clone(), Some(self.properties.clone()));
        let (writer, _) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(broken)?;
        Ok(Shard(writer))
    }

    /// The columns of one row group.
    pub(in crate::export) fn encode(&self, rows: &[Ready]) -> Result<Vec<ArrowColumnChunk>> {
        let batch = batch(&self.parquet, &self.plain, &self.schema, rows)?;
        let mut encoders = self.encoders.create_column_writers(0).map_err(broken)?;
        let mut each = encoders.iter_mut();
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, column).map_err(broken)? {
                let encoder = each
                    .next()
                    .expect("there is an encoder for every leaf of the schema");
                encoder.write(&leaf).map_err(broken)?;
            }
        }
        let closed = encoders
            .into_iter()
            .map(|encoder| encoder.close().map_err(broken));
        closed.collect()
    }
}

impl Shard {
    /// Goes on with a row group, and gives its bytes.
    pub(in crate::export) fn append(&mut self, columns: Vec<ArrowColumnChunk>) -> Result<Vec<u8>> {
        let length = columns
            .iter()
            .map(|column| column.close().bytes_written)
            .sum::<u64>();
        self.0.inner_mut().reserve(usize::try_from(length).unwrap_or(0));
        let mut group = self.0.next_row_group().map_err(broken)?;
        for column in columns {
            column.append_to_row_group(&mut group).map_err(broken)?;
        }
        group.close().map_err(broken)?;
        self.0.flush().map_err(|error| broken(error.into()))?;
        Ok(std::mem::take(self.0.inner_mut()))
    }

    /// Ends the file, and gives its last bytes.
    pub(in crate::export) fn finish(self) -> Result<Vec<u8>> {
        self.0.into_inner().map_err(broken)
    }
}

impl Table {
    pub(super) fn new(parquet: Parquet, shard_byte: usize, hashed: bool) -> Result<Self> {
        Ok(Self {
            layout: Arc::new(Layout::new(parquet)?),
            shard_byte,
            splits: BTreeMap::new(),
            hash: hashed.then(Sha256::new),
        })
    }

    /// Has what waits encoded as one row group, and writes what was encoded before.
    async fn flush(&mut self, output: &Output, name: &str, in_flight: usize) -> Result<()> {
        let split = self.splits.entry(name.to_owned()).or_default();
        let rows = std::mem::take(&mut split.waiting);
        split.waiting_byte = 0;
        if !rows.is_empty() {
            let layout = self.layout.clone();
            split
                .encoding
                .push_back(tokio::task::spawn_blocking(move || layout.encode(&rows)));
        }
        while split.encoding.len() > in_flight
            && let Some(encoded) = split.encoding.pop_front()
        {
            let columns = encoded.await.expect("encoding neither panics nor is cancelled")?;
            if split.open.is_none() {
                let file = output
                    .file(&format!("data/{name}-{:05}.parquet", split.shards))
                    .await?;
                split.open = Some((self.layout.shard()?, file));
                split.shards += 1;
            }
            let (shard, file) = split.open.as_mut().expect("it was opened above");
            let bytes = shard.append(columns)?;
            if let Some(hash) = &mut self.hash {
                hash.update(&bytes);
            }
            file.put(bytes.into()).await?;
            if file.byte >= self.shard_byte {
                split.end().await?;
            }
        }
        Ok(())
    }
}

impl Split {
    /// Ends the shard that is open.
    async fn end(&mut self) -> Result<()> {
        if let Some((shard, mut file)) = self.open.take() {
            file.put(shard.finish()?.into()).await?;
            file.close().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Files for Table {
    async fn write(&mut self, output: &Output, row: Ready) -> Result<()> {
        let name = row.sample.split().to_owned();
        let split = self.splits.entry(name.clone()).or_default();
        split.waiting_byte += row
            .pictures
            .iter()
            .map(|picture| picture.bytes.len())
            .sum::<usize>();
        split.waiting.push(row);
        let full = split.waiting_byte >= BYTE_PER_GROUP.min(self.shard_byte);
        if full || split.waiting.len() >= ROWS_PER_GROUP {
            self.flush(output, &name, GROUPS_IN_FLIGHT).await?;
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>, output: &Output) -> Result<String> {
        for name in self.splits.keys().cloned().collect::<Vec<_>>() {
            self.flush(output, &name, 0).await?;
        }
        for split in self.splits.values_mut() {
            split.end().await?;
        }
        let mut hash = String::new();
        for byte in self.hash.map(Sha256::finalize).iter().flatten().take(4) {
            let _ = write!(hash, "{byte:02x}");
        }
        Ok(hash)
    }
}

fn picture_fields() -> Fields {
    let fields = [("bytes", DataType::Binary), ("path", DataType::Utf8)];
    fields
        .map(|(name, data_type)| Field::new(name, data_type, true))
        .into_iter()
        .collect()
}

fn picture_type() -> DataType {
    DataType::Struct(picture_fields())
}

fn item() -> Arc<Field> {
    Field::new("item", picture_type(), true).into()
}

fn batch(parquet: &Parquet, plain: &SchemaRef, schema: &SchemaRef, rows: &[Ready]) -> Result<RecordBatch> {
    let records: Vec<_> = rows
        .iter()
        .map(|row| (parquet.record)(&row.sample, &[]))
        .collect();
    let mut decoder = arrow::json::ReaderBuilder::new(plain.clone())
        .with_coerce_primitive(true)
        .build_decoder()?;
    decoder.serialize(&records)?;
    let texts = decoder.flush()?.expect("there are rows");
    let pictures: Vec<&Picture> = rows.iter().flat_map(|row| &row.pictures).collect();
    let bytes = BinaryArray::from_iter_values(pictures.iter().map(|picture| &picture.bytes));
    let names = pictures
        .iter()
        .map(|picture| format!("{}.{}", picture.id, picture.extension));
    let names = StringArray::from_iter_values(names);
    let structs = StructArray::try_new(picture_fields(), vec![Arc::new(bytes), Arc::new(names)], None)?;
    let images: ArrayRef = if parquet.single {
        Arc::new(structs)
    } else {
        let lengths = OffsetBuffer::from_lengths(rows.iter().map(|row| row.pictures.len()));
        Arc::new(ListArray::try_new(item(), lengths, Arc::new(structs), None)?)
    };
    let mut columns = vec![images];
    columns.extend(texts.columns().iter().cloned());
    if !parquet.others.is_empty() {
        columns.extend(others(rows)?.columns().iter().cloned());
    }
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// The columns that come from the query as they are.
fn others(rows: &[Ready]) -> Result<RecordBatch> {
    let mut batches: Vec<&Arc<RecordBatch>> = Vec::new();
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let (batch, at) = &row.others;
        if batches.last().is_none_or(|last| !Arc::ptr_eq(last, batch)) {
            batches.push(batch);
        }
        places.push((batches.len() - 1, *at));
    }
    let batches: Vec<&RecordBatch> = batches.into_iter().map(AsRef::as_ref).collect();
    Ok(interleave_record_batch(&batches, &places)?)
}

fn broken(error: parquet::errors::ParquetError) -> Error {
    Error::DataFusion(error.into())
}
