//! The rows that a report's queries give.

#![allow(
    missing_docs,
    reason = "fields are the columns of report/*.sql and queries/*.sql"
)]

use serde::{Deserialize, Serialize};

/// The run that is reported, and one of its targets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFacts {
    pub run_id: String,
    pub label: String,
    pub status: String,
    pub stop_reason: Option<String>,
    pub images: i64,
    pub probes: i64,
    pub errors: i64,
    pub cost_usd: Option<f64>,
    pub started_at: String,
    pub seconds: f64,
    pub target_id: Option<String>,
    pub target: Option<String>,
    pub references: Option<String>,
}

/// The figures at the top.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Headline {
    pub probes: i64,
    pub parsed: i64,
    pub pairs: i64,
    pub drawn: i64,
    pub refused_drawings: i64,
    pub valid: i64,
    pub invalid: i64,
    pub unknown: i64,
    pub disagreements: i64,
    pub target_wrong: i64,
    pub reference_known: i64,
    pub reference_wrong: i64,
    pub only_target: i64,
    pub only_reference: i64,
    pub target_low: Option<f64>,
    pub target_high: Option<f64>,
    pub reference_low: Option<f64>,
    pub reference_high: Option<f64>,
    pub success_low: Option<f64>,
    pub success_high: Option<f64>,
    pub p_value: Option<f64>,
}

/// How one category went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Category {
    pub label: String,
    pub pairs: i64,
    pub valid: i64,
    pub target_wrong: i64,
    pub reference_known: i64,
    pub reference_wrong: i64,
    pub disagreements: i64,
    pub target_low: Option<f64>,
    pub target_high: Option<f64>,
    pub reference_low: Option<f64>,
    pub reference_high: Option<f64>,
}

/// How one strategy of one prober went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Strategy {
    pub label: String,
    pub probes: i64,
    pub valid: i64,
    pub failures: i64,
    pub only_target: i64,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub only_low: Option<f64>,
    pub only_high: Option<f64>,
}

/// Slices of the results, the worst first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Slices {
    /// Sentences on what the target is strong and weak at.
    pub summary: Vec<String>,
    pub lines: Vec<SliceLine>,
    /// Slices that could not be evaluated, in words.
    pub broken: Vec<String>,
}

/// How one slice went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SliceLine {
    pub slice: String,
    pub target: Option<String>,
    pub n: i64,
    pub valid: i64,
    pub failures: i64,
    pub failure_rate_low: Option<f64>,
    pub failure_rate_high: Option<f64>,
}

/// How often two models say the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agreement {
    pub model: Option<String>,
    pub other: Option<String>,
    pub pairs: i64,
    pub same: i64,
    pub agreement_low: Option<f64>,
    pub agreement_high: Option<f64>,
    pub kappa: Option<f64>,
}

/// What one model cost in one role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    pub role: String,
    pub model: Option<String>,
    pub calls: i64,
    pub ok: i64,
    pub latency_p50_ms: Option<f64>,
    pub latency_p95_ms: Option<f64>,
    pub tokens_in: Option<i64>,
    pub tokens_out: Option<i64>,
    pub cost_usd: Option<f64>,
}

/// A point of a training curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepMean {
    pub metric: String,
    pub label: String,
    pub step: i64,
    pub value: f64,
}
