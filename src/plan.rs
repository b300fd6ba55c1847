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
pub use spent::{Spent, spent};

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
mod tests {
    use super::*;
    use crate::row::{DivergenceRow, ImageRow, content_id, id};
    use chrono::{DateTime, Utc};

    fn time() -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_700_000_000_000_000).unwrap()
    }

    fn probe(prober: &str, k: i32) -> ProbeRow {
        ProbeRow {
            probe_id: id([prober, &k.to_string()]),
            group_id: id([prober]),
            source_image_id: content_id(b"image"),
            prober_id: prober.to_owned(),
            strategy: "question".to_owned(),
            round: 0,
            k,
            seed: i64::MIN,
            raw_output: Some("Q: …".to_owned()),
            prober_status: "ok".to_owned(),
            prober_error: None,
            question: Some(format!("what is number {k}?")),
            instruction: None,
            choices: vec!["a".to_owned()],
            category: None,
            category_source: None,
            answer_type: None,
            expected_answer: None,
            truth: Vec::new(),
            painter_id: None,
            painter_status: None,
            painter_error: None,
            image_ids: vec![content_id(b"image")],
            pair_id: Some(id(["pair", &k.to_string()])),
            created_at: time(),
        }
    }

    fn image(bytes: &[u8], uri: &str, etag: Option<&str>, status: &str) -> ImageRow {
        ImageRow {
            image_id: content_id(bytes),
            root_image_id: content_id(bytes),
            parent_image_id: None,
            operation: "original".to_owned(),
            instruction: None,
            painter_id: None,
            uri: Some(uri.to_owned()),
            etag: etag.map(str::to_owned),
            attributes: None,
            width: None,
            height: None,
            format: None,
            perceptual_hash: None,
            licence: None,
            scene: None,
            status: status.to_owned(),
            error: None,
            created_at: time(),
        }
    }

    #[tokio::test]
    async fn probes_are_known_by_their_prober() {
        let tables = Tables::open("memory://").await.unwrap();
        let none = Ids::default();
        assert!(known_probes(&tables, &["a"], &none).await.unwrap().ids.is_empty());
        let (first, second, other) = (probe("it's", 0), probe("it's", 1), probe("b", 0));
        tables
            .append_rows(&[first.clone(), second.clone()])
            .await
            .unwrap();
        let again = ProbeRow {
            question: Some("written twice".to_owned()),
            created_at: time() + chrono::TimeDelta::seconds(1),
            ..first.clone()
        };
        tables.append_rows(&[other.clone(), again]).await.unwrap();
        let known = known_probes(&tables, &["it's"], &none).await.unwrap();
        assert_eq!((known.ids.len(), known.open.len(), known.pairs.len()), (2, 2, 2));
        assert!(!known.ids.contains(&other.probe_id));
        assert_eq!(known.rows.get(&[&other.probe_id]).unwrap(), None);
        let read = known.rows.get(&[&second.probe_id]).unwrap();
        let second = ProbeRow {
            raw_output: None,
            ..second
        };
        assert_eq!(read.as_ref(), Some(&second));

        let read = known.rows.get(&[&first.probe_id]).unwrap().unwrap();
        assert_eq!(read.question, first.question, "the first of two counts");

        // What is compared, or is no pair, is known and needs no row.
        let mut diverged = Ids::default();
        diverged.insert(&first.probe_id);
        let unparsed = ProbeRow {
            pair_id: None,
            ..probe("it's", 2)
        };
        tables.append_rows(&[unparsed]).await.unwrap();
        let known = known_probes(&tables, &["it's", "b"], &diverged).await.unwrap();
        assert_eq!((known.ids.len(), known.open.len()), (4, 2));
        assert!(known.open.contains(&second.probe_id) && known.open.contains(&other.probe_id));
        assert_eq!(known.rows.get(&[&first.probe_id]).unwrap(), None);
        assert!(known_probes(&tables, &[], &none).await.unwrap().ids.is_empty());
    }

    #[tokio::test]
    async fn images_are_known_by_content_and_by_place() {
        let tables = Tables::open("memory://").await.unwrap();
        let good = image(b"1", "file:///1.png", Some("v1"), "ok");
        let bad = image(b"2", "file:///2.png", Some("v1"), "invalid");
        let unsure = image(b"3", "lab://?n=3", None, "ok");
        let unread = image(b"file:///4.png", "file:///4.png", Some("v1"), "broken");
        tables
            .append_rows(&[good.clone(), bad.clone(), unsure.clone(), unread])
            .await
            .unwrap();
        let known = known_images(&tables).await.unwrap();
        assert!(known.contains(&good.image_id) && known.contains(&unsure.image_id));
        assert!(!known.contains(&content_id(b"4")));
        let found = |ok, image: &ImageRow| {
            Some(KnownImage {
                image_id: image.image_id.clone(),
                ok,
            })
        };
        assert_eq!(known.find("file:///1.png", Some("v1")), found(true, &good));
        assert_eq!(known.find("file:///2.png", Some("v1")), found(false, &bad));
        assert_eq!(
            known.find("file:///1.png", Some("v2")),
            None,
            "its content changed"
        );
        assert_eq!(known.find("lab://?n=3", None), None);
        let unread = known.find("file:///4.png", Some("v1"));
        assert_eq!(unread, None, "what could not be read is tried again");
    }

    #[tokio::test]
    async fn answers_verdicts_and_divergences_are_known_by_who_made_them() {
        let tables = Tables::open("memory://").await.unwrap();
        let answer = |pair: &str, model: &str, sample| AnswerRow {
            pair_id: id([pair]),
            model_id: model.to_owned(),
            sample,
            text: Some("red".to_owned()),
            normalized: Some("red".to_owned()),
            finish_reason: None,
            mean_log_probability: Some(-0.25),
            status: "ok".to_owned(),
            error: None,
            answered_at: time(),
        };
        tables
            .append_rows(&[answer("1", "m", 0), answer("2", "m", 1), answer("3", "n", 0)])
            .await
            .unwrap();
        let known = answered(&tables, "m").await.unwrap();
        assert!(known.len() == 1 && known.contains(&id(["1"])));
        let rows = answers(&tables, "m", &known).await.unwrap();
        assert_eq!(rows.get(&[&id(["1"])]).unwrap(), Some(answer("1", "m", 0)));
        assert!(answers(&tables, "n", &known).await.unwrap().is_empty());

        let verdict = |judge: &str| VerdictRow {
            probe_id: id(["p"]),
            model_id: "m".to_owned(),
            judge_id: judge.to_owned(),
            verdict: "correct".to_owned(),
            reason: None,
            created_at: time(),
        };
        tables.append_rows(&[verdict("j"), verdict("i")]).await.unwrap();
        let mut probes = Ids::default();
        assert!(judged(&tables, &["j"], &probes).await.unwrap().is_empty());
        probes.insert(&id(["p"]));
        let known = judged(&tables, &["j"], &probes).await.unwrap();
        assert_eq!(known.get(&[&id(["p"]), "m", "j"]).unwrap(), Some(verdict("j")));
        assert!(!known.contains(&[&id(["p"]), "m", "i"]));

        let divergence = |probe: &str, references: &str| DivergenceRow {
            probe_id: id([probe]),
            target_id: "t".to_owned(),
            reference_set: references.to_owned(),
            judge_set: String::new(),
            measure: "exact".to_owned(),
            consensus: None,
            agreement: None,
            status: "unknown".to_owned(),
            score: None,
            target_correct: None,
            reference_correct: None,
            verified_by: None,
            blame: None,
            reason: None,
            computed_at: time(),
        };
        tables
            .append_rows(&[divergence("1", "r"), divergence("2", "s")])
            .await
            .unwrap();
        let known = diverged(&tables, "t", "r", "", "exact").await.unwrap();
        assert!(known.contains(&id(["1"])) && !known.contains(&id(["2"])) && known.len() == 1);
        assert!(diverged(&tables, "t", "r", "", "judge").await.unwrap().is_empty());
    }
}
