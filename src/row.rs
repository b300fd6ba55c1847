//! The records of an audit: one struct a table, fields in the columns' order.
//!
//! `schemas/*.sql` says what each column means; Arrow schemas are built from there and a test holds
//! these structs against them. Timestamps are UTC; there are no unsigned integers.

#![allow(missing_docs, reason = "schemas/*.sql documents every column")]

mod category;
mod id;
mod role;
mod rows;

pub use category::Category;
pub use id::{content_id, id};
pub use role::Role;
pub use rows::Rows;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A model in a role-free sense: whatever answers, asks, draws or judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    pub model_id: String,
    pub kind: String,
    pub name: String,
    pub revision: String,
    pub prompt_template: String,
    pub sampling: String,
    pub preprocessing: String,
    pub input_usd_per_mtok: Option<f64>,
    pub output_usd_per_mtok: Option<f64>,
    pub created_at: DateTime<Utc>,
}

/// One invocation of `audit`: written when it starts and again when it ends; the view keeps the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub run_id: String,
    pub label: String,
    pub config: String,
    pub status: String,
    pub stop_reason: Option<String>,
    pub images: i64,
    pub probes: i64,
    pub answers: i64,
    pub errors: i64,
    pub cost_usd: Option<f64>,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// That a run covered a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunProbeRow {
    pub run_id: String,
    pub probe_id: String,
    pub origin: String,
}

/// One number of one training step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    pub run_id: String,
    pub step: i64,
    pub phase: String,
    pub metric: String,
    pub value: f64,
    pub created_at: DateTime<Utc>,
}

/// An image, original or made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRow {
    pub image_id: String,
    pub root_image_id: String,
    pub parent_image_id: Option<String>,
    pub operation: String,
    pub instruction: Option<String>,
    pub painter_id: Option<String>,
    pub uri: Option<String>,
    pub etag: Option<String>,
    pub attributes: Option<String>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub format: Option<String>,
    pub perceptual_hash: Option<i64>,
    pub licence: Option<String>,
    pub scene: Option<String>,
    pub status: String,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// The encoded bytes of an image, as `struct<bytes, path>` in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBytesRow {
    pub image_id: String,
    pub bytes: bytes::Bytes,
    pub path: String,
}

/// A question-image pair and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    pub probe_id: String,
    pub group_id: String,
    pub source_image_id: String,
    pub prober_id: String,
    pub strategy: String,
    pub round: i32,
    pub k: i32,
    pub seed: i64,
    pub raw_output: Option<String>,
    pub prober_status: String,
    pub prober_error: Option<String>,
    pub question: Option<String>,
    pub instruction: Option<String>,
    pub choices: Vec<String>,
    pub category: Option<String>,
    pub category_source: Option<String>,
    pub answer_type: Option<String>,
    pub expected_answer: Option<String>,
    pub truth: Vec<String>,
    pub painter_id: Option<String>,
    pub painter_status: Option<String>,
    pub painter_error: Option<String>,
    pub image_ids: Vec<String>,
    pub pair_id: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Token ids and log-probabilities of a prober's output, for training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRow {
    pub probe_id: String,
    pub token_ids: Vec<i32>,
    pub log_probabilities: Vec<f32>,
}

/// What a model said to a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerRow {
    pub pair_id: String,
    pub model_id: String,
    pub sample: i32,
    pub text: Option<String>,
    pub normalized: Option<String>,
    pub finish_reason: Option<String>,
    pub mean_log_probability: Option<f32>,
    pub status: String,
    pub error: Option<String>,
    pub answered_at: DateTime<Utc>,
}

/// One attempt of any model in any role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    pub call_id: String,
    pub run_id: String,
    pub model_id: String,
    pub role: String,
    pub subject: String,
    pub attempt: i32,
    pub status: String,
    pub error: Option<String>,
    pub tokens_in: Option<i64>,
    pub tokens_out: Option<i64>,
    pub latency_ms: f64,
    pub cost_usd: Option<f64>,
    pub started_at: DateTime<Utc>,
}

/// A judge's word on one model's answer to a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    pub probe_id: String,
    pub model_id: String,
    pub judge_id: String,
    pub verdict: String,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// How a target and its references differ on a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DivergenceRow {
    pub probe_id: String,
    pub target_id: String,
    pub reference_set: String,
    pub judge_set: String,
    pub measure: String,
    pub consensus: Option<String>,
    pub agreement: Option<f64>,
    pub status: String,
    pub score: Option<f64>,
    pub target_correct: Option<bool>,
    pub reference_correct: Option<bool>,
    pub verified_by: Option<String>,
    pub blame: Option<String>,
    pub reason: Option<String>,
    pub computed_at: DateTime<Utc>,
}

/// A row chosen for training or testing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectionRow {
    pub selection_id: String,
    pub name: String,
    pub version: i32,
    pub id: String,
    pub images: Vec<String>,
    pub prompt: String,
    pub completion: String,
    pub choices: Vec<String>,
    pub label_source: Option<String>,
    pub agreement: Option<f64>,
    pub category: Option<String>,
    pub root_image_id: Option<String>,
    pub split: String,
    pub licence: Option<String>,
    pub audit_columns: Option<String>,
    pub quota: String,
    pub lineage: String,
    pub created_at: DateTime<Utc>,
}
