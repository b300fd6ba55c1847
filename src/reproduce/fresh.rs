//! How much a method still has to ask: the share of a second round's pairs that the first did not have.

use super::measure::rows;
use crate::config::Config;
use crate::error::Result;
use crate::sql;
use crate::tables::Tables;
use serde::Deserialize;
use std::collections::HashSet;

#[derive(Deserialize)]
struct Pair {
    pair_id: String,
}

/// Of the pairs of the round `again`, those that are not in the first; none where it has no pair.
pub(super) async fn share(first: &Config, again: &Config) -> Result<Option<f64>> {
    let known: HashSet<String> = pairs(first).await?;
    let second = pairs(again).await?;
    let fresh = second.difference(&known).count();
    Ok((!second.is_empty()).then(|| fresh as f64 / second.len() as f64))
}

async fn pairs(config: &Config) -> Result<HashSet<String>> {
    let tables = Tables::open_existing(&config.tables).await?;
    let context = sql::open(&tables, sql::memory::limit_byte()).await?;
    let sql = "SELECT DISTINCT pair_id FROM results WHERE run_label = $run AND pair_id IS NOT NULL";
    let found: Vec<Pair> = rows(&context, sql, &config.label).await?;
    Ok(found.into_iter().map(|pair| pair.pair_id).collect())
}
