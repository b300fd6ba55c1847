//! Frozen sets: Parquet files `NAME-frozen-HASH.parquet` whose name says what is in them.
//!
//! HASH is the beginning of the SHA-256 of the whole file. A file of such a name with another content is refused, wherever
//! it is read; under another name it is a Parquet file like any other.

use parquet::arrow::async_reader::AsyncFileReader;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What stands between the name and the hash.
const MARK: &str = "-frozen-";
/// Hexadecimal digits of the hash.
const DIGITS: usize = 16;
/// Bytes that are read at once.
const CHUNK: u64 = 8 << 20;

/// The hash of a file that is being written or read.
#[derive(Debug, Default, Clone)]
pub struct Hash(Sha256);

impl Hash {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn digits(self) -> String {
        let mut digits = String::new();
        for byte in self.0.finalize().iter().take(DIGITS / 2) {
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }

    /// The name of the file that has this hash.
    #[must_use]
    pub fn file_name(self, name: &str) -> String {
        format!("{name}{MARK}{}.parquet", self.digits())
    }
}

/// Name and hash of a frozen set, by the path or address of its file.
#[must_use]
pub fn parse(path: &str) -> Option<(&str, &str)> {
    let file = path.rsplit(['/', '\\']).next()?;
    let (name, hash) = file.strip_suffix(".parquet")?.rsplit_once(MARK)?;
    let digits = hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits && !name.is_empty()).then_some((name, hash))
}

/// Reads the whole file, if its name is that of a frozen set.
///
/// # Errors
/// In words, when it cannot be read or has been changed.
pub async fn check(path: &str, size: u64, file: &mut dyn AsyncFileReader) -> Result<(), String> {
    let Some((name, wanted)) = parse(path) else {
        return Ok(());
    };
    let mut hash = Hash::default();
    for start in (0..size).step_by(CHUNK as usize) {
        let bytes = file.get_bytes(start..size.min(start + CHUNK)).await;
        hash.update(&bytes.map_err(|error| format!("cannot be read: {error}"))?);
    }
    let found = hash.digits();
    if found == wanted {
        return Ok(());
    }
    Err(format!(
        "the frozen set `{name}` has been changed since it was frozen: its content has the hash {found}, its name says \
         {wanted}; fetch the original, or freeze the selection again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_hashes() {
        assert_eq!(
            parse("s3://b/x/weekly-frozen-0123456789abcdef.parquet"),
            Some(("weekly", "0123456789abcdef"))
        );
        for other in [
            "train-00000-of-00001-a09b74b3ef9c3b56.parquet",
            "weekly-frozen-0123456789abcdef.tsv",
            "weekly-frozen-0123456789abcdeg.parquet",
            "-frozen-0123456789abcdef.parquet",
            "weekly-frozen-0123.parquet",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut hash = Hash::default();
        hash.update(b"con");
        hash.update(b"tent");
        let path = folder.path().join(hash.file_name("a"));
        // sha256sum of `content`.
        assert!(path.ends_with("a-frozen-ed7002b439e9ac84.parquet"), "{path:?}");
        for (content, fits) in [(&b"content"[..], true), (b"contents", false), (b"", false)] {
            std::fs::write(&path, content).unwrap();
            let mut file = tokio::fs::File::open(&path).await.unwrap();
            let checked = check(path.to_str().unwrap(), content.len() as u64, &mut file).await;
            assert_eq!(checked.is_ok(), fits, "{checked:?}");
            assert!(fits || checked.unwrap_err().contains("freeze the selection again"));
        }
    }
}
