//! Progress for a person: one line for the images, one for each model, with rates and time left.

use crate::audit::{Audit, Run};
use crate::row::Role;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What stands on the terminal while an audit runs.
pub(super) struct Face {
    drawing: Option<(JoinHandle<()>, MultiProgress)>,
}

impl Face {
    /// Starts to draw, unless the face is to be quiet.
    pub(super) fn show(run: &Run, quiet: bool) -> Self {
        if quiet {
            return Self { drawing: None };
        }
        let bars = MultiProgress::new();
        let style = |template: &str| {
            let style = ProgressStyle::with_template(template).expect("a constant template");
            style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // Drawing to memory does not fail.
                let _ = write!(out, "{:.1}/s", state.per_sec());
            })
        };
        let images = match run.images {
            Some(count) => bars
                .add(ProgressBar::new(count as u64))
                .with_style(style("{prefix:>22} {wide_bar} {pos}/{len} {rate}, {eta} left")),
            None => bars
                .add(ProgressBar::new_spinner())
                .with_style(style("{prefix:>22} {spinner} {pos} {rate}")),
        };
        images.set_prefix("images");
        let lines: Vec<ProgressBar> = run
            .audit
            .progress
            .models
            .iter()
            .map(|model| {
                let line = bars
                    .add(ProgressBar::new_spinner())
                    .with_style(style("{prefix:>22} {msg}"));
                line.set_prefix(format!("{} {}", model.role.name(), model.name));
                line
            })
            .collect();
        let audit = run.audit.clone();
        let drawing = tokio::spawn(async move {
            let started = Instant::now();
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                draw(&audit, &images, &lines, started);
            }
        });
        Self {
            drawing: Some((drawing, bars)),
        }
    }

    /// Stops drawing and clears the lines.
    pub(super) fn close(self) {
        if let Some((drawing, bars)) = self.drawing {
            drawing.abort();
            // A terminal that is gone is no reason to fail.
            let _ = bars.clear();
        }
    }
}

fn draw(audit: &Arc<Audit>, images: &ProgressBar, lines: &[ProgressBar], started: Instant) {
    images.set_position(audit.progress.images.get() + audit.progress.duplicates.get());
    for (model, line) in audit.progress.models.iter().zip(lines) {
        let (done, asked, failed) = (model.done.get(), model.asked.get(), model.failed.get());
        let what = if model.role == Role::Prober {
            "probes"
        } else {
            "replies"
        };
        let rate = done as f64 / started.elapsed().as_secs_f64();
        let waiting = asked.saturating_sub(done + failed);
        let failures = if failed > 0 {
            format!(", {failed} failed for now")
        } else {
            String::new()
        };
        line.set_message(format!(
            "{done} {what}, {rate:.0}/s, {waiting} under way{failures}"
        ));
    }
}
