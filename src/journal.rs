//! Received answers that are not in the tables yet, on the local disk.
//!
//! In: every answer or refusal that a remote model or painter gave, before anybody else sees it. Out: the
//! same, without a call, to a later process that asks the same thing, because the one that asked was killed
//! before it had committed. A process writes segment files of its own and deletes each one when all of it is
//! committed; what it finds of processes that are gone it reads once, at its start.
//!
//! After `kill -9` nothing that was received is missing. After a power failure it is what came within the
//! last [`SYNC_EVERY`](writer::SYNC_EVERY). Left out: what local models say, which costs no money, and failed calls.

mod ledger;
mod model;
mod painter;
mod place;
mod segment;
mod writer;

pub use model::Journaled;
pub use painter::JournaledPainter;
pub use place::folder;

use crate::config::Claim;
use crate::error::{Error, Result};
use crate::failpoint::{Side, reach};
use crate::model::{Attempt, CallError};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use ledger::Ledger;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{mpsc, oneshot};
use writer::{Append, Writer};

/// Answers on their way to the disk at the same time.
const APPENDS_IN_FLIGHT: usize = 1024;

/// What a request came to.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<T> {
    /// Who was asked; segments of earlier versions do not say.
    #[serde(default)]
    model_id: String,
    subject: String,
    outcome: Result<T, CallError>,
    attempts: Vec<Attempt>,
}

/// When the last attempt started: with its subject it names a call in memory and in the table `calls`.
type Started = DateTime<Utc>;

/// The journal of one process.
pub struct Journal {
    folder: PathBuf,
    /// Whose answers are written from here on: the beginning of the segments' names.
    owner: OnceLock<String>,
    shared: Arc<Shared>,
    appends: OnceLock<mpsc::Sender<Append>>,
}

/// What the writer's thread needs too.
#[derive(Default)]
struct Shared {
    /// Never held while a file is touched.
    ledger: Mutex<Ledger>,
    failure: Mutex<Option<Error>>,
}

impl Shared {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Reads what processes that are gone have left in a folder, which need not exist. Nothing is written
    /// before the first answer.
    ///
    /// # Errors
    /// [`Error::File`] when a segment cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut ledger = shared.ledger();
        for path in segment::list(folder)? {
            // A living process asks its own questions.
            if let Some(records) = segment::read(&path)? {
                ledger.find(path, records);
            }
        }
        let found = ledger.found();
        if found > 0 {
            tracing::info!(found, "answers that an earlier process did not commit");
        }
        drop(ledger);
        Ok(Self {
            folder: folder.to_owned(),
            owner: OnceLock::new(),
            shared,
            appends: OnceLock::new(),
        })
    }

    /// Says whose answers are written: a run's, or one worker's of it. The first word counts.
    pub fn begin(&self, run_id: &str, claim: Claim) {
        self.owner.get_or_init(|| owner(run_id, claim));
    }

    /// Whether an earlier process got this far, and what it was told.
    fn take<T: DeserializeOwned>(&self, key: u128) -> Option<(Entry<T>, Bytes)> {
        let mut ledger = self.shared.ledger();
        let (segment, record) = ledger.take(key)?;
        let entry: Entry<T> = serde_json::from_slice(&record.json)
            .inspect_err(|error| tracing::warn!(%error, "an answer in the journal cannot be used"))
            .ok()?;
        let started = entry.attempts.last()?.started_at;
        ledger.wait(segment, entry.subject.clone(), started);
        Some((entry, record.blob))
    }

    /// What an earlier process of this run received and nobody has asked for yet: model, subject, attempts.
    pub fn received(&self, run_id: &str) -> Vec<(String, String, Vec<Attempt>)> {
        let (ledger, owner) = (self.shared.ledger(), format!("{run_id}."));
        let records = ledger.found_in(&owner);
        let entries = records.filter_map(|record| {
            let entry: Entry<IgnoredAny> = serde_json::from_slice(&record.json).ok()?;
            Some((entry.model_id, entry.subject, entry.attempts))
        });
        entries.collect()
    }

    /// Writes an answer down; it is in the file, if not yet on the disk, when this returns. A journal that
    /// cannot be written to keeps no answer back: it says so in [`Journal::failure`].
    async fn append<T: Serialize>(&self, key: u128, entry: &Entry<T>, blob: &[u8]) {
        let Some(last) = entry.attempts.last() else {
            return;
        };
        let json = serde_json::to_vec(entry).expect("an answer is plain data");
        let (written, done) = oneshot::channel();
        let append = Append {
            frame: segment::frame(key, &json, blob),
            subject: entry.subject.clone(),
            started: last.started_at,
            written,
        };
        let appends = self.appends.get_or_init(|| {
            let owner = self
                .owner
                .get()
                .cloned()
                .unwrap_or_else(|| owner("", Claim::default()));
            let (appends, receiver) = mpsc::channel(APPENDS_IN_FLIGHT);
            Writer::start(self.folder.clone(), owner, self.shared.clone(), receiver);
            appends
        });
        if appends.send(append).await.is_ok() {
            // Without a word the writer has noted why.
            let _ = done.await;
        }
    }

    /// Takes note that these calls' answers, and all that came of them, are in the tables.
    pub fn committed(&self, calls: &[(String, Started)]) {
        let settled = self.shared.ledger().settle(calls);
        discard(&settled);
    }

    /// Forgets what a run (or one worker of it) has left and did not ask for again: it was committed, and
    /// the process killed before it could delete it. To be called when all of the run is committed.
    pub fn complete(&self, run_id: &str, claim: Claim) {
        let owner = if claim.is_whole() {
            format!("{run_id}.")
        } else {
            owner(run_id, claim)
        };
        let left = self.shared.ledger().forget(&owner);
        discard(&left);
    }

    /// Why answers could not be written down, once.
    pub fn failure(&self) -> Option<Error> {
        self.shared
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn owner(run_id: &str, claim: Claim) -> String {
    format!("{run_id}.{}.", claim.to_string().replace('/', "-of-"))
}

fn discard(segments: &[PathBuf]) {
    for path in segments {
        reach(Side::Before, "discard");
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %path.display(), "a segment of the journal stays");
            }
            _ => {}
        }
        reach(Side::After, "discard");
    }
}

#[cfg(test)]
mod tests;
