//! Questions in JSON about images in files: JSON Lines, JSON arrays and VQAv2's pairs of files.
//!
//! In: records with an image's path (relative to the file, or to `url` where `questions` names the file), a
//! question, answers, choices, category; other plain values become attributes. Out: one [`Found`] for each
//! image, in the order of first mention, with all its questions. Memory: the questions, never the images.

use super::columns::Columns;
use super::folder::{found, licence};
use super::place::{Entry, Place, local_entry, normal, split};
use super::{Found, SourceOptions, SourceQuestion, sample, vqa};
use crate::error::Result;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Question files are text; a larger one is a mistake.
const MAX_FILE_BYTES: usize = 4 << 30;

struct Grouped {
    place: Place,
    path: String,
    attributes: Map<String, Value>,
    questions: Vec<SourceQuestion>,
}

/// Reads the question file and lists the images that it names.
pub(super) async fn open(options: Arc<SourceOptions>) -> Result<BoxStream<'static, Result<Found>>> {
    let images = images(&options).await.map_err(|problem| options.error(problem))?;
    let listing = options.clone();
    let found = stream::iter(images).map(move |image| {
        // In a bucket neither age nor etag: asking for each image would cost a request each.
        let local = matches!(image.place, Place::Local).then(|| local_entry(Path::new(&image.path)));
        let entry = local.and_then(Result::ok).unwrap_or(Entry {
            path: image.path,
            size: 0,
            modified: chrono::DateTime::UNIX_EPOCH,
            etag: None,
        });
        let mut found = found(&image.place, entry, image.attributes, &listing);
        found.licence = licence(&listing, &found.attributes);
        found.questions = image.questions;
        Ok(found)
    });
    Ok(match options.sample {
        Some(_) => sample::draw(found.boxed(), options),
        None => found.boxed(),
    })
}

async fn images(options: &SourceOptions) -> Result<Vec<Grouped>, String> {
    let file = options.questions.as_ref().unwrap_or(&options.url);
    let text = read(file).await?;
    let mut records = records(&text).map_err(|problem| format!("`{file}`: {problem}"))?;
    if vqa::is_vqa(&records) {
        let annotations = match &options.annotations {
            Some(file) => Some((file.as_str(), read(file).await?)),
            None => None,
        };
        records = vqa::join(
            records,
            annotations.as_ref().map(|(file, text)| (*file, text.as_ref())),
            options,
        )?;
    } else if options.annotations.is_some() {
        return Err(format!(
            "`annotations` needs VQAv2's form of questions; `{file}` has plain records"
        ));
    }
    let (place, path) = Place::parse(&options.url)?;
    let folder = if options.questions.is_some() {
        path
    } else {
        path.rsplit_once('/')
            .map_or_else(String::new, |(folder, _)| folder.to_owned())
    };

    let mut grouped: Vec<Grouped> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut buckets: HashMap<String, Place> = HashMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, record) in records.into_iter().enumerate() {
        let wrong = |problem| format!("`{file}`, record {}: {problem}", index + 1);
        let Value::Object(record) = record else {
            return Err(wrong(
                "it is no object; expected {\"image\": …, \"question\": …}".to_owned(),
            ));
        };
        let names: Vec<&str> = record.keys().map(String::as_str).collect();
        for name in names
            .iter()
            .filter(|name| !seen.contains(**name))
            .collect::<Vec<_>>()
        {
            seen.insert((*name).to_owned());
        }
        // Records need not have all columns, so a configured name may be missing here and there.
        let columns = Columns::choose(&names, &present(options, &names)).map_err(wrong)?;
        let reference = columns.image.as_ref().and_then(|name| first_text(&record[name]));
        let reference = reference
            .ok_or_else(|| wrong(Columns::no_image(&names)))?
            .to_owned();
        let (question, attributes) = columns.read(record);
        let position = *positions.entry(reference).or_insert_with_key(|reference| {
            grouped.push(Grouped {
                place: place.clone(),
                path: reference.clone(),
                attributes,
                questions: Vec::new(),
            });
            grouped.len() - 1
        });
        grouped[position].questions.extend(question);
    }
    Columns::choose(&seen.iter().map(String::as_str).collect::<Vec<_>>(), options)?;
    for image in &mut grouped {
        if image.path.contains("://") {
            let (bucket, path) = split(&image.path)?;
            image.path = path;
            image.place = match bucket {
                None => Place::Local,
                Some(bucket) => {
                    // One client for all images of a bucket.
                    if !buckets.contains_key(&bucket) {
                        buckets.insert(bucket.clone(), Place::bucket(&bucket)?);
                    }
                    buckets[&bucket].clone()
                }
            };
        } else if image.path.starts_with('/') {
            image.place = Place::Local;
        } else {
            image.path = normal(&format!("{folder}/{}", image.path));
            if matches!(image.place, Place::Local) {
                image.path.insert(0, '/');
            }
        }
    }
    Ok(grouped)
}

/// The options without the column names that this record lacks.
fn present(options: &SourceOptions, names: &[&str]) -> SourceOptions {
    let keep = |name: &Option<String>| name.clone().filter(|name| names.contains(&name.as_str()));
    SourceOptions {
        question_column: keep(&options.question_column),
        answer_column: keep(&options.answer_column),
        choices_column: keep(&options.choices_column),
        category_column: keep(&options.category_column),
        ..options.clone()
    }
}

fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Array(values) if values.len() == 1 => first_text(&values[0]),
        // HF's images, when a data set is written as JSON.
        Value::Object(fields) => fields.get("path").and_then(first_text),
        _ => None,
    }
}

async fn read(address: &str) -> Result<bytes::Bytes, String> {
    let (place, path) = Place::parse(address)?;
    place
        .read(&path, MAX_FILE_BYTES)
        .await
        .map_err(|error| format!("`{address}`: {error}"))
}

/// The records of a JSON array, of VQAv2's object around one, or of JSON Lines.
pub(super) fn records(text: &[u8]) -> Result<Vec<Value>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match text.trim_ascii_start().first() {
        None => return Err("the file is empty".to_owned()),
        Some(b'[') => return serde_json::from_slice(text).map_err(|error| error.to_string()),
        Some(_) => {}
    }
    let mut values = Vec::new();
    // Values one after the other: JSON Lines, or one object that spans many lines.
    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
        values.push(value.map_err(|error| format!("{error} (expected JSON Lines or a JSON array)"))?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
