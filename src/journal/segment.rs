//! A file of the journal: a first line that names the format, then frames.
//!
//! A frame, numbers little-endian: length of what follows the checksum (`u32`), its CRC-32 (`u32`), key
//! (`u128`), length of the JSON (`u32`), the JSON, and an image where there is one. What a killed process
//! wrote half does not pass the checksum; it and whatever follows it does not count.

use crate::error::{Error, Result};
use bytes::{Buf, Bytes};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

const FORMAT: &[u8] = b"auditdm journal 1\n";
const EXTENSION: &str = "journal";
/// The key and the length of the JSON.
const HEAD_BYTES: usize = 16 + 4;

/// An answer as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: u128,
    pub(super) json: Bytes,
    pub(super) blob: Bytes,
}

/// The bytes of one answer.
pub(super) fn frame(key: u128, json: &[u8], blob: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 8];
    frame.extend(key.to_le_bytes());
    frame.extend((json.len() as u32).to_le_bytes());
    frame.extend_from_slice(json);
    frame.extend_from_slice(blob);
    let (length, checksum) = ((frame.len() - 8) as u32, crc32fast::hash(&frame[8..]));
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// The whole frames at the beginning of some bytes.
fn frames(mut bytes: Bytes) -> Vec<Record> {
    let mut records = Vec::new();
    while bytes.len() >= 8 {
        let (length, checksum) = (bytes.get_u32_le() as usize, bytes.get_u32_le());
        if length < HEAD_BYTES || length > bytes.len() {
            break;
        }
        let mut body = bytes.split_to(length);
        if crc32fast::hash(&body) != checksum {
            break;
        }
        let (key, json) = (body.get_u128_le(), body.get_u32_le() as usize);
        if json > body.len() {
            break;
        }
        let json = body.split_to(json);
        records.push(Record {
            key,
            json,
            blob: body,
        });
    }
    records
}

/// Creates a segment that nobody else writes to or takes for abandoned as long as it is open.
pub(super) fn create(folder: &Path, owner: &str) -> Result<(PathBuf, File)> {
    let path = folder.join(format!("{owner}{:032x}.{EXTENSION}", rand::random::<u128>()));
    let new = path.with_extension("new");
    let created = (|| {
        std::fs::create_dir_all(folder)?;
        let mut file = File::create_new(&new)?;
        file.lock()?;
        file.write_all(FORMAT)?;
        // Under its name it is locked from the first moment.
        std::fs::rename(&new, &path)?;
        Ok(file)
    })();
    Ok((path, created.map_err(|source| failed("create", &new, source))?))
}

/// The segments in a folder.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| failed("read", folder, source))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| failed("read", folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// What a process that is gone has left; none where it lives, or where another has tidied up.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Record>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|source| failed("open", path, source))?,
    };
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(failed("lock", path, source)),
    }
    let bytes = std::fs::read(path).map_err(|source| failed("read", path, source))?;
    let mut bytes = Bytes::from(bytes);
    if !bytes.starts_with(FORMAT) {
        tracing::warn!(path = %path.display(), "no journal of this version; it is left alone");
        return Ok(None);
    }
    bytes.advance(FORMAT.len());
    Ok(Some(frames(bytes)))
}

pub(super) fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(key: u128, json: &'static [u8], blob: &'static [u8]) -> Record {
        Record {
            key,
            json: Bytes::from_static(json),
            blob: Bytes::from_static(blob),
        }
    }

    #[test]
    fn a_torn_tail_costs_its_own_frame_only() {
        let records = [
            record(1, b"{}", b""),
            record(u128::MAX, b"{\"a\":1}", b"image"),
            record(3, b"", b"x"),
        ];
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for Record { key, json, blob } in &records {
            bytes.extend(frame(*key, json, blob));
            ends.push(bytes.len());
        }
        for length in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= length).count() - 1;
            assert_eq!(
                frames(Bytes::copy_from_slice(&bytes[..length])),
                records[..whole],
                "cut at {length}"
            );
            let mut broken = bytes.clone();
            if let Some(byte) = broken.get_mut(length) {
                *byte ^= 0x10;
                assert_eq!(frames(broken.into()), records[..whole], "a wrong bit at {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(bytes: Vec<u8>) {
            prop_assert!(frames(bytes.into()).len() < 2);
        }
    }

    #[test]
    fn a_living_process_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut file) = create(folder.path(), "run.1-of-1.").unwrap();
        file.write_all(&frame(7, b"{}", b"")).unwrap();
        assert_eq!(list(folder.path()).unwrap(), std::slice::from_ref(&path));
        assert_eq!(read(&path).unwrap(), None);
        drop(file);
        assert_eq!(read(&path).unwrap(), Some(vec![record(7, b"{}", b"")]));
        std::fs::write(&path, "something else").unwrap();
        assert_eq!(read(&path).unwrap(), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
