//! Search success of auditors in the lab, as a frontier: with no bound, and with no category above a share of the failures.
//!
//! ```text
//! training scenes ──▶ explore ──▶ what each category yields, ──▶ foci under a bound ──▶ audit of held-out scenes ──▶ counts
//!                                 by reward, without truth                             by ground truth
//! ```
//! In: checkpoints of auditors. Out: one row an auditor and bound. A failure is a pair with an answer by ground truth that the
//! target gets wrong; success is failures over all probes that were asked for. Source: AuditDM, Table 2.

use super::grpo::Training;
use crate::audit::{Ended, Run};
use crate::config::{Config, ModelOptions};
use crate::error::{Error, Result};
use crate::sql::function::wilson;
use crate::sql::{self, rows};
use crate::tables::Tables;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The largest share of the failures that one category may have, and how many categories shall have some.
pub const BOUNDS: [(f64, usize); 5] = [(1.0, 0), (0.5, 0), (0.3, 0), (0.3, COVERED), (0.15, 0)];
/// How much of a bound is aimed at: what is found scatters around it.
const AIM: f64 = 0.85;
/// One more than are wanted, for what is found scatters.
const COVERED: usize = 11;
/// A category is covered that has this share of the failures.
const COVERED_SHARE: f64 = 0.02;
/// Probes of an image: eight by each of three strategies.
const PROBES: u64 = 24;

/// What is compared, and how much.
#[derive(Debug, Clone)]
pub struct Search {
    /// The folder with the lab's checkpoints.
    pub data: PathBuf,
    /// Names and folders of auditors.
    pub auditors: Vec<(String, PathBuf)>,
    /// Where the audits' tables go.
    pub tables: String,
    /// Held-out probes for each auditor and bound.
    pub probes: u64,
    /// Batches of 15 images by which an auditor's foci are chosen.
    pub explored: u64,
    /// Seeds scenes and probes.
    pub seed: u64,
}

/// What an auditor found under a bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The auditor's name.
    pub auditor: String,
    /// The bound.
    pub bound: f64,
    /// Categories that were to have some of the failures in any case.
    pub covered: usize,
    /// Probes asked for.
    pub probes: i64,
    /// With an answer by ground truth.
    pub valid: i64,
    /// On which the target is wrong.
    pub failures: i64,
    /// Failures by strategy, in alphabetical order.
    pub by_strategy: Vec<(String, i64)>,
    /// Different questions among the probes.
    pub distinct: i64,
    /// Categories with at least 2 % of the failures.
    pub categories: usize,
    /// The largest share of the failures that a category has, and which.
    pub largest: (f64, String),
}

impl Found {
    /// Failures over probes, with the Wilson interval.
    #[must_use]
    pub fn success(&self) -> (f64, f64, f64) {
        let (low, high) = wilson::interval(self.failures, self.probes).unwrap_or((0.0, 1.0));
        (share(self.failures, self.probes), low, high)
    }

    /// Of the probes, those that are valid; of these, those on which the target is wrong.
    #[must_use]
    pub fn factors(&self) -> (f64, f64) {
        (share(self.valid, self.probes), share(self.failures, self.valid))
    }
}

fn share(count: i64, of: i64) -> f64 {
    count as f64 / of.max(1) as f64
}

#[derive(Debug, Deserialize)]
struct Counted {
    category: String,
    strategy: String,
    probes: i64,
    valid: i64,
    failures: i64,
}

#[derive(Debug, Deserialize)]
struct Distinct {
    distinct: i64,
}

/// Lets every auditor search under every bound; `report` is told each result.
///
/// # Errors
/// What cannot be opened, and what ends an audit before its end.
pub async fn search(search: &Search, mut report: impl FnMut(&Found)) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for (name, folder) in &search.auditors {
        let mut config = search.config(folder)?;
        config.source.url = format!("lab://?scenes=2000&seed={}&split=train", search.seed + 1000);
        let mut training = Training::open(config).await?;
        training.explore(search.explored).await?;
        for (bound, covered) in BOUNDS {
            let mut config = search.config(folder)?;
            let scenes = search.probes.div_ceil(PROBES);
            config.label = format!("{name} within {:.0} %, {covered} covered", 100.0 * bound);
            config.source.url = format!("lab://?scenes={scenes}&seed={}", search.seed);
            for prober in &mut config.probers {
                let aimed = if bound < 1.0 { AIM * bound } else { bound };
                prober.foci = training.foci_within(aimed, covered);
            }
            let label = config.label.clone();
            match Run::open(config).await?.go(std::future::pending()).await? {
                Ended::Done => {}
                Ended::Failed(error) => return Err(error),
                other => return Err(Error::Training(format!("{label} ended early: {other:?}"))),
            }
            let found = search.read(name, (bound, covered), &label).await?;
            report(&found);
            all.push(found);
        }
    }
    Ok(all)
}

impl Search {
    fn config(&self, auditor: &Path) -> Result<Config> {
        let mut config = Config::parse(include_str!("search.toml"), "the lab's search", Path::new(""))?;
        config.tables.clone_from(&self.tables);
        config.seed = self.seed;
        for (name, model) in &mut config.models {
            let ModelOptions::Local(local) = model else {
                continue;
            };
            let path = match name.as_str() {
                "auditor" => auditor.to_owned(),
                name => self.data.join(format!("lab-{name}")),
            };
            local.path = path.display().to_string();
        }
        Ok(config)
    }

    /// What a run found.
    async fn read(&self, auditor: &str, bound: (f64, usize), label: &str) -> Result<Found> {
        let tables = Tables::open(&self.tables).await?;
        let context = sql::open(&tables, sql::memory::limit_byte()).await?;
        let quoted = label.replace('\'', "''");
        let counted = format!(
            "SELECT coalesce(category, 'none') AS category, strategy, count(*) AS probes, \
             count(*) FILTER (WHERE status = 'valid') AS valid, count(*) FILTER (WHERE failure) AS failures \
             FROM results WHERE run_label = '{quoted}' GROUP BY 1, 2 ORDER BY 1, 2"
        );
        let distinct =
            format!("SELECT count(DISTINCT question) AS distinct FROM results WHERE run_label = '{quoted}'");
        let counted: Vec<Counted> = rows(&sql::collect(&context, &counted, &[]).await?)?;
        let distinct: Vec<Distinct> = rows(&sql::collect(&context, &distinct, &[]).await?)?;
        Ok(sum(
            auditor,
            bound,
            &counted,
            distinct.first().map_or(0, |row| row.distinct),
        ))
    }
}

fn sum(auditor: &str, (bound, covered): (f64, usize), counted: &[Counted], distinct: i64) -> Found {
    let total = |count: fn(&Counted) -> i64| counted.iter().map(count).sum::<i64>();
    let failures = total(|row| row.failures);
    let by = |name: fn(&Counted) -> &String| {
        let mut groups: Vec<(String, i64)> = Vec::new();
        for row in counted {
            match groups.iter_mut().find(|(group, _)| group == name(row)) {
                Some((_, count)) => *count += row.failures,
                None => groups.push((name(row).clone(), row.failures)),
            }
        }
        groups.sort();
        groups
    };
    let categories = by(|row| &row.category);
    let largest = categories.iter().max_by_key(|(_, count)| *count);
    Found {
        auditor: auditor.to_owned(),
        bound,
        covered,
        probes: total(|row| row.probes),
        valid: total(|row| row.valid),
        failures,
        by_strategy: by(|row| &row.strategy),
        distinct,
        categories: categories
            .iter()
            .filter(|(_, count)| *count > 0 && share(*count, failures) >= COVERED_SHARE)
            .count(),
        largest: largest.map_or((0.0, String::new()), |(name, count)| {
            (share(*count, failures), name.clone())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_shares() {
        let row = |category: &str, strategy: &str, probes, valid, failures| Counted {
            category: category.to_owned(),
            strategy: strategy.to_owned(),
            probes,
            valid,
            failures,
        };
        let counted = [
            row("counting", "edit", 50, 40, 30),
            row("counting", "question", 20, 10, 9),
            row("none", "question", 20, 0, 0),
            row("atmosphere", "edit", 10, 10, 1),
        ];
        let found = sum("a", (0.3, 0), &counted, 7);
        assert_eq!(
            (found.probes, found.valid, found.failures, found.distinct),
            (100, 60, 40, 7)
        );
        assert_eq!(found.categories, 2);
        assert_eq!(found.largest, (39.0 / 40.0, "counting".to_owned()));
        assert_eq!(
            found.by_strategy,
            [("edit".to_owned(), 31), ("question".to_owned(), 9)]
        );
        let (success, low, high) = found.success();
        assert!((success - 0.4).abs() < 1e-9 && low > 0.3 && high < 0.51);
        assert!((found.factors().0 - 0.6).abs() < 1e-9);
        assert!(sum("a", (1.0, 0), &[], 0).success().0.abs() < 1e-9);
    }
}
