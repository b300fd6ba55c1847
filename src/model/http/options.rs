//! What a user says about a model behind HTTP: one section of the configuration.

use crate::error::{Error, Result};
use crate::model::{Pace, Prices};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use url::Url;

/// Fields of the request's body that the program sets and a configuration may not.
const OWN_FIELDS: [&str; 4] = ["model", "messages", "stream", "n"];

/// A model behind an OpenAI-compatible server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpOptions {
    /// The API's base, e.g. `http://localhost:8000/v1`.
    pub url: String,
    /// The name that the server knows the model by.
    pub model: String,
    /// Which weights these are, e.g. a commit or a date; required, for a server does not tell it.
    pub revision: String,
    /// The environment variable that holds the key, if the server wants one.
    pub api_key_env: Option<String>,
    /// How a question becomes a prompt; `{prompt}` stands for the question.
    pub prompt_template: String,
    /// Larger images are scaled down to this many pixels on the longer side.
    pub image_max_side: u32,
    /// `low`, `high` or `auto`, where the server knows the field.
    pub image_detail: Option<String>,
    /// Ask for the log-probability of each token.
    pub log_probabilities: bool,
    /// Fields to add to every request's body, e.g. `{ top_k = 1 }`; they win over those of the sampling.
    pub extra_body: Map<String, Value>,
    /// Fields to leave out for servers that refuse them, e.g. `["seed", "max_tokens"]`.
    pub omit_fields: Vec<String>,
    /// Requests on their way at the same time.
    pub max_in_flight: usize,
    /// Longest wait for one reply.
    pub timeout_s: u64,
    /// Attempts after the first, for errors that are worth it.
    pub max_retries: u32,
    /// After so long without a reply the same request is sent a second time; both may be billed.
    pub hedge_after_s: Option<f64>,
    /// Price of a million input tokens.
    pub input_usd_per_mtok: Option<f64>,
    /// Price of a million output tokens.
    pub output_usd_per_mtok: Option<f64>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            revision: String::new(),
            api_key_env: None,
            prompt_template: "{prompt}".into(),
            image_max_side: 1536,
            image_detail: None,
            log_probabilities: false,
            extra_body: Map::new(),
            omit_fields: Vec::new(),
            max_in_flight: 8,
            timeout_s: 120,
            max_retries: 5,
            hedge_after_s: None,
            input_usd_per_mtok: None,
            output_usd_per_mtok: None,
        }
    }
}

impl HttpOptions {
    /// What is wrong with these options, one line a problem; the environment is not looked at.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = endpoint_problems(&self.url, &self.model, &self.revision);
        if !self.prompt_template.contains("{prompt}") {
            problems.push("prompt_template does not contain `{prompt}`, where the question goes".into());
        }
        if self.image_max_side == 0 {
            problems.push("image_max_side is 0: give a number of pixels, e.g. 1536".into());
        }
        if self.max_in_flight == 0 || self.timeout_s == 0 {
            problems.push("max_in_flight and timeout_s must be at least 1".into());
        }
        if self
            .hedge_after_s
            .is_some_and(|after| !after.is_finite() || after <= 0.0)
        {
            problems.push("hedge_after_s must be above 0; leave it out to send nothing twice".into());
        }
        for field in OWN_FIELDS {
            if self.extra_body.contains_key(field) {
                problems.push(format!("extra_body.{field} is set by the program: remove it"));
            }
        }
        for price in [self.input_usd_per_mtok, self.output_usd_per_mtok]
            .into_iter()
            .flatten()
        {
            if !price.is_finite() || price < 0.0 {
                problems.push(format!(
                    "a price of {price} USD per million tokens is none: use 0 or more"
                ));
            }
        }
        problems
    }

    /// How fast this model may be asked.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace {
            max_in_flight: self.max_in_flight,
            timeout: Duration::from_secs(self.timeout_s),
            max_retries: self.max_retries,
            hedge_after: self
                .hedge_after_s
                .and_then(|after| Duration::try_from_secs_f64(after).ok()),
        }
    }

    /// What its tokens cost.
    #[must_use]
    pub const fn prices(&self) -> Prices {
        Prices {
            input_usd_per_mtok: self.input_usd_per_mtok,
            output_usd_per_mtok: self.output_usd_per_mtok,
        }
    }

    /// The longest answer in tokens: what `extra_body` says, or else a request's sampling. An error where
    /// neither is sent.
    ///
    /// # Errors
    /// In words, with the remedy.
    pub fn longest_answer(&self) -> Result<Option<usize>, String> {
        let said = ["max_completion_tokens", "max_tokens"]
            .into_iter()
            .find_map(|name| self.extra_body.get(name)?.as_u64());
        match said {
            Some(tokens) => Ok(Some(tokens as usize)),
            None if self.omit_fields.iter().any(|name| name == "max_tokens") => Err(
                "omit_fields leaves out max_tokens, so that nothing bounds an answer: set \
                 extra_body = { max_completion_tokens = 256 } to hold a budget of tokens or usd"
                    .to_owned(),
            ),
            None => Ok(None),
        }
    }
}

/// The first use of options that nobody validated is an error, not a surprise.
pub(crate) fn check(model: &str, problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Model {
        model: model.to_owned(),
        problem: problems.join("; "),
    })
}

/// What is wrong with the part that models and painters share.
pub(crate) fn endpoint_problems(url: &str, model: &str, revision: &str) -> Vec<String> {
    let mut problems = Vec::new();
    match Url::parse(url) {
        _ if url.is_empty() => {
            problems.push("url is missing: give the API's base, e.g. http://localhost:8000/v1".into());
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            problems.push(format!("url starts with `{}:`: use http or https", url.scheme()));
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() => {
            problems
                .push("url carries credentials or a query: name the key's variable in api_key_env".into());
        }
        Ok(_) => {}
        Err(error) => problems.push(format!(
            "url is not an address ({error}): try http://localhost:8000/v1"
        )),
    }
    if model.is_empty() {
        problems.push("model is missing: give the name that the server knows it by".into());
    }
    if revision.is_empty() {
        problems.push(
            "revision is missing: say which weights these are (a commit, a date); \
             answers are kept under it and asked again when it changes"
                .into(),
        );
    }
    problems
}

/// A server's key and the variable that it came from.
pub(crate) struct Key {
    pub(super) variable: String,
    pub(super) value: String,
}

/// The key from the environment, if one is named.
pub(crate) fn secret(model: &str, api_key_env: Option<&str>) -> Result<Option<Key>> {
    let Some(variable) = api_key_env else {
        return Ok(None);
    };
    match std::env::var(variable) {
        Ok(key) if !key.trim().is_empty() => Ok(Some(Key {
            variable: variable.to_owned(),
            value: key.trim().to_owned(),
        })),
        _ => Err(Error::Model {
            model: model.to_owned(),
            problem: format!(
                "the environment variable `{variable}` is not set: export the server's key in it"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_as_written() {
        let options: HttpOptions = toml::from_str(
            r#"
            url = "http://localhost:8000/v1"
            model = "google/gemma-3-4b-it"
            revision = "093f9f3"
            image_max_side = 896
            extra_body = { top_k = 1, chat_template_kwargs = { enable_thinking = false } }
            "#,
        )
        .unwrap();
        assert!(options.validate().is_empty(), "{:?}", options.validate());
        assert_eq!(
            options.extra_body["chat_template_kwargs"]["enable_thinking"],
            false
        );
        assert_eq!(options.pace().timeout, Duration::from_mins(2));
    }

    #[test]
    fn all_problems_at_once() {
        let options: HttpOptions = toml::from_str(
            r#"
            url = "ftp://user:secret@host"
            prompt_template = "Answer briefly."
            timeout_s = 0
            extra_body = { stream = true }
            output_usd_per_mtok = -1.0
            "#,
        )
        .unwrap();
        let problems = options.validate();
        assert_eq!(problems.len(), 7, "{problems:#?}");
        assert!(!problems.join(" ").contains("secret"));
        assert!(
            toml::from_str::<HttpOptions>("api_key = 'sk-1'").is_err(),
            "keys have no field"
        );
    }

    #[test]
    fn a_missing_key_names_its_variable() {
        let error = secret("gpt", Some("AUDITDM_TEST_NO_SUCH_KEY")).err().unwrap();
        assert!(
            error
                .to_string()
                .contains("`AUDITDM_TEST_NO_SUCH_KEY` is not set")
        );
        assert!(secret("gpt", None).unwrap().is_none());
    }
}
