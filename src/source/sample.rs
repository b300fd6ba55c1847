//! Draws of n from a stream of unknown length, evenly over groups if wanted.
//!
//! What is drawn depends on the seed and on the names only: the n smallest hashes of (seed, name). Order and
//! concurrency of the listing do not matter, and an image that is added displaces at most one other.
//! Memory: n items for each group.

use super::{Found, SourceOptions};
use crate::error::Result;
use crate::row::id;
use async_stream::try_stream;
use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Draws `sample` images from a listing.
pub(super) fn draw(
    mut found: BoxStream<'static, Result<Found>>,
    options: Arc<SourceOptions>,
) -> BoxStream<'static, Result<Found>> {
    try_stream! {
        let mut sampler = Sampler::new(&options);
        while let Some(each) = found.try_next().await? {
            let category = each.questions.first().and_then(|question| question.category.clone());
            sampler.offer(&each.uri.clone(), &each.attributes.clone(), category, each);
        }
        for each in sampler.draw().map_err(|problem| options.error(problem))? {
            yield each;
        }
    }
    .boxed()
}

/// A draw in progress.
pub(super) struct Sampler<T> {
    wanted: usize,
    seed: u64,
    balance_by: Option<String>,
    offered: usize,
    /// Whether any item had the column to balance by, and the columns of one that had not.
    has_column: bool,
    without_column: Option<Vec<String>>,
    /// For each group, by hash: when it was offered, and what.
    groups: BTreeMap<String, BTreeMap<String, (usize, T)>>,
}

impl<T> Sampler<T> {
    pub(super) fn new(options: &SourceOptions) -> Self {
        Self {
            wanted: options.sample.unwrap_or(usize::MAX),
            seed: options.seed,
            balance_by: options.balance_by.clone(),
            offered: 0,
            has_column: false,
            without_column: None,
            groups: BTreeMap::new(),
        }
    }

    /// Considers one item. Items without the column to balance by are a group of their own.
    pub(super) fn offer(
        &mut self,
        name: &str,
        attributes: &Map<String, Value>,
        category: Option<String>,
        item: T,
    ) {
        let group = self
            .balance_by
            .as_ref()
            .and_then(|column| match attributes.get(column) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(value) => Some(value.to_string()),
                None => category.filter(|_| column == "category"),
            });
        self.has_column |= group.is_some();
        if group.is_none() && self.without_column.is_none() {
            self.without_column = Some(attributes.keys().cloned().collect());
        }
        let hash = id([&self.seed.to_le_bytes()[..], name.as_bytes()]);
        let best = self.groups.entry(group.unwrap_or_default()).or_default();
        best.insert(hash, (self.offered, item));
        self.offered += 1;
        if best.len() > self.wanted {
            best.pop_last();
        }
    }

    /// The items drawn, in the order in which they were offered. Groups that have too few give all; the
    /// others share the rest evenly.
    pub(super) fn draw(self) -> Result<Vec<T>, String> {
        if let (Some(column), Some(names), false) = (self.balance_by, self.without_column, self.has_column) {
            let names = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            return Err(format!(
                "`balance_by` names the column `{column}`; the columns are: {names}"
            ));
        }
        let mut groups: Vec<_> = self.groups.into_values().collect();
        groups.sort_by_key(BTreeMap::len);
        let mut left = self.wanted;
        let count = groups.len();
        let mut drawn = Vec::new();
        for (index, group) in groups.into_iter().enumerate() {
            let share = left / (count - index);
            let before = drawn.len();
            drawn.extend(group.into_values().take(share));
            left -= drawn.len() - before;
        }
        drawn.sort_by_key(|(offered, _)| *offered);
        Ok(drawn.into_iter().map(|(_, item)| item).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sample: usize, seed: u64, balance_by: Option<&str>) -> SourceOptions {
        let balance_by = balance_by.map(str::to_owned);
        SourceOptions {
            sample: Some(sample),
            seed,
            balance_by,
            ..SourceOptions::default()
        }
    }

    fn draw(names: impl Iterator<Item = u32>, wanted: usize, seed: u64) -> Vec<u32> {
        let mut sampler = Sampler::new(&options(wanted, seed, None));
        for name in names {
            sampler.offer(&format!("image {name}"), &Map::new(), None, name);
        }
        sampler.draw().unwrap()
    }

    #[test]
    fn a_draw_depends_on_names_and_seed_only() {
        let drawn = draw(0..1000, 20, 7);
        assert_eq!(drawn.len(), 20);
        let mut backwards = draw((0..1000).rev(), 20, 7);
        backwards.reverse();
        assert_eq!(drawn, backwards);
        assert_ne!(drawn, draw(0..1000, 20, 8));
        let kept = draw(0..1001, 20, 7)
            .iter()
            .filter(|name| drawn.contains(name))
            .count();
        assert!(kept >= 19);
        assert_eq!(draw(0..5, 20, 7), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn groups_get_equal_shares_and_small_ones_give_all() {
        let mut sampler = Sampler::new(&options(20, 1, Some("kind")));
        for index in 0..1000 {
            let kind = if index < 3 {
                "rare"
            } else if index % 10 == 0 {
                "some"
            } else {
                "many"
            };
            let attributes = Map::from_iter([("kind".to_owned(), Value::from(kind))]);
            sampler.offer(&index.to_string(), &attributes, None, kind);
        }
        let drawn = sampler.draw().unwrap();
        let count = |name| drawn.iter().filter(|kind| **kind == name).count();
        assert_eq!(
            (count("rare"), count("some") + count("many"), drawn.len()),
            (3, 17, 20)
        );
        assert!(count("some").abs_diff(count("many")) <= 1);
    }

    #[test]
    fn a_column_that_nothing_has_is_an_error() {
        let mut sampler = Sampler::new(&options(2, 1, Some("shop")));
        let attributes = Map::from_iter([("store".to_owned(), Value::from("a"))]);
        sampler.offer("a", &attributes, None, ());
        assert_eq!(
            sampler.draw().unwrap_err(),
            "`balance_by` names the column `shop`; the columns are: store"
        );
    }
}
