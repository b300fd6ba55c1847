//! A checkpoint folder as one thing: network, tokenizer, image processor, and the hash that names them.
//!
//! In: `config.json`, weights, `tokenizer.json`, `preprocessor_config.json`. Out: what decoding needs; a folder whose
//! parts do not fit each other is an error that says which.

use crate::error::{Error, Result};
use crate::vlm::adapter::Lora;
use crate::vlm::config::Config;
use crate::vlm::network::Network;
use crate::vlm::processor::Processor;
use crate::vlm::stored::weight_files;
use crate::vlm::tokenizer::Tokenizer;
use crate::vlm::weights::Weights;
use candle_core::{Device, Var};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{BufReader, copy};
use std::path::{Path, PathBuf};

/// A loaded checkpoint.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The network.
    pub network: Network,
    /// Its words.
    pub tokenizer: Tokenizer,
    /// Its eyes, if it has any.
    pub processor: Option<Processor>,
    /// SHA-256 over the files' contents, 64 hex digits.
    pub revision: String,
}

impl Checkpoint {
    /// Loads everything in `folder`, frozen, corrected by the adapter in another folder if there is one.
    pub fn load(folder: &Path, adapter: Option<&Path>, device: &Device) -> Result<Self> {
        let mut weights = Weights::open(folder, device)?;
        if let Some(adapter) = adapter {
            weights = weights.with_adapter(adapter)?;
        }
        let checkpoint = Self::with(folder, adapter, &weights)?;
        weights.check_adapter()?;
        Ok(checkpoint)
    }

    /// The same with variables for all weights, or for fresh adapters drawn from `seed`: what is trained, by name.
    pub fn load_trainable(
        folder: &Path,
        lora: Option<Lora>,
        seed: u64,
        device: &Device,
    ) -> Result<(Self, BTreeMap<String, Var>)> {
        let weights = Weights::open(folder, device)?;
        let weights = match lora {
            Some(lora) => weights.adapted(lora, seed),
            None => weights.trainable(),
        };
        let checkpoint = Self::with(folder, None, &weights)?;
        Ok((checkpoint, weights.variables()))
    }

    fn with(folder: &Path, adapter: Option<&Path>, weights: &Weights) -> Result<Self> {
        let config = Config::load(folder)?;
        let tokenizer = Tokenizer::load(folder, &config)?;
        let sees = config.model_type.sees();
        let processor = sees.then(|| Processor::load(folder)).transpose()?;
        tokenizer.check_fits(folder, config.text_config.vocab_size)?;
        let (ours, theirs) = (
            processor.as_ref().map(Processor::side),
            config.vision_config.image_size,
        );
        if let Some(ours) = ours.filter(|&ours| ours != theirs) {
            return Err(Error::Checkpoint {
                path: folder.to_owned(),
                problem: format!("the image processor makes {ours} px, the vision tower takes {theirs} px"),
            });
        }
        Ok(Self {
            network: Network::new(&config, weights)?,
            tokenizer,
            processor,
            revision: revision(folder, adapter)?,
        })
    }
}

/// Hash of every file that the answers depend on.
fn revision(folder: &Path, adapter: Option<&Path>) -> Result<String> {
    let mut files = weight_files(folder)?;
    let settings = [
        "config.json",
        "tokenizer.json",
        "preprocessor_config.json",
        "processor_config.json",
    ];
    files.extend(
        settings
            .map(|name| folder.join(name))
            .into_iter()
            .filter(|path| path.is_file()),
    );
    if let Some(adapter) = adapter {
        files.extend(["adapter_config.json", "adapter_model.safetensors"].map(|name| adapter.join(name)));
    }
    hash_of(&files)
}

/// SHA-256 over names, lengths and contents, 64 hex digits.
pub(crate) fn hash_of(files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for path in files {
        let failed = |source| Error::File {
            action: "read",
            path: path.clone(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(length.to_le_bytes());
        copy(&mut BufReader::new(file), &mut HashWriter(&mut hasher)).map_err(failed)?;
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vlm::config::Family;
    use crate::vlm::weights::save;

    /// Writes a random PaliGemma 2 that fits the tokenizer of the processor's fixtures.
    pub(crate) fn write_random(folder: &Path, seed: u64) {
        let mut config = Config::tiny();
        config.text_config.vocab_size = 340;
        config.image_token_index = 320;
        write(folder, seed, &config, "processor");
    }

    /// Writes a random Gemma 3, with or without eyes, that fits the tokenizer of the chats' fixtures.
    pub(crate) fn write_random_chat(folder: &Path, seed: u64, sees: bool) {
        let mut config = Config::tiny_gemma3();
        config.text_config.vocab_size = 342;
        (
            config.boi_token_index,
            config.eoi_token_index,
            config.image_token_index,
        ) = (339, 340, 341);
        if !sees {
            config.model_type = Family::Gemma3Text;
            config.mm_tokens_per_image = None;
        }
        write(folder, seed, &config, "chat");
        let template = data("chat").join("chat_template.jinja");
        std::fs::copy(template, folder.join("chat_template.jinja")).unwrap();
    }

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name)
    }

    fn write(folder: &Path, seed: u64, config: &Config, tokenizer: &str) {
        let tokenizer = data(tokenizer).join("tokenizer.json");
        std::fs::copy(tokenizer, folder.join("tokenizer.json")).unwrap();
        let processor = Processor::square(config.vision_config.image_size, config.image_tokens());
        std::fs::write(
            folder.join("preprocessor_config.json"),
            serde_json::to_string(&processor).unwrap(),
        )
        .unwrap();
        std::fs::write(folder.join("config.json"), serde_json::to_string(config).unwrap()).unwrap();
        let weights = Weights::fresh(seed, &Device::Cpu).trainable();
        Network::new(config, &weights).unwrap();
        save(folder, &weights.variables()).unwrap();
    }

    #[test]
    fn the_revision_is_the_content() {
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        write_random(one.path(), 1);
        write_random(other.path(), 1);
        let revision = |folder: &tempfile::TempDir| {
            Checkpoint::load(folder.path(), None, &Device::Cpu)
                .unwrap()
                .revision
        };
        assert_eq!(revision(&one), revision(&other));
        assert_eq!(revision(&one).len(), 64);
        write_random(other.path(), 2);
        assert_ne!(revision(&one), revision(&other));
    }

    #[test]
    fn parts_that_do_not_fit_are_named() {
        let folder = tempfile::tempdir().unwrap();
        write_random(folder.path(), 1);
        let problem = || {
            Checkpoint::load(folder.path(), None, &Device::Cpu)
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        let processor = serde_json::to_string(&Processor::square(28, 4)).unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), processor).unwrap();
        assert!(
            problem().contains("makes 28 px, the vision tower takes 9 px"),
            "{}",
            problem()
        );
        let config = folder.path().join("config.json");
        let fitting = std::fs::read_to_string(&config).unwrap();
        std::fs::write(
            &config,
            fitting.replace("\"vocab_size\":340", "\"vocab_size\":336"),
        )
        .unwrap();
        assert!(
            problem().contains("tokenizer.json")
                && problem().contains("has the id 336, the network knows 336"),
            "{}",
            problem()
        );
        std::fs::write(&config, fitting.replace("\"paligemma\"", "\"llava\"")).unwrap();
        assert!(
            problem().contains("config.json") && problem().contains("`llava` is not supported; supported: ")
        );
        std::fs::write(&config, fitting).unwrap();
        let path = folder.path().join("tokenizer.json");
        let tokenizer = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &tokenizer[..tokenizer.len() / 2]).unwrap();
        assert!(
            problem().contains("tokenizer.json") && problem().contains("fetch it again"),
            "{}",
            problem()
        );
        std::fs::remove_file(&path).unwrap();
        assert!(problem().contains("tokenizer.json"));
    }
}
