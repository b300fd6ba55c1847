//! Exactly so many rows out of many, by predicate and quota, without repetitions.
//!
//! In: a query with the columns of a [`Sample`], a budget. Out: a new version of a named selection in the table
//! `selections`, or which quota could not be filled. Rows are looked at in an order that the seed decides; whatever repeats
//! a row before it, an earlier selection or an image of a benchmark is left out and counted. A root image is in one split.
//! Rows of one value are a random sample of what remains, or, with a [`Diversity`], far from each other. The query runs twice:
//! first for what rows are compared by, then for those that were chosen.

mod candidate;
mod diverse;
mod near;
mod quota;
mod remove;
mod version;

use crate::embed::Embedder;
use crate::error::{Error, Result};
use crate::hub;
use crate::sample::{Columns, Rows, Sample};
use crate::source::SourceOptions;
use crate::tables::Tables;
use candidate::{Candidate, drawn};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use remove::Remover;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub use diverse::Diversity;
pub use remove::Removed;
pub use version::selected;

/// What is to be selected.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The selection's name.
    pub name: String,
    /// How many rows.
    pub budget: usize,
    /// The column whose values get equal shares; none for no quotas.
    pub by: Option<String>,
    /// Rows of single values; where there are any, these are all the quotas.
    pub quotas: BTreeMap<String, usize>,
    /// What the random order derives from.
    pub seed: u64,
    /// Images whose perceptual hashes differ in so many bits at most are near-duplicates.
    pub near_bits: u32,
    /// Share of the root images whose rows go to the split `test`.
    pub holdout: f64,
    /// By what rows of one value are to differ; none for a random sample.
    pub diversity: Option<Diversity>,
    /// Earlier selections whose rows are not chosen again.
    pub against: Vec<String>,
    /// Sources whose images must not be in it.
    pub benchmarks: Vec<SourceOptions>,
    /// What the rows come from, for the lineage.
    pub origin: String,
}

/// What a selection came to.
#[derive(Debug)]
pub struct Selected {
    /// Its version; that of before where nothing changed.
    pub version: i32,
    /// Whether this version was there already.
    pub same: bool,
    /// Rows that the query gave.
    pub candidates: usize,
    /// What was left out, by reason, with some of the ids.
    pub removed: BTreeMap<String, Removed>,
    /// By value: rows chosen, and rows there were to choose from.
    pub quotas: BTreeMap<String, (usize, usize)>,
    /// Rows of each split.
    pub splits: BTreeMap<String, usize>,
}

/// Selects rows of a query.
///
/// # Errors
/// Also when there are too few rows for the budget or a quota; nothing is written then.
pub async fn select(tables: &Tables, frame: DataFrame, options: &Options) -> Result<Selected> {
    let columns = Columns::of(&frame)?;
    if let Some(by) = &options.by {
        columns.need(by)?;
    }
    let mut remover = Remover::new(options.near_bits);
    remover.read_hashes(tables).await?;
    for earlier in version::earlier(tables, options).await? {
        remover.known(&earlier);
    }
    for benchmark in &options.benchmarks {
        remover.read_benchmark(benchmark).await?;
    }
    let mut ordered: Vec<Candidate> = Vec::new();
    let mut samples = Rows::Again(Box::new(frame.clone())).samples().await?;
    while let Some(sample) = samples.try_next().await? {
        ordered.push(remover.candidate(&sample, options));
    }
    ordered.sort_unstable_by(|a, b| (a.drawn, &a.id, a.row).cmp(&(b.drawn, &b.id, b.row)));
    let candidates = ordered.len();
    let mut kept: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in ordered {
        if remover.keep(&candidate) {
            kept.entry(candidate.value.clone()).or_default().push(candidate);
        }
    }
    let available = kept
        .iter()
        .map(|(value, rows)| (value.clone(), rows.len()))
        .collect();
    let quotas =
        quota::fill(&available, &options.quotas, options.budget).map_err(|problem| Error::Selection {
            name: options.name.clone(),
            problem: format!("{problem}{}", remover.told()),
        })?;

    let removed = remover.removed;
    let lineage = json!({
        "from": options.origin,
        "budget": options.budget,
        "by": options.by,
        "quotas": options.quotas,
        "seed": options.seed,
        "near_bits": options.near_bits,
        "diverse_by": options.diversity.as_ref().map(|diversity| json!(["looks", diversity.embedder])),
        "holdout": options.holdout,
        "against": options.against,
        "benchmarks": options.benchmarks.iter().map(|source| source.url.as_str()).collect::<Vec<_>>(),
        "candidates": candidates,
        "removed": removed.iter().map(|(reason, removed)| (reason.clone(), removed.rows.into())).collect::<serde_json::Map<_, Value>>(),
    });
    let chosen = choose(kept, &quotas, options).await?;
    let mut rows = read(frame, chosen, options).await?;
    let mut splits: BTreeMap<String, usize> = BTreeMap::new();
    for (_, sample) in &mut rows {
        let split = split(options, sample);
        *splits.entry(split.to_owned()).or_default() += 1;
        sample.split = Some(split.to_owned());
    }
    let (version, same) = version::commit(tables, options, rows, &lineage).await?;
    let quotas = available.into_iter().map(|(value, rows)| {
        let chosen = quotas.get(&value).copied().unwrap_or_default();
        (value, (chosen, rows))
    });
    Ok(Selected {
        version,
        same,
        candidates,
        removed,
        quotas: quotas.collect(),
        splits,
    })
}

/// The keys of the rows that are chosen, and what each has in the column that quotas count by.
async fn choose(
    kept: BTreeMap<String, Vec<Candidate>>,
    quotas: &BTreeMap<String, usize>,
    options: &Options,
) -> Result<HashMap<u128, String>> {
    let wanted = |value: &str| quotas.get(value).copied().unwrap_or_default();
    let mut chosen = Vec::new();
    let Some(diversity) = options.diversity.clone() else {
        for (value, rows) in kept {
            chosen.extend(rows.into_iter().take(wanted(&value)));
        }
        return Ok(chosen.into_iter().map(|row| (row.row, row.value)).collect());
    };
    let kept: Vec<(usize, Vec<Candidate>)> = kept
        .into_iter()
        .map(|(value, rows)| (wanted(&value), rows))
        .collect();
    let compare = move || {
        let embedder = diversity.embedder.as_ref();
        let embedder = embedder.map(|name| Embedder::load(&hub::folder(name)?));
        let embedder = embedder.transpose()?;
        for (wanted, rows) in kept {
            chosen.extend(diverse::choose(rows, wanted, embedder.as_ref())?);
        }
        Ok(chosen.into_iter().map(|row| (row.row, row.value)).collect())
    };
    let compared = tokio::task::spawn_blocking(compare).await;
    compared.expect("comparing neither panics nor is cancelled")
}

/// The chosen rows themselves.
async fn read(
    frame: DataFrame,
    mut chosen: HashMap<u128, String>,
    options: &Options,
) -> Result<Vec<(String, Sample)>> {
    let mut rows = Vec::with_capacity(chosen.len());
    let mut samples = Rows::Again(Box::new(frame)).samples().await?;
    while let Some(sample) = samples.try_next().await? {
        rows.extend(
            chosen
                .remove(&candidate::row(&sample))
                .map(|value| (value, sample)),
        );
    }
    if chosen.is_empty() {
        return Ok(rows);
    }
    Err(Error::Selection {
        name: options.name.clone(),
        problem: format!(
            "{} chosen rows were gone when the query ran again: give it an order that does not change, without random()",
            chosen.len()
        ),
    })
}

/// By the root image, so that no edit of a training image is tested on.
fn split(options: &Options, sample: &Sample) -> &'static str {
    let root = sample.root_image_id.as_ref().or(sample.images.first());
    let draw = drawn(
        options.seed,
        &format!("split {}", root.map_or("", String::as_str)),
    );
    let draw = (draw >> 96) as u32;
    if f64::from(draw) < options.holdout * (f64::from(u32::MAX) + 1.0) {
        "test"
    } else {
        "train"
    }
}
