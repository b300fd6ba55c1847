//! How tables are created and committed to.

use super::TableName;
use crate::failpoint::{Side, reach};
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
        reach(Side::Before, table.name());
        for attempt in 1.. {
            let write = known
                .clone()
                .write(batches.clone())
                .with_save_mode(SaveMode::Append)
                .with_writer_properties(properties(table))
                .with_commit_properties(commit.clone());
            let error = match write.await {
                Ok(written) => {
                    *known = written;
                    break;
                }
                Err(error) => error,
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
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
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
mod tests {
    use crate::row::{ImageBytesRow, RunProbeRow};
    use crate::tables::location::Location;
    use crate::tables::{TableName, Tables};
    use futures::TryStreamExt;
    use futures::stream::BoxStream;
    use object_store::path::Path;
    use object_store::{
        CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
        PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    };
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

    /// What becomes of a commit on its way to the store, and what the writer is told.
    #[derive(Debug, Clone, Copy)]
    enum Fault {
        /// It arrives; the store's own retry finds it there.
        ThereAlready,
        /// It arrives; the connection breaks before the reply.
        LostReply,
        /// It does not arrive.
        Broken,
        /// It does not arrive, and will not.
        Forbidden,
    }

    /// A store in memory with one fault every few commits.
    #[derive(Debug)]
    struct Faulty {
        inner: Arc<dyn ObjectStore>,
        fault: Fault,
        every: usize,
        commits: AtomicUsize,
    }

    impl std::fmt::Display for Faulty {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(formatter, "faulty {}", self.inner)
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Faulty {
        async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
            let commit = options.mode == PutMode::Create;
            if !commit || !(self.commits.fetch_add(1, Relaxed) + 1).is_multiple_of(self.every) {
                return self.inner.put_opts(path, payload, options).await;
            }
            let source = || Box::new(std::io::Error::other("scripted"));
            let broken = Error::Generic {
                store: "faulty",
                source: source(),
            };
            match self.fault {
                Fault::ThereAlready => {
                    self.inner.put_opts(path, payload, options).await?;
                    Err(Error::AlreadyExists {
                        path: path.to_string(),
                        source: source(),
                    })
                }
                Fault::LostReply => {
                    self.inner.put_opts(path, payload, options).await?;
                    Err(broken)
                }
                Fault::Broken => Err(broken),
                Fault::Forbidden => Err(Error::PermissionDenied {
                    path: path.to_string(),
                    source: source(),
                }),
            }
        }

        async fn put_multipart_opts(
            &self,
            path: &Path,
            options: PutMultipartOptions,
        ) -> Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
            self.inner.get_opts(path, options).await
        }

        fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.inner.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.inner.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.inner.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.inner.copy_opts(from, to, options).await
        }
    }

    async fn faulty(fault: Fault, every: usize) -> (Tables, crate::error::Result<i64>) {
        let mut location = Location::parse("memory://").unwrap();
        location.store = Arc::new(Faulty {
            inner: location.store.clone(),
            fault,
            every,
            commits: AtomicUsize::new(0),
        });
        let tables = Tables::at(location);
        let mut last = Ok(0);
        for commit in 0..7 {
            let row = RunProbeRow {
                run_id: "r".to_owned(),
                probe_id: format!("{commit:032x}"),
                origin: "new".to_owned(),
            };
            last = tables.append_rows(&[row]).await;
        }
        (tables, last)
    }

    #[tokio::test]
    async fn a_lost_reply_is_read_back_and_a_lost_commit_sent_again() {
        for fault in [Fault::ThereAlready, Fault::LostReply, Fault::Broken] {
            for every in [1, 2, 3] {
                if matches!((fault, every), (Fault::Broken, 1)) {
                    continue;
                }
                let (tables, last) = faulty(fault, every).await;
                last.unwrap_or_else(|error| panic!("{fault:?}, every {every}: {error}"));
                let provider = tables.provider(TableName::RunProbes).await.unwrap();
                let rows = tables
                    .session
                    .read_table(provider)
                    .unwrap()
                    .count()
                    .await
                    .unwrap();
                assert_eq!(
                    rows, 7,
                    "{fault:?}, every {every}: none lost, none twice in the table itself"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_will_not_pass_is_an_error_at_once() {
        let clock = std::time::Instant::now();
        let (_, last) = faulty(Fault::Forbidden, 1).await;
        assert!(last.unwrap_err().to_string().contains("run_probes"));
        assert!(clock.elapsed() < std::time::Duration::from_millis(250));
    }
}
