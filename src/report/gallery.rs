//! The gallery: pairs on which somebody is wrong, with small copies of their images.
//!
//! In: which run and target, how many examples and bytes. Out: examples in an order that shows every category, strategy
//! and kind of error early, so that a cut leaves none of them out. An image that several examples have is there once.

use super::text::{json, shown};
use super::{Options, ask};
use crate::error::Result;
use crate::image::thumbnail;
use crate::picture::Pictures;
use crate::sql;
use arrow::array::RecordBatch;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Examples whose images are read at once.
const EXAMPLES_AT_ONCE: usize = 64;

/// Examples as chosen, without pictures.
#[derive(Debug)]
pub(super) struct Chosen {
    rows: Vec<Row>,
    answers: HashMap<String, Vec<Said>>,
}

#[derive(Debug, Deserialize)]
struct Row {
    probe_id: String,
    category: String,
    strategy: String,
    prober: Option<String>,
    question: Option<String>,
    choices: Option<String>,
    instruction: Option<String>,
    operation: Option<String>,
    image_uri: Option<String>,
    target_correct: Option<bool>,
    reference_correct: Option<bool>,
    reference_set: Option<String>,
    verified_by: Option<String>,
    mean_log_probability: Option<f64>,
    right_answer: Option<String>,
    wrong: String,
    total: i64,
    parent_image_id: Option<String>,
    image_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Said {
    probe_id: String,
    model: String,
    is_target: bool,
    text: Option<String>,
    before: Option<String>,
    votes: Option<i64>,
}

/// What the page's script shows.
#[derive(Debug, Default)]
pub struct Gallery {
    /// JSON texts, one an example.
    examples: Vec<String>,
    /// JSON texts, one a picture: a data URL, or why there is none.
    pictures: Vec<String>,
    /// What did not fit.
    pub left_out: LeftOut,
}

/// What a gallery does not show.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Examples that there are.
    pub total: usize,
    /// Examples in the gallery.
    pub shown: usize,
    /// Whether the bound on bytes cut it, not that on examples.
    pub by_bytes: bool,
}

#[derive(Serialize)]
struct Example<'a> {
    probe: &'a str,
    category: String,
    strategy: &'a str,
    prober: Option<String>,
    wrong: &'a str,
    question: Option<String>,
    choices: Option<String>,
    instruction: Option<String>,
    operation: Option<&'a str>,
    uri: Option<String>,
    right: Option<String>,
    verified: Option<&'a str>,
    certainty: Option<f64>,
    images: Vec<usize>,
    parent: Option<usize>,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    model: String,
    target: bool,
    text: String,
    before: Option<String>,
    right: Option<bool>,
}

/// Chooses the examples of a run and target.
pub(super) async fn choose(
    context: &SessionContext,
    of: &[(&str, ScalarValue)],
    options: &Options,
) -> Result<Chosen> {
    let limit = i64::try_from(options.gallery).unwrap_or(i64::MAX);
    let parameters = [of, &[("limit", ScalarValue::from(limit))]].concat();
    let batches = sql::collect(context, include_str!("examples.sql"), &parameters).await?;
    let rows: Vec<Row> = sql::rows(&batches)?;
    let mut answers: HashMap<String, Vec<Said>> = HashMap::new();
    if let Some(first) = batches.first() {
        let shown: RecordBatch = arrow::compute::concat_batches(&first.schema(), &batches)?;
        context.register_batch("shown", shown)?;
        for said in ask::<Said>(context, include_str!("answers.sql"), &of[1..]).await? {
            answers.entry(said.probe_id.clone()).or_default().push(said);
        }
    }
    Ok(Chosen { rows, answers })
}

impl Row {
    fn images(&self) -> impl Iterator<Item = &String> {
        self.image_ids.iter().chain(&self.parent_image_id)
    }
}

impl Chosen {
    /// The images that are to be shown.
    pub(super) fn image_ids(&self) -> HashSet<String> {
        self.rows.iter().flat_map(Row::images).cloned().collect()
    }

    /// Reads and shrinks the images, until the bound on bytes.
    pub(super) async fn draw(self, pictures: &Pictures, options: &Options) -> Result<Gallery> {
        let mut gallery = Gallery::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut byte = 0;
        gallery.left_out.total = self
            .rows
            .first()
            .map_or(0, |row| usize::try_from(row.total).unwrap_or(0));
        'all: for rows in self.rows.chunks(EXAMPLES_AT_ONCE) {
            let new = rows
                .iter()
                .flat_map(Row::images)
                .filter(|id| !places.contains_key(*id));
            let new: HashSet<String> = new.cloned().collect();
            let mut drawn = draw(pictures.read(&new).await?, options.side_px).await;
            for row in rows {
                let ids: Vec<&String> = row.images().collect();
                let mut next = places.len();
                let mut added = Vec::new();
                for id in ids {
                    if let Some(picture) = drawn.remove(id) {
                        added.push((id.clone(), next, picture));
                        next += 1;
                    }
                }
                let at = |id: &String| {
                    let new = added
                        .iter()
                        .find(|(each, ..)| each == id)
                        .map(|(_, place, _)| *place);
                    new.or_else(|| places.get(id).copied())
                };
                let example = json(&self.example(row, at));
                byte += example.len()
                    + added
                        .iter()
                        .map(|(_, _, picture)| picture.len() + 1)
                        .sum::<usize>();
                if byte > options.max_byte {
                    gallery.left_out.by_bytes = true;
                    break 'all;
                }
                gallery.examples.push(example);
                for (id, place, picture) in added {
                    places.insert(id, place);
                    gallery.pictures.push(picture);
                }
            }
        }
        gallery.left_out.shown = gallery.examples.len();
        Ok(gallery)
    }

    fn example<'a>(&self, row: &'a Row, at: impl Fn(&String) -> Option<usize>) -> Example<'a> {
        let text = |text: &Option<String>| text.as_deref().map(shown);
        // With one reference its correctness is known even where no judge spoke of it.
        let alone = row.reference_set.as_ref().is_some_and(|set| !set.contains(','));
        let said = self
            .answers
            .get(&row.probe_id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let answers = said.iter().map(|said| Answer {
            model: shown(&said.model),
            target: said.is_target,
            text: text(&said.text).unwrap_or_default(),
            before: text(&said.before),
            right: match said.votes {
                _ if said.is_target => row.target_correct,
                Some(votes) if votes != 0 => Some(votes > 0),
                _ => row.reference_correct.filter(|_| alone),
            },
        });
        Example {
            probe: &row.probe_id,
            category: shown(&row.category),
            strategy: &row.strategy,
            prober: text(&row.prober),
            wrong: &row.wrong,
            question: text(&row.question),
            choices: text(&row.choices),
            instruction: text(&row.instruction),
            operation: row.operation.as_deref(),
            uri: text(&row.image_uri),
            right: text(&row.right_answer),
            verified: row.verified_by.as_deref(),
            certainty: row.mean_log_probability.map(f64::exp),
            images: row.image_ids.iter().filter_map(&at).collect(),
            parent: row.parent_image_id.as_ref().and_then(&at),
            answers: answers.collect(),
        }
    }
}

/// Small copies as JSON texts: data URLs, or the reason why an image cannot be shown.
async fn draw(images: HashMap<String, Result<Bytes, String>>, side_px: u32) -> HashMap<String, String> {
    let drawn = tokio::task::spawn_blocking(move || {
        let images: Vec<_> = images.into_iter().collect();
        let drawn = images.into_par_iter().map(|(id, bytes)| {
            let small = bytes.and_then(|bytes| thumbnail(&bytes, side_px).map_err(|error| error.to_string()));
            let picture = match small {
                Ok(small) => format!(
                    "data:{};base64,{}",
                    small.media_type,
                    STANDARD.encode(&small.bytes)
                ),
                Err(problem) => shown(&format!("no picture: {problem}")),
            };
            (id, json(&picture))
        });
        drawn.collect()
    });
    drawn.await.unwrap_or_default()
}

impl Gallery {
    /// The examples as a JSON array.
    pub(super) fn examples(&self) -> String {
        format!("[{}]", self.examples.join(",\n"))
    }

    /// The pictures as a JSON array.
    pub(super) fn pictures(&self) -> String {
        format!("[{}]", self.pictures.join(",\n"))
    }
}
