//! Commits what the stages produce: images before the probes about them, probes before answers, and so
//! on, so that a crash between two commits leaves work to do and never a reference to nothing.
//!
//! In come rows as they are made; a commit follows when enough have gathered or enough time has passed.
//! `models` and `runs` are written by whoever starts a run.

use crate::error::Result;
use crate::row::{
    AnswerRow, CallRow, DivergenceRow, ImageBytesRow, ImageRow, ProbeRow, RolloutRow, RunProbeRow, VerdictRow,
};
use crate::tables::{Row, Tables};
use std::time::Duration;
use tokio::time::Instant;

/// Rows of any tables, on their way to a commit.
#[derive(Debug, Default, Clone, PartialEq)]
#[allow(missing_docs, reason = "fields are named as the tables")]
pub struct Rows {
    pub images: Vec<ImageRow>,
    pub image_bytes: Vec<ImageBytesRow>,
    pub probes: Vec<ProbeRow>,
    pub rollouts: Vec<RolloutRow>,
    pub answers: Vec<AnswerRow>,
    pub calls: Vec<CallRow>,
    pub verdicts: Vec<VerdictRow>,
    pub divergences: Vec<DivergenceRow>,
    pub run_probes: Vec<RunProbeRow>,
}

impl Rows {
    /// Adds rows after those that are there.
    pub fn extend(&mut self, more: Self) {
        self.images.extend(more.images);
        self.image_bytes.extend(more.image_bytes);
        self.probes.extend(more.probes);
        self.rollouts.extend(more.rollouts);
        self.answers.extend(more.answers);
        self.calls.extend(more.calls);
        self.verdicts.extend(more.verdicts);
        self.divergences.extend(more.divergences);
        self.run_probes.extend(more.run_probes);
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
            + self.image_bytes.len()
            + self.probes.len()
            + self.rollouts.len()
            + self.answers.len()
            + self.calls.len()
            + self.verdicts.len()
            + self.divergences.len()
            + self.run_probes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn image_byte(&self) -> usize {
        self.image_bytes.iter().map(|row| row.bytes.len()).sum()
    }
}

/// When rows are committed: as soon as one of these is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows of all tables together.
    pub rows: usize,
    /// Bytes of images.
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
#[derive(Debug)]
pub struct Sink {
    tables: Tables,
    limits: Limits,
    pending: Rows,
    image_byte: usize,
    since: Option<Instant>,
}

impl Sink {
    /// A sink without rows.
    #[must_use]
    pub fn new(tables: Tables, limits: Limits) -> Self {
        Self {
            tables,
            limits,
            pending: Rows::default(),
            image_byte: 0,
            since: None,
        }
    }

    /// Takes rows, and commits everything when a limit is reached.
    pub async fn push(&mut self, rows: Rows) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.image_byte += rows.image_byte();
        self.since.get_or_insert_with(Instant::now);
        self.pending.extend(rows);
        let full = self.pending.len() >= self.limits.rows || self.image_byte >= self.limits.image_byte;
        if full || self.due().is_some_and(|due| due <= Instant::now()) {
            self.commit().await?;
        }
        Ok(())
    }

    /// When the rows that wait should be committed even if no more come.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.wait)
    }

    /// Commits everything that waits. After an error what was not committed still waits, and nothing
    /// that comes later in the order was committed.
    pub async fn commit(&mut self) -> Result<()> {
        let (tables, rows) = (&self.tables, &mut self.pending);
        tokio::try_join!(
            append(tables, &mut rows.images),
            append(tables, &mut rows.image_bytes)
        )?;
        tokio::try_join!(
            append(tables, &mut rows.probes),
            append(tables, &mut rows.rollouts)
        )?;
        tokio::try_join!(append(tables, &mut rows.answers), append(tables, &mut rows.calls))?;
        append(tables, &mut rows.verdicts).await?;
        append(tables, &mut rows.divergences).await?;
        append(tables, &mut rows.run_probes).await?;
        self.image_byte = 0;
        self.since = None;
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
            wait: Duration::from_secs(3600),
        };
        let tables = Tables::open("memory://").await.unwrap();
        let mut sink = Sink::new(tables.clone(), limits);
        sink.push(Rows::default()).await.unwrap();
        assert_eq!(sink.due(), None, "nothing waits");
        sink.push(rows(0)).await.unwrap();
        assert!(sink.due().is_some());
        assert_eq!(committed(&tables).await, [0; 3]);
        sink.push(rows(1)).await.unwrap(); // 1200 bytes
        assert_eq!(committed(&tables).await, [2; 3]);
        let small = |id| Rows {
            image_bytes: Vec::new(),
            ..rows(id)
        };
        for id in 2..6 {
            sink.push(small(id)).await.unwrap(); // two rows each
        }
        assert_eq!(committed(&tables).await, [2; 3]);
        sink.push(small(6)).await.unwrap();
        assert_eq!(committed(&tables).await, [2, 7, 7]);
        sink.limits.wait = Duration::ZERO;
        sink.push(small(7)).await.unwrap();
        assert_eq!(committed(&tables).await, [2, 8, 8]);
    }

    #[tokio::test]
    async fn nothing_is_committed_after_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
        // A file stands where the table's folder should be.
        std::fs::write(folder.path().join("verdicts"), "").unwrap();
        let mut sink = Sink::new(tables.clone(), Limits::default());
        sink.push(rows(0)).await.unwrap();
        let error = sink.commit().await.unwrap_err().to_string();
        assert!(error.contains("`verdicts`"), "{error}");
        assert!(folder.path().join("image_bytes/_delta_log").exists());
        assert!(!folder.path().join("run_probes").exists());
        std::fs::remove_file(folder.path().join("verdicts")).unwrap();
        sink.commit().await.unwrap();
        assert_eq!(committed(&tables).await, [1; 3]);
        assert_eq!(sink.due(), None);
    }
}
