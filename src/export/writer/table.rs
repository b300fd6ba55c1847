//! Records in Parquet with their images inside, in shards.
//!
//! The images' column is exactly what `datasets` takes for pictures: nullable `struct<bytes: binary, path: string>` and a
//! note in the schema's metadata. Row groups are small, because readers hold a whole one.

use super::Files;
use crate::error::{Error, Result};
use crate::export::Ready;
use crate::export::output::{File, Output};
use crate::export::shape::{Parquet, Picture};
use arrow::array::{ArrayRef, BinaryArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

const ROWS_PER_GROUP: usize = 100;
const BYTE_PER_GROUP: usize = 64 << 20;

/// How records and images lie in a file.
pub(in crate::export) struct Layout {
    parquet: Parquet,
    /// Of the records, without images.
    plain: SchemaRef,
    schema: SchemaRef,
    properties: WriterProperties,
}

pub(super) struct Table {
    layout: Layout,
    shard_byte: usize,
    splits: BTreeMap<String, Split>,
    hash: Sha256,
}

#[derive(Default)]
struct Split {
    shards: usize,
    open: Option<(ArrowWriter<Vec<u8>>, File)>,
    waiting: Vec<Ready>,
    waiting_byte: usize,
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
            .chain(parquet.fields.iter().cloned())
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
        Ok(Self {
            parquet,
            plain,
            schema,
            properties: properties.build(),
        })
    }

    /// A writer into memory, to be emptied after every row group.
    pub(in crate::export) fn writer(&self) -> Result<ArrowWriter<Vec<u8>>> {
        ArrowWriter::try_new(Vec::new(), self.schema.clone(), Some(self.properties.clone())).map_err(broken)
    }

    /// Writes rows as one row group, and takes the bytes out.
    pub(in crate::export) fn write(
        &self,
        writer: &mut ArrowWriter<Vec<u8>>,
        rows: &[Ready],
    ) -> Result<Vec<u8>> {
        writer
            .write(&batch(&self.parquet, &self.plain, &self.schema, rows)?)
            .map_err(broken)?;
        writer.flush().map_err(broken)?;
        writer.sync().map_err(|error| broken(error.into()))?;
        Ok(std::mem::take(writer.inner_mut()))
    }
}

/// Ends a file, and gives its last bytes.
pub(in crate::export) fn finish(writer: ArrowWriter<Vec<u8>>) -> Result<Vec<u8>> {
    writer.into_inner().map_err(broken)
}

impl Table {
    pub(super) fn new(parquet: Parquet, shard_byte: usize) -> Result<Self> {
        Ok(Self {
            layout: Layout::new(parquet)?,
            shard_byte,
            splits: BTreeMap::new(),
            hash: Sha256::new(),
        })
    }

    /// Writes what waits as one row group; ends the shard when it is large enough, or when told to.
    async fn flush(&mut self, output: &Output, name: &str, end: bool) -> Result<()> {
        let split = self.splits.entry(name.to_owned()).or_default();
        let rows = std::mem::take(&mut split.waiting);
        split.waiting_byte = 0;
        if !rows.is_empty() {
            if split.open.is_none() {
                let file = output
                    .file(&format!("data/{name}-{:05}.parquet", split.shards))
                    .await?;
                split.open = Some((self.layout.writer()?, file));
                split.shards += 1;
            }
            let (writer, file) = split.open.as_mut().expect("it was opened above");
            let bytes = self.layout.write(writer, &rows)?;
            self.hash.update(&bytes);
            file.write(&bytes).await?;
        }
        let full = split
            .open
            .as_ref()
            .is_some_and(|(_, file)| file.byte >= self.shard_byte);
        if (full || end)
            && let Some((writer, mut file)) = split.open.take()
        {
            file.write(&finish(writer)?).await?;
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
        if split.waiting.len() >= ROWS_PER_GROUP || split.waiting_byte >= BYTE_PER_GROUP {
            self.flush(output, &name, false).await?;
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>, output: &Output) -> Result<String> {
        for name in self.splits.keys().cloned().collect::<Vec<_>>() {
            self.flush(output, &name, true).await?;
        }
        let mut hash = String::new();
        for byte in self.hash.finalize().iter().take(4) {
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
    let columns = [images].into_iter().chain(texts.columns().iter().cloned());
    Ok(RecordBatch::try_new(schema.clone(), columns.collect())?)
}

fn broken(error: parquet::errors::ParquetError) -> Error {
    Error::DataFusion(error.into())
}
