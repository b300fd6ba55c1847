//! Sentence embeddings: texts to vectors of length 1 whose inner product says how much the texts mean the same.
//!
//! In: a folder as sentence-transformers saves it (a BERT or MiniLM, `tokenizer.json`, `modules.json`, the pooling's
//! `config.json`), and texts. Out: one vector a text, equal whatever else is embedded; texts beyond the model's length
//! are cut there. Source: Reimers and Gurevych 2019. Left out: other encoders, dense layers, prompts, pooling by more than
//! one rule.

mod pooling;

use crate::error::{Error, Result};
use crate::vlm::{Bert, device, hash_of, settings, weight_files};
use pooling::Pooling;
use rayon::prelude::*;
use serde_json::Value;
use std::path::Path;

/// A loaded model of sentences.
#[derive(Debug)]
pub struct Embedder {
    bert: Bert,
    tokenizer: tokenizers::Tokenizer,
    pooling: Pooling,
    revision: String,
}

impl Embedder {
    /// Loads the folder of a model.
    pub fn load(folder: &Path) -> Result<Self> {
        let pooling = Pooling::load(folder)?;
        let bert = Bert::load(folder, &device()?)?;
        let path = folder.join("tokenizer.json");
        let problem = |problem: String| Error::Checkpoint {
            path: path.clone(),
            problem,
        };
        // The crate panics over some broken files.
        let mut tokenizer = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_file(&path))
            .unwrap_or_else(|_| Err("its parts contradict each other".into()))
            .map_err(|error| problem(format!("not a tokenizer ({error}); fetch it again")))?;
        let mut vocabulary = tokenizer.get_vocab(true).into_iter();
        if let Some((token, id)) = vocabulary.find(|(_, id)| *id as usize >= bert.vocabulary()) {
            return Err(problem(format!(
                "token `{token}` has the id {id}, the network knows {}; fetch the tokenizer and config.json of one model",
                bert.vocabulary()
            )));
        }
        tokenizer.with_padding(None); // one text at a time needs none
        let cut = tokenizers::TruncationParams {
            max_length: longest(folder).unwrap_or(usize::MAX).min(bert.longest()),
            ..tokenizers::TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(cut))
            .map_err(|error| problem(error.to_string()))?;
        let mut files = weight_files(folder)?;
        files.extend(["config.json", "tokenizer.json"].map(|name| folder.join(name)));
        Ok(Self {
            revision: hash_of(&files)?,
            bert,
            tokenizer,
            pooling,
        })
    }

    /// SHA-256 over the files' contents, 64 hex digits.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// One vector of length 1 a text, in order.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        texts.par_iter().map(|text| self.embed_one(text)).collect()
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| Error::Checkpoint {
                path: "tokenizer.json".into(),
                problem: error.to_string(),
            })?;
        let ids = encoding.get_ids();
        if ids.is_empty() {
            return Ok(vec![0.0; self.pooling.width]); // a tokenizer without marks around the text
        }
        let tokens = self.bert.forward(ids)?; // (T, W)
        let mut vector = self.pooling.of(&tokens)?;
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        for x in &mut vector {
            *x /= length;
        }
        Ok(vector)
    }
}

/// The cosine of the angle between two vectors of length 1.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

/// The longest text in tokens, where the folder says so.
fn longest(folder: &Path) -> Option<usize> {
    let said = [
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ];
    said.into_iter().find_map(|(file, key)| {
        let number = |value: Value| Ok(value[key].as_u64().filter(|&length| length > 2));
        settings::read(&folder.join(file), number)
            .ok()
            .flatten()
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/embedder")
    }

    #[derive(serde::Deserialize)]
    struct Expected {
        sentences: Vec<String>,
        embeddings: Vec<Vec<f32>>,
    }

    /// The largest difference to what sentence-transformers made of the same sentences.
    fn difference(folder: &Path, expected: &Path) -> f32 {
        let expected: Expected = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let texts: Vec<&str> = expected.sentences.iter().map(String::as_str).collect();
        let embedder = Embedder::load(folder).unwrap();
        let ours = embedder.embed(&texts).unwrap();
        assert_eq!(ours.len(), expected.embeddings.len());
        let pairs = ours.iter().flatten().zip(expected.embeddings.iter().flatten());
        assert_eq!(
            embedder.embed(&texts[2..3]).unwrap()[0],
            ours[2],
            "company changes nothing"
        );
        pairs
            .map(|(ours, theirs)| (ours - theirs).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn sentence_transformers_agrees() {
        let difference = difference(&data(), &data().join("embeddings.json"));
        assert!(difference < 1e-5, "{difference}");
    }

    /// Any model: `AUDITDM_EMBEDDER=FOLDER AUDITDM_EMBEDDINGS=FILE` (`make_embedder_fixture.py --embed FOLDER FILE`).
    #[test]
    fn sentence_transformers_agrees_on_a_model_of_yours() {
        let [folder, expected] = ["AUDITDM_EMBEDDER", "AUDITDM_EMBEDDINGS"].map(std::env::var_os);
        if let (Some(folder), Some(expected)) = (folder, expected) {
            let difference = difference(Path::new(&folder), Path::new(&expected));
            eprintln!("largest difference {difference:e}");
            assert!(difference < 1e-5, "{difference}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "modules.json",
        ] {
            std::fs::copy(data().join(file), folder.path().join(file)).unwrap();
        }
        let problem = || Embedder::load(folder.path()).unwrap_err().to_string();
        assert!(problem().contains("1_Pooling"), "{}", problem());
        let pooling = folder.path().join("1_Pooling");
        std::fs::create_dir(&pooling).unwrap();
        std::fs::write(pooling.join("config.json"), r#"{"pooling_mode": "lasttoken"}"#).unwrap();
        assert!(
            problem().contains("`lasttoken` is not supported"),
            "{}",
            problem()
        );
        std::fs::copy(data().join("1_Pooling/config.json"), pooling.join("config.json")).unwrap();
        let config = folder.path().join("config.json");
        let fitting = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, fitting.replace("\"bert\"", "\"roberta\"")).unwrap();
        assert!(problem().contains("model_type `roberta`"), "{}", problem());
        std::fs::write(
            &config,
            fitting.replace("\"vocab_size\": 97", "\"vocab_size\": 90"),
        )
        .unwrap();
        assert!(
            problem().contains("[90, 32]") || problem().contains("the network knows 90"),
            "{}",
            problem()
        );
        std::fs::write(&config, fitting).unwrap();
        assert!(Embedder::load(folder.path()).is_ok());
    }
}
