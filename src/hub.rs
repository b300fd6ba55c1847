//! Models by their name on the Hugging Face hub: `org/name`, or `org/name@revision`.
//!
//! In: a name. Out: a folder in the cache that transformers and its friends share (`HF_HUB_CACHE`, `HF_HOME`), in its layout:
//! `models--org--name/snapshots/COMMIT`. What is there is taken without asking anybody; what is not is fetched from
//! `HF_ENDPOINT`, with the token in `HF_TOKEN`, unless `HF_HUB_OFFLINE` is set. Left out: newer commits of a branch that is
//! in the cache, half files that a broken download left, tokens in files.

mod cache;
mod fetch;
mod id;

use crate::error::{Error, Result};
use cache::Cache;
pub use id::Id;
use std::path::{Path, PathBuf};

/// Where models come from when no folder has the name.
#[derive(Debug, Clone)]
struct Hub {
    cache: PathBuf,
    endpoint: String,
    token: Option<String>,
    offline: bool,
}

/// The folder that `name` means: a folder of this name, or else a model of the hub.
pub fn folder(name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    match Id::parse(name) {
        Some(id) if !path.exists() => Hub::from_environment().folder(&id),
        _ => Ok(path.to_owned()), // whoever loads it says what is missing there
    }
}

/// What to call the model that `name` means: its name on the hub, or that of its folder.
pub fn short_name(name: &str) -> String {
    let path = Path::new(name);
    match Id::parse(name) {
        Some(id) if !path.exists() => id.name(),
        _ => path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
    }
}

impl Hub {
    fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = || {
            let home = std::env::home_dir().unwrap_or_default();
            let caches = set("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
            set("HF_HOME").map_or_else(|| caches.join("huggingface"), PathBuf::from)
        };
        Self {
            cache: set("HF_HUB_CACHE").map_or_else(|| home().join("hub"), PathBuf::from),
            endpoint: set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: set("HF_TOKEN"),
            offline: set("HF_HUB_OFFLINE").is_some_and(|value| value != "0"),
        }
    }

    /// The folder of a model: from the cache, or fetched into it.
    fn folder(&self, id: &Id) -> Result<PathBuf> {
        let cache = Cache::new(&self.cache, id);
        if let Some(folder) = cache.snapshot(id.revision()) {
            return Ok(folder);
        }
        let problem = |problem: String| Error::Model {
            model: id.to_string(),
            problem: format!(
                "there is no folder of this name, and the cache has no whole copy of such a model in `{}`; {problem}",
                cache.folder().display()
            ),
        };
        if self.offline {
            return Err(problem(
                "HF_HUB_OFFLINE forbids to fetch it: unset it, copy the model's cache folder here from another machine, \
                 or name a checkpoint folder"
                    .to_owned(),
            ));
        }
        let (hub, id) = (self.clone(), id.clone());
        // The caller may be within a runtime, which must not be blocked from inside.
        let fetching = std::thread::Builder::new()
            .name("hub".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime
                    .map_err(|error| error.to_string())?
                    .block_on(fetch::fetch(&hub, &id))
            })
            .map_err(|error| problem(error.to_string()))?;
        match fetching.join() {
            Ok(fetched) => fetched.map_err(problem),
            Err(_) => Err(problem("fetching it failed; see the log".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
