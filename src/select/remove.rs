//! What is not selected: repetitions, what earlier selections have, images of benchmarks.
//!
//! Two rows are the same when they ask the same about the same images, and nearly the same when question and answer are the
//! same and their first images look alike. An image of a benchmark is known by its bytes or its looks, and whatever goes back to it goes.

use super::Options;
use super::candidate::{Candidate, Keys};
use super::near::Near;
use crate::error::Result;
use crate::image::{Depth, look};
use crate::row::{SelectionRow, content_id};
use crate::sample::Sample;
use crate::source::{self, SourceOptions};
use crate::tables::Tables;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Ids that a report names for each reason.
const MOST_NAMED: usize = 5;

/// Images of a benchmark that are read at once.
const READS_IN_FLIGHT: usize = 8;

/// Rows that were left out for one reason.
#[derive(Debug, Default, Clone)]
pub struct Removed {
    /// How many.
    pub rows: usize,
    /// Some of their ids.
    pub ids: Vec<String>,
}

/// Looks at rows one after the other.
pub(super) struct Remover {
    hashes: HashMap<String, i64>,
    /// (images, prompt) of rows that were there before, and whether in an earlier selection.
    pairs: HashMap<u128, bool>,
    near: Near,
    /// Near what earlier selections have.
    near_earlier: Near,
    benchmark_ids: HashSet<String>,
    benchmark_looks: Near,
    pub(super) removed: BTreeMap<String, Removed>,
}

impl Remover {
    pub(super) fn new(near_bits: u32) -> Self {
        Self {
            hashes: HashMap::new(),
            pairs: HashMap::new(),
            near: Near::new(near_bits),
            near_earlier: Near::new(near_bits),
            benchmark_ids: HashSet::new(),
            benchmark_looks: Near::new(near_bits),
            removed: BTreeMap::new(),
        }
    }

    /// Reads the looks of all images.
    pub(super) async fn read_hashes(&mut self, tables: &Tables) -> Result<()> {
        let sql = "SELECT image_id, perceptual_hash FROM images WHERE perceptual_hash IS NOT NULL";
        let mut batches = tables.query(sql).await?;
        while let Some(batch) = batches.try_next().await? {
            let ids = batch.column(0).as_string::<i32>();
            let hashes = batch.column(1).as_primitive::<Int64Type>();
            let rows = ids.iter().flatten().zip(hashes.values());
            self.hashes.extend(rows.map(|(id, hash)| (id.to_owned(), *hash)));
        }
        Ok(())
    }

    /// Takes note of a row of an earlier selection.
    pub(super) fn known(&mut self, row: &SelectionRow) {
        let keys = Keys::of(&row.images, &row.prompt, &row.completion);
        self.pairs.insert(keys.pair, true);
        if let Some(hash) = self.hash(&row.images) {
            self.near_earlier.insert(keys.group, hash);
        }
    }

    /// Reads the images of a benchmark; those that cannot be decoded are known by their bytes only.
    pub(super) async fn read_benchmark(&mut self, benchmark: &SourceOptions) -> Result<()> {
        let found = source::open(benchmark).await?;
        let mut read = found
            .map(|found| async move {
                let bytes = (found?.read)().await;
                let look = tokio::task::spawn_blocking(move || {
                    let bytes = bytes.ok()?;
                    let hash = look(&bytes, Depth::Full)
                        .ok()
                        .and_then(|look| look.perceptual_hash);
                    Some((content_id(&bytes), hash))
                });
                Ok::<_, crate::Error>(look.await.unwrap_or_default())
            })
            .buffer_unordered(READS_IN_FLIGHT);
        while let Some(image) = read.try_next().await? {
            if let Some((id, hash)) = image {
                self.benchmark_ids.insert(id);
                if let Some(hash) = hash.filter(|hash| Near::has_pattern(*hash)) {
                    self.benchmark_looks.insert(0, hash);
                }
            }
        }
        Ok(())
    }

    fn hash(&self, images: &[String]) -> Option<i64> {
        let first = images.first()?;
        self.hashes
            .get(first)
            .copied()
            .filter(|hash| Near::has_pattern(*hash))
    }

    /// What is to be known of a row to compare it.
    pub(super) fn candidate(&self, sample: &Sample, options: &Options) -> Candidate {
        Candidate::of(
            sample,
            options,
            self.hash(&sample.images),
            self.is_in_benchmark(sample),
        )
    }

    /// Whether a row is kept; what is not is counted.
    pub(super) fn keep(&mut self, row: &Candidate) -> bool {
        let Keys { pair, group } = row.keys;
        let near = |near: &Near| row.looks.is_some_and(|hash| near.has(group, hash));
        let reason = match self.pairs.get(&pair) {
            _ if row.problem.is_some() => row.problem.clone(),
            _ if row.is_in_benchmark => Some("image of a benchmark, or made from one".to_owned()),
            Some(true) => Some("in an earlier selection".to_owned()),
            Some(false) => Some("the same pair twice".to_owned()),
            None if near(&self.near_earlier) => Some("near-duplicate of an earlier selection".to_owned()),
            None if near(&self.near) => Some("near-duplicate".to_owned()),
            None => None,
        };
        if let Some(reason) = reason {
            let removed = self.removed.entry(reason).or_default();
            removed.rows += 1;
            if removed.ids.len() < MOST_NAMED {
                removed.ids.push(row.id.clone());
            }
            return false;
        }
        self.pairs.insert(pair, false);
        if let Some(hash) = row.looks {
            self.near.insert(group, hash);
        }
        true
    }

    fn is_in_benchmark(&self, sample: &Sample) -> bool {
        let mut images = sample.images.iter().chain(&sample.root_image_id);
        images.any(|image| {
            let looks = self.hashes.get(image).filter(|hash| Near::has_pattern(**hash));
            self.benchmark_ids.contains(image) || looks.is_some_and(|hash| self.benchmark_looks.has(0, *hash))
        })
    }

    /// What was left out, in words.
    pub(super) fn told(&self) -> String {
        let each = self
            .removed
            .iter()
            .map(|(reason, removed)| format!("; left out {}: {reason}", removed.rows));
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample;

    #[test]
    fn repetitions_go_and_other_questions_stay() {
        let mut remover = Remover::new(3);
        let pattern = 0x0F0F_3C3C_5A5A_6699_i64;
        for (image, hash) in [
            ("a", pattern),
            ("b", pattern ^ 0b101),
            ("c", !pattern),
            ("d", 0),
            ("e", 1),
            ("f", pattern ^ 0b11),
        ] {
            remover.hashes.insert(image.to_owned(), hash);
        }
        let options = Options::default();
        let row = |id: &str, image: &str, prompt: &str| Sample {
            images: vec![image.to_owned()],
            prompt: prompt.to_owned(),
            ..sample(id)
        };
        let keep = |remover: &mut Remover, sample: &Sample| {
            let candidate = remover.candidate(sample, &options);
            remover.keep(&candidate)
        };
        assert!(keep(&mut remover, &row("1", "a", "How many?")));
        assert!(
            !keep(&mut remover, &row("2", "a", " how  MANY?")),
            "the same pair"
        );
        assert!(!keep(&mut remover, &row("3", "b", "how many?")), "two bits apart");
        assert!(keep(&mut remover, &row("4", "b", "which colour?")));
        let mut other = row("4b", "b", "how many?");
        other.completion = "five".to_owned();
        assert!(keep(&mut remover, &other), "an edit that changes the answer");
        assert!(keep(&mut remover, &row("5", "c", "how many?")));
        assert!(
            keep(&mut remover, &row("6", "d", "how many?"))
                && keep(&mut remover, &row("7", "e", "how many?")),
            "flat images"
        );
        remover.benchmark_ids.insert("c".to_owned());
        remover.benchmark_looks.insert(0, pattern);
        assert!(
            !keep(&mut remover, &row("8", "c", "anything new?")),
            "the same bytes"
        );
        assert!(
            !keep(&mut remover, &row("9", "f", "anything new?")),
            "the same looks"
        );
        let rows: BTreeMap<&str, usize> = remover
            .removed
            .iter()
            .map(|(reason, removed)| (reason.as_str(), removed.rows))
            .collect();
        assert_eq!(
            rows,
            BTreeMap::from([
                ("image of a benchmark, or made from one", 2),
                ("near-duplicate", 1),
                ("the same pair twice", 1)
            ])
        );
    }
}
