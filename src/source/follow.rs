//! Images that arrive: a folder, a glob or a bucket, listed again and again.
//!
//! In: the same options as for a source that is listed once. Out: every image once, and again when its
//! content changes. A file on this machine that changed a moment ago may still be being written: it is taken
//! when it was the same in two listings and has its format's end, or after [`SETTLED`]. Objects in a bucket
//! appear whole.
//!
//! Memory: 16 bytes for each image ever seen, and as much for those that are waiting.

use super::place::{Entry, Place};
use super::{Found, SourceKind, SourceOptions, folder};
use crate::error::Result;
use crate::row::id;
use async_stream::try_stream;
use chrono::Utc;
use futures::stream::{BoxStream, StreamExt};
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A file that did not change for so long is not being written any more, whatever it looks like.
const SETTLED: Duration = Duration::from_mins(1);

/// Lists a source until nobody wants more, with a pause of `poll` after each listing. An empty folder is
/// fine; a listing that breaks off is told to the log and made again.
///
/// # Errors
/// [`crate::Error::ImageSource`] when the source cannot be followed or not be listed the first time.
pub async fn follow(options: &SourceOptions, poll: Duration) -> Result<BoxStream<'static, Result<Found>>> {
    let problem = options.validate().into_iter().next();
    let problem = problem.or_else(|| match options.kind() {
        SourceKind::Folder if options.sample.is_none() => None,
        SourceKind::Folder => {
            Some("a sample cannot be drawn from what is to come: leave out `sample`".to_owned())
        }
        _ => Some("only image files can be followed: name a folder, a glob or a bucket of them".to_owned()),
    });
    if let Some(problem) = problem {
        return Err(options.error(problem));
    }
    let first = folder::list(options, &folder::EXTENSIONS)?.next().await;
    first.map_err(|problem| options.error(problem))?;
    let options = Arc::new(options.clone());
    let limit = options.limit.unwrap_or(usize::MAX);
    Ok(arriving(options, poll).take(limit).boxed())
}

fn arriving(options: Arc<SourceOptions>, poll: Duration) -> BoxStream<'static, Result<Found>> {
    let mut seen = HashSet::new();
    let mut waiting = HashSet::new();
    try_stream! {
        loop {
            let mut still_waiting = HashSet::new();
            let mut listed = folder::list(&options, &folder::EXTENSIONS)?;
            loop {
                let (entry, columns) = match listed.next().await {
                    Ok(Some(listed)) => listed,
                    Ok(None) => break,
                    Err(problem) => {
                        let error = options.error(problem);
                        tracing::warn!(%error, "listing broke off and is made again");
                        break;
                    }
                };
                let mark = mark(&listed.place, &entry);
                if seen.contains(&mark) {
                    continue;
                }
                let is_known = waiting.contains(&mark);
                if matches!(listed.place, Place::Local) && !is_written(&entry, is_known).await {
                    still_waiting.insert(mark);
                    continue;
                }
                seen.insert(mark);
                yield folder::found(&listed.place, entry, columns, &options);
            }
            waiting = still_waiting;
            tokio::time::sleep(poll).await;
        }
    }
    .boxed()
}

/// A place and what was there, in 16 bytes.
fn mark(place: &Place, entry: &Entry) -> u128 {
    let told = || format!("{}-{}", entry.modified.timestamp_micros(), entry.size);
    let etag = entry.etag.clone().unwrap_or_else(told);
    let id = id([place.uri(&entry.path), etag]);
    u128::from_str_radix(&id, 16).expect("an id is 32 hex digits")
}

/// Whether nobody writes a file any more.
async fn is_written(entry: &Entry, was_the_same: bool) -> bool {
    let age = Utc::now().signed_duration_since(entry.modified);
    if age.to_std().is_ok_and(|age| age >= SETTLED) {
        return true;
    }
    let path = entry.path.clone();
    was_the_same
        && tokio::task::spawn_blocking(move || has_end(Path::new(&path)))
            .await
            .is_ok_and(|whole| whole.unwrap_or(false))
}

/// Whether a file ends as its format does. What is no image has no end to wait for.
fn has_end(path: &Path) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = [0; 12];
    let mut tail = [0; 12];
    if size < head.len() as u64 {
        return Ok(false);
    }
    file.read_exact(&mut head)?;
    file.seek(SeekFrom::End(-(tail.len() as i64)))?;
    file.read_exact(&mut tail)?;
    Ok(match head {
        [0xFF, 0xD8, 0xFF, ..] => tail.ends_with(&[0xFF, 0xD9]),
        [0x89, b'P', b'N', b'G', ..] => tail[4..8] == *b"IEND",
        [b'R', b'I', b'F', b'F', a, b, c, d, ..] => size >= u64::from(u32::from_le_bytes([a, b, c, d])) + 8,
        // Room was made for what is still to come.
        [0, ..] => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &Path) -> SourceOptions {
        SourceOptions {
            url: url.display().to_string(),
            ..SourceOptions::default()
        }
    }

    fn png() -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::new(8, 8);
        image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    async fn next(found: &mut BoxStream<'static, Result<Found>>) -> String {
        let found = tokio::time::timeout(Duration::from_secs(20), found.next());
        let found = found.await.expect("it arrives").unwrap().unwrap();
        found.uri.rsplit('/').next().unwrap().to_owned()
    }

    async fn nothing(found: &mut BoxStream<'static, Result<Found>>) -> bool {
        tokio::time::timeout(Duration::from_millis(500), found.next())
            .await
            .is_err()
    }

    #[tokio::test]
    async fn what_arrives_is_found_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let mut found = follow(&options(folder.path()), Duration::from_millis(50))
            .await
            .unwrap();
        assert!(nothing(&mut found).await, "an empty folder is waited for");
        let path = folder.path().join("a.png");
        std::fs::write(&path, png()).unwrap();
        assert_eq!(next(&mut found).await, "a.png");
        assert!(nothing(&mut found).await);
        std::fs::write(&path, [png(), png()].concat()).unwrap();
        assert_eq!(next(&mut found).await, "a.png");
        std::fs::remove_file(&path).unwrap();
        assert!(nothing(&mut found).await);
        std::fs::write(folder.path().join("b.png"), png()).unwrap();
        assert_eq!(next(&mut found).await, "b.png");
    }

    #[tokio::test]
    async fn a_file_that_is_being_written_waits() {
        let folder = tempfile::tempdir().unwrap();
        let mut found = follow(&options(folder.path()), Duration::from_millis(50))
            .await
            .unwrap();
        let (path, whole) = (folder.path().join("slow.png"), png());
        std::fs::write(&path, "").unwrap();
        assert!(nothing(&mut found).await);
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(
            nothing(&mut found).await,
            "half a file is not taken, however long it stays the same"
        );
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(next(&mut found).await, "slow.png");
        // A minute later nobody is writing, and what it is will be told by decoding it.
        let old = folder.path().join("cut.png");
        std::fs::write(&old, &whole[..whole.len() / 2]).unwrap();
        let file = std::fs::File::options().write(true).open(&old).unwrap();
        file.set_modified(std::time::SystemTime::now() - SETTLED).unwrap();
        assert_eq!(next(&mut found).await, "cut.png");
    }

    #[tokio::test]
    async fn what_cannot_be_followed_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let problem = async |options: SourceOptions| {
            let found = follow(&options, Duration::from_secs(1)).await;
            found.map(drop).unwrap_err().to_string()
        };
        let sample = SourceOptions {
            sample: Some(3),
            ..options(folder.path())
        };
        assert!(problem(sample).await.contains("leave out `sample`"));
        assert!(problem(SourceOptions::default()).await.contains("name a folder"));
        let nowhere = options(&folder.path().join("nowhere"));
        assert!(problem(nowhere).await.contains("No such file"));
    }
}
