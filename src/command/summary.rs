//! What a run found, in words and numbers, read back from the committed tables.

mod text;

use crate::audit::{Drift, Ended, Run};
use crate::budget::{BudgetOptions, Spend};
use crate::error::Result;
use crate::plan;
use crate::slice;
use crate::sql::{self, rows};
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A share with its Wilson interval.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Share {
    count: i64,
    of: i64,
    low: Option<f64>,
    high: Option<f64>,
}

/// How one category went.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CategoryLine {
    category: String,
    pairs: i64,
    valid: i64,
    target_wrong: i64,
    reference_wrong: i64,
    low: Option<f64>,
    high: Option<f64>,
}

/// What one model was asked and what it cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CostLine {
    role: String,
    model: String,
    calls: i64,
    failed: i64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    tokens: Option<i64>,
    cost_usd: Option<f64>,
}

/// A failure to look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Example {
    category: String,
    question: String,
    target_answer: Option<String>,
    reference_answers: Option<String>,
    truth: Option<String>,
    image: String,
    probe_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counts {
    probes: i64,
    parsed: i64,
    pairs: i64,
    drawn: i64,
    refused_drawings: i64,
    valid: i64,
    invalid: i64,
    unknown: i64,
    target_wrong: i64,
    reference_known: i64,
    reference_wrong: i64,
    disagreements: i64,
    categories_named: i64,
    categories_by_rule: i64,
    categories_by_meaning: i64,
    categories_unmapped: i64,
    target_wrong_low: Option<f64>,
    target_wrong_high: Option<f64>,
    reference_wrong_low: Option<f64>,
    reference_wrong_high: Option<f64>,
}

/// Everything that the end of a run tells.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    status: &'static str,
    run_id: String,
    tables: String,
    images: u64,
    images_broken: u64,
    images_duplicate: u64,
    new_probes: u64,
    /// What failed for now; a later run tries it again.
    pub(super) postponed: u64,
    counts: Counts,
    target_wrong: Share,
    reference_wrong: Share,
    categories: Vec<CategoryLine>,
    costs: Vec<CostLine>,
    /// Null where a price or a token count is not known, or nothing remote was asked.
    cost_usd: Option<f64>,
    spent: Spend,
    limits: BudgetOptions,
    #[serde(skip)]
    budget: String,
    /// How remote models answered stored pairs again.
    drift: Vec<Drift>,
    examples: Vec<Example>,
    /// The user's slices, as a table.
    slices: Vec<serde_json::Value>,
    broken_slices: Vec<String>,
}

impl Summary {
    /// Reads the run's results; `folder` is where `slices/` may lie.
    pub(super) async fn gather(run: &Run, ended: &Ended, tables: &str, folder: &Path) -> Result<Self> {
        let context = sql::open(&run.tables, sql::memory::limit_byte()).await?;
        let run_id = run.audit.run_id.clone();
        let counts: Counts = ask(&context, COUNTS, &run_id).await?.remove(0);
        let share = |count, of, low, high| Share { count, of, low, high };
        let slices = slice::load(&folder.join("slices"))?;
        let evaluated = slice::evaluate(&context, &slices, &run_id).await?;
        let progress = &run.audit.progress;
        let budget = &run.audit.cast.traffic.budget;
        Ok(Self {
            status: match ended {
                Ended::Done => "done",
                Ended::Interrupted => "interrupted",
                Ended::Stopped(_) => "stopped",
                Ended::Failed(_) => "failed",
            },
            tables: tables.to_owned(),
            images: progress.images.get(),
            images_broken: progress.broken.get(),
            images_duplicate: progress.duplicates.get(),
            new_probes: progress.probes.get(),
            postponed: progress.postponed.get(),
            target_wrong: share(
                counts.target_wrong,
                counts.valid,
                counts.target_wrong_low,
                counts.target_wrong_high,
            ),
            reference_wrong: share(
                counts.reference_wrong,
                counts.reference_known,
                counts.reference_wrong_low,
                counts.reference_wrong_high,
            ),
            counts,
            categories: ask(&context, CATEGORIES, &run_id).await?,
            costs: ask(&context, COSTS, &run_id).await?,
            cost_usd: plan::cost_usd(&run.tables, &run_id).await?,
            spent: budget.spent(),
            limits: budget.limits().clone(),
            budget: budget.to_string(),
            drift: run.drift.clone(),
            examples: ask(&context, EXAMPLES, &run_id).await?,
            slices: rows(&evaluated.batches)?,
            broken_slices: evaluated.broken.iter().map(ToString::to_string).collect(),
            run_id,
        })
    }
}

const COUNTS: &str = include_str!("summary/counts.sql");
const CATEGORIES: &str = include_str!("summary/categories.sql");
const COSTS: &str = include_str!("summary/costs.sql");
const EXAMPLES: &str = include_str!("summary/examples.sql");

async fn ask<T: DeserializeOwned>(context: &SessionContext, sql: &str, run_id: &str) -> Result<Vec<T>> {
    rows(&sql::collect(context, sql, &[("run", ScalarValue::from(run_id))]).await?)
}
