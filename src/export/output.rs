//! The folder that an export becomes, local or in a bucket.

use crate::error::{Error, Result};
use crate::tables::Location;
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};

/// Parts of one file that travel at once.
const PARTS_IN_FLIGHT: usize = 4;

/// Where files are written.
#[derive(Debug, Clone)]
pub(super) struct Output {
    location: Location,
}

/// A file that is being written; it is there when it is closed, whole.
pub(super) struct File {
    upload: WriteMultipart,
    url: String,
    /// What went in so far.
    pub(super) byte: usize,
}

impl Output {
    /// A folder, whatever is in it.
    pub(super) fn open(address: &str) -> Result<Self> {
        let location = Location::parse(address)?;
        Ok(Self { location })
    }

    /// A folder that is empty or new.
    pub(super) async fn create(address: &str) -> Result<Self> {
        let output = Self::open(address)?;
        let folder = Some(&output.location.path).filter(|path| !path.as_ref().is_empty());
        if let Some(Ok(object)) = output.location.store.list(folder).next().await {
            return Err(output.failed(
                "write to",
                format!(
                    "it holds `{}` already; name an empty or new folder",
                    object.location
                ),
            ));
        }
        Ok(output)
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.location.path.clone(), Path::join)
    }

    /// Writes a small file.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let put = self.location.store.put(&self.path(name), bytes.into()).await;
        put.map(drop).map_err(|error| self.failed("write", error))
    }

    /// Begins a large file.
    pub(super) async fn file(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        let upload = self.location.store.put_multipart(&path).await;
        Ok(File {
            upload: WriteMultipart::new(upload.map_err(|error| self.failed("write", error))?),
            url: format!("{}{name}", self.location.url),
            byte: 0,
        })
    }

    /// Gives a file its name, unless there is one of that name; whether it was new.
    pub(super) async fn name(&self, from: &str, to: &str) -> Result<bool> {
        let (store, from, to) = (&self.location.store, self.path(from), self.path(to));
        let new = match store.head(&to).await {
            Ok(_) => false,
            Err(object_store::Error::NotFound { .. }) => true,
            Err(error) => return Err(self.failed("read", error)),
        };
        let named = if new {
            store.rename(&from, &to).await
        } else {
            store.delete(&from).await
        };
        named.map_err(|error| self.failed("write", error))?;
        Ok(new)
    }

    /// The address of a file, as it is given to other commands.
    pub(super) fn address(&self, name: &str) -> String {
        let url = &self.location.url;
        let local = url.to_file_path().ok().filter(|_| url.scheme() == "file");
        local.map_or_else(
            || format!("{url}{name}"),
            |folder| folder.join(name).display().to_string(),
        )
    }

    fn failed(
        &self,
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::Store {
            action,
            url: self.location.url.to_string(),
            source: source.into(),
        }
    }
}

impl File {
    /// Goes on with the file; waits while too much of it is on its way.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let failed = |error: object_store::Error| failed(&self.url, error);
        self.upload
            .wait_for_capacity(PARTS_IN_FLIGHT)
            .await
            .map_err(failed)?;
        self.upload.write(bytes);
        self.byte += bytes.len();
        Ok(())
    }

    /// The same without a copy, for what is large.
    pub(super) async fn put(&mut self, bytes: Bytes) -> Result<()> {
        let ready = self.upload.wait_for_capacity(PARTS_IN_FLIGHT).await;
        ready.map_err(|error| failed(&self.url, error))?;
        self.byte += bytes.len();
        self.upload.put(bytes);
        Ok(())
    }

    /// Leaves nothing of it behind, as far as the store allows.
    pub(super) async fn discard(self) {
        let _ = self.upload.abort().await; // what is left over has no name that anybody reads
    }

    /// Ends the file.
    pub(super) async fn close(self) -> Result<()> {
        let closed = self.upload.finish().await;
        closed.map(drop).map_err(|error| failed(&self.url, error))
    }
}

fn failed(url: &str, error: object_store::Error) -> Error {
    Error::Store {
        action: "write",
        url: url.to_owned(),
        source: error.into(),
    }
}
