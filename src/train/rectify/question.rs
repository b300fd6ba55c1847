//! Questions that a target is examined on: rows of the tables, or labelled images of a source.

use super::is_labelled;
use crate::diverge::Truth;
use crate::error::{Error, Result};
use crate::model::{EncodedImage, Model, Request, Sampling};
use crate::picture::Pictures;
use crate::row::{content_id, id};
use crate::sample::Sample;
use crate::source::Found;
use crate::train::student::Student;

/// A question that the target is examined on.
pub(super) struct Tested {
    id: String,
    question: String,
    choices: Vec<String>,
    answers: Vec<String>,
    pub(super) category: String,
    shown: Shown,
}

/// Where the image of an examination is.
enum Shown {
    /// In the tables, by its id.
    Kept(String),
    /// In a source.
    Listed(Found),
}

impl Tested {
    pub(super) fn row(row: Sample) -> Self {
        Self {
            question: row.question(),
            shown: Shown::Kept(row.images[0].clone()),
            id: row.id,
            choices: row.choices,
            answers: vec![row.completion],
            category: row.category.unwrap_or_default(),
        }
    }

    /// One of the labelled questions of an image, which its address decides.
    pub(super) fn listed(found: Found) -> Option<Self> {
        let labelled = found.questions.iter().filter(|question| is_labelled(question));
        let chosen = labelled
            .min_by_key(|question| id([&found.uri, &question.question]))?
            .clone();
        Some(Self {
            id: id(["examined", &found.uri]),
            question: chosen.question,
            choices: chosen.choices,
            answers: chosen.answers,
            category: chosen.category.unwrap_or_default(),
            shown: Shown::Listed(found),
        })
    }
}

/// Whether the student answers each question as its label says.
pub(super) async fn right(
    tested: &[Tested],
    student: &Student,
    sampling: &Sampling,
    pictures: &Pictures,
) -> Result<Vec<bool>> {
    let model = student.serve(sampling)?;
    let mut right = Vec::with_capacity(tested.len());
    for rows in tested.chunks(256) {
        let kept = rows.iter().filter_map(|row| match &row.shown {
            Shown::Kept(image_id) => Some(image_id.clone()),
            Shown::Listed(_) => None,
        });
        let kept = pictures.read(&kept.collect()).await?;
        let mut requests = Vec::with_capacity(rows.len());
        for row in rows {
            let (image, name) = match &row.shown {
                Shown::Kept(image_id) => (kept[image_id].clone(), image_id),
                Shown::Listed(found) => ((found.read)().await, &found.uri),
            };
            let image = image.map_err(|problem| Error::Training(format!("image {name}: {problem}")))?;
            requests.push(Request {
                subject: row.id.as_str().into(),
                images: vec![EncodedImage::new(content_id(&image).as_str(), image)],
                prompt: row.question.clone(),
                system: None,
                sampling: sampling.clone(),
                seed: 0,
            });
        }
        let replies = model.answer(requests).await;
        right.extend(rows.iter().zip(replies).map(|(row, reply)| {
            let truth = Truth::Answers(row.answers.clone());
            reply
                .outcome
                .is_ok_and(|said| truth.accepts(&said.text, &row.choices, 0.0) == Some(true))
        }));
    }
    Ok(right)
}
