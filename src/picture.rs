//! The encoded bytes of images that the tables name.
//!
//! In: image ids. Out: bytes whose hash is the id, or in words why there are none. What an audit made is kept in
//! `image_bytes`; originals are read from where they were found, and refused when they have changed since.

use crate::error::Result;
use crate::row::content_id;
use crate::source::read_again;
use crate::tables::{Kept, Tables};
use bytes::Bytes;
use datafusion::common::cast::as_string_array;
use futures::TryStreamExt;
use std::collections::{HashMap, HashSet};

/// Encoded images with more bytes are not read.
const MAX_BYTES: usize = 64 << 20;

/// Images that can be read.
#[derive(Debug)]
pub struct Pictures {
    kept: Kept,
    /// Where originals were found.
    uris: HashMap<String, String>,
}

impl Pictures {
    /// Finds out where these images are; nothing is read yet.
    pub async fn find(tables: &Tables, ids: &HashSet<String>) -> Result<Self> {
        let kept = tables.kept(ids).await?;
        let sql = "SELECT image_id, uri FROM images WHERE uri IS NOT NULL AND status = 'ok'";
        let mut batches = tables.query(sql).await?;
        let mut uris = HashMap::new();
        while let Some(batch) = batches.try_next().await? {
            let (id, uri) = (
                as_string_array(batch.column(0))?,
                as_string_array(batch.column(1))?,
            );
            let rows = id.iter().flatten().zip(uri.iter().flatten());
            let wanted = rows.filter(|(id, _)| ids.contains(*id));
            uris.extend(wanted.map(|(id, uri)| (id.to_owned(), uri.to_owned())));
        }
        Ok(Self { kept, uris })
    }

    /// Reads some of them; every id asked for is in the answer.
    pub async fn read(&self, ids: &HashSet<String>) -> Result<HashMap<String, Result<Bytes, String>>> {
        let kept = self.kept.read(ids.iter().map(String::as_str)).await?;
        let missing = ids.iter().filter(|id| !kept.contains_key(*id));
        let uris = missing.clone().filter_map(|id| self.uris.get(id));
        let found = read_again(uris.map(String::as_str), MAX_BYTES).await;
        let again: Vec<_> = missing
            .map(|id| {
                (
                    id.clone(),
                    self.uris.get(id).and_then(|uri| found.get(uri)).cloned(),
                )
            })
            .collect();
        let checked = again.into_iter().map(|(id, bytes)| {
            let bytes = bytes.unwrap_or_else(|| Err("its bytes were not kept".to_owned()));
            let same = bytes.and_then(|bytes| {
                let same = content_id(&bytes) == id;
                same.then_some(bytes)
                    .ok_or_else(|| "the file has changed since the audit".to_owned())
            });
            (id, same)
        });
        Ok(checked
            .chain(kept.into_iter().map(|(id, bytes)| (id, Ok(bytes))))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{ImageBytesRow, ImageRow};
    use chrono::Utc;

    #[tokio::test]
    async fn kept_found_changed_and_lost_images() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open("memory:///pictures").await.unwrap();
        let file = |name: &str, bytes: &'static [u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            format!("file://{}", path.display())
        };
        let image = |bytes: &[u8], uri: Option<String>| ImageRow {
            image_id: content_id(bytes),
            root_image_id: content_id(bytes),
            parent_image_id: None,
            operation: "original".to_owned(),
            instruction: None,
            painter_id: None,
            uri,
            etag: None,
            attributes: None,
            width: Some(1),
            height: Some(1),
            format: None,
            perceptual_hash: None,
            licence: None,
            scene: None,
            status: "ok".to_owned(),
            error: None,
            created_at: Utc::now(),
        };
        let rows = [
            image(b"kept", None),
            image(b"found", Some(file("found.png", b"found"))),
            image(b"before", Some(file("changed.png", b"after"))),
            image(b"lost", None),
        ];
        tables.append_rows(&rows).await.unwrap();
        let kept = ImageBytesRow {
            image_id: content_id(b"kept"),
            bytes: Bytes::from_static(b"kept"),
            path: "kept.png".to_owned(),
        };
        tables.append_rows(&[kept]).await.unwrap();
        let ids: HashSet<String> = rows.iter().map(|row| row.image_id.clone()).collect();
        let read = Pictures::find(&tables, &ids)
            .await
            .unwrap()
            .read(&ids)
            .await
            .unwrap();
        let text = |bytes: &[u8]| match &read[&content_id(bytes)] {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(problem) => problem.clone(),
        };
        assert_eq!(
            (text(b"kept"), text(b"found")),
            ("kept".to_owned(), "found".to_owned())
        );
        assert!(text(b"before").contains("changed"), "{}", text(b"before"));
        assert!(text(b"lost").contains("not kept"), "{}", text(b"lost"));
    }
}
