//! What an operator watches while a run is under way, in the text format of Prometheus.
//!
//! In: the rows of finished images and the counters of [`Progress`]. Out: one page of text. Nothing here is
//! on a call's way. Left out: OpenMetrics' exemplars and units, which Prometheus does without.

use crate::budget::Budget;
use crate::progress::Progress;
use crate::row::{CallRow, Rows};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Upper bounds of the latency histogram, in seconds.
const BOUNDS_S: [f64; 12] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// The meters of one run.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By role, model and status.
    calls: BTreeMap<[String; 3], u64>,
    /// By role and model.
    models: BTreeMap<[String; 2], Model>,
    batches: u64,
}

#[derive(Debug, Default)]
struct Model {
    /// Calls up to each bound, and all.
    latency: [u64; BOUNDS_S.len() + 1],
    latency_s: f64,
    tokens_in: i64,
    tokens_out: i64,
    /// None while nothing of a known price was called.
    cost_usd: Option<f64>,
}

impl Metrics {
    /// Counts rows on their way to a commit.
    pub fn observe(&self, rows: &Rows) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.batches += 1;
        for call in &rows.calls {
            counts.observe(call);
        }
    }

    /// The page; models are named by their id.
    #[must_use]
    pub fn page(&self, run_id: &str, progress: &Progress, budget: &Budget) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = Page { text: String::new() };
        let labels = |[role, model]: &[String; 2]| format!("role=\"{role}\",model_id=\"{model}\"");

        page.family(
            "calls_total",
            "counter",
            "Attempts to call a model, by how they ended.",
        );
        for ([role, model, status], count) in &counts.calls {
            page.line(
                "calls_total",
                &format!("role=\"{role}\",model_id=\"{model}\",status=\"{status}\""),
                *count,
            );
        }
        page.family(
            "call_seconds",
            "histogram",
            "From sending a request to its reply or error.",
        );
        for (key, model) in &counts.models {
            let labels = labels(key);
            let mut so_far = 0;
            for (bound, count) in BOUNDS_S
                .iter()
                .map(ToString::to_string)
                .chain(["+Inf".into()])
                .zip(model.latency)
            {
                so_far += count;
                page.line("call_seconds_bucket", &format!("{labels},le=\"{bound}\""), so_far);
            }
            page.line("call_seconds_sum", &labels, model.latency_s);
            page.line("call_seconds_count", &labels, so_far);
        }
        page.family("tokens_total", "counter", "Tokens as the servers count them.");
        for (key, model) in &counts.models {
            let labels = labels(key);
            page.line(
                "tokens_total",
                &format!("{labels},direction=\"in\""),
                model.tokens_in,
            );
            page.line(
                "tokens_total",
                &format!("{labels},direction=\"out\""),
                model.tokens_out,
            );
        }
        page.family(
            "cost_usd_total",
            "counter",
            "By the prices of the configuration, where they are known.",
        );
        for (key, model) in &counts.models {
            if let Some(cost_usd) = model.cost_usd {
                page.line("cost_usd_total", &labels(key), cost_usd);
            }
        }
        page.family(
            "requests_in_flight",
            "gauge",
            "Requests that were handed over and are not answered yet.",
        );
        for model in &progress.models {
            let open = model
                .asked
                .get()
                .saturating_sub(model.done.get() + model.failed.get());
            let labels = format!(
                "role=\"{}\",model=\"{}\"",
                model.role.name(),
                escaped(&model.name)
            );
            page.line("requests_in_flight", &labels, open);
        }
        let run = format!("run_id=\"{run_id}\"");
        for (name, help, count) in [
            (
                "images_total",
                "Source images that are finished.",
                progress.images.get(),
            ),
            ("probes_total", "Probes that were written.", progress.probes.get()),
            (
                "pairs_total",
                "Pairs whose divergence was computed.",
                progress.pairs.get(),
            ),
            (
                "postponed_total",
                "Probes that a failure left for a later run.",
                progress.postponed.get(),
            ),
            (
                "batches_total",
                "Batches of rows that were handed to the sink.",
                counts.batches,
            ),
            (
                "budget_requests_total",
                "Requests that count towards the budget.",
                budget.spent().requests,
            ),
        ] {
            page.family(name, "counter", help);
            page.line(name, &run, count);
        }
        page.text
    }
}

impl Counts {
    fn observe(&mut self, call: &CallRow) {
        let CallRow {
            role,
            model_id,
            status,
            ..
        } = call;
        *self
            .calls
            .entry([role.clone(), model_id.clone(), status.clone()])
            .or_default() += 1;
        let model = self.models.entry([role.clone(), model_id.clone()]).or_default();
        let seconds = call.latency_ms / 1e3;
        model.latency[BOUNDS_S.partition_point(|bound| *bound < seconds)] += 1;
        model.latency_s += seconds;
        model.tokens_in += call.tokens_in.unwrap_or_default();
        model.tokens_out += call.tokens_out.unwrap_or_default();
        if let Some(cost_usd) = call.cost_usd {
            *model.cost_usd.get_or_insert(0.0) += cost_usd;
        }
    }
}

struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to memory does not fail.
        let _ = writeln!(
            self.text,
            "# HELP auditdm_{name} {help}\n# TYPE auditdm_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "auditdm_{name}{{{labels}}} {value}");
    }
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BudgetOptions;
    use crate::progress::{Counter, ModelProgress};
    use crate::row::Role;

    fn call(status: &str, latency_ms: f64, tokens: Option<i64>) -> CallRow {
        CallRow {
            call_id: String::new(),
            run_id: "r".to_owned(),
            model_id: "m".to_owned(),
            role: "target".to_owned(),
            subject: String::new(),
            attempt: 0,
            status: status.to_owned(),
            error: None,
            tokens_in: tokens,
            tokens_out: tokens,
            latency_ms,
            cost_usd: tokens.map(|tokens| tokens as f64 / 4.0),
            started_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_page_as_prometheus_reads_it() {
        let metrics = Metrics::default();
        let calls = vec![
            call("ok", 40.0, Some(3)),
            call("ok", 999_000.0, Some(2)),
            call("transient", 50.0, None),
        ];
        metrics.observe(&Rows {
            calls,
            ..Rows::default()
        });
        let model = ModelProgress {
            role: Role::Target,
            name: "a \"b\"".to_owned(),
            done: Counter::default(),
            failed: Counter::default(),
            asked: Counter::default(),
        };
        model.asked.add(7);
        model.done.add(2);
        let progress = Progress {
            models: vec![model],
            ..Progress::default()
        };
        progress.pairs.add(2);
        let page = metrics.page("r", &progress, &Budget::new(BudgetOptions::default()));
        for line in [
            "# TYPE auditdm_calls_total counter",
            "auditdm_calls_total{role=\"target\",model_id=\"m\",status=\"ok\"} 2",
            "auditdm_calls_total{role=\"target\",model_id=\"m\",status=\"transient\"} 1",
            "auditdm_call_seconds_bucket{role=\"target\",model_id=\"m\",le=\"0.025\"} 0",
            "auditdm_call_seconds_bucket{role=\"target\",model_id=\"m\",le=\"0.05\"} 2",
            "auditdm_call_seconds_bucket{role=\"target\",model_id=\"m\",le=\"120\"} 2",
            "auditdm_call_seconds_bucket{role=\"target\",model_id=\"m\",le=\"+Inf\"} 3",
            "auditdm_call_seconds_count{role=\"target\",model_id=\"m\"} 3",
            "auditdm_tokens_total{role=\"target\",model_id=\"m\",direction=\"in\"} 5",
            "auditdm_cost_usd_total{role=\"target\",model_id=\"m\"} 1.25",
            "auditdm_requests_in_flight{role=\"target\",model=\"a \\\"b\\\"\"} 5",
            "auditdm_pairs_total{run_id=\"r\"} 2",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
