//! Folders and files, on this machine or in a bucket, behind one type.
//!
//! Local files are read with the standard library: object_store refuses some names that photographs really
//! have, and ends a listing at the first folder that may not be read. Credentials come from the environment
//! (`AWS_…`, `GOOGLE_…`, `AZURE_…`) and never stand in a URI.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, parse_url_opts};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Where paths are looked up.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// This machine; paths are absolute.
    Local,
    /// A bucket, with its address; paths are keys.
    Bucket(Arc<dyn ObjectStore>, Url),
}

/// A file that was listed.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) modified: DateTime<Utc>,
    pub(super) etag: Option<String>,
}

impl Place {
    /// The place of an address, and the path in it: a local path, or a URL with percent-encoding undone.
    pub(super) fn parse(address: &str) -> Result<(Self, String), String> {
        let (bucket, path) = split(address)?;
        Ok((
            bucket.map_or(Ok(Self::Local), |bucket| Self::bucket(&bucket))?,
            path,
        ))
    }

    /// Connects to a bucket such as `s3://photos`; nothing is sent yet.
    pub(super) fn bucket(address: &str) -> Result<Self, String> {
        let scheme = address.split("://").next().unwrap_or_default();
        if !["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl"].contains(&scheme) {
            return Err(format!(
                "`{scheme}://` is not supported; use a path, file://, s3://, gs://, az:// or lab://"
            ));
        }
        let root = Url::parse(&format!("{address}/")).map_err(|error| error.to_string())?;
        // Unknown variables are ignored by the parser; those that are not text cannot be meant.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let (store, _) = parse_url_opts(&root, environment).map_err(|error| error.to_string())?;
        let shown = Url::parse(&without_credentials(root.as_str())).map_err(|error| error.to_string())?;
        Ok(Self::Bucket(Arc::from(store), shown))
    }

    /// The address of a path, percent-encoded and without credentials.
    pub(super) fn uri(&self, path: &str) -> String {
        let mut url = match self {
            Self::Local => Url::parse("file:///").expect("a constant address"),
            Self::Bucket(_, root) => root.clone(),
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .clear()
                .extend(path.split('/').filter(|segment| !segment.is_empty()));
        }
        url.into()
    }

    /// Reads a whole file of at most so many bytes.
    pub(super) async fn read(&self, path: &str, max_bytes: usize) -> Result<Bytes, String> {
        match self {
            Self::Local => {
                let path = path.to_owned();
                let read = tokio::task::spawn_blocking(move || read_local(&path, max_bytes));
                read.await.map_err(|error| error.to_string())?
            }
            Self::Bucket(store, _) => {
                let explain = |error: object_store::Error| format!("cannot read the object: {error}");
                let key = Key::parse(path).map_err(|error| error.to_string())?;
                let object = store.get(&key).await.map_err(explain)?;
                if object.meta.size > max_bytes as u64 {
                    return Err(too_big(object.meta.size, max_bytes));
                }
                object.bytes().await.map_err(explain)
            }
        }
    }

    /// What the path itself is, if it is a file.
    pub(super) async fn entry(&self, path: &str) -> Option<Entry> {
        match self {
            Self::Local => local_entry(Path::new(path))
                .ok()
                .filter(|_| Path::new(path).is_file()),
            Self::Bucket(store, _) => store.head(&Key::parse(path).ok()?).await.ok().map(bucket_entry),
        }
    }

    /// All files below a folder, by path (bytewise); hidden ones and those in hidden folders left out.
    /// Memory: one folder's names locally, one page of a bucket's listing.
    pub(super) fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry, String>> {
        let folder = folder.trim_end_matches('/').to_owned();
        match self {
            Self::Local => list_local(PathBuf::from(if folder.is_empty() { "/" } else { &folder })),
            Self::Bucket(store, _) => {
                let below = folder.len() + usize::from(!folder.is_empty());
                let prefix = Key::parse(&folder).ok().filter(|_| !folder.is_empty());
                // S3, GCS and Azure list by key, bytewise; `prefix` ends at a whole segment.
                store
                    .list(prefix.as_ref())
                    .map(|object| object.map(bucket_entry).map_err(|error| error.to_string()))
                    .filter(move |entry| {
                        let hidden = entry.as_ref().is_ok_and(|entry| {
                            entry
                                .path
                                .get(below..)
                                .unwrap_or_default()
                                .split('/')
                                .any(|name| name.starts_with('.'))
                        });
                        std::future::ready(!hidden)
                    })
                    .boxed()
            }
        }
    }
}

fn too_big(size: u64, max_bytes: usize) -> String {
    format!("file of {size} bytes is too big: the limit is {max_bytes}")
}

fn read_local(path: &str, max_bytes: usize) -> Result<Bytes, String> {
    let explain = |error: std::io::Error| format!("cannot read the file: {error}");
    let metadata = std::fs::metadata(path).map_err(explain)?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned()); // a pipe would never end
    }
    if metadata.len() > max_bytes as u64 {
        return Err(too_big(metadata.len(), max_bytes));
    }
    Ok(std::fs::read(path).map_err(explain)?.into())
}

fn bucket_entry(object: object_store::ObjectMeta) -> Entry {
    Entry {
        path: object.location.to_string(),
        size: object.size,
        modified: object.last_modified,
        etag: object.e_tag,
    }
}

pub(super) fn local_entry(path: &Path) -> std::io::Result<Entry> {
    let metadata = std::fs::metadata(path)?;
    let modified: DateTime<Utc> = metadata.modified()?.into();
    Ok(Entry {
        path: path.to_string_lossy().into_owned(),
        size: metadata.len(),
        modified,
        etag: Some(format!("{:x}-{:x}", modified.timestamp_micros(), metadata.len())),
    })
}

/// What a folder holds.
enum Child {
    File(Entry),
    Folder(PathBuf),
}

/// Depth first, so that full paths come out sorted. What cannot be read is logged and left out, as are names
/// that are not UTF-8 and folders that were seen before (links in a circle).
fn list_local(root: PathBuf) -> BoxStream<'static, Result<Entry, String>> {
    if let Err(error) = std::fs::read_dir(&root) {
        return stream::iter([Err(error.to_string())]).boxed();
    }
    let start = (vec![Child::Folder(root)], HashSet::new());
    stream::unfold(start, |(mut waiting, mut seen)| async move {
        loop {
            match waiting.pop()? {
                Child::File(entry) => return Some((Ok(entry), (waiting, seen))),
                Child::Folder(path) => {
                    let read = tokio::task::spawn_blocking(move || {
                        let real = std::fs::canonicalize(&path).ok();
                        (real, children(&path))
                    });
                    let (real, children) = match read.await {
                        Ok(read) => read,
                        Err(error) => return Some((Err(error.to_string()), (waiting, seen))),
                    };
                    if real.is_some_and(|real| seen.insert(real)) {
                        waiting.extend(children);
                    }
                }
            }
        }
    })
    .boxed()
}

/// The visible files and folders in a folder, last first; a folder sorts as its name and `/`.
fn children(folder: &Path) -> Vec<Child> {
    let left_out = |path: &Path, reason: &str| tracing::warn!("{}: {reason}; left out", path.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            left_out(folder, &error.to_string());
            return Vec::new();
        }
    };
    let mut named: Vec<(String, Child)> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            left_out(&path, "the name is not UTF-8");
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            named.push((format!("{name}/"), Child::Folder(path)));
        } else {
            match local_entry(&path) {
                Ok(entry) => named.push((name.to_owned(), Child::File(entry))),
                Err(error) => left_out(&path, &error.to_string()),
            }
        }
    }
    named.sort_unstable_by(|left, right| right.0.cmp(&left.0));
    named.into_iter().map(|(_, child)| child).collect()
}

/// The bucket of an address, if it is not on this machine, and the path.
pub(super) fn split(address: &str) -> Result<(Option<String>, String), String> {
    let Some((scheme, rest)) = address.split_once("://") else {
        return Ok((None, absolute(address)?));
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = decode_percent(path)?;
    Ok(match scheme {
        "file" => (None, absolute(&format!("/{path}"))?),
        scheme => (Some(format!("{scheme}://{authority}")), path),
    })
}

/// An absolute path with `.` and `..` resolved by name.
fn absolute(path: &str) -> Result<String, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let absolute = absolute
        .to_str()
        .ok_or("the current folder's name is not UTF-8")?;
    Ok(format!("/{}", normal(absolute)))
}

/// A path's segments with `.` and `..` resolved by name, without a leading slash.
pub(super) fn normal(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments.join("/")
}

fn decode_percent(path: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let byte = after
            .get(..2)
            .filter(|digits| first == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_err(|_| format!("`{path}` is not UTF-8 once its percent-encoding is undone"))
}

/// An address as it may be shown: what stands between `://` and `@` is left out.
pub(super) fn without_credentials(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    // `az://container@account.host/` names an account there, not a secret.
    match rest[..end].rfind('@') {
        Some(at) if !scheme.starts_with('a') => format!("{scheme}://{}", &rest[at + 1..]),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;
    use object_store::memory::InMemory;

    #[test]
    fn addresses_lose_their_credentials() {
        assert_eq!(without_credentials("s3://key:secret@bucket/a"), "s3://bucket/a");
        assert_eq!(without_credentials("photos/a@b.jpg"), "photos/a@b.jpg");
        assert_eq!(
            without_credentials("abfs://box@account.host/a"),
            "abfs://box@account.host/a"
        );
        let (place, path) = Place::parse("s3://key:secret@bucket/my%20photos/50%25.jpg").unwrap();
        assert_eq!(path, "my photos/50%.jpg");
        assert_eq!(place.uri(&path), "s3://bucket/my%20photos/50%25.jpg");
        assert!(
            Place::parse("ftp://host/a")
                .unwrap_err()
                .contains("not supported")
        );
    }

    #[test]
    fn local_addresses_go_there_and_back() {
        let (place, path) = Place::parse("/a/../b c/./é#1?.jpg").unwrap();
        assert_eq!(path, "/b c/é#1?.jpg");
        let uri = place.uri(&path);
        assert_eq!(uri, "file:///b%20c/%C3%A9%231%3F.jpg");
        assert_eq!(Place::parse(&uri).unwrap().1, path);
    }

    #[tokio::test]
    async fn buckets_are_listed_and_read() {
        let store = Arc::new(InMemory::new());
        for key in [
            "photos/b.jpg",
            "photos/a/1.jpg",
            "photos/.hidden/1.jpg",
            "photographs/z.jpg",
        ] {
            store.put(&Key::from(key), vec![1_u8; 10].into()).await.unwrap();
        }
        let place = Place::Bucket(store, Url::parse("s3://bucket/").unwrap());
        let listed: Vec<Entry> = place.list("photos/").try_collect().await.unwrap();
        let paths: Vec<&str> = listed.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["photos/a/1.jpg", "photos/b.jpg"]);
        assert_eq!(place.read("photos/b.jpg", 10).await.unwrap().len(), 10);
        assert!(
            place
                .read("photos/b.jpg", 9)
                .await
                .unwrap_err()
                .contains("too big")
        );
        assert!(
            place
                .read("photos/c.jpg", 9)
                .await
                .unwrap_err()
                .contains("cannot read")
        );
        assert!(place.entry("photos").await.is_none() && place.entry("photos/b.jpg").await.is_some());
    }
}
