//! `tokenizer.json`: prompts to token ids, token ids to text.
//!
//! In: a question in words. Out: ids as transformers' PaliGemma processor gives them: `<image>` × N, `<bos>`, the text,
//! a newline. What a question's author writes is text: an `<image>` within it never becomes a placeholder.

use crate::error::{Error, Result};
use std::path::Path;

/// A tokenizer and the ids that the network gives a meaning.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bos: u32,
    ends: Vec<u32>,
    image: u32,
    image_tokens: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json` in `folder`; `ends` are the ids that end an answer, `image` is the placeholder, of which
    /// an image takes `image_tokens`.
    pub fn load(folder: &Path, ends: &[u32], image: u32, image_tokens: usize) -> Result<Self> {
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
        let bos = inner
            .token_to_id("<bos>")
            .ok_or_else(|| problem("token `<bos>` is missing".into()))?;
        Ok(Self {
            inner,
            bos,
            ends: ends.to_vec(),
            image,
            image_tokens,
        })
    }

    /// The prompt's ids: placeholders of `images` images, `<bos>`, `text` and a newline.
    pub fn prompt(&self, text: &str, images: usize) -> Result<Vec<u32>> {
        let mut ids = vec![self.image; images * self.image_tokens];
        ids.push(self.bos);
        ids.extend(self.text(&format!("{text}\n"))?);
        Ok(ids)
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

    fn text(&self, text: &str) -> Result<Vec<u32>> {
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
        Tokenizer::load(&folder, &[1], image.unwrap(), 4).unwrap()
    }

    #[test]
    fn transformers_gives_the_same_ids() {
        let tokenizer = tokenizer();
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/processor/input_ids.json")).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            assert_eq!(
                tokenizer.prompt(&case.text, 1).unwrap(),
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

    #[test]
    fn a_question_cannot_smuggle_in_an_image() {
        let tokenizer = tokenizer();
        let ids = tokenizer.prompt("what is <image> here", 1).unwrap();
        assert_eq!(ids.iter().filter(|&&id| id == tokenizer.image).count(), 4);
        let answer = tokenizer.answer("yes").unwrap();
        assert!(tokenizer.ends(*answer.last().unwrap()) && tokenizer.decode(&answer).unwrap() == "yes");
    }
}
