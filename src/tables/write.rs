//! How tables are created and committed to.

use super::TableName;
use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitConflictError, CommitProperties, TransactionError};
use deltalake::kernel::{StructType, Transaction};
use deltalake::protocol::SaveMode;
use deltalake::{DeltaResult, DeltaTable, DeltaTableError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::sync::atomic::{AtomicI64, Ordering};

/// So many other processes may commit while one of ours is on its way.
const RETRIES: usize = 100;

/// So many other processes may create a table while the first rows are on their way.
const CREATORS: usize = 16;

/// Rows of a row group where a row is an image: a few dozen megabytes of photographs.
const IMAGES_PER_ROW_GROUP: usize = 64;

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
    /// taken it all the same.
    pub(super) async fn append(
        &self,
        known: &mut DeltaTable,
        table: TableName,
        batches: Vec<RecordBatch>,
    ) -> DeltaResult<()> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        let nonce = Transaction::new(&self.name, number);
        let commit = CommitProperties::default()
            .with_max_retries(RETRIES)
            // It lists the whole log after every commit; compaction does it now and then.
            .with_cleanup_expired_logs(Some(false))
            .with_application_transaction(nonce);
        for creator in 0.. {
            let write = known
                .clone()
                .write(batches.clone())
                .with_save_mode(SaveMode::Append)
                .with_writer_properties(properties(table))
                .with_commit_properties(commit.clone());
            match write.await {
                Ok(written) => {
                    *known = written;
                    break;
                }
                Err(error) => {
                    if self.is_committed(known, number).await? {
                        break;
                    }
                    // Another process created the table too, a moment later: nothing of it is different.
                    if creator == CREATORS || !created_again(&error) {
                        return Err(error);
                    }
                }
            }
        }
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

fn created_again(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(CommitConflictError::MetadataChanged)
        }
    )
}

/// Creates a table; an error where another process does so at the same moment.
pub(super) async fn create(known: &DeltaTable, table: TableName) -> DeltaResult<()> {
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
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    if table != TableName::ImageBytes {
        return properties.build();
    }
    // Encoded images do not compress, do not repeat and have no useful order.
    let blob = ColumnPath::new(vec!["image".to_owned(), "bytes".to_owned()]);
    properties
        .set_column_compression(blob.clone(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(blob.clone(), false)
        .set_column_statistics_enabled(blob, EnabledStatistics::None)
        .set_max_row_group_row_count(Some(IMAGES_PER_ROW_GROUP))
        .build()
}

#[cfg(test)]
mod tests {
    use crate::row::ImageBytesRow;
    use crate::tables::Tables;
    use futures::TryStreamExt;

    #[tokio::test]
    async fn images_are_found_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
        let image = |id: usize| ImageBytesRow {
            image_id: format!("{id:064x}"),
            bytes: vec![id as u8; 1000].into(),
            path: format!("{id}.png"),
        };
        let images: Vec<_> = (0..100).map(image).collect();
        tables.append_rows(&images).await.unwrap();
        let sql = format!(
            "SELECT * FROM image_bytes WHERE image_id = '{}'",
            images[42].image_id
        );
        let read: Vec<ImageBytesRow> = tables.rows(&sql).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read, images[42..43]);
        let files = std::fs::read_dir(folder.path().join("image_bytes")).unwrap();
        let parquet = files
            .map(|file| file.unwrap().path())
            .filter(|file| file.extension().is_some());
        let parquet: Vec<_> = parquet.collect();
        assert_eq!(parquet.len(), 1, "a commit is one file");
        let size = parquet[0].metadata().unwrap().len();
        assert!(
            size > 100_000,
            "the bytes stand in the file as they are, {size} bytes"
        );
    }
}
