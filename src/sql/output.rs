//! Results of queries on their way out: a table for eyes, CSV and JSON for programs, Parquet for pipelines.
//!
//! In: a data frame, streamed batch by batch (only the table is held, and cut). Out: rows written. Texts of models
//! are hostile: a table shows no control characters.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::cast::{as_float32_array, as_float64_array};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::sync::Arc;

/// A table shows this many rows; the other formats write all.
const MOST_ROWS: usize = 1000;
/// No column of a table is cut below this width.
const NARROWEST: usize = 8;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, cut to the width of the terminal.
    Table,
    /// With a header line.
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
    let mut writer = Writer::new(format, &schema, sink)?;
    let mut shown = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        match &mut writer {
            None if shown.len() <= MOST_ROWS => shown.extend(cells(&batch)?),
            None => {}
            Some(writer) => writer.write(&batch)?,
        }
    }
    match writer {
        Some(writer) => writer.close()?,
        None => table(&schema, shown, rows, width, sink).map_err(failed)?,
    }
    Ok(rows)
}

/// The formats that are written as the batches come.
enum Writer<'a> {
    Csv(arrow::csv::Writer<&'a mut (dyn Write + Send)>, SchemaRef),
    Json(arrow::json::ArrayWriter<&'a mut (dyn Write + Send)>),
    Jsonl(arrow::json::LineDelimitedWriter<&'a mut (dyn Write + Send)>),
    Parquet(ArrowWriter<&'a mut (dyn Write + Send)>),
}

impl<'a> Writer<'a> {
    fn new(format: Format, schema: &SchemaRef, sink: &'a mut (dyn Write + Send)) -> Result<Option<Self>> {
        let explicit = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
        Ok(Some(match format {
            Format::Table => return Ok(None),
            Format::Csv => {
                let schema = without_nesting(schema);
                let mut writer = arrow::csv::Writer::new(sink);
                // The header stands even over no rows.
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
                Self::Csv(writer, schema)
            }
            Format::Json => Self::Json(explicit.build(sink)),
            Format::Jsonl => Self::Jsonl(explicit.build(sink)),
            Format::Parquet => {
                Self::Parquet(ArrowWriter::try_new(sink, schema.clone(), None).map_err(broken)?)
            }
        }))
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv(writer, schema) => {
                let columns = batch.columns().iter().zip(schema.fields());
                let columns: Result<Vec<ArrayRef>, _> = columns
                    .map(|(column, field)| cast(column, field.data_type()))
                    .collect();
                writer.write(&RecordBatch::try_new(schema.clone(), columns?)?)?;
            }
            Self::Json(writer) => writer.write(batch)?,
            Self::Jsonl(writer) => writer.write(batch)?,
            Self::Parquet(writer) => writer.write(batch).map_err(broken)?,
        }
        Ok(())
    }

    fn close(self) -> Result<()> {
        match self {
            Self::Csv(..) => {}
            Self::Json(mut writer) => writer.finish()?,
            Self::Jsonl(mut writer) => writer.finish()?,
            Self::Parquet(writer) => {
                writer.close().map_err(broken)?;
            }
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

/// The texts of a batch's cells, row by row.
fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S"));
    let columns: Result<Vec<Vec<String>>> = batch
        .columns()
        .iter()
        .map(|column| texts(column, &options))
        .collect();
    let columns = columns?;
    Ok((0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect())
}

fn texts(column: &ArrayRef, options: &FormatOptions<'_>) -> Result<Vec<String>> {
    let real = |value: Option<f64>| value.map(short).unwrap_or_default();
    Ok(match column.data_type() {
        DataType::Float64 => as_float64_array(column)?.iter().map(real).collect(),
        DataType::Float32 => as_float32_array(column)?
            .iter()
            .map(|value| real(value.map(f64::from)))
            .collect(),
        _ => {
            let formatter = ArrayFormatter::try_new(column.as_ref(), options)?;
            (0..column.len())
                .map(|row| formatter.value(row).try_to_string().map(|text| printable(&text)))
                .collect::<Result<_, _>>()?
        }
    })
}

/// Three decimals; small numbers keep two digits of their own.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    }
}

/// On one line, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars()
        .map(|each| if each.is_control() { ' ' } else { each })
        .collect()
}

/// Numbers to the right, the rest to the left, two spaces between.
fn table(
    schema: &Schema,
    mut cells: Vec<Vec<String>>,
    rows: usize,
    width: Option<usize>,
    sink: &mut dyn Write,
) -> std::io::Result<()> {
    cells.truncate(MOST_ROWS);
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let mut widths: Vec<usize> = names().map(|name| name.chars().count()).collect();
    for row in &cells {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.chars().count());
        }
    }
    if let Some(width) = width {
        fit(
            &mut widths,
            width.saturating_sub(2 * widths.len().saturating_sub(1)),
        );
    }
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, width), field) in cells.zip(&widths).zip(schema.fields()) {
            let cell = cut(cell, *width);
            let numeric = field.data_type().is_numeric();
            text += &if numeric {
                format!("{cell:>width$}  ")
            } else {
                format!("{cell:<width$}  ")
            };
        }
        writeln!(sink, "{}", text.trim_end())
    };
    line(&mut names())?;
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    line(&mut rules.iter().map(String::as_str))?;
    for row in &cells {
        line(&mut row.iter().map(String::as_str))?;
    }
    if rows > cells.len() {
        writeln!(
            sink,
            "… and {} more rows; `--format csv` writes all",
            rows - cells.len()
        )?;
    }
    Ok(())
}

/// Takes from the widest column until all fit or none can give any more.
fn fit(widths: &mut [usize], width: usize) {
    while widths.iter().sum::<usize>() > width
        && let Some(widest) = widths.iter_mut().max()
        && *widest > NARROWEST
    {
        *widest -= 1;
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn failed(source: std::io::Error) -> Error {
    Error::File {
        action: "write",
        path: "(output)".into(),
        source,
    }
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
        insta::assert_snapshot!(text(Format::Table, None).await, @"");
        insta::assert_snapshot!(text(Format::Table, Some(28)).await, @"");
    }

    #[tokio::test]
    async fn programs_get_csv_and_json() {
        insta::assert_snapshot!(text(Format::Csv, None).await, @"");
        insta::assert_snapshot!(text(Format::Jsonl, None).await, @"");
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
