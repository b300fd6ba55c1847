//! One model's folder in the shared cache: contents under their hashes, snapshots of links to them, names of commits.
//!
//! `blobs/HASH`, `snapshots/COMMIT/FILE` → `../../blobs/HASH`, `refs/NAME` holds a commit. A file has its name only once it is
//! whole.

use super::id::Id;
use crate::flux;
use crate::vlm::weight_files;
use std::path::{Path, PathBuf};

/// One model's folder.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn new(root: &Path, id: &Id) -> Self {
        Self {
            folder: root.join(id.folder()),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The snapshot of a branch, tag or commit, where it is whole.
    pub(super) fn snapshot(&self, revision: &str) -> Option<PathBuf> {
        let named = std::fs::read_to_string(self.folder.join("refs").join(revision));
        let named = named.ok().map(|commit| commit.trim().to_owned());
        let commit = named.filter(|commit| is_hash(commit));
        let folder = self
            .folder
            .join("snapshots")
            .join(commit.as_deref().unwrap_or(revision));
        is_whole(&folder).then_some(folder)
    }

    /// Where the content with this hash lies or will lie.
    pub(super) fn blob(&self, hash: &str) -> PathBuf {
        self.folder.join("blobs").join(hash)
    }

    /// Gives a snapshot's file its content.
    pub(super) fn link(&self, commit: &str, file: &str, hash: &str) -> std::io::Result<()> {
        let path = self.folder.join("snapshots").join(commit).join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if path.is_file() {
            return Ok(());
        }
        let _ = std::fs::remove_file(&path); // a link that leads nowhere
        let up = "../".repeat(2 + file.matches('/').count());
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(format!("{up}blobs/{hash}"), &path);
        #[cfg(not(unix))]
        let linked = std::fs::hard_link(self.blob(hash), &path);
        match linked {
            // Another process was quicker.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Remembers which commit a branch or tag stands at.
    pub(super) fn name(&self, revision: &str, commit: &str) -> std::io::Result<()> {
        let path = self.folder.join("refs").join(revision);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let partial = path.with_added_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&partial, commit)?;
        std::fs::rename(partial, path)
    }
}

/// Whether a text is a hash in hex, and so the name of a file and nothing else.
pub(super) fn is_hash(text: &str) -> bool {
    (40..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a folder holds a model, an adapter or a painter with all its weights.
fn is_whole(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    let adapter = has("adapter_config.json") && has("adapter_model.safetensors");
    adapter || has("config.json") && weight_files(folder).is_ok() || flux::files(folder).is_ok()
}
