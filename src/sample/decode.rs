//! Record batches as samples, column by column: a row's way through JSON costs more than the query that found it.

use super::Sample;
use crate::error::{Error, Result};
use crate::sql;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use serde_json::{Map, Value};

/// The rows of a batch, with what a selection keeps in one column spread out.
pub(super) fn samples(batch: &RecordBatch) -> Result<Vec<Sample>> {
    let [id, prompt, completion] = ["id", "prompt", "completion"].map(|name| text(batch, name));
    let (id, prompt, completion) = (id?, prompt?, completion?);
    let [label_source, category, root_image_id, split, licence] =
        ["label_source", "category", "root_image_id", "split", "licence"].map(|name| text(batch, name));
    let (label_source, category, root_image_id) = (label_source?, category?, root_image_id?);
    let (split, licence) = (split?, licence?);
    let (mut images, mut choices) = (texts(batch, "images")?, texts(batch, "choices")?);
    let agreement = number(batch, "agreement")?;
    let mut audit = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name().starts_with("audit_") {
            audit.push((field.name().clone(), values(column)?.into_iter()));
        }
    }
    let at = |column: &Option<StringArray>, row: usize| {
        let column = column.as_ref().filter(|column| column.is_valid(row));
        column.map(|column| column.value(row).to_owned())
    };
    let mut samples = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let unnamed = || Error::Sql {
            problem: "a row has no `id`".to_owned(),
            sql: "the curated rows".to_owned(),
        };
        let columns = audit.iter_mut();
        let columns = columns.filter_map(|(name, values)| Some((name.clone(), values.next()?)));
        samples.push(Sample {
            id: at(&id, row).ok_or_else(unnamed)?,
            images: images.get_mut(row).map(std::mem::take).unwrap_or_default(),
            prompt: at(&prompt, row).unwrap_or_default(),
            completion: at(&completion, row).unwrap_or_default(),
            choices: choices.get_mut(row).map(std::mem::take).unwrap_or_default(),
            label_source: at(&label_source, row),
            agreement: agreement
                .as_ref()
                .and_then(|column| column.is_valid(row).then(|| column.value(row))),
            category: at(&category, row),
            root_image_id: at(&root_image_id, row),
            split: at(&split, row),
            licence: at(&licence, row),
            audit: unpacked(columns.collect()),
        });
    }
    Ok(samples)
}

pub(super) fn text(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>> {
    let column = batch.column_by_name(name);
    let cast = column.map(|column| Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()));
    cast.transpose()
}

fn number(batch: &RecordBatch, name: &str) -> Result<Option<Float64Array>> {
    let column = batch.column_by_name(name);
    let cast = column.map(|column| {
        Ok(cast(column, &DataType::Float64)?
            .as_primitive::<Float64Type>()
            .clone())
    });
    cast.transpose()
}

/// The texts of a column of lists, row by row; none without the column.
pub(super) fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Vec<String>>> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(Vec::new());
    };
    let column = cast(column, &DataType::new_list(DataType::Utf8, true))?;
    let row = |list: Option<ArrayRef>| {
        let list = list.as_ref().map(|list| list.as_string::<i32>().iter().flatten());
        list.map_or_else(Vec::new, |list| list.map(str::to_owned).collect())
    };
    Ok(column.as_list::<i32>().iter().map(row).collect())
}

fn values(column: &ArrayRef) -> Result<Vec<Value>> {
    let column_type = column.data_type();
    if column_type.is_string() {
        let column = cast(column, &DataType::Utf8)?;
        return Ok(column.as_string::<i32>().iter().map(Value::from).collect());
    }
    if *column_type == DataType::Boolean {
        return Ok(column.as_boolean().iter().map(Value::from).collect());
    }
    if column_type.is_signed_integer() {
        let column = cast(column, &DataType::Int64)?;
        return Ok(column
            .as_primitive::<Int64Type>()
            .iter()
            .map(Value::from)
            .collect());
    }
    if *column_type == DataType::Float64 {
        return Ok(column
            .as_primitive::<Float64Type>()
            .iter()
            .map(Value::from)
            .collect());
    }
    let alone = RecordBatch::try_from_iter_with_nullable([("value", column.clone(), true)])?;
    let rows: Vec<Map<String, Value>> = sql::rows(&[alone])?;
    Ok(rows
        .into_iter()
        .filter_map(|mut row| row.remove("value"))
        .collect())
}

/// With what a selection keeps in one column.
fn unpacked(mut audit: Map<String, Value>) -> Map<String, Value> {
    let packed = audit.get("audit_columns").and_then(Value::as_str);
    if let Some(Value::Object(columns)) = packed.and_then(|text| serde_json::from_str(text).ok()) {
        for (name, value) in columns {
            audit.entry(name).or_insert(value);
        }
    }
    audit
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn every_type_of_column_becomes_what_json_makes_of_it() {
        let sql = "SELECT 'a' AS id, ['x', NULL] AS images, NULL::TEXT AS prompt, 'c' AS completion, ['r', 'b'] AS choices,
            1 AS agreement, arrow_cast('k', 'Dictionary(Int32, Utf8)') AS category, 'q' AS audit_text,
            CAST(3 AS SMALLINT) AS audit_number, 0.5 AS audit_share, true AS audit_ok, NULL::TEXT AS audit_none,
            to_timestamp('2026-01-02T03:04:05') AS audit_at, [1, 2] AS audit_list,
            '{\"audit_text\": \"other\", \"audit_more\": 7}' AS audit_columns
            UNION ALL SELECT 'b', [], 'q', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
        let frame = SessionContext::new().sql(sql).await.unwrap();
        let batches = frame.collect().await.unwrap();
        let mut rows: Vec<Sample> = batches.iter().flat_map(|batch| samples(batch).unwrap()).collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let (first, second) = (&rows[0], &rows[1]);
        assert_eq!(
            (first.images.len(), first.prompt.as_str(), first.choices.len()),
            (1, "", 2)
        );
        assert_eq!(
            (first.agreement, first.category.as_deref()),
            (Some(1.0), Some("k"))
        );
        let told: Vec<String> = first
            .audit
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            told.join(" ").split(" audit_columns").next().unwrap(),
            "audit_text=\"q\" audit_number=3 audit_share=0.5 audit_ok=true audit_none=null \
             audit_at=\"2026-01-02T03:04:05\" audit_list=[1,2]"
        );
        assert_eq!(first.audit["audit_more"], 7, "spread out, and nothing replaced");
        assert!(
            second.choices.is_empty() && second.label_source.is_none() && second.audit["audit_at"].is_null()
        );
        let unnamed = SessionContext::new()
            .sql("SELECT NULL::TEXT AS id, ['x'] AS images")
            .await
            .unwrap();
        assert!(samples(&unnamed.collect().await.unwrap()[0]).is_err());
    }
}
