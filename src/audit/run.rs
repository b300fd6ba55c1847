//! One run from configuration to committed tables: what the command line and a library user start.

use super::{Audit, Cast, Done, audit};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::progress::ModelProgress;
use crate::row::{RunRow, id};
use crate::sink::{Limits, Sink};
use crate::source::{self, Found};
use crate::tables::Tables;
use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A run that is ready to start.
pub struct Run {
    /// What is under way, with its progress.
    pub audit: Arc<Audit>,
    /// Where the results go.
    pub tables: Tables,
    /// Images that the source has, where it knows before it has been read.
    pub images: Option<usize>,
    config: Config,
    started_at: DateTime<Utc>,
    found: BoxStream<'static, Result<Found>>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything that the source has is done, but for what a transient failure postponed.
    Done,
    /// It was asked to stop; what was finished is committed.
    Interrupted,
    /// It could not go on; what was finished is committed.
    Failed(Error),
}

impl Run {
    /// Opens source, models and tables, and looks up what is done already.
    ///
    /// # Errors
    /// Whatever cannot be opened, by name.
    ///
    /// # Panics
    /// When opening a model does.
    pub async fn open(config: Config) -> Result<Self> {
        let found = source::open(&config.source).await?;
        let images = found.size_hint().1;
        let for_cast = config.clone();
        let cast = tokio::task::spawn_blocking(move || Cast::open(&for_cast))
            .await
            .expect("opening models does not panic")?;
        let tables = Tables::open(&config.tables).await?;
        let run_id = run_id(&config, &cast);
        let done = Done::load(&tables, &cast, &config.divergence.name(), &run_id).await?;
        let audit = Audit {
            run_id,
            progress: cast.progress(),
            measure: config.divergence,
            seed: config.seed,
            copy_bytes: config.copy_bytes,
            depth: config.source.decode,
            pace: config.pace.clone(),
            done,
            cast,
        };
        Ok(Self {
            audit: Arc::new(audit),
            tables,
            images,
            config,
            started_at: Utc::now(),
            found,
        })
    }

    /// Audits until the source is through or `stop` is ready; then what is under way is finished and
    /// committed.
    ///
    /// # Errors
    /// [`Error::Table`] when the tables cannot be committed to.
    pub async fn go(&mut self, stop: impl Future<Output = ()> + Send + 'static) -> Result<Ended> {
        let models: Vec<_> = self
            .audit
            .cast
            .rows()
            .into_iter()
            .filter(|row| !self.audit.done.knows_model(&row.model_id))
            .collect();
        self.tables.append_rows(&models).await?;
        self.note("running", None).await?;

        let (halt, mut halted) = watch::channel(false);
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        let found = std::mem::replace(&mut self.found, futures::stream::empty().boxed());
        let found = found.take_until(async move {
            tokio::select! {
                () = stop => flag.store(true, Ordering::Relaxed),
                _ = halted.wait_for(|halted| *halted) => {}
            }
        });
        let mut batches = audit(self.audit.clone(), found.boxed());
        let wait = Duration::from_secs_f64(self.config.pace.commit_every_s);
        let mut sink = Sink::new(
            self.tables.clone(),
            Limits {
                wait,
                ..Limits::default()
            },
        );
        let mut failure = None;
        loop {
            let due = sink.due().unwrap_or_else(Instant::now);
            let batch = tokio::select! {
                batch = batches.next() => batch,
                () = tokio::time::sleep_until(due), if sink.due().is_some() => {
                    sink.commit().await?;
                    continue;
                }
            };
            match batch {
                None => break,
                Some(Ok(rows)) => sink.push(rows).await?,
                Some(Err(error)) => {
                    // No new batches; those under way are paid for and come to their end.
                    halt.send_replace(true);
                    failure.get_or_insert(error);
                }
            }
        }
        sink.commit().await?;
        let ended = match failure {
            Some(error) => Ended::Failed(error),
            None if interrupted.load(Ordering::Relaxed) => Ended::Interrupted,
            None => Ended::Done,
        };
        match &ended {
            Ended::Done => self.note("done", None).await?,
            Ended::Interrupted => self.note("interrupted", Some("asked to stop".to_owned())).await?,
            Ended::Failed(error) => self.note("failed", Some(error.to_string())).await?,
        }
        Ok(ended)
    }

    /// Writes how far the run is to the table `runs`.
    async fn note(&self, status: &str, stop_reason: Option<String>) -> Result<()> {
        let progress = &self.audit.progress;
        let sum = |count: fn(&ModelProgress) -> u64| progress.models.iter().map(count).sum::<u64>() as i64;
        let row = RunRow {
            run_id: self.audit.run_id.clone(),
            label: self.config.label.clone(),
            config: serde_json::to_string(&self.config).expect("a configuration is plain data"),
            status: status.to_owned(),
            stop_reason,
            images: progress.images.get() as i64,
            probes: progress.probes.get() as i64,
            answers: sum(|model| model.done.get()),
            errors: sum(|model| model.failed.get()),
            cost_usd: None,
            started_at: self.started_at,
            updated_at: Utc::now(),
        };
        self.tables.append_rows(&[row]).await?;
        Ok(())
    }
}

/// The run's identity: the label and what decides which pairs it covers. How fast it goes is no part.
fn run_id(config: &Config, cast: &Cast) -> String {
    let source = serde_json::to_string(&config.source).expect("plain data");
    let probers = cast.askers.iter().map(|asker| {
        format!(
            "{} {:?} {} {}",
            asker.prober.card().model_id,
            asker.strategies,
            asker.probes,
            asker.round
        )
    });
    let players = cast
        .cards()
        .map(|(role, _, card)| format!("{} {}", role.name(), card.model_id));
    let fixed = [
        config.label.clone(),
        source,
        config.seed.to_string(),
        config.divergence.name(),
    ];
    id(fixed.into_iter().chain(probers).chain(players))
}
