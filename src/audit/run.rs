//! One run from configuration to committed tables: what the command line and a library user start.

use super::{Audit, Cast, Done, Drift, Estimate, audit, drift, estimate};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::journal::{self, Journal};
use crate::metrics::Metrics;
use crate::model::Stop;
use crate::plan;
use crate::progress::ModelProgress;
use crate::row::{ModelRow, Rows, RunRow, id};
use crate::sink::{Limits, Sink};
use crate::source::{self, Found};
use crate::tables::{Tables, Tidier};
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Batches that wait for a commit to end; no new ones are begun then.
const BATCHES_WAITING: usize = 4;

/// A run that is ready to start.
pub struct Run {
    /// What is under way, with its progress.
    pub audit: Arc<Audit>,
    /// Where the results go.
    pub tables: Tables,
    /// Images that the source has, where it knows before it has been read.
    pub images: Option<usize>,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) config: Config,
    started_at: DateTime<Utc>,
    found: BoxStream<'static, Result<Found>>,
    /// Only so many images are wanted.
    preview: Option<usize>,
    /// Nothing of this run was interrupted, so that models may have changed since.
    starts: bool,
    /// How remote models answered stored pairs at the start.
    pub drift: Vec<Drift>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything that the source has is done, but for what a transient failure postponed.
    Done,
    /// The budget is used up, or only a preview was wanted; what was received is committed.
    Stopped(Stop),
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
        if config.probers.is_empty() {
            return Err(Error::Config {
                path: config.label,
                problems: vec!["  nobody asks: add `[[probers]]`".to_owned()],
            });
        }
        Self::open_as(config, None).await
    }

    /// The same for another purpose than an audit, as a run of its own.
    pub(crate) async fn open_as(config: Config, purpose: Option<&str>) -> Result<Self> {
        let found = match config.pace.follow {
            Some(poll) => source::follow(&config.source, poll.duration()).await?,
            None => source::open(&config.source).await?,
        };
        // How large one worker's share is shows only when all has been read.
        let images = found.size_hint().1.filter(|_| config.claim.is_whole());
        let tables = Tables::open(&config.tables).await?;
        // Before the tables are read: what another process commits and deletes in between is in these.
        let journal = journal::folder(config.journal.as_deref(), tables.url())?
            .map(|folder| Journal::open(&folder).map(Arc::new))
            .transpose()?;
        let for_cast = (config.clone(), journal.clone());
        let cast = tokio::task::spawn_blocking(move || Cast::open(&for_cast.0, for_cast.1.as_ref()))
            .await
            .expect("opening models does not panic")?;
        let run_id = run_id(&config, &cast, purpose);
        if let Some(journal) = &journal {
            journal.begin(&run_id, config.claim);
        }
        let done = Done::load(&tables, &cast, &cast.scale.name(), &run_id).await?;
        let starts = plan::run_status(&tables, &run_id)
            .await?
            .is_none_or(|status| status == "done");
        let received = journal
            .iter()
            .flat_map(|journal| journal.received(&run_id))
            .flat_map(|(model_id, subject, attempts)| cast.calls(&run_id, &model_id, &subject, &attempts));
        let spent = plan::spent(&tables, &run_id, &received.collect::<Vec<_>>()).await?;
        cast.traffic.budget.resume(spent.towards_budget, spent.time);
        let audit = Audit {
            run_id,
            progress: cast.progress(),
            metrics: Metrics::default(),
            seed: config.seed,
            copy_bytes: config.copy_bytes,
            claim: config.claim,
            depth: config.source.decode,
            pace: config.pace.as_followed(),
            done,
            cast,
        };
        Ok(Self {
            audit: Arc::new(audit),
            tables,
            images,
            journal,
            config,
            started_at: Utc::now(),
            found,
            preview: None,
            starts,
            drift: Vec::new(),
        })
    }

    /// Audits until the source is through or `stop` is ready; then what is under way is finished and
    /// committed.
    ///
    /// # Errors
    /// [`Error::Table`] when the tables cannot be committed to.
    ///
    /// # Panics
    /// When a stage does.
    pub async fn go(&mut self, stop: impl Future<Output = ()> + Send + 'static) -> Result<Ended> {
        self.begin(Vec::new()).await?;
        let tidier = Tidier::start(self.tables.clone(), self.config.pace.compact_files);

        let mut again = Rows::default();
        if std::mem::take(&mut self.starts) {
            let (source, pairs) = (&self.config.source, self.config.drift_pairs);
            self.drift = drift::check(&self.audit, source, pairs, &mut again).await?;
            for drift in self.drift.iter().filter(|drift| drift.changed > 0) {
                tracing::warn!("{drift}");
            }
        }

        let (halt, mut halted) = watch::channel(false);
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        let traffic = self.audit.cast.traffic.clone();
        let brake = traffic.halt.clone();
        let clock = tokio::spawn({
            let traffic = traffic.clone();
            async move { traffic.out_of_time().await }
        });
        let found = std::mem::replace(&mut self.found, futures::stream::empty().boxed());
        let found = found.take_until(async move {
            tokio::select! {
                () = stop => flag.store(true, Ordering::Relaxed),
                () = traffic.halt.stopped() => {}
                _ = halted.wait_for(|halted| *halted) => {}
            }
        });
        let mut batches = audit(self.audit.clone(), found.boxed());
        let wait = Duration::from_secs_f64(self.config.pace.commit_every_s);
        let limits = Limits {
            wait,
            ..Limits::default()
        };
        let mut sink = Sink::new(self.tables.clone(), limits, self.journal.clone());
        sink.push(again).await?;
        let (rows, finished) = mpsc::channel(BATCHES_WAITING);
        // On a task of its own: calls go on while tables are committed.
        let committing = tokio::spawn(sink.run(finished, halt.clone()));
        let (audit, journal) = (self.audit.clone(), self.journal.clone());
        // So is this: whoever called waits on another thread, which each batch would wake.
        let gathering = tokio::spawn(async move {
            let mut failure = None;
            while let Some(batch) = batches.next().await {
                let problem = match batch {
                    // The sink takes rows to the end.
                    Ok(batch) => {
                        audit.metrics.observe(&batch);
                        rows.send(batch).await.ok().and(None)
                    }
                    Err(error) => Some(error),
                };
                let unwritten = || journal.as_ref()?.failure();
                if let Some(error) = problem.or_else(unwritten) {
                    // No new batches; those under way are paid for and come to their end.
                    halt.send_replace(true);
                    failure.get_or_insert(error);
                }
            }
            failure
        });
        let failure = gathering
            .await
            .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        clock.abort();
        let committed = committing.await.expect("a sink does not panic");
        let ended = match (committed.err().or(failure), brake.reason()) {
            (Some(error), _) => Ended::Failed(error),
            (None, Some(Stop::Model { model, problem })) => Ended::Failed(Error::Model { model, problem }),
            (None, Some(stop)) => Ended::Stopped(stop),
            (None, None) if interrupted.load(Ordering::Relaxed) => Ended::Interrupted,
            (None, None) => self
                .preview
                .map_or(Ended::Done, |images| Ended::Stopped(Stop::Preview(images))),
        };
        match &ended {
            Ended::Done => {
                self.note("done", None).await?;
                // A call that failed for now may have kept others from being asked again.
                if let (Some(journal), 0) = (&self.journal, self.audit.progress.postponed.get()) {
                    journal.complete(&self.audit.run_id, self.audit.claim);
                }
            }
            Ended::Stopped(stop) => self.note("stopped", Some(stop.to_string())).await?,
            Ended::Interrupted => self.note("interrupted", Some("asked to stop".to_owned())).await?,
            Ended::Failed(error) => self.note("failed", Some(error.to_string())).await?,
        }
        let progress = &self.audit.progress;
        let (images, pairs, postponed) = (
            progress.images.get(),
            progress.pairs.get(),
            progress.postponed.get(),
        );
        tracing::info!(images, pairs, postponed, ?ended, "run ended");
        tidier.finish().await;
        Ok(ended)
    }

    /// Writes that the run is under way, and who takes part, `others` beside the cast.
    pub(crate) async fn begin(&self, others: Vec<ModelRow>) -> Result<()> {
        let mut models = self.audit.cast.rows();
        models.extend(others);
        models.retain(|row| !self.audit.done.knows_model(&row.model_id));
        self.tables.append_rows(&models).await?;
        self.note("running", None).await?;
        tracing::info!(tables = self.tables.url(), "run started");
        Ok(())
    }

    /// What the run would take, without asking anybody.
    ///
    /// # Errors
    /// Whatever cannot be listed or read.
    pub async fn estimate(&mut self) -> Result<Estimate> {
        let found = std::mem::replace(&mut self.found, stream::empty().boxed());
        estimate::estimate(&self.audit, &self.config, &self.tables, self.starts, found).await
    }

    /// Audits the first `images` images of the source only; gives them.
    ///
    /// # Errors
    /// [`Error::ImageSource`] or [`Error::Store`] when the source cannot be listed.
    pub async fn preview(&mut self, images: usize) -> Result<Vec<Found>> {
        let found: Vec<Found> = self.found.by_ref().take(images).try_collect().await?;
        self.images = Some(found.len());
        self.preview = (found.len() == images).then_some(images);
        self.found = stream::iter(found.clone()).map(Ok).boxed();
        Ok(found)
    }

    /// Writes how far the run is to the table `runs`.
    pub(crate) async fn note(&self, status: &str, stop_reason: Option<String>) -> Result<()> {
        let progress = &self.audit.progress;
        let sum = |count: fn(&ModelProgress) -> u64| progress.models.iter().map(count).sum::<u64>() as i64;
        let cost_usd = plan::cost_usd(&self.tables, &self.audit.run_id).await?;
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
            cost_usd,
            started_at: self.started_at,
            updated_at: Utc::now(),
        };
        self.tables.append_rows(&[row]).await?;
        Ok(())
    }
}

/// The run's identity: the label and what decides which pairs it covers. How fast it goes is no part.
fn run_id(config: &Config, cast: &Cast, purpose: Option<&str>) -> String {
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
        cast.scale.name(),
    ];
    let purpose = purpose.map(str::to_owned);
    id(fixed.into_iter().chain(probers).chain(players).chain(purpose))
}
