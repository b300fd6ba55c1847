//! An evaluation as a run of the tables: its questions are probes, every model a target without references.
//!
//! In: what was asked and what it is worth. Out: rows of `runs`, `run_probes` and `divergences`, so that `results`, every
//! query and `auditdm compare` see an evaluation as they see an audit. A score of a half and above is right. Left out:
//! captions, whose score has no such bound.

use super::Set;
use super::ask::{Asked, Asker};
use super::evaluate::Evaluated;
use crate::diverge::TRUTH;
use crate::error::Result;
use crate::plan::{self, Ids};
use crate::row::{DivergenceRow, RunProbeRow, RunRow};
use crate::tables::Tables;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// An evaluation that has begun.
pub struct Run<'a> {
    tables: &'a Tables,
    set: &'a Set,
    asker: Arc<Asker>,
    started_at: DateTime<Utc>,
}

impl<'a> Run<'a> {
    /// Notes that an evaluation begins.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when it cannot be noted.
    pub async fn start(tables: &'a Tables, set: &'a Set, asker: Arc<Asker>) -> Result<Self> {
        let run = Self {
            tables,
            set,
            asker,
            started_at: Utc::now(),
        };
        run.note(&[], "running", None).await?;
        Ok(run)
    }

    fn model_id(&self, place: usize) -> &str {
        &self.asker.candidates()[place].model.card().model_id
    }

    /// Writes what is not in the tables yet, and how the evaluation ended.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when the tables cannot be read or committed to.
    pub async fn end(
        &self,
        asked: &[Asked],
        evaluated: &[Evaluated],
        status: &str,
        stop_reason: Option<String>,
    ) -> Result<()> {
        let covered = plan::covered(self.tables, &self.asker.run_id).await?;
        let mut probes: HashSet<&str> = HashSet::new();
        let of_run = asked.iter().flat_map(|asked| asked.probes.iter().flatten());
        let new = of_run.filter(|probe| !covered.contains(probe) && probes.insert(probe));
        let row = |probe_id: &String| RunProbeRow {
            run_id: self.asker.run_id.clone(),
            probe_id: probe_id.clone(),
            origin: if self.asker.knew(probe_id) {
                "replayed"
            } else {
                "new"
            }
            .to_owned(),
        };
        let rows: Vec<RunProbeRow> = new.map(row).collect();
        let mut scores = Vec::new();
        if self.set.suite.right_from().is_some() {
            for (place, model) in evaluated.iter().enumerate() {
                let measure = format!("{} {}", self.set.suite.name, model.rules);
                let known = plan::diverged(self.tables, self.model_id(place), "", TRUTH, &measure).await?;
                scores.extend(self.scores(place, asked, model, &measure, &known));
            }
        }
        if !rows.is_empty() {
            self.tables.append_rows(&rows).await?;
        }
        if !scores.is_empty() {
            self.tables.append_rows(&scores).await?;
        }
        self.note(asked, status, stop_reason).await
    }

    /// What one model's answers are worth.
    fn scores(
        &self,
        place: usize,
        asked: &[Asked],
        model: &Evaluated,
        measure: &str,
        known: &Ids,
    ) -> Vec<DivergenceRow> {
        let right_from = self.set.suite.right_from().unwrap_or(f64::INFINITY);
        let mut seen: HashSet<&str> = HashSet::new();
        let through = asked.iter().filter(|asked| asked.answers[place].is_some());
        let scored = through.zip(&model.scored).filter_map(|(asked, scored)| {
            let probe_id = asked.probes[place].as_deref()?;
            let new = !known.contains(probe_id) && seen.insert(probe_id);
            let right = scored.score.value >= right_from;
            new.then(|| DivergenceRow {
                probe_id: probe_id.to_owned(),
                target_id: self.model_id(place).to_owned(),
                reference_set: String::new(),
                judge_set: TRUTH.to_owned(),
                measure: measure.to_owned(),
                consensus: None,
                agreement: None,
                status: "valid".to_owned(),
                score: Some(1.0 - scored.score.value),
                target_correct: Some(right),
                reference_correct: None,
                verified_by: Some(TRUTH.to_owned()),
                blame: (!right).then(|| "target".to_owned()),
                reason: None,
                computed_at: Utc::now(),
            })
        });
        scored.collect()
    }

    async fn note(&self, asked: &[Asked], status: &str, stop_reason: Option<String>) -> Result<()> {
        let answers = asked.iter().flat_map(|asked| &asked.answers);
        let postponed = answers.filter(|answer| answer.is_none());
        let cost_usd = plan::cost_usd(self.tables, &self.asker.run_id).await?;
        let images: HashSet<&str> = asked.iter().map(|asked| asked.image.as_str()).collect();
        let all = self.asker.candidates().iter();
        let models: Vec<&str> = all.map(|each| each.model.card().model_id.as_str()).collect();
        let row = RunRow {
            run_id: self.asker.run_id.clone(),
            label: format!("eval {}", self.set.name),
            config: json!({"eval": self.set.name, "models": models}).to_string(),
            status: status.to_owned(),
            stop_reason,
            images: images.len() as i64,
            probes: asked.len() as i64,
            answers: self.asker.paid() as i64,
            errors: postponed.count() as i64,
            cost_usd,
            started_at: self.started_at,
            updated_at: Utc::now(),
        };
        self.tables.append_rows(&[row]).await?;
        Ok(())
    }
}
