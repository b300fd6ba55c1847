//! Gemma 3's prompts: a checkpoint's own chat template, and what takes the place of each image.
//!
//! In: instructions, a question, a number of images. Out: the text that the tokenizer is given, as transformers'
//! `apply_chat_template` and its processor write it. Templates come with checkpoints and are run as Jinja without
//! access to anything, for a limited number of steps. Left out: several turns, tools, pan-and-scan.

use crate::error::{Error, Result};
use crate::vlm::config::Config;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, context};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Steps of a template that does not end.
const FUEL: u64 = 100_000;

/// A chat template, and the text that stands for an image.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    environment: Environment<'static>,
    path: PathBuf,
    bos: String,
    begin_of_image: String,
    image: String,
}

impl Chat {
    /// Reads `chat_template.jinja`, `chat_template.json` or `tokenizer_config.json` in `folder`.
    pub(crate) fn load(folder: &Path, config: &Config, tokenizer: &tokenizers::Tokenizer) -> Result<Self> {
        let (path, template) = template(folder)?;
        let problem = |problem: String| Error::Checkpoint {
            path: path.clone(),
            problem,
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.expect("the delimiters are the usual ones"));
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", |said: String| -> std::result::Result<(), _> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, said))
        });
        environment
            .add_template_owned("chat", template)
            .map_err(|error| problem(format!("not a chat template: {error:#}")))?;
        let token = |id: u32| {
            let missing = || problem(format!("token {id} of config.json is not in tokenizer.json"));
            tokenizer.id_to_token(id).ok_or_else(missing)
        };
        let (mut begin_of_image, mut image) = (String::new(), String::new());
        if config.model_type.sees() {
            begin_of_image = token(config.boi_token_index)?;
            let soft = token(config.image_token_index)?.repeat(config.image_tokens());
            image = format!("\n\n{begin_of_image}{soft}{}\n\n", token(config.eoi_token_index)?);
        }
        Ok(Self {
            environment,
            path,
            bos: "<bos>".into(),
            begin_of_image,
            image,
        })
    }

    /// The prompt up to where the model's answer begins; the texts must not contain special tokens.
    pub(crate) fn prompt(&self, system: &str, text: &str, images: usize) -> Result<String> {
        let mut content = vec![json!({"type": "image"}); images];
        content.push(json!({"type": "text", "text": text}));
        let mut messages = vec![json!({"role": "user", "content": content})];
        if !system.is_empty() {
            let content = [json!({"type": "text", "text": system})];
            messages.insert(0, json!({"role": "system", "content": content}));
        }
        let chat = self.environment.get_template("chat").expect("it was added");
        let prompt = chat
            .render(context! { messages => Serde(&messages), bos_token => &self.bos, add_generation_prompt => true })
            .map_err(|error| Error::Checkpoint {
                path: self.path.clone(),
                problem: format!("its chat template fails: {error:#}"),
            })?;
        Ok(if self.image.is_empty() {
            prompt
        } else {
            prompt.replace(&self.begin_of_image, &self.image)
        })
    }
}

fn template(folder: &Path) -> Result<(PathBuf, String)> {
    let path = folder.join("chat_template.jinja");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok((path, text));
    }
    for name in ["chat_template.json", "tokenizer_config.json"] {
        let path = folder.join(name);
        let value: Option<Value> = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(text) = value.as_ref().and_then(|value| value["chat_template"].as_str()) {
            return Ok((path, text.to_owned()));
        }
    }
    Err(Error::Checkpoint {
        path: folder.to_owned(),
        problem:
            "no chat template: chat_template.jinja, chat_template.json and tokenizer_config.json have none; \
                  fetch the instruction-tuned checkpoint whole"
                .into(),
    })
}
