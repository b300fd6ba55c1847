//! How tables are created and committed to.

use super::TableName;
use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{StructType, Transaction};
use deltalake::protocol::SaveMode;
use deltalake::{DeltaResult, DeltaTable, DeltaTableError};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::sync::atomic::{AtomicI64, Ordering};

/// So many other processes may commit while one of ours is on its way.
const RETRIES: usize = 100;

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
            .with_application_transaction(nonce);
        let write = known
            .clone()
            .write(batches)
            .with_save_mode(SaveMode::Append)
            .with_writer_properties(properties(table))
            .with_commit_properties(commit);
        match write.await {
            Ok(written) => *known = written,
            Err(error) if !self.is_committed(known, number).await? => return Err(error),
            Err(_) => {}
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

fn properties(table: TableName) -> WriterProperties {
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
