//! What is done already, from the tables: the rest is to do.
//!
//! Done means committed, so starting and resuming are the same thing. In come ids of models and sets; out
//! come sets and look-ups that hold 16 bytes an id, and for rows that are needed again the columns they
//! came in. Attempts that failed for the moment are in `calls` only and therefore not done.

mod habits;
mod known;
mod spent;

pub use habits::{Habit, Habits, Wrote, habits};
pub use known::{Ids, Known};
pub use spent::{Spent, cost_usd, spent};

use crate::error::Result;
use crate::row::{AnswerRow, ProbeRow, VerdictRow, content_id};
use crate::tables::{TableName, Tables};
use arrow::array::{Array, AsArray};
use futures::TryStreamExt;
use known::compact;
use std::collections::{HashMap, HashSet};

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn any_of(values: &[&str]) -> String {
    // An empty list is no SQL; no id is empty.
    let values = if values.is_empty() { &[""] } else { values };
    values
        .iter()
        .map(|value| quoted(value))
        .collect::<Vec<_>>()
        .join(", ")
}

/// An original image that an earlier run looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImage {
    /// SHA-256 of its bytes.
    pub image_id: String,
    /// Whether it could be decoded.
    pub ok: bool,
}

/// Which images are in the tables: by what they are, and by where they were found.
#[derive(Debug, Default)]
pub struct KnownImages {
    ids: Ids,
    /// By address and etag, the two halves of its id.
    places: HashMap<u128, [u128; 2]>,
    /// Places of images that could not be decoded.
    broken: HashSet<u128>,
}

impl KnownImages {
    /// Whether an image is in the tables.
    #[must_use]
    pub fn contains(&self, image_id: &str) -> bool {
        self.ids.contains(image_id)
    }

    /// What was found at an address, if its content is still the same: without an etag nobody can tell.
    #[must_use]
    pub fn find(&self, uri: &str, etag: Option<&str>) -> Option<KnownImage> {
        let place = compact(&[uri, etag?]);
        let [high, low] = self.places.get(&place)?;
        Some(KnownImage {
            image_id: format!("{high:032x}{low:032x}"),
            ok: !self.broken.contains(&place),
        })
    }
}

/// The images of the tables.
pub async fn known_images(tables: &Tables) -> Result<KnownImages> {
    let mut known = KnownImages::default();
    let mut batches = tables
        .scan(TableName::Images, &["image_id", "status", "uri", "etag"], "true")
        .await?;
    while let Some(batch) = batches.try_next().await? {
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let (ids, statuses, uris, etags) = (text(0), text(1), text(2), text(3));
        for row in 0..batch.num_rows() {
            let image_id = ids.value(row);
            known.ids.insert(image_id);
            let halves = image_id
                .split_at_checked(32)
                .map(|(high, low)| [compact(&[high]), compact(&[low])]);
            if let (Some(halves), true, true) = (halves, uris.is_valid(row), etags.is_valid(row)) {
                let (uri, ok) = (uris.value(row), statuses.value(row) == "ok");
                // An image under the id of its place could not be read: the next try may.
                if !ok && image_id == content_id(uri.as_bytes()) {
                    continue;
                }
                let place = compact(&[uri, etags.value(row)]);
                known.places.insert(place, halves);
                if !ok {
                    known.broken.insert(place);
                }
            }
        }
    }
    Ok(known)
}

/// The probes of some probers: which there are, and the pairs among them that are to be compared.
#[derive(Debug, Default)]
pub struct Probes {
    /// All.
    pub ids: Ids,
    /// Those that are pairs without a divergence.
    pub open: Ids,
    /// Their rows by `[probe_id]`, without raw outputs.
    pub rows: Known<ProbeRow>,
    /// Their pairs' ids.
    pub pairs: Ids,
}

/// What some probers wrote, compared on all but `diverged`.
pub async fn known_probes(tables: &Tables, prober_ids: &[&str], diverged: &Ids) -> Result<Probes> {
    let of_probers = format!("prober_id IN ({})", any_of(prober_ids));
    let mut probes = Probes::default();
    let mut batches = tables
        .scan(TableName::Probes, &["probe_id", "pair_id"], &of_probers)
        .await?;
    while let Some(batch) = batches.try_next().await? {
        let pairs = batch.column(1);
        for (row, id) in batch.column(0).as_string::<i32>().iter().flatten().enumerate() {
            probes.ids.insert(id);
            if pairs.is_valid(row) && !diverged.contains(id) {
                probes.open.insert(id);
            }
        }
    }
    probes.rows = Known::load(tables, &of_probers, &["probe_id"], &probes.open).await?;
    probes.pairs = probes.rows.ids("pair_id");
    Ok(probes)
}

/// The rows of some probes by `[probe_id]`, without raw outputs.
pub async fn probes(tables: &Tables, wanted: &Ids) -> Result<Known<ProbeRow>> {
    Known::load(tables, "true", &["probe_id"], wanted).await
}

/// The pairs that a model answered, refusals included.
pub async fn answered(tables: &Tables, model_id: &str) -> Result<Ids> {
    Ids::load(tables, TableName::Answers, "pair_id", &answers_of(model_id)).await
}

/// A model's answers to those of `pairs` that it answered, refusals included, by `[pair_id]`.
pub async fn answers(tables: &Tables, model_id: &str, pairs: &Ids) -> Result<Known<AnswerRow>> {
    Known::load(tables, &answers_of(model_id), &["pair_id"], pairs).await
}

fn answers_of(model_id: &str) -> String {
    format!("model_id = {} AND sample = 0", quoted(model_id))
}

/// What judges said of `probes`, by `[probe_id, model_id, judge_id]`.
pub async fn judged(tables: &Tables, judge_ids: &[&str], probes: &Ids) -> Result<Known<VerdictRow>> {
    let of_judges = format!("judge_id IN ({})", any_of(judge_ids));
    Known::load(tables, &of_judges, &["probe_id", "model_id", "judge_id"], probes).await
}

/// The probes on which a target's divergence from a set of references is scored.
pub async fn diverged(
    tables: &Tables,
    target_id: &str,
    reference_set: &str,
    judge_set: &str,
    measure: &str,
) -> Result<Ids> {
    let of_these = format!(
        "target_id = {} AND reference_set = {} AND judge_set = {} AND measure = {}",
        quoted(target_id),
        quoted(reference_set),
        quoted(judge_set),
        quoted(measure)
    );
    Ids::load(tables, TableName::Divergences, "probe_id", &of_these).await
}

/// The models of the tables.
pub async fn known_models(tables: &Tables) -> Result<Ids> {
    Ids::load(tables, TableName::Models, "model_id", "true").await
}

/// How a run stands, if it was ever started.
pub async fn run_status(tables: &Tables, run_id: &str) -> Result<Option<String>> {
    let sql = format!("SELECT status FROM runs WHERE run_id = {}", quoted(run_id));
    let batches: Vec<_> = tables.query(&sql).await?.try_collect().await?;
    let row = batches.iter().find(|batch| batch.num_rows() > 0);
    Ok(row.map(|batch| batch.column(0).as_string::<i32>().value(0).to_owned()))
}

/// The probes that a run covers.
pub async fn covered(tables: &Tables, run_id: &str) -> Result<Ids> {
    let of_run = format!("run_id = {}", quoted(run_id));
    Ids::load(tables, TableName::RunProbes, "probe_id", &of_run).await
}

#[cfg(test)]
mod tests;
