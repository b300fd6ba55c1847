//! What a user says about a painter behind HTTP: one section of the configuration.

use crate::model::http::endpoint_problems;
use crate::model::{Pace, Prices};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;

/// Fields of the request's body that the program sets and a configuration may not.
const OWN_FIELDS: [&str; 5] = ["model", "prompt", "image", "n", "stream"];

/// A painter behind an OpenAI-compatible images API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImagesOptions {
    /// The API's base, e.g. `http://localhost:8000/v1`.
    pub url: String,
    /// The name that the server knows the model by.
    pub model: String,
    /// Which weights these are, e.g. a commit or a date; required, for a server does not tell it.
    pub revision: String,
    /// The environment variable that holds the key, if the server wants one.
    pub api_key_env: Option<String>,
    /// Size of the drawn image, e.g. `1024x1024`; the server's choice if left out.
    pub size: Option<String>,
    /// Images to edit are scaled down to this many pixels on the longer side.
    pub image_max_side: u32,
    /// Fields to add to every request, e.g. `{ quality = "low" }`; they win over the program's.
    pub extra_body: Map<String, Value>,
    /// Fields to leave out for servers that refuse them, e.g. `["seed"]`.
    pub omit_fields: Vec<String>,
    /// Requests on their way at the same time.
    pub max_in_flight: usize,
    /// Longest wait for one image.
    pub timeout_s: u64,
    /// Attempts after the first, for errors that are worth it.
    pub max_retries: u32,
    /// Price of a million input tokens.
    pub input_usd_per_mtok: Option<f64>,
    /// Price of a million output tokens.
    pub output_usd_per_mtok: Option<f64>,
}

impl Default for ImagesOptions {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            revision: String::new(),
            api_key_env: None,
            size: None,
            image_max_side: 1536,
            extra_body: Map::new(),
            omit_fields: Vec::new(),
            max_in_flight: 2,
            timeout_s: 300,
            max_retries: 3,
            input_usd_per_mtok: None,
            output_usd_per_mtok: None,
        }
    }
}

impl ImagesOptions {
    /// What is wrong with these options, one line a problem; the environment is not looked at.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = endpoint_problems(&self.url, &self.model, &self.revision);
        let side = |text: &str| text.parse::<u32>().is_ok_and(|side| side > 0);
        if let Some(size) = &self.size
            && size != "auto"
            && !size
                .split_once('x')
                .is_some_and(|(width, height)| side(width) && side(height))
        {
            problems.push(format!(
                "size `{size}` is none: write WIDTHxHEIGHT, e.g. 1024x1024"
            ));
        }
        if self.image_max_side == 0 || self.max_in_flight == 0 || self.timeout_s == 0 {
            problems.push("image_max_side, max_in_flight and timeout_s must be at least 1".into());
        }
        for field in OWN_FIELDS {
            if self.extra_body.contains_key(field) {
                problems.push(format!("extra_body.{field} is set by the program: remove it"));
            }
        }
        problems
    }

    /// How fast this painter may be asked.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        Pace {
            max_in_flight: self.max_in_flight,
            timeout: Duration::from_secs(self.timeout_s),
            max_retries: self.max_retries,
            hedge_after: None,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_at_once() {
        let options: ImagesOptions =
            toml::from_str("url = 'http://h/v1'\nsize = 'big'\ntimeout_s = 0\nextra_body = { n = 4 }")
                .unwrap();
        assert_eq!(options.validate().len(), 5, "{:#?}", options.validate());
        let options: ImagesOptions =
            toml::from_str("url = 'http://h/v1'\nmodel = 'm'\nrevision = '1'\nsize = '512x512'").unwrap();
        assert!(options.validate().is_empty());
    }
}
