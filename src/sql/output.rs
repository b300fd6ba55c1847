//! Results of queries on their way out: a table for eyes, CSV and JSON for programs, Parquet for pipelines.
//!
//! In: a data frame, streamed batch by batch (only a table is held, to align it). Out: rows written.

mod groups;
mod table;

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use groups::Groups;
use std::io::Write;
use std::sync::Arc;
use table::Table;

pub(crate) use table::is_obeyed;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, cut to the width of the terminal.
    Table,
    /// With a header line; texts as they are, so that a spreadsheet must be told to read them as text: one that begins
    /// with `=` would run as a formula.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    Jsonl,
    /// A file for other engines.
    Parquet,
}

/// Writes what a query finds and returns the number of its rows. `width` is the terminal's, in characters; without
/// one, tables are not cut.
pub async fn write(
    frame: DataFrame,
    format: Format,
    width: Option<usize>,
    sink: &mut (dyn Write + Send),
) -> Result<usize> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut batches = frame.execute_stream().await?;
    let mut rows = 0;
    let mut writer = Writer::new(format, &schema, width, sink)?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        writer.write(batch).await?;
    }
    writer.close().await?;
    Ok(rows)
}

enum Writer<'a> {
    Table(Table<'a>),
    Csv(Box<arrow::csv::Writer<&'a mut (dyn Write + Send)>>, SchemaRef),
    Json(arrow::json::ArrayWriter<&'a mut (dyn Write + Send)>),
    Jsonl(arrow::json::LineDelimitedWriter<&'a mut (dyn Write + Send)>),
    Parquet(Groups<'a>),
}

impl<'a> Writer<'a> {
    fn new(
        format: Format,
        schema: &SchemaRef,
        width: Option<usize>,
        sink: &'a mut (dyn Write + Send),
    ) -> Result<Self> {
        let explicit = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
        Ok(match format {
            Format::Table => Self::Table(Table::new(schema.clone(), width, sink)),
            Format::Csv => {
                let schema = without_nesting(schema);
                let mut writer = arrow::csv::Writer::new(sink);
                // The header stands even over no rows.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Self::Csv(Box::new(writer), schema)
            }
            Format::Json => Self::Json(explicit.build(sink)),
            Format::Jsonl => Self::Jsonl(explicit.build(sink)),
            Format::Parquet => Self::Parquet(Groups::new(sink, schema.clone())?),
        })
    }

    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            Self::Table(table) => table.write(&batch)?,
            Self::Csv(writer, schema) => {
                let columns = batch.columns().iter().zip(schema.fields());
                let columns: Result<Vec<ArrayRef>, _> = columns
                    .map(|(column, field)| cast(column, field.data_type()))
                    .collect();
                writer.write(&RecordBatch::try_new(schema.clone(), columns?)?)?;
            }
            Self::Json(writer) => writer.write(&batch)?,
            Self::Jsonl(writer) => writer.write(&batch)?,
            Self::Parquet(groups) => groups.write(batch).await?,
        }
        Ok(())
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Table(table) => table.close()?,
            Self::Csv(..) => {}
            Self::Json(mut writer) => writer.finish()?,
            Self::Jsonl(mut writer) => writer.finish()?,
            Self::Parquet(groups) => groups.close().await?,
        }
        Ok(())
    }
}

/// CSV has no lists: they become text.
fn without_nesting(schema: &Schema) -> SchemaRef {
    let flat = |field: &Arc<Field>| match field.data_type() {
        nested if nested.is_nested() => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        _ => field.clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(flat).collect::<Vec<_>>()))
}

fn broken(error: parquet::errors::ParquetError) -> Error {
    Error::DataFusion(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    const SQL: &str = "SELECT 1 AS n, 0.25 AS share, 'a \x1b[31mred' AS text, make_array('x', 'y') AS list
        UNION ALL SELECT 22, NULL, 'quoted, \"so\"', NULL ORDER BY n";

    async fn written(format: Format, width: Option<usize>) -> Vec<u8> {
        let frame = SessionContext::new().sql(SQL).await.unwrap();
        let mut bytes = Vec::new();
        assert_eq!(write(frame, format, width, &mut bytes).await.unwrap(), 2);
        bytes
    }

    async fn text(format: Format, width: Option<usize>) -> String {
        String::from_utf8(written(format, width).await).unwrap()
    }

    #[tokio::test]
    async fn a_table_is_aligned_cut_and_harmless() {
        let whole = [
            " n  share  text          list",
            "──  ─────  ────────────  ──────",
            " 1  0.250  a  [31mred    [x, y]",
            "22         quoted, \"so\"",
        ];
        assert_eq!(text(Format::Table, None).await.lines().collect::<Vec<_>>(), whole);
        let narrow = [
            " n  share  text       list",
            "──  ─────  ─────────  ──────",
            " 1  0.250  a  [31mr…  [x, y]",
            "22         quoted, …",
        ];
        assert_eq!(
            text(Format::Table, Some(28)).await.lines().collect::<Vec<_>>(),
            narrow
        );
    }

    #[tokio::test]
    async fn programs_get_csv_and_json() {
        assert_eq!(
            text(Format::Csv, None).await,
            "n,share,text,list\n1,0.25,a \u{1b}[31mred,\"[x, y]\"\n22,,\"quoted, \"\"so\"\"\",\n"
        );
        let lines = text(Format::Jsonl, None).await;
        assert!(lines.starts_with("{\"n\":1,\"share\":0.25,"), "{lines}");
        assert_eq!(lines.lines().count(), 2);
        let array: serde_json::Value = serde_json::from_str(&text(Format::Json, None).await).unwrap();
        assert_eq!(array[1]["n"], 22);
        assert_eq!(array[1]["share"], serde_json::Value::Null);
    }

    #[tokio::test]
    async fn parquet_comes_back_as_it_was() {
        let bytes = bytes::Bytes::from(written(Format::Parquet, None).await);
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes, 10).unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let before = SessionContext::new()
            .sql(SQL)
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        assert_eq!(
            batches[0].columns(),
            arrow::compute::concat_batches(&before[0].schema(), &before)
                .unwrap()
                .columns()
        );
    }
}
