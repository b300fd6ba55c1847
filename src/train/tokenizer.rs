//! The lab's own `tokenizer.json`: byte-pair pieces over the lab's texts, in Gemma's style.
//!
//! Words carry their leading space (`▁`), digits and punctuation stand alone, unknown characters fall back to
//! bytes. Ids: `<pad>` 0, `<eos>` 1, `<bos>` 2, `<unk>` 3, then bytes and pieces, those for images last.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer, Trainer};

/// The tokens for images, last of all, the placeholder of a patch the last.
pub(super) const PALIGEMMA: [&str; 1] = ["<image>"];
/// The same for chats.
pub(super) const GEMMA3: [&str; 3] = ["<start_of_image>", "<end_of_image>", "<image_soft_token>"];
/// A chat of the lab: the image, what is wanted, a new line.
const CHAT: &str = "{{ bos_token }}{% for message in messages %}{% for item in message['content'] %}\
    {% if item['type'] == 'image' %}<start_of_image>{% else %}{{ item['text'] }}{% endif %}{% endfor %}{% endfor %}{{ '\n' }}";

/// Pieces beyond the four first ids, the bytes and those for images.
const PIECES: usize = 760;
const FIRST: [&str; 4] = ["<pad>", "<eos>", "<bos>", "<unk>"];
/// Ends an answer.
pub(super) const EOS: u32 = 1;
/// Of the 256 ids that stand for bytes.
pub(super) const FIRST_BYTE: u32 = 5;

/// Learns the pieces of `texts` and gives the tokenizer, `images` its last tokens.
pub(super) fn learn(texts: &[String], images: &[&str]) -> Result<Tokenizer> {
    build(texts, images).map_err(|error| Error::Model {
        model: "lab".into(),
        problem: format!("tokenizer: {error}"),
    })
}

fn build(texts: &[String], images: &[&str]) -> tokenizers::Result<Tokenizer> {
    let split: Vec<PreTokenizerWrapper> = vec![
        Metaspace::new('▁', PrependScheme::Always, true).into(),
        Digits::new(true).into(),
        Punctuation::new(SplitDelimiterBehavior::Isolated).into(),
    ];
    let split = PreTokenizerWrapper::from(Sequence::new(split));
    let mut trainer = BpeTrainer::builder()
        .vocab_size(PIECES)
        .min_frequency(1)
        .show_progress(false)
        .build();
    trainer.feed(texts.iter(), |text| {
        let mut text = tokenizers::PreTokenizedString::from(text);
        tokenizers::PreTokenizer::pre_tokenize(&split, &mut text)?;
        let pieces = text.get_splits(
            tokenizers::OffsetReferential::Original,
            tokenizers::OffsetType::Byte,
        );
        Ok(pieces.into_iter().map(|(piece, _, _)| piece.to_owned()).collect())
    })?;
    let mut learned = BPE::default();
    trainer.train(&mut learned)?;
    let learned: Value = serde_json::to_value(&learned)?;
    let merges = learned["merges"].clone();
    let mut pieces: Vec<(String, u64)> = learned["vocab"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(piece, id)| Some((piece.clone(), id.as_u64()?)))
        .collect();
    pieces.sort_by_key(|(_, id)| *id);
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let names = FIRST
        .iter()
        .map(|&name| name.to_owned())
        .chain(["\n".to_owned()])
        .chain(bytes);
    let names = names.chain(pieces.into_iter().map(|(piece, _)| piece));
    let vocab: HashMap<String, usize> = names.enumerate().map(|(id, name)| (name, id)).collect();
    let description = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": split,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "ByteFallback"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocab, "merges": merges},
    });
    let mut tokenizer = Tokenizer::from_bytes(serde_json::to_vec(&description)?)?;
    tokenizer.add_special_tokens(FIRST.map(|name| AddedToken::from(name, true)))?;
    tokenizer.add_tokens([AddedToken::from("\n", false).normalized(false)])?;
    tokenizer.add_special_tokens(images.iter().map(|&name| AddedToken::from(name, true)))?;
    Ok(tokenizer)
}

/// Reads `tokenizer.json` of `folder`.
pub(super) fn open(folder: &Path) -> Result<Tokenizer> {
    let path = folder.join("tokenizer.json");
    Tokenizer::from_file(&path).map_err(|error| Error::Checkpoint {
        path,
        problem: format!("cannot read: {error}"),
    })
}

/// Writes `chat_template.jinja` into `folder`.
pub(super) fn save_chat(folder: &Path) -> Result<()> {
    let path = folder.join("chat_template.jinja");
    std::fs::write(&path, CHAT).map_err(|source| Error::File {
        action: "write",
        path,
        source,
    })
}

/// Writes `tokenizer.json` and `tokenizer_config.json` into `folder`; `image` stands for a patch.
pub(super) fn save(tokenizer: &Tokenizer, image: u32, folder: &Path) -> Result<()> {
    let path = folder.join("tokenizer.json");
    tokenizer.save(&path, true).map_err(|error| Error::Checkpoint {
        path: path.clone(),
        problem: format!("cannot write: {error}"),
    })?;
    let image = tokenizer.id_to_token(image);
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1024, "padding_side": "left",
        "pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>",
        "additional_special_tokens": [image], "extra_special_tokens": {"image_token": image},
        "image_token": image, "add_bos_token": false, "clean_up_tokenization_spaces": false,
    });
    super::checkpoint::write_json(&folder.join("tokenizer_config.json"), &config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_single_tokens_and_everything_survives() {
        let texts: Vec<String> = ["what color is the star?", "is the star red?", "red", "no entry"]
            .map(str::to_owned)
            .to_vec();
        let tokenizer = learn(&texts, &PALIGEMMA).unwrap();
        let id = |token: &str| tokenizer.token_to_id(token).unwrap();
        assert_eq!(FIRST.map(id), [0, 1, 2, 3]);
        assert_eq!(id("<image>") as usize, tokenizer.get_vocab_size(true) - 1);
        let encoded = tokenizer.encode("<image><bos>is the star red?\n", false).unwrap();
        let tokens: Vec<&str> = encoded.get_tokens().iter().map(String::as_str).collect();
        assert_eq!(
            tokens,
            ["<image>", "<bos>", "▁is", "▁the", "▁star", "▁red", "?", "\n"]
        );
        for text in ["no entry", "red 37", "größe"] {
            let encoded = tokenizer.encode(text, false).unwrap();
            assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), text);
        }
    }
}
