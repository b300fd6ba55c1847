//! What one method's audit came to, counted in its tables.

use crate::benchmark::statistic::bootstrap;
use crate::config::Config;
use crate::error::Result;
use crate::slice::{Search, Subject, weakness};
use crate::sql;
use crate::tables::Tables;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A category counts as covered from this share of the failures on, and from two of them.
const COVERED_SHARE: f64 = 0.02;
const COVERED_LEAST: u64 = 2;
/// Longer pauses between calls lie between two sittings, in seconds.
const PAUSE_S: u32 = 300;

/// Counts of one run.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) probes: u64,
    pub(super) pairs: u64,
    pub(super) valid: u64,
    pub(super) failures: u64,
    pub(super) categories: usize,
    pub(super) slices: usize,
    /// Failures inside a slice.
    pub(super) told: u64,
    pub(super) calls: u64,
    pub(super) seconds: f64,
    /// Failures and probes by source image.
    pub(super) images: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize)]
struct Counts {
    image: String,
    probes: u64,
    valid: u64,
    failures: u64,
}

#[derive(Deserialize)]
struct Category {
    failures: u64,
}

#[derive(Deserialize)]
struct Cost {
    calls: u64,
    seconds: f64,
}

#[derive(Deserialize)]
struct Number {
    number: u64,
}

impl Measured {
    /// Counts what the run of a configuration found.
    pub(super) async fn of(config: &Config) -> Result<Self> {
        let tables = Tables::open_existing(&config.tables).await?;
        let context = sql::open(&tables, sql::memory::limit_byte()).await?;
        let run = &config.label;
        let images = counts(&context, run).await?;
        let categories: Vec<Category> = rows(
            &context,
            "SELECT count(*) AS failures FROM results WHERE run_label = $run AND failure GROUP BY category",
            run,
        )
        .await?;
        let pairs = "SELECT count(DISTINCT pair_id) AS number FROM results WHERE run_label = $run AND status = 'valid'";
        let cost = format!(
            "WITH mine AS (
                SELECT date_part('epoch', started_at) AS began, date_part('epoch', started_at) + latency_ms / 1e3 AS ended
                FROM calls WHERE run_id IN (SELECT run_id FROM runs WHERE label = $run)
            ), paused AS (
                SELECT began, ended, began - lag(began) OVER (ORDER BY began) AS pause_s FROM mine
            )
            SELECT count(*) AS calls, coalesce(sum(pause_s) FILTER (WHERE pause_s < {PAUSE_S}), 0.0)
                + coalesce(max(ended) - max(began), 0.0) AS seconds FROM paused"
        );
        let cost: Vec<Cost> = rows(&context, &cost, run).await?;
        let sum = |count: fn(&Counts) -> u64| images.iter().map(count).sum::<u64>();
        let failures = sum(|image| image.failures);
        let covered = (failures as f64 * COVERED_SHARE).max(COVERED_LEAST as f64);
        let (slices, told) = if failures == 0 {
            (0, 0)
        } else {
            slices(&context, run).await?
        };
        Ok(Self {
            probes: sum(|image| image.probes),
            valid: sum(|image| image.valid),
            failures,
            pairs: number(&context, pairs, run).await?,
            categories: categories
                .iter()
                .filter(|each| each.failures as f64 >= covered)
                .count(),
            slices,
            told,
            calls: cost.first().map_or(0, |cost| cost.calls),
            seconds: cost.first().map_or(0.0, |cost| cost.seconds),
            images: by_image(images),
        })
    }

    /// Failures and probes by source image alone: what others are held against.
    pub(super) async fn baseline(config: &Config) -> Result<Self> {
        let tables = Tables::open_existing(&config.tables).await?;
        let context = sql::open(&tables, sql::memory::limit_byte()).await?;
        Ok(Self {
            images: by_image(counts(&context, &config.label).await?),
            ..Self::default()
        })
    }

    /// How many times as often as `fixed` it finds a failure, with a 95 % interval over images.
    pub(super) fn against(&self, fixed: &Self) -> Option<(f64, Option<(f64, f64)>)> {
        let both: Vec<[f64; 4]> = self
            .images
            .iter()
            .filter_map(|(image, [failures, probes])| {
                let [of_fixed, asked] = fixed.images.get(image)?;
                Some([*failures, *probes, *of_fixed, *asked])
            })
            .collect();
        let ratio = |sums: &[f64; 4]| (sums[0] / sums[1]) / (sums[2] / sums[3]);
        let sums = both.iter().fold([0.0; 4], |mut sums, image| {
            sums.iter_mut().zip(image).for_each(|(sum, value)| *sum += value);
            sums
        });
        let value = ratio(&sums);
        value.is_finite().then(|| {
            (
                value,
                bootstrap::interval(&both, ratio, 1).filter(|(_, high)| high.is_finite()),
            )
        })
    }
}

fn by_image(counts: Vec<Counts>) -> BTreeMap<String, [f64; 2]> {
    let each = counts.into_iter();
    each.map(|image| (image.image, [image.failures as f64, image.probes as f64]))
        .collect()
}

async fn counts(context: &SessionContext, run: &str) -> Result<Vec<Counts>> {
    let sql = "SELECT source_image_id AS image, count(*) AS probes, count(*) FILTER (WHERE status = 'valid') AS valid,
            count(*) FILTER (WHERE failure) AS failures
        FROM results WHERE run_label = $run GROUP BY source_image_id ORDER BY source_image_id";
    rows(context, sql, run).await
}

/// The slices that `auditdm slices` reports, and the failures within any of them.
async fn slices(context: &SessionContext, run: &str) -> Result<(usize, u64)> {
    let subject = Subject {
        run: run.to_owned(),
        ..Subject::default()
    };
    let found = weakness(context, &subject, &Search::default())
        .await?
        .findings
        .weak;
    if found.is_empty() {
        return Ok((0, 0));
    }
    let any: Vec<String> = found.iter().map(|slice| format!("({})", slice.sql)).collect();
    let sql = format!(
        "SELECT count(*) AS number FROM results WHERE run_label = $run AND failure AND ({})",
        any.join(" OR ")
    );
    Ok((found.len(), number(context, &sql, run).await?))
}

async fn number(context: &SessionContext, sql: &str, run: &str) -> Result<u64> {
    let found: Vec<Number> = rows(context, sql, run).await?;
    Ok(found.first().map_or(0, |row| row.number))
}

/// Rows of a query about a run.
pub(super) async fn rows<T: serde::de::DeserializeOwned>(
    context: &SessionContext,
    sql: &str,
    run: &str,
) -> Result<Vec<T>> {
    let batches = sql::collect(context, sql, &[("run", ScalarValue::from(run))]).await?;
    sql::rows(&batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_as_often_on_every_image_is_twice_as_often() {
        let measured = |failures: [f64; 3]| Measured {
            images: ["a", "b", "c"]
                .map(str::to_owned)
                .into_iter()
                .zip(failures.map(|count| [count, 6.0]))
                .collect(),
            ..Measured::default()
        };
        let (value, interval) = measured([2.0, 4.0, 2.0])
            .against(&measured([1.0, 2.0, 1.0]))
            .unwrap();
        let (low, high) = interval.unwrap();
        assert!((value - 2.0).abs() < 1e-9 && (low - 2.0).abs() < 1e-9 && (high - 2.0).abs() < 1e-9);
        let (value, interval) = measured([3.0, 0.0, 0.0])
            .against(&measured([1.0, 1.0, 1.0]))
            .unwrap();
        let (low, high) = interval.unwrap();
        assert!(
            (value - 1.0).abs() < 1e-9 && low < 0.5 && high > 2.0,
            "{low} {high}"
        );
        assert!(
            measured([1.0; 3]).against(&measured([0.0; 3])).is_none(),
            "there is nothing to compare with"
        );
    }
}
