//! Parquet whose row groups are encoded while the query goes on.

use super::broken;
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use tokio::task::{JoinHandle, spawn_blocking};

const ROWS_PER_GROUP: usize = 100_000;

/// Row groups that are encoded beside the one that is collected.
const IN_FLIGHT: usize = 1;

pub(super) struct Groups<'a> {
    file: SerializedFileWriter<&'a mut (dyn Write + Send)>,
    /// Batches may be without nulls where the file's columns are not.
    schema: SchemaRef,
    encoders: Arc<ArrowRowGroupWriterFactory>,
    waiting: Vec<RecordBatch>,
    rows: usize,
    encoding: VecDeque<JoinHandle<std::result::Result<Vec<ArrowColumnChunk>, ParquetError>>>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(sink: &'a mut (dyn Write + Send), schema: SchemaRef) -> Result<Self> {
        let writer = ArrowWriter::try_new(sink, schema.clone(), None);
        let (file, encoders) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(broken)?;
        Ok(Self {
            file,
            schema,
            encoders: Arc::new(encoders),
            waiting: Vec::new(),
            rows: 0,
            encoding: VecDeque::new(),
        })
    }

    pub(super) async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.waiting.push(batch);
        if self.rows >= ROWS_PER_GROUP {
            self.encode(IN_FLIGHT).await?;
        }
        Ok(())
    }

    /// Has what waits encoded, and writes what was encoded before, but for so many row groups.
    async fn encode(&mut self, in_flight: usize) -> Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        if std::mem::take(&mut self.rows) > 0 {
            let (encoders, schema) = (self.encoders.clone(), self.schema.clone());
            self.encoding
                .push_back(spawn_blocking(move || encoded(&encoders, &schema, &batches)));
        }
        while self.encoding.len() > in_flight
            && let Some(encoded) = self.encoding.pop_front()
        {
            let columns = encoded.await.expect("encoding neither panics nor is cancelled");
            let mut group = self.file.next_row_group().map_err(broken)?;
            for column in columns.map_err(broken)? {
                column.append_to_row_group(&mut group).map_err(broken)?;
            }
            group.close().map_err(broken)?;
        }
        Ok(())
    }

    pub(super) async fn close(mut self) -> Result<()> {
        self.encode(0).await?;
        self.file.close().map(drop).map_err(broken)
    }
}

fn encoded(
    encoders: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> std::result::Result<Vec<ArrowColumnChunk>, ParquetError> {
    let mut columns = encoders.create_column_writers(0)?;
    for batch in batches {
        let mut each = columns.iter_mut();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, column)? {
                each.next()
                    .expect("there is an encoder for every leaf of the schema")
                    .write(&leaf)?;
            }
        }
    }
    columns.into_iter().map(ArrowColumnWriter::close).collect()
}
