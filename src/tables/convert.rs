//! Rows to record batches and back: structs inside, Arrow at the edges.
//!
//! Writing goes through Arrow's own JSON decoder, which takes serde structs without making text of
//! them. Reading is a serde deserializer over the columns, so that numbers keep every bit. Batches that
//! are read may have their columns in any order and strings in any of Arrow's forms. In columns that
//! may be null NaN becomes null: a measure that has no value.

use super::TableName;
use crate::error::Result;
use crate::row::{
    AnswerRow, CallRow, DivergenceRow, ImageBytesRow, ImageRow, ModelRow, ProbeRow, RolloutRow, RunProbeRow,
    RunRow, SelectionRow, StepRow, VerdictRow,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Float64Array, RecordBatch, StringArray,
    StructArray,
};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, SecondsFormat};
use serde::de::value::{Error as ValueError, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use std::sync::Arc;

/// A struct that is a row of a table.
pub trait Row: Sized + Sync {
    /// The table that it is a row of.
    const TABLE: TableName;

    /// The rows as one batch of the table's schema.
    fn to_batch(rows: &[Self]) -> Result<RecordBatch>;

    /// The rows of a batch that has at least the table's columns.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>>;
}

macro_rules! rows {
    ($($row:ty = $table:ident),+ $(,)?) => {$(
        impl Row for $row {
            const TABLE: TableName = TableName::$table;

            fn to_batch(rows: &[Self]) -> Result<RecordBatch> {
                encode(Self::TABLE, rows)
            }

            fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>> {
                decode(Self::TABLE, batch)
            }
        }
    )+};
}

rows! {
    ModelRow = Models,
    RunRow = Runs,
    RunProbeRow = RunProbes,
    StepRow = Steps,
    ImageRow = Images,
    ProbeRow = Probes,
    RolloutRow = Rollouts,
    AnswerRow = Answers,
    CallRow = Calls,
    VerdictRow = Verdicts,
    DivergenceRow = Divergences,
    SelectionRow = Selections,
}

impl Row for ImageBytesRow {
    const TABLE: TableName = TableName::ImageBytes;

    fn to_batch(rows: &[Self]) -> Result<RecordBatch> {
        let schema = Self::TABLE.schema();
        let DataType::Struct(fields) = schema.field(1).data_type() else {
            unreachable!("image_bytes.sql declares a struct");
        };
        // In one piece from the start: grown by doubling, the images would be copied several times.
        let byte = rows.iter().map(|row| row.bytes.len()).sum();
        let mut bytes = BinaryBuilder::with_capacity(rows.len(), byte);
        for row in rows {
            bytes.append_value(&row.bytes);
        }
        let bytes = bytes.finish();
        let path = StringArray::from_iter_values(rows.iter().map(|row| &row.path));
        let image = StructArray::try_new(fields.clone(), vec![Arc::new(bytes), Arc::new(path)], None)?;
        let ids = StringArray::from_iter_values(rows.iter().map(|row| &row.image_id));
        Ok(RecordBatch::try_new(
            schema,
            vec![Arc::new(ids), Arc::new(image)],
        )?)
    }

    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>> {
        let columns = cast_columns(Self::TABLE, batch)?;
        let (ids, image) = (columns[0].as_string::<i32>(), columns[1].as_struct());
        let (bytes, path) = (
            image.column(0).as_binary::<i32>(),
            image.column(1).as_string::<i32>(),
        );
        let row = |row: usize| Self {
            image_id: ids.value(row).to_owned(),
            bytes: bytes::Bytes::copy_from_slice(bytes.value(row)),
            path: path.value(row).to_owned(),
        };
        Ok((0..batch.num_rows()).map(row).collect())
    }
}

fn encode<R: Serialize>(table: TableName, rows: &[R]) -> Result<RecordBatch> {
    let schema = table.schema();
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone())
        .with_strict_mode(true)
        .build_decoder()?;
    decoder.serialize(rows)?;
    let Some(batch) = decoder.flush()? else {
        return Ok(RecordBatch::new_empty(schema));
    };
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| match field.data_type() {
        DataType::Float32 | DataType::Float64 if field.is_nullable() => without_nan(column),
        _ => Ok(column.clone()),
    });
    Ok(RecordBatch::try_new(
        schema.clone(),
        columns.collect::<Result<_, ArrowError>>()?,
    )?)
}

fn without_nan(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let values = cast(column, &DataType::Float64)?;
    let values: &Float64Array = values.as_primitive();
    let is_nan: BooleanArray = values.iter().map(|value| value.map(f64::is_nan)).collect();
    nullif(column, &is_nan)
}

/// A batch as the table declares it.
pub(crate) fn conform(table: TableName, batch: &RecordBatch) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new(table.schema(), cast_columns(table, batch)?)?)
}

/// The table's columns of a batch, in the table's order and types.
fn cast_columns(table: TableName, batch: &RecordBatch) -> Result<Vec<ArrayRef>, ArrowError> {
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| {
        let column = batch.column_by_name(field.name()).ok_or_else(|| {
            ArrowError::SchemaError(format!("column `{}.{}` is missing", table.name(), field.name()))
        })?;
        cast(column, field.data_type())
    });
    columns.collect()
}

fn decode<R: DeserializeOwned>(table: TableName, batch: &RecordBatch) -> Result<Vec<R>> {
    let columns = cast_columns(table, batch)?;
    let schema = table.schema();
    let row = |row: usize| {
        let cells = schema.fields().iter().zip(&columns);
        let cells = cells.map(|(field, column)| (field.name().as_str(), Cell { column, row }));
        let row = R::deserialize(MapDeserializer::new(cells));
        row.map_err(|error: ValueError| {
            ArrowError::ParseError(format!("table `{}`: {error}", table.name())).into()
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

/// One value of a column.
struct Cell<'a> {
    column: &'a ArrayRef,
    row: usize,
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let Self { column, row } = self;
        if column.is_null(row) {
            return visitor.visit_unit();
        }
        match column.data_type() {
            DataType::Utf8 => visitor.visit_str(column.as_string::<i32>().value(row)),
            DataType::Boolean => visitor.visit_bool(column.as_boolean().value(row)),
            DataType::Int32 => visitor.visit_i32(column.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => visitor.visit_i64(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => visitor.visit_f32(column.as_primitive::<Float32Type>().value(row)),
            DataType::Float64 => visitor.visit_f64(column.as_primitive::<Float64Type>().value(row)),
            DataType::Timestamp(..) => {
                let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
                let time = DateTime::from_timestamp_micros(micros)
                    .ok_or_else(|| ValueError::custom("a timestamp is out of range"))?;
                visitor.visit_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
            }
            DataType::List(_) => {
                let values = column.as_list::<i32>().value(row);
                let cells = (0..values.len()).map(|row| Cell { column: &values, row });
                visitor.visit_seq(SeqDeserializer::new(cells))
            }
            other => Err(ValueError::custom(format!("no row has a field of type {other}"))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if self.column.is_null(self.row) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, ValueError> for Cell<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests;
