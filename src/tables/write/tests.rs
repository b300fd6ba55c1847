//! Commits to stores that lose replies or break.

use crate::row::{ImageBytesRow, RunProbeRow};
use crate::tables::location::Location;
use crate::tables::{TableName, Tables};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
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
