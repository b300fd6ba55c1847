//! What an audit found, as one HTML file that needs no network, and its charts as SVG files.
//!
//! In: the tables, and which run. Out: [`Report`], which becomes a page with [`Report::page`]. Figures come from SQL
//! (`report/*.sql`), charts are drawn here, the gallery carries small copies of the images within a bound on bytes. All
//! text of models and files is hostile: templates escape it, the gallery's data are JSON that the page's script inserts as
//! text, and a content security policy lets no other script run.

mod chart;
mod findings;
mod gallery;
mod page;
mod text;

use crate::error::{Error, Result};
use crate::picture::Pictures;
use crate::slice::{self, Search, Slice, Subject};
use crate::sql::named::check_run;
use crate::sql::{self, rows};
use crate::tables::Tables;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

pub use findings::{Agreement, Category, Cost, Headline, RunFacts, SliceLine, Slices, StepMean, Strategy};
pub use gallery::{Gallery, LeftOut};

/// What goes into a report.
#[derive(Debug, Clone)]
pub struct Options {
    /// A run's id, its first digits, its label or `latest`.
    pub run: String,
    /// The target's name, where the run measured several.
    pub target: Option<String>,
    /// Examples in the gallery at most.
    pub gallery: usize,
    /// Bytes of the gallery at most, its pictures as text included.
    pub max_byte: usize,
    /// The longer side of its pictures.
    pub side_px: u32,
}

/// Everything that a report tells.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which run.
    pub run: RunFacts,
    /// Other targets that were measured on this run's pairs.
    pub other_targets: Vec<String>,
    /// Where the tables are, without credentials.
    pub tables: String,
    /// The figures at the top.
    pub headline: Headline,
    /// How often target and reference are wrong.
    pub categories: Vec<Category>,
    /// How often each way of asking finds a failure.
    pub strategies: Vec<Strategy>,
    /// Weakness slices and their summary in words, where there are any.
    pub slices: Option<Slices>,
    /// How often models say the same.
    pub agreement: Vec<Agreement>,
    /// What each model cost.
    pub costs: Vec<Cost>,
    /// Means of training metrics.
    pub curves: Vec<StepMean>,
    /// Examples with their pictures.
    #[serde(skip)]
    pub gallery: Gallery,
}

impl Report {
    /// Reads it all from the tables; `folder` is where `slices/` may lie.
    ///
    /// # Errors
    /// When there is no such run or target, or the tables cannot be read.
    pub async fn gather(tables: &Tables, folder: &Path, options: &Options) -> Result<Self> {
        let context = sql::open(tables, sql::memory::limit_byte()).await?;
        let named = ScalarValue::from(options.run.as_str());
        check_run(&context, &named).await?;
        let mut runs: Vec<RunFacts> = rows(&sql::collect(&context, RUN, &[("run", named)]).await?)?;
        let at = match &options.target {
            None => Some(0),
            Some(target) => runs.iter().position(|run| run.target.as_ref() == Some(target)),
        };
        let Some(at) = at.filter(|at| *at < runs.len()) else {
            let names: Vec<&str> = runs.iter().filter_map(|run| run.target.as_deref()).collect();
            return Err(Error::Sql {
                problem: format!(
                    "this run measured no such target; there are: {}",
                    names.join(", ")
                ),
                sql: format!("target = {}", options.target.as_deref().unwrap_or_default()),
            });
        };
        let run = runs.remove(at);
        let of = [
            ("run", ScalarValue::from(run.run_id.as_str())),
            (
                "target",
                ScalarValue::from(run.target_id.as_deref().unwrap_or_default()),
            ),
        ];
        let (by_run, none) = (&of[..1], &[][..]);
        let own = slice::load(&folder.join("slices"))?;
        if run.probes <= MOST_HELD {
            hold(&context, &of, !own.is_empty()).await?;
        }
        let gallery = gallery::choose(&context, &of, options).await?;
        let pictures = Pictures::find(tables, &gallery.image_ids()).await?;
        Ok(Self {
            other_targets: runs.into_iter().filter_map(|run| run.target).collect(),
            tables: tables.url().to_owned(),
            headline: ask(&context, HEADLINE, &of).await?.remove(0),
            categories: ask(&context, CATEGORIES, &of).await?,
            strategies: ask(&context, STRATEGIES, &of).await?,
            slices: slices(&context, &own, &run).await?,
            agreement: ask(&context, include_str!("../queries/agreement.sql"), by_run).await?,
            costs: ask(&context, include_str!("../queries/cost.sql"), by_run).await?,
            curves: ask(&context, CURVES, none).await?,
            gallery: gallery.draw(&pictures, options).await?,
            run,
        })
    }

    /// The page, whole.
    pub fn page(&self) -> Result<String> {
        page::render(self)
    }

    /// Name and text of every chart as an SVG file of its own.
    #[must_use]
    pub fn charts(&self) -> Vec<(String, String)> {
        let drawn = page::charts(self).into_iter();
        drawn.map(|(name, chart)| (name, chart.file())).collect()
    }
}

/// A run of more probes is not held in memory.
const MOST_HELD: i64 = 300_000;

const RUN: &str = include_str!("report/run.sql");
const HEADLINE: &str = include_str!("report/headline.sql");
const CATEGORIES: &str = include_str!("report/categories.sql");
const STRATEGIES: &str = include_str!("report/strategies.sql");
const CURVES: &str = include_str!("report/curves.sql");

async fn ask<T: DeserializeOwned>(
    context: &SessionContext,
    sql: &str,
    parameters: &[(&str, ScalarValue)],
) -> Result<Vec<T>> {
    rows(&sql::collect(context, sql, parameters).await?)
}

/// Every query would join the view `results` anew: from here on it is this run's and target's rows, in memory. Only slices
/// may ask for the two columns that can be large.
async fn hold(context: &SessionContext, of: &[(&str, ScalarValue)], with_all: bool) -> Result<()> {
    let columns = if with_all {
        "*"
    } else {
        "* EXCEPT (scene, attributes)"
    };
    let sql = format!("SELECT {columns} FROM results WHERE run_id = $run AND target_id = $target");
    let held = sql::query(context, &sql, of).await?.cache().await?;
    context.deregister_table("results")?;
    context.register_table("results", held.into_view())?;
    Ok(())
}

/// Slices that stood the test on images on which they were not found, and the user's own; none without any.
async fn slices(context: &SessionContext, own: &[Slice], run: &RunFacts) -> Result<Option<Slices>> {
    let mut slices = own_slices(context, own, run).await?;
    let subject = Subject {
        run: run.run_id.clone(),
        target: run.target.clone(),
        ..Subject::default()
    };
    let found = match slice::weakness(context, &subject, &Search::default()).await {
        Ok(weakness) => weakness.findings,
        Err(error) => {
            tracing::warn!(%error, "the report has no slices of its own finding");
            return Ok(slices);
        }
    };
    let weak = found.weak.iter().map(|found| SliceLine {
        slice: found.words.clone(),
        target: run.target.clone(),
        n: i64::from(found.target.n),
        valid: i64::from(found.target.n),
        failures: i64::from(found.target.count),
        failure_rate_low: Some(found.target.low),
        failure_rate_high: Some(found.target.high),
    });
    for (said, found) in [("Weak at", &found.weak), ("Strong at", &found.strong)] {
        let found: Vec<String> = found
            .iter()
            .map(|found| {
                let elsewhere = found.elsewhere.rate * 100.0;
                format!("{}: {}, elsewhere {elsewhere:.1} %", found.words, found.target)
            })
            .collect();
        if !found.is_empty() {
            let slices = slices.get_or_insert_default();
            slices.summary.push(format!("{said} {}.", found.join("; ")));
        }
    }
    if let Some(slices) = &mut slices {
        slices.lines.splice(0..0, weak);
    }
    Ok(slices)
}

/// The user's own slices in this run; none without any.
async fn own_slices(context: &SessionContext, own: &[Slice], run: &RunFacts) -> Result<Option<Slices>> {
    if own.is_empty() {
        return Ok(None);
    }
    let evaluated = slice::evaluate(context, own, &run.run_id).await?;
    let lines: Vec<SliceLine> = rows(&evaluated.batches)?;
    Ok(Some(Slices {
        summary: Vec::new(),
        lines: lines
            .into_iter()
            .filter(|line| line.target == run.target)
            .collect(),
        broken: evaluated.broken.iter().map(ToString::to_string).collect(),
    }))
}
