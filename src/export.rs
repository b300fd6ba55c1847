//! Curated rows on their way to where models are trained and tested, in the formats that are read there.
//!
//! In: a query whose columns are those of a [`Sample`]; `queries/training.sql` is one. Out: a folder, local or in a bucket,
//! with shards, images and a data card. Rows stream through: first for the ids of their images, then a few at a time with
//! their images; many rows mean that the query runs twice. What cannot be exported (an image that is gone, an empty answer) is left
//! out, counted and named.

mod card;
pub mod check;
mod freeze;
mod output;
mod shape;
mod writer;

mod hugging_face;
mod inspect;
mod llama_factory;
mod llava;
mod lmms_eval;
mod swift;
mod trl;
mod verl;
mod vlmeval;
mod webdataset;

pub use freeze::{Frozen, freeze};

use crate::error::{Error, Result};
use crate::image::{Fit, Fitted, fit};
use crate::picture::Pictures;
use crate::sample::{Columns, Sample, Survey};
use crate::tables::Tables;
use arrow::array::RecordBatch;
use card::Card;
use datafusion::prelude::DataFrame;
use futures::{FutureExt, StreamExt};
use output::Output;
use shape::Picture;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows that are read together.
const ROWS_AT_ONCE: usize = 64;

/// Times that many rows whose images are being read, or wait to be written.
const CHUNKS_IN_FLIGHT: usize = 3;

/// Images are passed on as they are unless they do not stand upright.
const AS_THEY_ARE: Fit = Fit {
    max_side: u32::MAX,
    max_bytes: usize::MAX,
};

/// Where rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Hugging Face datasets: Parquet with the images inside.
    Hf,
    /// TRL, supervised: `prompt` and `completion`.
    TrlSft,
    /// TRL, GRPO: `prompt`, and the right answer as `solution` for the reward.
    TrlGrpo,
    /// TRL, DPO: the right answer against the target's wrong one.
    TrlDpo,
    /// LLaMA-Factory: ShareGPT messages with `dataset_info.json`.
    LlamaFactory,
    /// LLaVA: conversations in a JSON array.
    Llava,
    /// WebDataset: tar files.
    Webdataset,
    /// VLMEvalKit: TSV, open and as multiple choice.
    Vlmevalkit,
    /// ms-swift: JSON lines with `solution` and `rejected_response`.
    MsSwift,
    /// verl: Parquet with rule rewards.
    Verl,
    /// inspect_ai: JSON lines of samples.
    InspectAi,
    /// lmms-eval: Parquet and a task.
    LmmsEval,
}

/// How an export is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// In which format.
    pub format: Format,
    /// A local folder or a URL; must be empty or new.
    pub output: String,
    /// What the data set is called where a format asks for a name.
    pub name: String,
    /// Bytes of a shard, about.
    pub shard_byte: usize,
    /// What the rows come from, for the data card.
    pub origin: String,
}

/// What an export came to.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Rows that were written.
    pub rows: usize,
    /// Rows that were left out, by reason.
    pub left_out: Vec<(String, usize)>,
}

/// A row with its images.
pub(crate) struct Ready {
    sample: Sample,
    pictures: Vec<Picture>,
    /// Rows with columns that go into tables as they are, and which of them this is.
    others: (Arc<RecordBatch>, usize),
}

/// Writes the rows of a query.
///
/// # Errors
/// When the query lacks columns, the place is taken or cannot be written to.
///
/// # Panics
/// When reading a chunk does.
pub async fn export(tables: &Tables, frame: DataFrame, options: &Options) -> Result<Exported> {
    let columns = Arc::new(Columns::of(&frame)?);
    let (seen, rows) = Survey::of(frame).await?;
    let pictures = Arc::new(Pictures::find(tables, &seen.image_ids).await?);
    let output = Output::create(&options.output).await?;
    let mut writer = writer::open(options, &columns, seen)?;
    let mut card = Card::default();
    let parts = rows.parts(ROWS_AT_ONCE).await?;
    let mut chunks = parts
        .map(|part| {
            let (columns, pictures) = (columns.clone(), pictures.clone());
            let chunk = async move {
                let (samples, others) = columns.read(&part?)?;
                ready(samples, others, &pictures).await
            };
            tokio::spawn(chunk).map(|chunk| chunk.expect("reading neither panics nor is cancelled"))
        })
        .buffered(CHUNKS_IN_FLIGHT);
    while let Some(chunk) = chunks.next().await {
        for row in chunk? {
            match row.and_then(|row| writer.refuse(&row.sample).map_or(Ok(row), Err)) {
                Ok(row) => {
                    card.count(&row.sample);
                    writer.write(&output, row).await?;
                }
                Err(reason) => card.leave_out(reason),
            }
        }
    }
    let usage = writer.finish(&output).await?;
    output.put("README.md", card.text(options, &usage).into()).await?;
    Ok(card.exported())
}

/// Rows with their images, or why one of them cannot be exported.
async fn ready(
    samples: Vec<Sample>,
    others: RecordBatch,
    pictures: &Pictures,
) -> Result<Vec<Result<Ready, String>>> {
    let ids: HashSet<String> = samples.iter().flat_map(|sample| sample.images.clone()).collect();
    let (read, others) = (pictures.read(&ids).await?, Arc::new(others));
    let prepared = tokio::task::spawn_blocking(move || {
        let row = |(at, sample): (usize, Sample)| {
            sample.complete()?;
            let pictures = sample.images.iter().map(|id| {
                let bytes = read[id].clone()?;
                let Fitted { bytes, media_type } =
                    fit(&bytes, AS_THEY_ARE).map_err(|error| error.to_string())?;
                Ok(Picture::new(id, bytes, media_type))
            });
            let pictures = pictures
                .collect::<Result<Vec<_>, String>>()
                .map_err(|reason| format!("image: {reason}"))?;
            Ok(Ready {
                sample,
                pictures,
                others: (others.clone(), at),
            })
        };
        samples.into_iter().enumerate().map(row).collect()
    });
    prepared.await.map_err(|error| Error::Store {
        action: "prepare",
        url: "images".to_owned(),
        source: error.into(),
    })
}
