//! The original JSON of the benchmarks: lists, JSON Lines, objects around a list, objects by id, and the pairs of files
//! of VQAv2 (questions, annotations) and RefCOCO (references, instances).
//!
//! Memory: the questions, never the images.

use super::{Data, Place, Record};
use crate::error::Result;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Question files are text; a larger one is a mistake.
const MAX_BYTES: usize = 4 << 30;
/// Where the list is that an object stands around.
const LISTS: [&str; 6] = ["questions", "data", "images", "annotations", "refs", "items"];

pub(super) async fn open(file: &Place, data: &Data) -> Result<BoxStream<'static, Result<Record>>> {
    let wrong = |problem: String| data.error(problem);
    let (mut rows, subset) = parse(file).await.map_err(wrong)?;
    if let Some(address) = &data.annotations {
        let place = Place::parse(address)?;
        let (annotations, images) = annotations(&place).await.map_err(wrong)?;
        rows = join(rows, &annotations, &images);
    }
    let name = file.name();
    Ok(
        stream::iter(rows.into_iter().enumerate().map(move |(row, value)| {
            let at = format!("{name}, record {}", row + 1);
            let Value::Object(mut fields) = value else {
                let problem = format!("record {} is no object; expected {{\"question\": …}}", row + 1);
                return Err(crate::Error::ImageSource {
                    url: name.clone(),
                    problem,
                });
            };
            if let (Some(subset), Some(id)) = (&subset, fields.get("image_id").and_then(Value::as_u64)) {
                fields
                    .entry("image")
                    .or_insert_with(|| json!(format!("COCO_{subset}_{id:012}.jpg")));
            }
            Ok(Record {
                at: at.into(),
                fields,
                pictures: Vec::new(),
            })
        }))
        .boxed(),
    )
}

/// The records of a file, and the subset that VQAv2 names images by.
async fn parse(file: &Place) -> Result<(Vec<Value>, Option<String>), String> {
    let text = file.read(MAX_BYTES).await?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut values: Vec<Value> = Vec::new();
    for value in serde_json::Deserializer::from_slice(text).into_iter() {
        values.push(value.map_err(|error| format!("`{}`: {error}", file.name()))?);
    }
    let only = if values.len() == 1 { values.pop() } else { None };
    Ok(match only {
        None => (values, None),
        Some(Value::Array(rows)) => (rows, None),
        Some(Value::Object(mut object)) => {
            let subset = object
                .get("data_subtype")
                .and_then(Value::as_str)
                .map(str::to_owned);
            match LISTS
                .iter()
                .find(|name| object.get(**name).is_some_and(Value::is_array))
            {
                Some(name) => match object.remove(*name) {
                    Some(Value::Array(rows)) => (rows, subset),
                    _ => (Vec::new(), subset),
                },
                // GQA: objects by question id. A line of JSON Lines alone is a record itself.
                None if !object.is_empty() && object.values().all(Value::is_object) => (by_id(object), None),
                None => (vec![Value::Object(object)], None),
            }
        }
        Some(other) => (vec![other], None),
    })
}

fn by_id(object: Map<String, Value>) -> Vec<Value> {
    let row = |(id, mut value): (String, Value)| {
        if let Some(fields) = value.as_object_mut() {
            fields.entry("question_id").or_insert(Value::String(id));
        }
        value
    };
    object.into_iter().map(row).collect()
}

type ById = HashMap<String, Map<String, Value>>;

/// Annotations by the id that questions know them by, and images by theirs.
async fn annotations(file: &Place) -> Result<(ById, ById), String> {
    let text = file.read(MAX_BYTES).await?;
    let value: Value =
        serde_json::from_slice(&text).map_err(|error| format!("`{}`: {error}", file.name()))?;
    let list = |name: &str, keys: &[&str]| -> Option<ById> {
        let rows = value.get(name)?.as_array()?.iter().filter_map(Value::as_object);
        let key = |row: &Map<String, Value>| keys.iter().find_map(|key| row.get(*key)).map(plain);
        Some(rows.filter_map(|row| Some((key(row)?, row.clone()))).collect())
    };
    let annotations = list("annotations", &["question_id", "id"])
        .ok_or_else(|| format!("`{}`: no list `annotations` at the top", file.name()))?;
    Ok((annotations, list("images", &["id"]).unwrap_or_default()))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Records with what the annotations and images of their ids add; a record's own values stay.
fn join(rows: Vec<Value>, annotations: &ById, images: &ById) -> Vec<Value> {
    let add = |row: &mut Map<String, Value>, more: Option<&Map<String, Value>>| {
        for (name, value) in more.into_iter().flatten() {
            row.entry(name.clone()).or_insert_with(|| value.clone());
        }
    };
    let joined = |mut row: Value| {
        if let Some(fields) = row.as_object_mut() {
            let id = ["question_id", "ann_id"]
                .iter()
                .find_map(|key| fields.get(*key))
                .map(plain);
            add(fields, id.and_then(|id| annotations.get(&id)));
            let image = fields.get("image_id").map(plain);
            add(fields, image.and_then(|id| images.get(&id)));
        }
        row
    };
    rows.into_iter().map(joined).collect()
}
