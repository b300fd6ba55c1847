//! Captions to token ids, as the two text encoders want them.
//!
//! In: a text. Out: CLIP's ids, between start and end, cut to its length; T5's, ended, cut or padded to a length. FLUX.1's
//! folders hold CLIP's vocabulary and merges without a `tokenizer.json`: it is made of them here. What a caption's author
//! writes is text: the name of a special token within it is broken up and ends nothing.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

/// One encoder's tokenizer.
#[derive(Debug)]
pub(super) struct Words(Tokenizer);

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

impl Words {
    /// CLIP's, of `vocabulary` tokens and at most `longest` a text.
    pub(super) fn clip(folder: &Path, vocabulary: usize, longest: usize) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let mut inner = if file.is_file() {
            parsed(&file, &read(&file)?)?
        } else {
            let file = folder.join("vocab.json");
            parsed(&file, &of_merges(folder)?)?
        };
        check(&inner, folder, vocabulary)?;
        inner.with_padding(None);
        cut(&mut inner, folder, longest)?;
        Ok(Self(inner))
    }

    /// T5's, of `vocabulary` tokens and exactly `length` a text.
    pub(super) fn t5(folder: &Path, vocabulary: usize, length: usize) -> Result<Self> {
        let file = folder.join("tokenizer.json");
        let mut inner = parsed(&file, &read(&file)?)?;
        check(&inner, folder, vocabulary)?;
        let pad = "<pad>".to_owned();
        let pad_id = inner.token_to_id(&pad).unwrap_or(0);
        inner.with_padding(Some(PaddingParams {
            strategy: PaddingStrategy::Fixed(length),
            pad_id,
            pad_token: pad,
            ..PaddingParams::default()
        }));
        cut(&mut inner, folder, length)?;
        Ok(Self(inner))
    }

    /// The ids of one text; never none.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.0.encode_fast(self.harmless(text), true);
        let broken = |problem: String| Error::Checkpoint {
            path: "tokenizer.json".into(),
            problem,
        };
        let ids = encoding
            .map_err(|error| broken(error.to_string()))?
            .get_ids()
            .to_vec();
        if ids.is_empty() {
            return Err(broken("it adds no end to a text; fetch it again".to_owned()));
        }
        Ok(ids)
    }

    fn harmless(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in self.0.get_added_tokens_decoder().values() {
            if token.special && text.contains(&token.content) {
                let (first, rest) = token.content.split_at(token.content.ceil_char_boundary(1));
                text = text.replace(&token.content, &format!("{first} {rest}"));
            }
        }
        text
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

fn parsed(path: &Path, bytes: &[u8]) -> Result<Tokenizer> {
    // The crate panics over some broken files.
    std::panic::catch_unwind(|| Tokenizer::from_bytes(bytes))
        .unwrap_or_else(|_| Err("its parts contradict each other".into()))
        .map_err(|error| Error::Checkpoint {
            path: path.to_owned(),
            problem: format!("not a tokenizer ({error}); fetch it again"),
        })
}

fn cut(inner: &mut Tokenizer, folder: &Path, length: usize) -> Result<()> {
    let cut = TruncationParams {
        max_length: length,
        ..TruncationParams::default()
    };
    let done = inner.with_truncation(Some(cut)).map(drop);
    done.map_err(|error| Error::Checkpoint {
        path: folder.to_owned(),
        problem: error.to_string(),
    })
}

/// Refuses a tokenizer with more tokens than the encoder has embeddings for.
fn check(inner: &Tokenizer, folder: &Path, vocabulary: usize) -> Result<()> {
    match inner
        .get_vocab(true)
        .into_iter()
        .find(|(_, id)| *id as usize >= vocabulary)
    {
        None => Ok(()),
        Some((token, id)) => Err(Error::Checkpoint {
            path: folder.to_owned(),
            problem: format!(
                "token `{token}` has the id {id}, the text encoder knows {vocabulary}; fetch both of one model"
            ),
        }),
    }
}

/// CLIP's `tokenizer.json` from `vocab.json` and `merges.txt`: byte-level pairs, lower case, words end in `</w>`.
fn of_merges(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join("vocab.json");
    let problem = |problem: &str| Error::Checkpoint {
        path: path.clone(),
        problem: format!("{problem}; fetch it again"),
    };
    let vocabulary: Value =
        serde_json::from_slice(&read(&path)?).map_err(|error| problem(&format!("not JSON ({error})")))?;
    let id = |token: &str| {
        let id = vocabulary[token].as_u64();
        id.ok_or_else(|| problem(&format!("token `{token}` is missing")))
    };
    let (start, end) = (id(START)?, id(END)?);
    let merges = read(&folder.join("merges.txt"))?;
    let merges = String::from_utf8_lossy(&merges);
    let merges: Vec<&str> = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.is_empty())
        .collect();
    let special = |content: &str, id: u64| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
               "special": true})
    };
    let words =
        r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
    let whole = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(START, start), special(END, end)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "post_processor": {"type": "RobertaProcessing", "sep": [END, end], "cls": [START, start],
                           "trim_offsets": false, "add_prefix_space": false},
        "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": END, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "</w>", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocabulary, "merges": merges},
    });
    Ok(whole.to_string().into_bytes())
}
