//! Fetching a model's files from the hub into the cache, each whole and checked before it has its name.

use super::cache::{Cache, is_hash};
use super::{Hub, Id};
use crate::flux;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Whatever of a model this crate reads, beside its weights; the configuration comes last and makes a snapshot whole.
const FILES: [&str; 13] = [
    "1_Pooling/config.json",
    "adapter_model.safetensors",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "adapter_config.json",
    "config.json",
];

/// Attempts at each file.
const ATTEMPTS: u32 = 3;

/// Most bytes of a listing.
const LONGEST_LISTING: usize = 8 << 20;

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    #[serde(default)]
    size: u64,
    oid: String,
    #[serde(default)]
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
}

impl Listed {
    /// The name of its content in the cache: SHA-256 of large files, git's hash of others.
    fn hash(&self) -> &str {
        self.lfs.as_ref().map_or(&self.oid, |large| &large.oid)
    }
}

/// Fetches what the cache lacks of a model, and gives its snapshot; the problem and its remedy otherwise.
pub(super) async fn fetch(hub: &Hub, id: &Id) -> Result<PathBuf, String> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_mins(1))
        .build()
        .map_err(|error| error.to_string())?;
    let hub = Connection { client, hub };
    let cache = Cache::new(&hub.hub.cache, id);
    let api = format!("api/models/{}", id.name());
    let revision: Revision = hub
        .json(&format!("{api}/revision/{}", id.revision().replace('/', "%2F")))
        .await?;
    let commit = revision.sha;
    if !is_hash(&commit) {
        return Err("the hub names no commit".to_owned());
    }
    let listed: Vec<Listed> = hub.json(&format!("{api}/tree/{commit}?recursive=true")).await?;
    let wanted = wanted(&listed);
    if !wanted.iter().any(|file| file.path.ends_with(".safetensors")) {
        return Err("the hub's copy has no weights as safetensors; name a model that has".to_owned());
    }
    let failed = |path: &Path, error: &std::io::Error| format!("cannot write `{}`: {error}", path.display());
    std::fs::create_dir_all(cache.folder().join("blobs")).map_err(|error| failed(cache.folder(), &error))?;
    for file in wanted {
        let blob = cache.blob(file.hash());
        if !blob.is_file() {
            tracing::info!(model = %id, file = file.path, bytes = file.size, "fetching from the hub");
            let address = format!("{}/resolve/{commit}/{}", id.name(), file.path);
            hub.download(&address, file, &blob).await?;
        }
        let linked = cache.link(&commit, &file.path, file.hash());
        linked.map_err(|error| failed(cache.folder(), &error))?;
    }
    if id.revision() != commit {
        let named = cache.name(id.revision(), &commit);
        named.map_err(|error| failed(cache.folder(), &error))?;
    }
    let snapshot = cache.snapshot(&commit);
    snapshot.ok_or_else(|| {
        "the hub's copy lacks config.json, or a painter's part, or a shard of its weights".to_owned()
    })
}

/// The files that this crate reads, weights first. Their names are known, so that none leads out of the cache.
fn wanted(listed: &[Listed]) -> Vec<&Listed> {
    if listed.iter().any(|file| file.path == flux::INDEX) {
        let parts = listed
            .iter()
            .filter(|file| flux::is_part(&file.path) && is_hash(file.hash()));
        let mut parts: Vec<&Listed> = parts.collect();
        parts.sort_by_key(|file| file.path == flux::INDEX); // which makes a snapshot whole
        return parts;
    }
    let whole = listed.iter().any(|file| file.path == "model.safetensors");
    let is_weight = |name: &str| match name.strip_prefix("model") {
        Some(".safetensors") => true,
        Some(".safetensors.index.json") => !whole,
        Some(rest) => {
            let number = rest.strip_suffix(".safetensors").unwrap_or_default();
            !whole
                && number.starts_with('-')
                && number.split("-of-").all(|part| {
                    part.trim_start_matches('-')
                        .bytes()
                        .all(|byte| byte.is_ascii_digit())
                })
        }
        None => false,
    };
    let named = |name: &&str| listed.iter().find(|file| file.path == **name);
    listed
        .iter()
        .filter(|file| is_weight(&file.path))
        .chain(FILES.iter().filter_map(named))
        .filter(|file| is_hash(file.hash()))
        .collect()
}

struct Connection<'a> {
    client: reqwest::Client,
    hub: &'a Hub,
}

impl Connection<'_> {
    async fn get(&self, address: &str) -> Result<reqwest::Response, String> {
        let url = format!("{}/{address}", self.hub.endpoint.trim_end_matches('/'));
        let mut request = self.client.get(&url);
        if let Some(token) = &self.hub.token {
            request = request.bearer_auth(token); // which is left out where the hub sends us elsewhere
        }
        let unreachable = |error: reqwest::Error| {
            format!(
                "`{}` cannot be reached ({}): copy the model's cache folder here from another machine, name a checkpoint \
                 folder, or say where the hub is with HF_ENDPOINT",
                self.hub.endpoint,
                error.without_url()
            )
        };
        let response = request.send().await.map_err(unreachable)?;
        match response.status().as_u16() {
            200 => Ok(response),
            401 | 403 => Err(format!(
                "the hub refuses it ({}): accept the model's terms on its page, and set HF_TOKEN to a token that may read it",
                response.status()
            )),
            404 => Err("the hub has no such model or revision: check its name".to_owned()),
            _ => Err(format!("the hub answers {}; try again later", response.status())),
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, String> {
        let mut response = self.get(address).await?;
        let mut bytes = Vec::new();
        while let Some(more) = response
            .chunk()
            .await
            .map_err(|error| error.without_url().to_string())?
        {
            bytes.extend_from_slice(&more);
            if bytes.len() > LONGEST_LISTING {
                return Err("the hub's listing does not end".to_owned());
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("the hub's listing is not one ({error})"))
    }

    async fn download(&self, address: &str, file: &Listed, blob: &Path) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            match self.attempt(address, file, blob).await {
                Ok(()) => return Ok(()),
                Err(problem) => last = problem,
            }
        }
        Err(format!("`{}`: {last}", file.path))
    }

    async fn attempt(&self, address: &str, file: &Listed, blob: &Path) -> Result<(), String> {
        let mut response = self.get(address).await?;
        let partial = blob.with_added_extension(format!("{}.partial", std::process::id()));
        let failed = |error: std::io::Error| format!("cannot write `{}`: {error}", partial.display());
        let mut out = tokio::fs::File::create(&partial).await.map_err(failed)?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let copied = loop {
            match response.chunk().await {
                Ok(Some(more)) => {
                    hasher.update(&more);
                    bytes += more.len() as u64;
                    out.write_all(&more).await.map_err(failed)?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.without_url().to_string()),
            }
        };
        let hash = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let whole = copied.and_then(|()| match &file.lfs {
            _ if bytes != file.size => Err(format!("{bytes} of {} bytes came", file.size)),
            Some(large) if large.oid != hash => Err("its content is not what the hub's hash says".to_owned()),
            _ => Ok(()),
        });
        if let Err(problem) = whole {
            let _ = std::fs::remove_file(&partial);
            return Err(problem);
        }
        out.sync_all().await.map_err(failed)?;
        std::fs::rename(&partial, blob).map_err(failed)
    }
}
