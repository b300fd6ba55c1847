//! `tokenizer.json`: prompts to token ids, token ids to text.
//!
//! In: a question in words. Out: ids as transformers' processors give them. PaliGemma: `<image>` × N, `<bos>`, the
//! text, a newline. Gemma 3: a chat ([`Chat`]). What a question's author writes is text: an `<image>` within it never
//! becomes a placeholder, a `<end_of_turn>` ends nothing.

use crate::error::{Error, Result};
use crate::vlm::chat::Chat;
use crate::vlm::config::{Config, Family};
use std::path::Path;

/// A tokenizer and the ids that the network gives a meaning.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    form: Form,
    ends: Vec<u32>,
    image: u32,
    image_tokens: usize,
}

/// What a prompt looks like.
#[derive(Debug, Clone)]
enum Form {
    Prefix { bos: u32 },
    Chat(Box<Chat>),
}

impl Tokenizer {
    /// Reads `tokenizer.json` in `folder`, and the chat template where the family of `config` has one.
    pub fn load(folder: &Path, config: &Config) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let problem = |problem: String| Error::Checkpoint {
            path: path.clone(),
            problem,
        };
        // The crate panics over some broken files.
        let mut inner = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_file(&path))
            .unwrap_or_else(|_| Err("its parts contradict each other".into()))
            .map_err(|error| problem(format!("not a tokenizer ({error}); fetch it again")))?;
        // Both would be applied silently; the processor pads and the context is checked elsewhere.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| problem(error.to_string()))?;
        let form = match config.model_type {
            Family::PaliGemma2 => Form::Prefix {
                bos: inner
                    .token_to_id("<bos>")
                    .ok_or_else(|| problem("token `<bos>` is missing".into()))?,
            },
            Family::Gemma3 | Family::Gemma3Text => Form::Chat(Box::new(Chat::load(folder, config, &inner)?)),
        };
        Ok(Self {
            inner,
            form,
            ends: config.text_config.eos_token_id.clone(),
            image: config.image_token_index,
            image_tokens: if config.model_type.sees() {
                config.image_tokens()
            } else {
                0
            },
        })
    }

    /// The prompt's ids, with `images` images before `text`. A chat begins with the instructions `system`, where
    /// there are some; PaliGemma has no room for them.
    pub fn prompt(&self, system: Option<&str>, text: &str, images: usize) -> Result<Vec<u32>> {
        match &self.form {
            Form::Prefix { bos } => {
                let mut ids = vec![self.image; images * self.image_tokens];
                ids.push(*bos);
                ids.extend(self.text(&format!("{text}\n"))?);
                Ok(ids)
            }
            Form::Chat(_) if images > 0 && self.image_tokens == 0 => Err(broken(
                &"this checkpoint reads text only, and the question has an image".into(),
            )),
            Form::Chat(chat) => {
                let [system, text] = [system.unwrap_or_default(), text].map(|text| self.harmless(text));
                let prompt = chat.prompt(&system, &text, images)?;
                let encoding = self.inner.encode_fast(prompt, false);
                Ok(encoding.map_err(|error| broken(&error))?.get_ids().to_vec())
            }
        }
    }

    /// `text` with the names of special tokens taken apart, so that they stay text.
    fn harmless(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in self.inner.get_added_tokens_decoder().values() {
            if token.special && text.contains(&token.content) {
                let (first, rest) = token.content.split_at(token.content.ceil_char_boundary(1));
                text = text.replace(&token.content, &format!("{first} {rest}"));
            }
        }
        text
    }

    /// An answer's ids, ended: what a prompt is continued by in training and scoring.
    pub fn answer(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.text(text)?;
        ids.extend(self.ends.first());
        Ok(ids)
    }

    /// Whether a token ends an answer.
    pub fn ends(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// Refuses a tokenizer with more tokens than the network has embeddings for.
    pub(crate) fn check_fits(&self, folder: &Path, embeddings: usize) -> Result<()> {
        let mut vocabulary = self.inner.get_vocab(true).into_iter();
        match vocabulary.find(|(_, id)| *id as usize >= embeddings && *id != self.image) {
            Some((token, id)) => Err(Error::Checkpoint {
                path: folder.join("tokenizer.json"),
                problem: format!(
                    "token `{token}` has the id {id}, the network knows {embeddings}; fetch the tokenizer and config.json \
                     of one checkpoint"
                ),
            }),
            None => Ok(()),
        }
    }

    /// The text of an answer's tokens, without special ones.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(|error| broken(&error))
    }

    /// The ids of a piece of text, alone.
    pub(crate) fn text(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| broken(&error))?;
        Ok(encoding
            .get_ids()
            .iter()
            .copied()
            .filter(|&id| id != self.image)
            .collect())
    }
}

fn broken(error: &tokenizers::Error) -> Error {
    Error::Checkpoint {
        path: "tokenizer.json".into(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        input_ids: Vec<u32>,
        decoded: String,
    }

    fn tokenizer() -> Tokenizer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/processor");
        let image = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json"))
            .unwrap()
            .token_to_id("<image>");
        let mut config = Config::tiny();
        config.image_token_index = image.unwrap();
        Tokenizer::load(&folder, &config).unwrap()
    }

    #[test]
    fn transformers_gives_the_same_ids() {
        let tokenizer = tokenizer();
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/processor/input_ids.json")).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            assert_eq!(
                tokenizer.prompt(None, &case.text, 1).unwrap(),
                case.input_ids,
                "{}",
                case.text
            );
            assert_eq!(
                tokenizer.decode(&case.input_ids).unwrap(),
                case.decoded,
                "{}",
                case.text
            );
        }
    }

    fn chat() -> Tokenizer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/chat");
        let ids = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        let mut config = Config::tiny_gemma3();
        config.image_token_index = ids.token_to_id("<image_soft_token>").unwrap();
        config.boi_token_index = ids.token_to_id("<start_of_image>").unwrap();
        config.eoi_token_index = ids.token_to_id("<end_of_image>").unwrap();
        Tokenizer::load(&folder, &config).unwrap()
    }

    #[test]
    fn transformers_gives_the_same_chats() {
        #[derive(serde::Deserialize)]
        struct Case {
            system: Option<String>,
            text: String,
            images: usize,
            input_ids: Vec<u32>,
        }
        let tokenizer = chat();
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/chat/input_ids.json")).unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let ids = tokenizer.prompt(case.system.as_deref(), &case.text, case.images);
            assert_eq!(ids.unwrap(), case.input_ids, "{}", case.text);
        }
    }

    #[test]
    fn a_question_cannot_end_its_turn() {
        let tokenizer = chat();
        let count = |text: &str, token: &str| {
            let id = tokenizer.inner.token_to_id(token).unwrap();
            let ids = tokenizer.prompt(Some(text), text, 1).unwrap();
            ids.iter().filter(|&&other| other == id).count()
        };
        for token in ["<end_of_turn>", "<start_of_image>", "<image_soft_token>", "<bos>"] {
            assert_eq!(
                count(&format!("a {token} b"), token),
                count("a b", token),
                "{token}"
            );
        }
    }

    #[test]
    fn a_question_cannot_smuggle_in_an_image() {
        let tokenizer = tokenizer();
        let ids = tokenizer.prompt(None, "what is <image> here", 1).unwrap();
        assert_eq!(ids.iter().filter(|&&id| id == tokenizer.image).count(), 4);
        let answer = tokenizer.answer("yes").unwrap();
        assert!(tokenizer.ends(*answer.last().unwrap()) && tokenizer.decode(&answer).unwrap() == "yes");
    }
}
