//! Files of a benchmark: paths on this machine and addresses of buckets.
//!
//! Credentials come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`).

use crate::error::{Error, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, parse_url_opts};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use url::Url;

/// An address without credentials.
#[must_use]
pub fn shown(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => format!(
            "{scheme}://{}",
            rest.split_once('@').map_or(rest, |(_, rest)| rest)
        ),
        None => address.to_owned(),
    }
}

/// A file or folder.
#[derive(Debug, Clone)]
pub enum Place {
    /// On this machine.
    Local(PathBuf),
    /// In a bucket: its store, key, and address without credentials.
    Remote(Arc<dyn ObjectStore>, Key, String),
}

/// A file on this machine; a copy of one in a bucket goes with it.
#[derive(Debug)]
pub struct Here {
    /// Where it is.
    pub path: PathBuf,
    copy: bool,
}

impl Drop for Here {
    fn drop(&mut self) {
        if self.copy {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Place {
    /// The place of a path or address; nothing is read yet.
    pub fn parse(address: &str) -> Result<Self> {
        match address.split_once("://") {
            None => Ok(Self::Local(address.into())),
            Some(("file", path)) => Ok(Self::Local(path.into())),
            Some(_) => {
                let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Store {
                    action: "open",
                    url: shown(address),
                    source,
                };
                let url = Url::parse(address).map_err(|error| failed(error.into()))?;
                let environment = std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
                let (store, key) = parse_url_opts(&url, environment).map_err(|error| failed(error.into()))?;
                let shown = format!(
                    "{}://{}{}",
                    url.scheme(),
                    url.host_str().unwrap_or_default(),
                    url.path()
                );
                Ok(Self::Remote(Arc::from(store), key, shown))
            }
        }
    }

    /// The address, for messages and rows.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Remote(_, _, address) => address.clone(),
        }
    }

    /// The lower-case ending of its name, without the stop.
    #[must_use]
    pub fn ending(&self) -> String {
        let name = self.name();
        let file = name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.')
            .map_or_else(String::new, |(_, ending)| ending.to_lowercase())
    }

    /// What a path names that stands in a file here: absolute, or relative to this folder.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        match self {
            Self::Local(folder) => Self::Local(folder.join(path)),
            Self::Remote(store, folder, address) => {
                let key = path
                    .split('/')
                    .filter(|part| !part.is_empty())
                    .fold(folder.clone(), Key::join);
                Self::Remote(
                    store.clone(),
                    key,
                    format!("{}/{path}", address.trim_end_matches('/')),
                )
            }
        }
    }

    /// The folder that it lies in.
    #[must_use]
    pub fn folder(&self) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.parent().unwrap_or(Path::new("")).to_owned()),
            Self::Remote(store, key, address) => {
                let parts: Vec<_> = key.parts().collect();
                let folder: Key = parts[..parts.len().saturating_sub(1)].iter().cloned().collect();
                let address = address
                    .rsplit_once('/')
                    .map_or(address.as_str(), |(folder, _)| folder);
                Self::Remote(store.clone(), folder, address.to_owned())
            }
        }
    }

    /// The whole content, if it has at most so many bytes.
    ///
    /// # Errors
    /// In words.
    pub async fn read(&self, max_bytes: usize) -> Result<Bytes, String> {
        let too_big = |size: u64| {
            format!(
                "`{}` of {size} bytes is too big: the limit is {max_bytes}",
                self.name()
            )
        };
        let explain = |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", self.name());
        match self {
            Self::Local(path) => {
                let size = tokio::fs::metadata(path)
                    .await
                    .map_err(|error| explain(&error))?
                    .len();
                if size > max_bytes as u64 {
                    return Err(too_big(size));
                }
                Ok(tokio::fs::read(path)
                    .await
                    .map_err(|error| explain(&error))?
                    .into())
            }
            Self::Remote(store, key, _) => {
                let object = store.get(key).await.map_err(|error| explain(&error))?;
                if object.meta.size > max_bytes as u64 {
                    return Err(too_big(object.meta.size));
                }
                object.bytes().await.map_err(|error| explain(&error))
            }
        }
    }

    /// A file on this machine with the content: itself, or a copy that lives as long as what is returned.
    ///
    /// # Errors
    /// In words.
    pub async fn here(&self) -> Result<Here, String> {
        let (store, key, name) = match self {
            Self::Local(path) => {
                return Ok(Here {
                    path: path.clone(),
                    copy: false,
                });
            }
            Self::Remote(store, key, name) => (store, key, name),
        };
        let explain = |error: &dyn std::fmt::Display| format!("cannot fetch `{name}`: {error}");
        let unique = crate::row::id([name.as_bytes(), std::process::id().to_string().as_bytes()]);
        let path = std::env::temp_dir().join(format!("auditdm-{unique}.{}", self.ending()));
        let mut file = tokio::fs::File::create_new(&path)
            .await
            .map_err(|error| explain(&error))?;
        let copy = Here { path, copy: true };
        let mut bytes = store
            .get(key)
            .await
            .map_err(|error| explain(&error))?
            .into_stream();
        while let Some(chunk) = bytes.try_next().await.map_err(|error| explain(&error))? {
            file.write_all(&chunk).await.map_err(|error| explain(&error))?;
        }
        file.flush().await.map_err(|error| explain(&error))?;
        Ok(copy)
    }

    /// The file itself, or the files below the folder with one of these endings, by name.
    pub async fn files(&self, endings: &[&str]) -> Result<Vec<Self>> {
        let wanted = |place: &Self| endings.contains(&place.ending().as_str());
        if wanted(self) {
            return Ok(vec![self.clone()]);
        }
        let mut files = match self {
            Self::Local(folder) => {
                let failed = |source| Error::File {
                    action: "list",
                    path: folder.clone(),
                    source,
                };
                let mut found = Vec::new();
                let mut entries = tokio::fs::read_dir(folder).await.map_err(failed)?;
                while let Some(entry) = entries.next_entry().await.map_err(failed)? {
                    found.push(Self::Local(entry.path()));
                }
                found
            }
            Self::Remote(store, folder, address) => {
                let root = address.trim_end_matches('/');
                let below = |key: &Key| {
                    key.as_ref()
                        .strip_prefix(folder.as_ref())
                        .unwrap_or_default()
                        .to_owned()
                };
                let listed: Vec<_> =
                    store
                        .list(Some(folder))
                        .try_collect()
                        .await
                        .map_err(|error| Error::Store {
                            action: "list",
                            url: address.clone(),
                            source: error.into(),
                        })?;
                let place =
                    |key: Key| Self::Remote(store.clone(), key.clone(), format!("{root}{}", below(&key)));
                listed.into_iter().map(|object| place(object.location)).collect()
            }
        };
        files.retain(wanted);
        files.sort_by_key(Self::name);
        Ok(files)
    }
}
