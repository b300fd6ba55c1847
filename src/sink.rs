//! Commits what the stages produce: images and calls before the probes that came of them, probes before answers, and so
//! on, so that a crash between two commits leaves work to do and never a reference to nothing.
//!
//! In come rows as they are made; a commit follows when enough have gathered or enough time has passed.
//! `models` and `runs` are written by whoever starts a run.

use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::row::Rows;
use crate::tables::{Row, Tables};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// When rows are committed: as soon as one of these is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of all tables together.
    pub rows: usize,
    /// Bytes of images; then only these are committed.
    pub image_byte: usize,
    /// Since the first row that waits.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 20_000,
            image_byte: 32 << 20,
            wait: Duration::from_secs(5),
        }
    }
}

/// Gathers rows and commits them in order. Dropping it loses what waits: call [`Sink::commit`] last.
pub struct Sink {
    tables: Tables,
    limits: Limits,
    journal: Option<Arc<Journal>>,
    /// The calls whose answers wait, by subject and time.
    calls: Vec<(String, DateTime<Utc>)>,
    pending: Rows,
    image_byte: usize,
    since: Option<Instant>,
}

impl Sink {
    /// A sink without rows, and the journal that is to know what is committed.
    #[must_use]
    pub fn new(tables: Tables, limits: Limits, journal: Option<Arc<Journal>>) -> Self {
        Self {
            tables,
            limits,
            journal,
            calls: Vec::new(),
            pending: Rows::default(),
            image_byte: 0,
            since: None,
        }
    }

    /// Commits what comes until the channel ends. After a commit that failed, `halt` is told, what still
    /// comes is held (it is paid for), and the end tries once more.
    ///
    /// # Errors
    /// [`Error::Table`] of the first commit that failed.
    pub async fn run(mut self, mut rows: mpsc::Receiver<Rows>, halt: watch::Sender<bool>) -> Result<()> {
        let mut failed: Option<Error> = None;
        loop {
            let due = self.due().filter(|_| failed.is_none());
            let outcome = tokio::select! {
                rows = rows.recv() => match rows {
                    None => break,
                    Some(rows) if failed.is_none() => self.push(rows).await,
                    Some(rows) => {
                        self.hold(rows);
                        Ok(())
                    }
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.commit().await
                }
            };
            if let Err(error) = outcome {
                halt.send_replace(true);
                failed = Some(error);
            }
        }
        self.commit().await?;
        failed.map_or(Ok(()), Err)
    }

    /// Takes rows, and commits when a limit is reached: images alone when they are what is large.
    pub async fn push(&mut self, rows: Rows) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.hold(rows);
        let full = self.pending.len() >= self.limits.rows;
        if full || self.due().is_some_and(|due| due <= Instant::now()) {
            self.commit().await?;
        } else if self.image_byte >= self.limits.image_byte {
            self.commit_images().await?;
        }
        Ok(())
    }

    /// Takes rows without a commit.
    pub fn hold(&mut self, rows: Rows) {
        if self.journal.is_some() {
            let calls = rows.calls.iter();
            self.calls
                .extend(calls.map(|call| (call.subject.clone(), call.started_at)));
        }
        self.image_byte += rows.image_byte();
        self.since.get_or_insert_with(Instant::now);
        self.pending.extend(rows);
    }

    /// When the rows that wait should be committed even if no more come.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.wait)
    }

    /// Commits everything that waits. After an error what was not committed still waits, and nothing
    /// that comes later in the order was committed.
    pub async fn commit(&mut self) -> Result<()> {
        self.commit_images().await?;
        let (tables, rows) = (&self.tables, &mut self.pending);
        // Before what came of them: who has a probe is not asked again, and his call would never be written.
        append(tables, &mut rows.calls).await?;
        // Before the probes: after a crash between the two the probe is written again, as new as before.
        append(tables, &mut rows.run_probes).await?;
        tokio::try_join!(
            append(tables, &mut rows.probes),
            append(tables, &mut rows.rollouts)
        )?;
        append(tables, &mut rows.answers).await?;
        append(tables, &mut rows.verdicts).await?;
        append(tables, &mut rows.divergences).await?;
        if let Some(journal) = &self.journal {
            journal.committed(&self.calls);
            self.calls.clear();
        }
        self.since = None;
        Ok(())
    }

    async fn commit_images(&mut self) -> Result<()> {
        let (tables, rows) = (&self.tables, &mut self.pending);
        tokio::try_join!(
            append(tables, &mut rows.images),
            append(tables, &mut rows.image_bytes)
        )?;
        self.image_byte = 0;
        Ok(())
    }
}

async fn append<R: Row>(tables: &Tables, rows: &mut Vec<R>) -> Result<()> {
    if !rows.is_empty() {
        tables.append_rows(rows).await?;
        rows.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{ImageBytesRow, RunProbeRow, VerdictRow};
    use chrono::DateTime;
    use futures::TryStreamExt;

    fn rows(id: usize) -> Rows {
        let run_probe = |id: usize| RunProbeRow {
            run_id: "r".to_owned(),
            probe_id: format!("{id:032x}"),
            origin: "new".to_owned(),
        };
        let image = ImageBytesRow {
            image_id: format!("{id:064x}"),
            bytes: vec![7; 600].into(),
            path: "x.png".to_owned(),
        };
        let verdict = VerdictRow {
            probe_id: format!("{id:032x}"),
            model_id: "m".to_owned(),
            judge_id: "j".to_owned(),
            verdict: "correct".to_owned(),
            reason: None,
            created_at: DateTime::from_timestamp_micros(0).unwrap(),
        };
        Rows {
            image_bytes: vec![image],
            verdicts: vec![verdict],
            run_probes: vec![run_probe(id)],
            ..Rows::default()
        }
    }

    async fn committed(tables: &Tables) -> [usize; 3] {
        let mut counts = [0; 3];
        for (count, table) in counts.iter_mut().zip(["image_bytes", "verdicts", "run_probes"]) {
            let sql = format!("SELECT 1 FROM {table}");
            let batches = tables.query(&sql).await.unwrap();
            *count = batches
                .try_fold(0, async |sum, batch| Ok(sum + batch.num_rows()))
                .await
                .unwrap();
        }
        counts
    }

    #[tokio::test]
    async fn commits_when_a_limit_is_reached() {
        let limits = Limits {
            rows: 10,
            image_byte: 1000,
            wait: Duration::from_hours(1),
        };
        let tables = Tables::open("memory://").await.unwrap();
        let mut sink = Sink::new(tables.clone(), limits, None);
        sink.push(Rows::default()).await.unwrap();
        assert_eq!(sink.due(), None, "nothing waits");
        sink.push(rows(0)).await.unwrap();
        assert!(sink.due().is_some());
        assert_eq!(committed(&tables).await, [0; 3]);
        sink.push(rows(1)).await.unwrap(); // 1200 bytes
        assert_eq!(committed(&tables).await, [2, 0, 0], "images alone");
        let small = |id| Rows {
            image_bytes: Vec::new(),
            ..rows(id)
        };
        for id in 2..4 {
            sink.push(small(id)).await.unwrap(); // two rows each
        }
        assert_eq!(committed(&tables).await, [2, 0, 0]);
        sink.push(small(4)).await.unwrap();
        assert_eq!(committed(&tables).await, [2, 5, 5]);
        sink.limits.wait = Duration::ZERO;
        sink.push(small(5)).await.unwrap();
        assert_eq!(committed(&tables).await, [2, 6, 6]);
    }

    #[tokio::test]
    async fn nothing_is_committed_after_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
        // A file stands where the table's folder should be.
        std::fs::write(folder.path().join("image_bytes"), "").unwrap();
        let mut sink = Sink::new(tables.clone(), Limits::default(), None);
        sink.push(rows(0)).await.unwrap();
        let error = sink.commit().await.unwrap_err().to_string();
        assert!(error.contains("`image_bytes`"), "{error}");
        assert!(!folder.path().join("run_probes").exists());
        assert!(!folder.path().join("verdicts").exists());
        std::fs::remove_file(folder.path().join("image_bytes")).unwrap();
        sink.commit().await.unwrap();
        assert_eq!(committed(&tables).await, [1; 3]);
        assert_eq!(sink.due(), None);
    }
}
