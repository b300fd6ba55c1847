//! What a run found, in words and numbers, read back from the committed tables.

use super::plain::line;
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
use std::fmt;
use std::path::Path;

/// Of what others wrote, in characters: a megabyte of answer is no summary.
const LONGEST_SHOWN: usize = 200;

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
        let context = sql::open(&run.tables, sql::MEMORY_LIMIT_BYTE).await?;
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
            cost_usd: plan::spent(&run.tables, &run_id).await?.cost_usd,
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

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count, self.of)?;
        if let (Some(low), Some(high)) = (self.low, self.high) {
            let rate = self.count as f64 / self.of as f64;
            write!(
                f,
                " = {:.1} % (95 % interval {:.1}–{:.1} %)",
                rate * 100.0,
                low * 100.0,
                high * 100.0
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "Run {} ({}), tables in {}\n",
            &self.run_id[..8],
            self.status,
            self.tables
        )?;
        let broken = note(self.images_broken, "broken");
        let duplicate = note(self.images_duplicate, "shown twice");
        writeln!(f, "  images             {}{broken}{duplicate}", self.images)?;
        let parse_share = counts.parsed as f64 / counts.probes.max(1) as f64 * 100.0;
        writeln!(
            f,
            "  probes             {} ({} new in this run), {parse_share:.1} % of them with a question",
            counts.probes, self.new_probes
        )?;
        writeln!(
            f,
            "  pairs              {}, {} of them on drawn images; {} drawings refused",
            counts.pairs, counts.drawn, counts.refused_drawings
        )?;
        writeln!(
            f,
            "  verified           {} valid, {} invalid, {} unknown",
            counts.valid, counts.invalid, counts.unknown
        )?;
        writeln!(f, "  target wrong       {}", self.target_wrong)?;
        writeln!(f, "  reference wrong    {}", self.reference_wrong)?;
        if counts.disagreements > 0 {
            writeln!(
                f,
                "  disagreements      {} that nobody verified: name judges or a second reference",
                counts.disagreements
            )?;
        }
        writeln!(f, "  errors to retry    {}", self.postponed)?;
        if self.spent.requests > 0 {
            writeln!(f, "  budget used        {}", self.budget)?;
            let cost = self.cost_usd.map_or_else(
                || "unknown: a price or a token count is missing".to_owned(),
                |cost| format!("{cost:.4} USD"),
            );
            writeln!(f, "  cost               {cost}")?;
        }
        for drift in &self.drift {
            writeln!(f, "  asked again        {drift}")?;
        }
        self.categories(f)?;
        self.costs(f)?;
        self.examples(f)?;
        for broken in &self.broken_slices {
            writeln!(f, "\n  {broken}")?;
        }
        self.next(f)
    }
}

fn note(count: u64, what: &str) -> String {
    if count > 0 {
        format!(", {count} {what}")
    } else {
        String::new()
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

impl Summary {
    fn categories(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.categories.is_empty() {
            return Ok(());
        }
        let header = (
            "category",
            "pairs",
            "valid",
            "target wrong",
            "interval",
            "reference wrong",
        );
        writeln!(
            f,
            "\n  {:<24} {:>6} {:>6} {:>13} {:>12} {:>16}",
            header.0, header.1, header.2, header.3, header.4, header.5
        )?;
        for line in &self.categories {
            let rate = (line.valid > 0).then(|| line.target_wrong as f64 / line.valid as f64);
            let interval = match (line.low, line.high) {
                (Some(low), Some(high)) => format!("{:.0}–{:.0} %", low * 100.0, high * 100.0),
                _ => "–".to_owned(),
            };
            writeln!(
                f,
                "  {:<24} {:>6} {:>6} {:>6} {:>6} {:>12} {:>16}",
                line.category,
                line.pairs,
                line.valid,
                line.target_wrong,
                percent(rate),
                interval,
                line.reference_wrong
            )?;
        }
        Ok(())
    }

    fn costs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.costs.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\n  {:<10} {:<28} {:>8} {:>7} {:>9} {:>9} {:>10} {:>10}",
            "role", "model", "calls", "failed", "p50 ms", "p95 ms", "tokens", "USD"
        )?;
        for line in &self.costs {
            let number = |value: Option<f64>, digits: usize| {
                value.map_or("–".to_owned(), |v| format!("{v:.digits$}"))
            };
            let tokens = line.tokens.map_or("–".to_owned(), |tokens| tokens.to_string());
            let name: String = line.model.chars().take(28).collect();
            writeln!(
                f,
                "  {:<10} {name:<28} {:>8} {:>7} {:>9} {:>9} {tokens:>10} {:>10}",
                line.role,
                line.calls,
                line.failed,
                number(line.p50_ms, 1),
                number(line.p95_ms, 1),
                number(line.cost_usd, 4),
            )?;
        }
        Ok(())
    }

    fn examples(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, example) in self.examples.iter().enumerate() {
            if at == 0 {
                writeln!(f, "\n  The worst examples (target wrong, reference right)")?;
            }
            let answer =
                |text: &Option<String>| line(text.as_deref().unwrap_or("(no answer)"), LONGEST_SHOWN);
            let question = line(&example.question, LONGEST_SHOWN);
            writeln!(f, "  {}. {question} [{}]", at + 1, example.category)?;
            write!(
                f,
                "     target: {}; reference: {}",
                answer(&example.target_answer),
                answer(&example.reference_answers)
            )?;
            if let Some(truth) = &example.truth {
                write!(f, "; truth: {}", line(truth, LONGEST_SHOWN))?;
            }
            let image = line(&example.image, LONGEST_SHOWN);
            writeln!(f, "\n     {image} (probe {})", &example.probe_id[..8])?;
        }
        Ok(())
    }

    fn next(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.tables.as_str() {
            "auditdm-tables" => String::new(),
            elsewhere => format!(" --tables {elsewhere}"),
        };
        let why = format!("why {} calls failed for now; run the audit again", self.postponed);
        let mut next = vec![
            ("weaknesses", "categories ranked by failures"),
            ("failures", "every failure with its image"),
            ("search_success", "which strategy finds failures"),
        ];
        if self.postponed > 0 {
            next.push(("errors", &why));
        }
        writeln!(f, "\n  Next")?;
        for (query, what) in next {
            writeln!(
                f,
                "    {:<width$}  {what}",
                format!("auditdm query {query}{place}"),
                width = 28 + place.len()
            )?;
        }
        writeln!(
            f,
            "    {:<width$}  everything that can be asked",
            "auditdm query --list",
            width = 28 + place.len()
        )
    }
}
