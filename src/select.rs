//! Exactly so many rows out of many, by predicate and quota, without repetitions.
//!
//! In: a query with the columns of a [`Sample`], a budget. Out: a new version of a named selection in the table
//! `selections`, or which quota could not be filled. Rows are looked at in an order that the seed decides; whatever repeats
//! a row before it, an earlier selection or an image of a benchmark is left out and counted. A root image is in one split.
//! Left out: diversity by embeddings; rows of one value are a random sample of what remains.

mod near;
mod quota;
mod remove;

use crate::error::{Error, Result};
use crate::row::{SelectionRow, id};
use crate::sample::{Columns, Rows, Sample};
use crate::source::SourceOptions;
use crate::sql;
use crate::tables::Tables;
use chrono::Utc;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use remove::Remover;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub use remove::Removed;

/// What is to be selected.
#[derive(Debug, Clone)]
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
    let samples: Vec<Sample> = Rows::Again(Box::new(frame))
        .samples()
        .await?
        .try_collect()
        .await?;
    let candidates = samples.len();
    let mut ordered: Vec<(String, Sample)> = samples
        .into_iter()
        .map(|sample| (drawn(options.seed, &sample.id), sample))
        .collect();
    ordered.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));

    let mut remover = Remover::new(options.near_bits);
    remover.read_hashes(tables).await?;
    for earlier in earlier(tables, options).await? {
        remover.known(&earlier);
    }
    for benchmark in &options.benchmarks {
        remover.read_benchmark(benchmark).await?;
    }
    let mut kept: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for (_, sample) in ordered {
        if remover.keep(&sample) {
            let value = options
                .by
                .as_deref()
                .map_or_else(|| "(all)".to_owned(), |by| sample.value(by));
            kept.entry(value).or_default().push(sample);
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
        "holdout": options.holdout,
        "against": options.against,
        "benchmarks": options.benchmarks.iter().map(|source| source.url.as_str()).collect::<Vec<_>>(),
        "candidates": candidates,
        "removed": removed.iter().map(|(reason, removed)| (reason.clone(), removed.rows.into())).collect::<serde_json::Map<_, Value>>(),
    });
    let mut rows = Vec::new();
    for (value, samples) in kept {
        let quota = quotas.get(&value).copied().unwrap_or_default();
        rows.extend(
            samples
                .into_iter()
                .take(quota)
                .map(|sample| (value.clone(), sample)),
        );
    }
    let mut splits: BTreeMap<String, usize> = BTreeMap::new();
    for (_, sample) in &mut rows {
        let split = split(options, sample);
        *splits.entry(split.to_owned()).or_default() += 1;
        sample.split = Some(split.to_owned());
    }
    let (version, same) = commit(tables, options, rows, &lineage).await?;
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

/// A row's place in the random order.
fn drawn(seed: u64, of: &str) -> String {
    id([seed.to_string().as_str(), of])
}

/// By the root image, so that no edit of a training image is tested on.
fn split(options: &Options, sample: &Sample) -> &'static str {
    let root = sample.root_image_id.as_ref().or(sample.images.first());
    let draw = drawn(
        options.seed,
        &format!("split {}", root.map_or("", String::as_str)),
    );
    let draw = u32::from_str_radix(&draw[..8], 16).expect("an id is hexadecimal");
    if f64::from(draw) < options.holdout * (f64::from(u32::MAX) + 1.0) {
        "test"
    } else {
        "train"
    }
}

#[derive(Deserialize)]
struct Latest {
    name: String,
    version: i32,
}

/// The latest version of each selection.
async fn latest(tables: &Tables) -> Result<BTreeMap<String, i32>> {
    let sql = "SELECT name, max(version) AS version FROM selections GROUP BY name";
    let batches: Vec<_> = tables.query(sql).await?.try_collect().await?;
    let rows: Vec<Latest> = sql::rows(&batches)?;
    Ok(rows.into_iter().map(|row| (row.name, row.version)).collect())
}

/// The rows of the selections that are not to be repeated.
async fn earlier(tables: &Tables, options: &Options) -> Result<Vec<SelectionRow>> {
    let known = latest(tables).await?;
    let mut names = Vec::new();
    for name in &options.against {
        match (name.as_str(), known.contains_key(name)) {
            ("all", _) => names.extend(known.keys().filter(|name| **name != options.name).cloned()),
            (_, true) => names.push(name.clone()),
            (_, false) => {
                return Err(Error::Selection {
                    name: name.clone(),
                    problem: format!("there is none of this name; there are: {}", names_of(&known)),
                });
            }
        }
    }
    let mut rows = Vec::new();
    for name in names {
        rows.extend(rows_of(tables, &name, known[&name]).await?);
    }
    Ok(rows)
}

fn names_of(known: &BTreeMap<String, i32>) -> String {
    match known.len() {
        0 => "none yet".to_owned(),
        _ => known.keys().cloned().collect::<Vec<_>>().join(", "),
    }
}

async fn rows_of(tables: &Tables, name: &str, version: i32) -> Result<Vec<SelectionRow>> {
    let key = id([name, &version.to_string()]);
    let sql = format!("SELECT * FROM selections WHERE selection_id = '{key}'");
    tables.rows(&sql).await?.try_collect().await
}

/// Writes the rows as the next version of their name, unless they are those of the latest.
async fn commit(
    tables: &Tables,
    options: &Options,
    rows: Vec<(String, Sample)>,
    lineage: &Value,
) -> Result<(i32, bool)> {
    let before = latest(tables).await?.get(&options.name).copied().unwrap_or(0);
    let version = before + 1;
    let (lineage, created_at) = (lineage.to_string(), Utc::now());
    let row = |(quota, sample): (String, Sample)| SelectionRow {
        selection_id: id([options.name.as_str(), &version.to_string()]),
        name: options.name.clone(),
        version,
        id: sample.id,
        images: sample.images,
        prompt: sample.prompt,
        completion: sample.completion,
        choices: sample.choices,
        label_source: sample.label_source,
        agreement: sample.agreement,
        category: sample.category,
        root_image_id: sample.root_image_id,
        split: sample.split.unwrap_or_default(),
        licence: sample.licence,
        audit_columns: (!sample.audit.is_empty()).then(|| Value::Object(sample.audit).to_string()),
        quota,
        lineage: lineage.clone(),
        created_at,
    };
    let mut rows: Vec<SelectionRow> = rows.into_iter().map(row).collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let mut known = rows_of(tables, &options.name, before).await?;
    known.sort_by(|a, b| a.id.cmp(&b.id));
    let same = |(new, old): (&SelectionRow, &SelectionRow)| {
        *new == SelectionRow {
            selection_id: new.selection_id.clone(),
            version,
            lineage: new.lineage.clone(),
            created_at,
            ..old.clone()
        }
    };
    if before > 0 && known.len() == rows.len() && rows.iter().zip(&known).all(same) {
        return Ok((before, true));
    }
    tables.append_rows(&rows).await?;
    Ok((version, false))
}

/// A query for the rows of a selection (`NAME`, or `NAME@VERSION`), in the columns of a sample.
///
/// # Errors
/// When there is no such selection.
pub async fn selected(tables: &Tables, name: &str) -> Result<String> {
    let (name, version) = match name.rsplit_once('@') {
        Some((name, version)) => (name, version.parse().ok()),
        None => (name, None),
    };
    let known = latest(tables).await?;
    let found = known
        .get(name)
        .filter(|latest| version.is_none_or(|version| (1..=**latest).contains(&version)));
    let Some(latest) = found else {
        return Err(Error::Selection {
            name: name.to_owned(),
            problem: format!(
                "there is none of this name and version; there are: {}",
                names_of(&known)
            ),
        });
    };
    let key = id([name, &version.unwrap_or(*latest).to_string()]);
    Ok(format!(
        "SELECT id, images, prompt, completion, choices, label_source, agreement, category, root_image_id, split, licence, \
         audit_columns FROM selections WHERE selection_id = '{key}' ORDER BY id"
    ))
}
