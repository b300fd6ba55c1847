//! Records in Parquet, with their images inside.

use super::{Checked, undecodable};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::path::Path;

/// Columns of text or conversations that must not be empty, where they are there.
const NOT_EMPTY: [&str; 7] = [
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "question",
    "answer",
    "solution",
];

const ROWS_AT_ONCE: usize = 32;

pub(super) fn check(path: &Path, name: &str, checked: &mut Checked) -> Result<(), String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    if let Err(problem) = images(builder.schema()) {
        checked.problem(format!("{name}: {problem}"));
    }
    let batches = builder
        .with_batch_size(ROWS_AT_ONCE)
        .build()
        .map_err(|error| error.to_string())?;
    let mut row = 0;
    for batch in batches {
        let batch = batch.map_err(|error| error.to_string())?;
        let records = records(&batch).map_err(|error| error.to_string())?;
        for (at, record) in records.iter().enumerate() {
            row += 1;
            checked.records += 1;
            let mut problems = Vec::new();
            let pictures = pictures(&batch, at, &mut problems);
            texts(record, pictures, &mut problems);
            for problem in problems {
                checked.problem(format!("{name}:{row}: {problem}"));
            }
        }
    }
    Ok(())
}

/// Whether readers take the column for pictures.
fn images(schema: &Schema) -> Result<(), String> {
    let Some(field) = ["image", "images"]
        .iter()
        .find_map(|name| schema.field_with_name(name).ok())
    else {
        return Err("there is no column `image` or `images`".to_owned());
    };
    let data_type = match field.data_type() {
        DataType::List(item) => item.data_type(),
        other => other,
    };
    let DataType::Struct(fields) = data_type else {
        return Err(format!(
            "`{}` is a {data_type}, not a struct of bytes and path",
            field.name()
        ));
    };
    let kinds: Vec<_> = fields
        .iter()
        .map(|field| (field.name().as_str(), field.data_type(), field.is_nullable()))
        .collect();
    if kinds
        != [
            ("bytes", &DataType::Binary, true),
            ("path", &DataType::Utf8, true),
        ]
        || !field.is_nullable()
    {
        return Err(format!(
            "`{}` is a {data_type}; readers need a nullable struct of nullable bytes (binary) and path (string), in this order",
            field.name()
        ));
    }
    let known = schema.metadata().get("huggingface");
    let noted = known.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if noted.is_none_or(|noted| noted["info"]["features"][field.name()].is_null()) {
        return Err(format!(
            "the schema does not say that `{}` is an Image: it would stay a dictionary of bytes",
            field.name()
        ));
    }
    Ok(())
}

/// How many pictures a row has; what is wrong with them is added.
fn pictures(batch: &RecordBatch, row: usize, problems: &mut Vec<String>) -> usize {
    let single = batch.column_by_name("image").map(|column| column.slice(row, 1));
    let several = || {
        let lists = batch.column_by_name("images")?.as_list_opt::<i32>()?;
        lists.is_valid(row).then(|| lists.value(row))
    };
    let Some(structs) = single.or_else(several) else {
        problems.push("there is no image".to_owned());
        return 0;
    };
    let bytes = structs
        .as_struct_opt()
        .and_then(|fields| fields.column_by_name("bytes")?.as_binary_opt::<i32>());
    for at in 0..structs.len() {
        match bytes
            .filter(|bytes| bytes.is_valid(at))
            .map(|bytes| bytes.value(at))
        {
            None => problems.push("an image has no bytes".to_owned()),
            Some(bytes) => {
                problems.extend(undecodable(bytes).map(|problem| format!("image {}: {problem}", at + 1)));
            }
        }
    }
    if structs.is_empty() {
        problems.push("there is no image".to_owned());
    }
    structs.len()
}

/// The rows without their images.
fn records(batch: &RecordBatch) -> Result<Vec<Value>, arrow::error::ArrowError> {
    let schema = batch.schema();
    let plain = (0..batch.num_columns()).filter(|at| NOT_EMPTY.contains(&schema.field(*at).name().as_str()));
    let plain = batch.project(&plain.collect::<Vec<_>>())?;
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write(&plain)?;
    writer.finish()?;
    serde_json::from_slice(&writer.into_inner())
        .map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))
}

fn texts(record: &Value, pictures: usize, problems: &mut Vec<String>) {
    for name in NOT_EMPTY {
        let Some(value) = record.get(name) else { continue };
        let text = match value {
            Value::Array(turns) => turns.iter().filter_map(|turn| turn["content"].as_str()).collect(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        if text.trim().is_empty() {
            problems.push(format!("`{name}` is empty"));
        }
        // Trainers put placeholders in themselves, or need one for each image: any other number fails.
        let marked = text.matches("<image>").count();
        if name == "prompt" && marked > 0 && marked != pictures {
            problems.push(format!("{marked} <image> for {pictures} images"));
        }
    }
}
