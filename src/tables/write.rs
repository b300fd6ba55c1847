//! How tables are created and committed to.

use super::TableName;
use crate::error::Result;
use crate::failpoint::{Side, reach};
use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{
    CommitBuilder, CommitConflictError, CommitProperties, TransactionError,
};
use deltalake::kernel::{Action, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaResult, DeltaTable, DeltaTableError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// So many other processes may commit while one of ours is on its way.
const RETRIES: usize = 100;

/// So many other processes may create a table while the first rows are on their way.
const CREATORS: usize = 16;

/// A store that fails for the moment is tried so many times; each request has retries of its own before that.
const TRIES: usize = 5;

/// Before the second try; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Rows of a row group where a row is an image: a few dozen megabytes of photographs.
const IMAGES_PER_ROW_GROUP: usize = 64;

/// Rows of any other row group: a merge of files holds one.
const ROWS_PER_ROW_GROUP: usize = 1 << 16;

/// A row group is written when it has reached this.
const ROW_GROUP_BYTE: usize = 16 << 20;

/// What one commit is to hold, a few rows at a time.
pub(super) type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>;

/// One process that commits, with a name of its own.
pub(super) struct Writer {
    name: String,
    commits: AtomicI64,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            name: format!("auditdm-{:032x}", rand::random::<u128>()),
            commits: AtomicI64::new(0),
        }
    }
}

impl Writer {
    /// Appends in one commit, and reads it back when the reply says that it failed: the store may have
    /// taken it all the same. A later try carries the same name and number, so that even one that reaches
    /// the store late conflicts with it and is not written twice.
    pub(super) async fn append<'a>(
        &self,
        known: &mut DeltaTable,
        table: TableName,
        batches: impl Fn() -> Batches<'a>,
    ) -> DeltaResult<()> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        let nonce = Transaction::new(&self.name, number);
        let commit = CommitProperties::default()
            .with_max_retries(RETRIES)
            // It lists the whole log after every commit; compaction does it now and then.
            .with_cleanup_expired_logs(Some(false))
            .with_application_transaction(nonce);
        reach(Side::Before, table.name());
        // Once they are uploaded, only their commit is tried again.
        let mut files = None;
        for attempt in 1.. {
            let Err(error) = try_append(known, table, &mut files, &batches, commit.clone()).await else {
                break;
            };
            if self
                .is_committed(known, number)
                .await
                .is_ok_and(|committed| committed)
            {
                break;
            }
            // Another process created the table too, a moment later: nothing of it is different.
            let again = created_again(&error) && attempt <= CREATORS;
            if !again && !pause(attempt, &error).await {
                return Err(error);
            }
        }
        reach(Side::After, table.name());
        Ok(())
    }

    async fn is_committed(&self, known: &mut DeltaTable, number: i64) -> DeltaResult<bool> {
        known.update_state().await?;
        let log = known.log_store();
        Ok(known
            .snapshot()?
            .transaction_version(log.as_ref(), &self.name)
            .await?
            == Some(number))
    }
}

async fn try_append<'a>(
    known: &mut DeltaTable,
    table: TableName,
    files: &mut Option<Vec<Action>>,
    batches: impl Fn() -> Batches<'a>,
    commit: CommitProperties,
) -> DeltaResult<()> {
    let files = match files {
        Some(files) => files,
        None => files.insert(upload(known, table, batches()).await?),
    };
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: None,
        predicate: None,
    };
    let committed = CommitBuilder::from(commit)
        .with_actions(files.clone())
        .build(Some(known.snapshot()?), known.log_store(), operation)
        .await?;
    known.state = Some(committed.snapshot());
    Ok(())
}

/// Writes a file that is not part of the table yet.
async fn upload(known: &DeltaTable, table: TableName, batches: Batches<'_>) -> DeltaResult<Vec<Action>> {
    let mut writer = RecordBatchWriter::for_table(known)?.with_writer_properties(properties(table));
    for batch in batches {
        writer
            .write(batch.map_err(|error| DeltaTableError::generic(error.to_string()))?)
            .await?;
    }
    Ok(writer.flush().await?.into_iter().map(Action::Add).collect())
}

fn created_again(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(CommitConflictError::MetadataChanged)
        }
    )
}

/// Waits before another try; false where there is no point in one.
async fn pause(attempt: usize, error: &DeltaTableError) -> bool {
    let again = attempt < TRIES && is_passing(error);
    if again {
        tracing::warn!(%error, attempt, "a commit is tried again");
        let wait = FIRST_WAIT * 2_u32.pow(attempt as u32 - 1);
        tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
    }
    again
}

/// Whether a store failed in a way that it may have got over: it names what it cannot get over.
fn is_passing(error: &DeltaTableError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::Error>() {
            return matches!(error, object_store::Error::Generic { .. });
        }
        cause = error.source();
    }
    false
}

/// Creates a table; an error where another process does so at the same moment.
pub(super) async fn create(known: &DeltaTable, table: TableName) -> DeltaResult<()> {
    for attempt in 1.. {
        match try_create(known, table).await {
            Err(error) if pause(attempt, &error).await => {}
            done => return done,
        }
    }
    unreachable!("the last try returns")
}

async fn try_create(known: &DeltaTable, table: TableName) -> DeltaResult<()> {
    let schema: StructType = table
        .schema()
        .as_ref()
        .try_into_kernel()
        .map_err(DeltaTableError::from)?;
    let description = table
        .ddl()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("-- ");
    // Only keys are worth statistics in the log: questions and answers would fill it with prose.
    let statistics = Some(table.key().join(","));
    known
        .create()
        .with_table_name(table.name())
        .with_comment(description)
        .with_columns(schema.fields().cloned())
        .with_configuration([("delta.dataSkippingStatsColumns", statistics)])
        .with_save_mode(SaveMode::Ignore)
        .await?;
    Ok(())
}

/// How many rows are held at once while a table's files are rewritten.
pub(super) fn rows_per_batch(table: TableName) -> usize {
    if table == TableName::ImageBytes {
        IMAGES_PER_ROW_GROUP
    } else {
        8192
    }
}

pub(super) fn properties(table: TableName) -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROWS_PER_ROW_GROUP))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTE));
    if table != TableName::ImageBytes {
        return properties.build();
    }
    // Encoded images do not compress, do not repeat and have no useful order. Each is a page of its own: a single
    // one is read without its neighbours.
    let blob = ColumnPath::new(vec!["image".to_owned(), "bytes".to_owned()]);
    properties
        .set_column_compression(blob.clone(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(blob.clone(), false)
        .set_column_statistics_enabled(blob, EnabledStatistics::None)
        .set_max_row_group_row_count(Some(IMAGES_PER_ROW_GROUP))
        .set_write_batch_size(1)
        .set_data_page_row_count_limit(1)
        .build()
}

#[cfg(test)]
mod tests;
