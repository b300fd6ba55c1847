//! Group-relative policy optimisation of an auditor: the reward of a probe is the divergence that it finds.
//!
//! ```text
//! images ──▶ roll out ──▶ reward ──▶ advantage ──▶ loss ──▶ optimiser step
//!            K probes a    consensus   against the   tokens
//!            group, the    or judge,   group
//!            audit's own   no truth
//!            stages
//! ```
//! Every probe, answer and divergence goes to the tables as in an audit, every step's figures to `steps`. They are
//! committed right before the state is saved; what a killed run did after that is done again, with the same numbers and
//! the same keys. Source: Shao et al. 2024 (GRPO), Yu et al. 2025 (clipping, resampling). Left out: a value network,
//! several machines.

mod advantage;
mod bandit;
mod explore;
mod figures;
mod loss;
mod policy;
mod presuppose;
mod reward;
mod rollout;
mod tap;

pub use figures::StepFigures;

use crate::audit::{Audit, Cast, Done};
use crate::config::{Config, FocusChoice, ModelOptions, TrainingOptions};
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::model::Stop;
use crate::probe::Foci;
use crate::row::{Rows, RunRow, StepRow, id};
use crate::sink::{Limits, Sink};
use crate::source::{self, Found};
use crate::tables::Tables;
use crate::train::checkpoint;
use advantage::{advantages, dead_groups, largest};
use bandit::Bandit;
use chrono::{DateTime, Utc};
use figures::Seconds;
use futures::TryStreamExt;
use loss::Terms;
use policy::{Learned, Policy};
use rollout::{Rollout, roll_out, scored};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Instant;

/// Images that a training goes round: more are not listed.
const IMAGES: usize = 100_000;

/// Where a training stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    step: u64,
    /// Images used so far; the source is gone through again and again.
    images: u64,
    bandit: Bandit,
}

/// A training that is ready to start.
pub struct Training {
    /// Names it in the tables.
    pub run_id: String,
    config: Config,
    options: TrainingOptions,
    audit: Audit,
    policy: Policy,
    tables: Tables,
    images: Vec<Found>,
    state: State,
    started_at: DateTime<Utc>,
}

/// How far a training came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trained {
    /// Steps taken, over all sittings.
    pub steps: u64,
    /// Whether these are all.
    pub finished: bool,
}

impl Training {
    /// Opens models, source and tables, and takes up a saved state.
    ///
    /// # Errors
    /// Whatever cannot be opened, by name; [`Error::Training`] for a configuration without a section `[training]`.
    ///
    /// # Panics
    /// When opening a model does.
    pub async fn open(config: Config) -> Result<Self> {
        let missing = |problem: &str| Error::Training(problem.to_owned());
        let options = config.training.clone().ok_or_else(|| {
            missing("the configuration has no section [training]; `[training]` alone takes the defaults")
        })?;
        let prober = config
            .trained()
            .ok_or_else(|| missing("there is not one prompted local prober"))?
            .clone();
        let ModelOptions::Local(local) = config.models[&prober.model].clone() else {
            return Err(missing("only a local checkpoint can be trained"));
        };
        let mut trained = config.clone();
        trained.probers = vec![prober.clone()];
        let for_cast = trained.clone();
        let cast = tokio::task::spawn_blocking(move || Cast::open(&for_cast, None))
            .await
            .expect("opening models does not panic")?;
        let found = source::open(&config.source).await?;
        let images: Vec<Found> = futures::StreamExt::take(found, IMAGES).try_collect().await?;
        if images.is_empty() {
            return Err(missing("the source has no images"));
        }
        let tables = Tables::open(&config.tables).await?;
        let players = cast
            .cards()
            .map(|(role, _, card)| format!("{} {}", role.name(), card.model_id));
        let fixed = [
            "training".to_owned(),
            config.label.clone(),
            serde_json::to_string(&config.source).expect("plain data"),
            serde_json::to_string(&options).expect("plain data"),
            config.seed.to_string(),
        ];
        let run_id = id(fixed.into_iter().chain(players));
        let mut policy = Policy::open(&prober, &local, &options, config.seed, &run_id)?;
        let folder = PathBuf::from(&options.output);
        super::create(&folder)?;
        let state = checkpoint::restore_state(&folder, &mut policy.student.optimiser)?.unwrap_or_default();
        let audit = Audit {
            run_id: run_id.clone(),
            progress: cast.progress(),
            metrics: Metrics::default(),
            seed: config.seed,
            copy_bytes: config.copy_bytes,
            claim: config.claim,
            depth: config.source.decode,
            pace: config.pace.clone(),
            done: Done::nothing(&tables),
            cast,
        };
        Ok(Self {
            run_id,
            config,
            options,
            audit,
            policy,
            tables,
            images,
            state,
            started_at: Utc::now(),
        })
    }

    /// The steps that there will be, at most `until`.
    pub fn steps(&self, until: Option<u64>) -> u64 {
        until.unwrap_or(u64::MAX).min(self.options.steps)
    }

    /// The trained checkpoint's folder.
    pub fn output(&self) -> &str {
        &self.options.output
    }

    /// Trains until all steps (or `until` of them) are taken or `stop` is ready, and saves; `report` is called after every step.
    ///
    /// # Errors
    /// [`Error::Table`] when the tables cannot be committed to, [`Error::Checkpoint`] when the state cannot be saved.
    pub async fn go(
        &mut self,
        until: Option<u64>,
        stop: impl Future<Output = ()>,
        mut report: impl FnMut(&StepFigures),
    ) -> Result<Trained> {
        let mut stop = pin!(stop);
        self.note("running").await?;
        let mut sink = Sink::new(self.tables.clone(), Limits::default(), None);
        let (mut waiting, mut known, mut stopped) = (Vec::new(), false, None);
        while self.state.step < self.steps(until) {
            if futures::poll!(&mut stop).is_ready() {
                break;
            }
            let (figures, rows) = self.step().await?;
            if !std::mem::replace(&mut known, true) {
                self.tables.append_rows(&self.audit.cast.rows()).await?; // with the auditor under its own name
            }
            sink.hold(rows);
            waiting.extend(figures.rows(&self.run_id, Utc::now()));
            report(&figures);
            stopped = self.audit.cast.traffic.halt.reason();
            if stopped.is_some() {
                break; // what is left would fail, and a batch of failures teaches nothing
            }
            if self.state.step.is_multiple_of(self.options.save_every) {
                self.save(&mut sink, &mut waiting).await?;
            }
        }
        self.save(&mut sink, &mut waiting).await?;
        let finished = self.state.step >= self.options.steps;
        let status = match &stopped {
            Some(_) => "stopped",
            None if finished => "done",
            None => "interrupted",
        };
        self.note(status).await?;
        match stopped {
            Some(Stop::Model { model, problem }) => Err(Error::Model { model, problem }),
            Some(stop) => Err(Error::Training(format!(
                "{stop}; what was learned is saved, the same command goes on"
            ))),
            None => Ok(Trained {
                steps: self.state.step,
                finished,
            }),
        }
    }

    /// One optimiser step on a batch of rollouts.
    async fn step(&mut self) -> Result<(StepFigures, Rows)> {
        let (clock, step) = (Instant::now(), self.state.step);
        let weights = match self.options.focus {
            FocusChoice::Spread => None,
            FocusChoice::Bandit => Some(
                self.state
                    .bandit
                    .explored(self.options.quota, self.options.covered),
            ),
        };
        let foci = Foci {
            weights,
            shared_at: Some(step),
        };
        let (mut rollouts, mut rows) = (Vec::new(), Rows::default());
        for again in 0..=self.options.resample {
            let images = self.next_images();
            let (new, more) =
                roll_out(&mut self.audit, &self.policy, images, foci.clone(), &self.options).await?;
            rows.extend(more);
            rollouts.extend(new);
            let (groups, dead) = dead_groups(&scored(&rollouts, self.options.novelty, &self.state.bandit));
            let enough = (groups - dead) * (again + 2) >= groups; // as many live ones as one batch would have, nearly
            if enough {
                break;
            }
        }
        let rewards = rollouts
            .iter()
            .map(|each: &Rollout| (each.focus, each.strategy, each.worth.reward));
        let scored = scored(&rollouts, self.options.novelty, &self.state.bandit);
        self.state.bandit.observe(rewards);
        let rolling_out = clock.elapsed().as_secs_f64();
        let mut advantages = advantages(&scored, self.options.baseline, self.options.scale);
        largest(&mut advantages, self.options.learned_share);
        let (clock, rate) = (Instant::now(), self.rate());
        let terms = Terms {
            clip_low: self.options.clip_low,
            clip_high: self.options.clip_high,
            kl_coefficient: self.options.kl_coefficient,
            entropy_coefficient: self.options.entropy_coefficient,
        };
        let learned: Vec<Learned> = rollouts
            .iter()
            .zip(&advantages)
            .filter_map(|(rollout, advantage)| Some(rollout.learned((*advantage)?)))
            .collect();
        let policy = &mut self.policy;
        let updates = self.options.updates;
        let learning = tokio::task::block_in_place(|| -> Result<_> {
            let mut learning = policy.learn(&learned, terms, rate)?;
            for _ in 1..updates {
                learning = policy.learn(&learned, terms, rate)?;
            }
            Ok(learning)
        })?;
        self.state.step += 1;
        let seconds = Seconds {
            rolling_out,
            learning: clock.elapsed().as_secs_f64(),
        };
        Ok((
            StepFigures::new(step, &rollouts, &scored, &learning, seconds, rate),
            rows,
        ))
    }

    fn next_images(&mut self) -> Vec<Found> {
        let first = self.state.images as usize;
        self.state.images += self.options.images as u64;
        let wanted = first..first + self.options.images.min(self.images.len());
        wanted
            .map(|at| self.images[at % self.images.len()].clone())
            .collect()
    }

    /// Warm-up, then half a cosine down to a third.
    fn rate(&self) -> f64 {
        let (step, steps) = (self.state.step as f64, self.options.steps as f64);
        let warm = ((step + 1.0) / (self.options.warm_up * steps).max(1.0)).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * step / steps).cos());
        self.options.learning_rate * warm * (1.0 + 2.0 * cosine) / 3.0
    }

    /// Commits what waits, then saves the state that goes with it.
    async fn save(&mut self, sink: &mut Sink, waiting: &mut Vec<StepRow>) -> Result<()> {
        sink.commit().await?;
        if !waiting.is_empty() {
            self.tables.append_rows(waiting).await?;
            waiting.clear();
        }
        let folder = Path::new(&self.options.output);
        self.policy.student.save(folder)?;
        checkpoint::save_state(folder, &mut self.policy.student.optimiser, &self.state)
    }

    async fn note(&self, status: &str) -> Result<()> {
        let row = RunRow {
            run_id: self.run_id.clone(),
            label: self.config.label.clone(),
            config: serde_json::to_string(&self.config).expect("a configuration is plain data"),
            status: status.to_owned(),
            stop_reason: None,
            images: self.audit.progress.images.get() as i64,
            probes: self.audit.progress.probes.get() as i64,
            answers: 0,
            errors: 0,
            cost_usd: None,
            started_at: self.started_at,
            updated_at: Utc::now(),
        };
        self.tables.append_rows(&[row]).await.map(|_| ())
    }
}
