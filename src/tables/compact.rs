//! Merges small files while others write and read.
//!
//! An audit commits every few seconds, and every commit is a file; what reads a table pays for each of
//! them. In come a table's files that are small; out come files of about [`TARGET_BYTE`] with the same
//! rows, each merge one commit. Readers of an older version keep its files until they are vacuumed.
//!
//! A merge is committed only as the very next version of the one whose files it read, and tried again on
//! the newer version as long as all of them are still part of it. That is stricter than deltalake's own
//! `optimize`, of which two at once may both succeed and leave every row there twice.

use super::{TableName, Tables, convert, write};
use crate::error::Result;
use crate::source::BucketFile;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaResult, DeltaTable, DeltaTableError, checkpoints};
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What merged files come to, in bytes.
const TARGET_BYTE: u64 = 128 << 20;

/// Files below this are small.
const SMALL_BYTE: u64 = TARGET_BYTE / 2;

/// So many commits of others may come between a merge and its own.
const RETRIES: usize = 100;

/// Small files that are opened ahead of being written again.
const OPENED_AHEAD: usize = 2;

/// How often a [`Tidier`] counts files.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// What a compaction did to one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files of the table before.
    pub files_before: usize,
    /// Files of the table after.
    pub files_after: usize,
    /// Bytes of the files that were written.
    pub written_byte: u64,
}

/// How a merge ended.
enum Merged {
    Committed(u64),
    /// Somebody else merged or removed the files meanwhile.
    Overtaken,
}

impl Tables {
    /// Merges a table's small files if there are at least so many (and two); nothing is held up by it.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when the table cannot be read or committed to; what was merged before stays.
    pub async fn compact(&self, table: TableName, at_least: usize) -> Result<Compacted> {
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            return Ok(Compacted::default());
        }
        // A copy, so that appends go on meanwhile.
        let mut own = known.clone();
        drop(known);
        let failed = |error| self.failed(table, error);
        let started = Instant::now();
        let (files, small) = small_files(&own).map_err(failed)?;
        let mut done = Compacted {
            files_before: files,
            files_after: files,
            written_byte: 0,
        };
        if small.len() < at_least.max(2) {
            return Ok(done);
        }
        for bin in bins(small) {
            match merge(&mut own, table, &bin).await.map_err(failed)? {
                Merged::Committed(byte) => done.written_byte += byte,
                Merged::Overtaken => tracing::info!(table = table.name(), "others compact this table too"),
            }
        }
        done.files_after = own.snapshot().map_err(failed)?.log_data().num_files();
        // From here whoever opens the table starts; the commits behind it need not be read again.
        let settled = match checkpoints::create_checkpoint(&own, None).await {
            Ok(()) => checkpoints::cleanup_metadata(&own, None).await.map(drop),
            Err(error) => Err(error),
        };
        match settled {
            // What is known of every commit before is let go; the next one begins from the checkpoint.
            Ok(()) => self.known[table as usize].lock().await.state = None,
            Err(error) => {
                tracing::warn!(table = table.name(), %error, "compacted, but the log could not be shortened");
            }
        }
        tracing::info!(
            table = table.name(),
            files_before = done.files_before,
            files_after = done.files_after,
            written_byte = done.written_byte,
            elapsed_ms = started.elapsed().as_millis() as u64,
            "compacted"
        );
        Ok(done)
    }
}

/// How many files a table has, and those of them that are small.
fn small_files(table: &DeltaTable) -> DeltaResult<(usize, Vec<LogicalFileView>)> {
    let files = table.snapshot()?.log_data();
    let small = files.iter().filter(|file| {
        // Deletions within a file are none of this crate's making; such files stay as they are.
        file.size() < SMALL_BYTE as i64 && file.deletion_vector_descriptor().is_none()
    });
    Ok((files.num_files(), small.collect()))
}

/// Groups of files that together reach the target, oldest first. One file is no group.
fn bins(mut files: Vec<LogicalFileView>) -> Vec<Vec<LogicalFileView>> {
    files.sort_by_cached_key(|file| (file.modification_time(), file.path().into_owned()));
    let (mut bins, mut bin, mut byte) = (Vec::new(), Vec::new(), 0);
    for file in files {
        byte += file.size() as u64;
        bin.push(file);
        if byte >= TARGET_BYTE {
            bins.push(std::mem::take(&mut bin));
            byte = 0;
        }
    }
    bins.push(bin);
    bins.retain(|bin| bin.len() > 1);
    bins
}

/// Writes the rows of some files into new ones and commits the exchange.
async fn merge(own: &mut DeltaTable, table: TableName, bin: &[LogicalFileView]) -> DeltaResult<Merged> {
    let mut writer = RecordBatchWriter::for_table(own)?.with_writer_properties(write::properties(table));
    // Opened ahead, and then read a row group at a time: a merge holds no file as a whole.
    let store = own.object_store();
    let mut read = stream::iter(bin.to_vec())
        .map(|file| {
            let (store, key) = (store.clone(), file.object_store_path());
            let size = u64::try_from(file.size()).unwrap_or(0);
            async move {
                let opened = ParquetRecordBatchStreamBuilder::new(BucketFile { store, key, size }).await?;
                Ok::<_, DeltaTableError>((file, opened))
            }
        })
        .buffered(OPENED_AHEAD);
    while let Some((file, opened)) = read.try_next().await? {
        let mut batches = opened.with_batch_size(write::rows_per_batch(table)).build()?;
        let mut rows = 0;
        while let Some(batch) = batches.try_next().await? {
            let batch = convert::conform(table, &batch)
                .map_err(|error| DeltaTableError::generic(error.to_string()))?;
            rows += batch.num_rows();
            writer.write(batch).await?;
        }
        if file.num_records().is_some_and(|told| told != rows) {
            return Err(DeltaTableError::generic(format!(
                "`{}` has {rows} rows and the log says otherwise: look with `auditdm tables check`",
                file.path()
            )));
        }
    }
    let mut adds = writer.flush().await?;
    for add in &mut adds {
        add.data_change = false;
    }
    let byte = adds.iter().map(|add| add.size as u64).sum();
    let new: Vec<Path> = adds.iter().map(|add| Path::from(add.path.as_str())).collect();
    let removed = bin.iter().map(|file| Action::Remove(file.remove_action(false)));
    let actions: Vec<Action> = removed.chain(adds.into_iter().map(Action::Add)).collect();
    for _ in 0..RETRIES {
        // Without retries of its own a commit is an exchange of exactly this version for the next.
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let operation = DeltaOperation::Optimize {
            predicate: None,
            target_size: TARGET_BYTE as i64,
        };
        let commit = CommitBuilder::from(properties)
            .with_actions(actions.clone())
            .build(Some(own.snapshot()?), own.log_store(), operation);
        let error = match commit.await {
            Ok(done) => {
                own.state = Some(done.snapshot());
                return Ok(Merged::Committed(byte));
            }
            Err(error) => error,
        };
        own.update_state().await?;
        let files: HashSet<Path> = own
            .snapshot()?
            .log_data()
            .iter()
            .map(|file| file.object_store_path())
            .collect();
        if new.iter().all(|path| files.contains(path)) {
            // The reply was lost, not the commit.
            return Ok(Merged::Committed(byte));
        }
        if !bin.iter().all(|file| files.contains(&file.object_store_path())) {
            return Ok(Merged::Overtaken);
        }
        let is_late = matches!(
            &error,
            DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
            }
        );
        if !is_late {
            return Err(error);
        }
    }
    Ok(Merged::Overtaken)
}

/// Merges small files while an audit goes on, and once more when it has ended.
pub struct Tidier {
    stop: oneshot::Sender<()>,
    work: JoinHandle<()>,
}

impl Tidier {
    /// From now on no table has many more small files than this; 0 leaves them all alone.
    #[must_use]
    pub fn start(tables: Tables, small_files: usize) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let work = tokio::spawn(async move {
            let mut last = small_files == 0;
            while !last {
                last = tokio::time::timeout(TIDY_EVERY, &mut stopped).await.is_ok();
                for table in TableName::ALL {
                    // An audit does not fail for want of tidiness.
                    if let Err(error) = tables.compact(table, small_files).await {
                        tracing::warn!(%error, "small files could not be merged");
                    }
                }
            }
        });
        Self { stop, work }
    }

    /// Merges what is left and ends.
    pub async fn finish(self) {
        // Nobody listens where there was nothing to do.
        let _ = self.stop.send(());
        if self.work.await.is_err() {
            tracing::warn!("merging small files broke off");
        }
    }
}

#[cfg(test)]
mod tests;
