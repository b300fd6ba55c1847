//! Identities: hashes of content, so that the same work has the same name in every run.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// 32 hex digits of a SHA-256 over the parts, each preceded by its length (so that `["ab", "c"]`
/// and `["a", "bc"]` differ).
#[must_use]
pub fn id<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut hex = hex(&hasher.finalize());
    hex.truncate(32);
    hex
}

/// All 64 hex digits of a SHA-256 over encoded bytes: an image's id.
#[must_use]
pub fn content_id(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(id(["ab", "c"]), id(["a", "bc"]));
        assert_eq!(id(["ab", "c"]).len(), 32);
        assert_eq!(
            content_id(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
