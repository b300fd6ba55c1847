//! Predictions that somebody else's program made: any of the formats of [`super::load`], with an id and a text.

use super::Question;
use super::ask::Asked;
use super::load::Data;
use super::record::Record;
use crate::error::{Error, Result};
use crate::image::decode;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use std::collections::HashMap;

const ID: [&str; 7] = [
    "question_id",
    "questionId",
    "index",
    "id",
    "image_id",
    "qid",
    "question",
];
const TEXT: [&str; 7] = [
    "prediction",
    "answer",
    "caption",
    "response",
    "output",
    "text",
    "prediction_text",
];

/// The questions with the predictions of a file as the answers of its one candidate.
///
/// # Errors
/// [`Error::ImageSource`] when a column is missing or nothing fits together.
pub async fn read(file: &str, mut questions: BoxStream<'static, Result<Question>>) -> Result<Vec<Asked>> {
    let wrong = |problem: String| Error::ImageSource {
        url: file.to_owned(),
        problem,
    };
    let data = Data {
        questions: file.to_owned(),
        ..Data::default()
    };
    let mut records = data.open().await?;
    let mut predictions: HashMap<String, String> = HashMap::new();
    while let Some(record) = records.try_next().await? {
        let (id, text) = prediction(&record).map_err(wrong)?;
        if let Some(other) = predictions
            .insert(id.clone(), text.clone())
            .filter(|other| *other != text)
        {
            return Err(wrong(
                record.wrong(&format!("`{id}` has two predictions, `{other}` and `{text}`")),
            ));
        }
    }
    let mut asked = Vec::new();
    let mut used = 0;
    while let Some(mut question) = questions.try_next().await? {
        let found = keys(&question).find_map(|key| predictions.get(&key).cloned());
        used += usize::from(found.is_some());
        if question.target.is_some() && question.size.is_none() {
            question.size = size(&question).await;
        }
        let group = question.root.as_ref().or(question.group.as_ref());
        let image = group.unwrap_or(&question.id).clone();
        question.pictures = Vec::new();
        asked.push(Asked {
            question,
            image,
            answers: vec![Some(found.ok_or_else(|| "no prediction".to_owned()))],
            probes: vec![None],
        });
    }
    if used == 0 {
        let some = |ids: Vec<&str>| ids.into_iter().take(3).collect::<Vec<_>>().join(", ");
        return Err(wrong(format!(
            "no prediction is of a question; its ids are like {}, the questions' like {}",
            some(predictions.keys().map(String::as_str).collect()),
            some(asked.iter().map(|asked| asked.question.id.as_str()).collect()),
        )));
    }
    Ok(asked)
}

fn prediction(record: &Record) -> std::result::Result<(String, String), String> {
    let id = record.text(&ID)?;
    // An empty answer is one.
    let empty = TEXT
        .iter()
        .any(|name| record.fields.get(*name).is_some_and(|value| value == ""));
    let text = record
        .text(&TEXT)
        .or_else(|problem| if empty { Ok(String::new()) } else { Err(problem) })?;
    let question = record.text_if(&["question"]).filter(|question| *question != id);
    let category = record.text_if(&["category"]);
    Ok((key(category.as_deref(), &id, question.as_deref()), text))
}

/// What a prediction is known by: its id, with category and question where it has them.
fn key(category: Option<&str>, id: &str, question: Option<&str>) -> String {
    [category, Some(id), question]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\u{1f}")
}

/// What predictions of a question may be known by, the most telling first.
fn keys(question: &Question) -> impl Iterator<Item = String> + '_ {
    let category = question.category.as_deref();
    let plain = question
        .id
        .strip_suffix(&format!(" {}", question.text))
        .unwrap_or(&question.id);
    let plain = category
        .and_then(|category| plain.strip_prefix(&format!("{category} ")))
        .unwrap_or(plain);
    let text = Some(question.text.as_str());
    let of = move |id: &str| {
        [
            key(category, id, text),
            key(None, id, text),
            key(category, id, None),
            key(None, id, None),
        ]
    };
    // An expression of RefCOCO is known by its image's number, too, where there is one alone.
    let first = question.id.strip_suffix("-0").unwrap_or(&question.id);
    [&question.id, plain, first].into_iter().flat_map(of)
}

async fn size(question: &Question) -> Option<(f64, f64)> {
    let bytes = question.pictures.first()?.read().await.ok()?;
    let decoded = tokio::task::spawn_blocking(move || decode(&bytes))
        .await
        .ok()?
        .ok()?;
    Some((
        f64::from(decoded.pixels.width()),
        f64::from(decoded.pixels.height()),
    ))
}
