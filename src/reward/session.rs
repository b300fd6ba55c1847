//! The service from opening to closing: a run of its own in the tables, under the configuration's label.

use super::Scorer;
use crate::audit::{Ended, Run};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{ModelCard, Stop};
use crate::sink::{Limits, Sink};
use crate::tables::Tidier;
use chrono::Utc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, watch};
use tokio::task::JoinHandle;

/// Rows that wait for a commit to end.
const ROWS_WAITING: usize = 64;

/// Rewards are given from [`Session::open`] to [`Session::close`].
pub struct Session {
    /// Gives them.
    pub scorer: Arc<Scorer>,
    run: Run,
    tidier: Tidier,
    committing: JoinHandle<Result<()>>,
    /// Stops everything when the budget's time is over.
    clock: JoinHandle<()>,
    /// A commit failed.
    halted: watch::Receiver<bool>,
}

impl Session {
    /// Opens models and tables, and writes that the run is under way.
    ///
    /// # Errors
    /// Whatever cannot be opened, by name; a configuration without the section `[reward]`.
    pub async fn open(config: Config) -> Result<Self> {
        let options = config.reward.clone().ok_or_else(|| Error::Config {
            path: config.label.clone(),
            problems: vec![
                "  there is no section `[reward]`: add one, if only `[reward]` alone on a line".to_owned(),
            ],
        })?;
        let run = Run::open_as(config, Some("reward")).await?;
        let auditor = ModelCard::new("served", &options.auditor, "", "{prompt}", "{}", "none");
        run.begin(vec![auditor.row(Utc::now())]).await?;
        let limits = Limits {
            wait: Duration::from_secs_f64(run.config.pace.commit_every_s),
            ..Limits::default()
        };
        let sink = Sink::new(run.tables.clone(), limits, run.journal.clone());
        let (rows, waiting) = mpsc::channel(ROWS_WAITING);
        let (halt, halted) = watch::channel(false);
        let traffic = run.audit.cast.traffic.clone();
        Ok(Self {
            scorer: Arc::new(Scorer {
                audit: run.audit.clone(),
                options,
                auditor,
                source: run.config.source.clone(),
                listing: OnceCell::new(),
                memory: Mutex::default(),
                written: Mutex::default(),
                rows: Mutex::new(Some(rows)),
            }),
            tidier: Tidier::start(run.tables.clone(), run.config.pace.compact_files),
            committing: tokio::spawn(sink.run(waiting, halt)),
            clock: tokio::spawn(async move { traffic.out_of_time().await }),
            halted,
            run,
        })
    }

    /// The run in the tables.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run.audit.run_id
    }

    /// Ready when nothing can be scored any more: the budget is used up, a model was given up, or a commit failed.
    pub async fn stopped(&self) {
        let mut halted = self.halted.clone();
        tokio::select! {
            () = self.run.audit.cast.traffic.halt.stopped() => {}
            // The sink lives as long as its channel.
            _ = halted.wait_for(|halted| *halted) => {}
        }
    }

    /// Commits what was received and notes how the run ended. Work that is still under way is not waited for.
    ///
    /// # Errors
    /// [`Error::Table`] when the run's end cannot be written.
    ///
    /// # Panics
    /// When the sink does.
    pub async fn close(self) -> Result<Ended> {
        drop(
            self.scorer
                .rows
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.clock.abort();
        let committed = self.committing.await.expect("a sink does not panic");
        let unwritten = self.run.journal.as_ref().and_then(|journal| journal.failure());
        let reason = self.run.audit.cast.traffic.halt.reason();
        let (ended, status) = match (committed.err().or(unwritten), reason) {
            (Some(error), _) => (Ended::Failed(error), "failed"),
            (None, Some(Stop::Model { model, problem })) => {
                (Ended::Failed(Error::Model { model, problem }), "failed")
            }
            (None, Some(stop)) => (Ended::Stopped(stop), "stopped"),
            (None, None) => (Ended::Interrupted, "interrupted"),
        };
        let why = match &ended {
            Ended::Failed(error) => error.to_string(),
            Ended::Stopped(stop) => stop.to_string(),
            Ended::Interrupted | Ended::Done => "asked to stop".to_owned(),
        };
        self.run.note(status, Some(why)).await?;
        self.tidier.finish().await;
        Ok(ended)
    }
}
