//! Images read a second time, by the address that an audit noted.
//!
//! In: addresses as in the column `uri` of `images`. Out: the bytes that lie there now, or why there are none; whether
//! they are still the same is for the caller to see. Left out: Parquet files whose image column had to be named.

use super::parquet::Shard;
use super::place::{Place, without_credentials};
use super::{SourceOptions, lab};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Files that are read at once.
const READS_IN_FLIGHT: usize = 16;

/// Reads each address; images of more bytes are refused.
pub async fn read_again(
    uris: impl IntoIterator<Item = &str>,
    max_bytes: usize,
) -> HashMap<String, Result<Bytes, String>> {
    let mut shards: BTreeMap<&str, BTreeMap<usize, &str>> = BTreeMap::new();
    let mut files = Vec::new();
    let mut read = HashMap::new();
    for uri in uris {
        // A `#` of a file's own name is percent-encoded.
        match uri.rsplit_once('#') {
            Some(_) if uri.starts_with("lab:") => {
                read.insert(uri.to_owned(), lab::again(uri));
            }
            Some((shard, row)) => match row.parse() {
                Ok(row) => {
                    shards.entry(shard).or_default().insert(row, uri);
                }
                Err(_) => {
                    read.insert(uri.to_owned(), Err(format!("`{row}` is no row's number")));
                }
            },
            None => files.push(uri.to_owned()),
        }
    }
    let files = stream::iter(files).map(|uri| async move {
        let bytes = match Place::parse(&uri) {
            Ok((place, path)) => place.read(&path, max_bytes).await,
            Err(problem) => Err(problem),
        };
        (uri, bytes)
    });
    read.extend(files.buffer_unordered(READS_IN_FLIGHT).collect::<Vec<_>>().await);
    for (shard, rows) in shards {
        let mut found = rows_of(shard, rows.keys().copied().collect(), max_bytes).await;
        for (row, uri) in rows {
            let missing = || Err(format!("`{}` has no row {row}", without_credentials(shard)));
            let bytes = match &mut found {
                Ok(found) => found.remove(&row).unwrap_or_else(missing),
                Err(problem) => Err(problem.clone()),
            };
            read.insert(uri.to_owned(), bytes);
        }
    }
    read
}

/// The images in these rows of a Parquet file.
async fn rows_of(
    uri: &str,
    rows: Vec<usize>,
    max_bytes: usize,
) -> Result<HashMap<usize, Result<Bytes, String>>, String> {
    let shard = Shard::at(uri).await?;
    let options = Arc::new(SourceOptions {
        url: uri.to_owned(),
        max_bytes,
        ..SourceOptions::default()
    });
    let mut read = HashMap::new();
    // One row at a time: neighbours with the same image would come as one.
    for row in rows {
        let mut found = shard.read(Some(vec![row]), options.clone());
        while let Some(found) = found.try_next().await.map_err(|error| error.to_string())? {
            read.insert(row, (found.read)().await);
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::content_id;

    #[tokio::test]
    async fn what_an_audit_saw_is_read_again() {
        let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/white.png");
        let (place, path) = Place::parse(photo).unwrap();
        let uri = place.uri(&path);
        let lab = "lab://?seed=2&difficulty=1&split=held_out#3";
        let options = SourceOptions {
            url: "lab://?scenes=4&seed=2&difficulty=1".to_owned(),
            ..SourceOptions::default()
        };
        let scenes: Vec<_> = super::super::open(&options)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let read = read_again(
            [
                uri.as_str(),
                lab,
                "file:///no/such.png",
                "lab://?seed=x#1",
                "file:///a.parquet#x",
            ],
            1 << 20,
        )
        .await;
        assert_eq!(read[&uri], Ok(std::fs::read(photo).unwrap().into()));
        assert_eq!(scenes[3].uri, lab);
        assert_eq!(
            content_id(read[lab].as_ref().unwrap()),
            content_id(&(scenes[3].read)().await.unwrap())
        );
        assert!(
            read.values().filter(|bytes| bytes.is_err()).count() == 3,
            "{read:?}"
        );
    }
}
