//! A model that costs nothing: a pure function of the request and a seed, for tests, benches and dry runs.

use super::{Attempt, CallError, Completion, Model, ModelCard, Reply, Request, Trouble};
use crate::row;
use chrono::Utc;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How the mock behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MockOptions {
    /// Its name in the tables.
    pub name: String,
    /// Two mocks with different seeds disagree.
    pub seed: u64,
    /// What it may say; one is drawn by hash of images, prompt and seed.
    pub answers: Vec<String>,
    /// How long every call takes.
    pub latency_ms: u64,
    /// Share of requests that fail as a broken connection would, every time they are made.
    pub error_rate: f64,
    /// Share of requests that are refused.
    pub refuse_rate: f64,
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            name: "mock".into(),
            seed: 0,
            answers: ["yes", "no", "red", "blue", "2", "3", "left", "a dog"]
                .map(String::from)
                .to_vec(),
            latency_ms: 0,
            error_rate: 0.0,
            refuse_rate: 0.0,
        }
    }
}

impl MockOptions {
    /// What is wrong with these options, one line a problem.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.answers.is_empty() {
            problems.push("answers is empty: give the mock something to say".into());
        }
        if !(0.0..=1.0).contains(&(self.error_rate + self.refuse_rate))
            || self.error_rate < 0.0
            || self.refuse_rate < 0.0
        {
            problems.push("error_rate and refuse_rate are shares: each from 0, together up to 1".into());
        }
        problems
    }
}

/// The mock.
pub struct Mock {
    card: ModelCard,
    options: MockOptions,
}

impl Mock {
    /// A mock of valid options.
    #[must_use]
    pub fn new(options: &MockOptions) -> Self {
        let behaviour = row::id(
            [
                options.seed.to_string(),
                options.error_rate.to_string(),
                options.refuse_rate.to_string(),
            ]
            .iter()
            .chain(&options.answers),
        );
        Self {
            card: ModelCard::new("mock", &options.name, behaviour, "{prompt}", "{}", "none"),
            options: options.clone(),
        }
    }

    /// The reply's content, a function of images, prompt and seeds alone.
    fn outcome(&self, request: &Request) -> Result<Completion, CallError> {
        let seed = self.options.seed.to_string();
        // Like any model, a greedy one gives the same answer whatever the request's seed.
        let drawn = if request.sampling.temperature > 0.0 {
            request.seed
        } else {
            0
        }
        .to_string();
        let system = request.system.as_deref().unwrap_or("");
        let parts = [seed.as_str(), &drawn, system, &request.prompt].into_iter();
        let digest = row::id(parts.chain(request.images.iter().map(|image| &*image.image_id)));
        let bits = |range: std::ops::Range<usize>| u32::from_str_radix(&digest[range], 16).unwrap_or(0);

        let luck = f64::from(bits(0..8)) / 2f64.powi(32);
        if luck < self.options.error_rate {
            return Err(CallError::Transient {
                message: "mock error, as error_rate asks for".into(),
                retry_after_s: None,
                trouble: Trouble::Other,
            });
        }
        if luck < self.options.error_rate + self.options.refuse_rate {
            return Err(CallError::Refused {
                message: "mock refusal, as refuse_rate asks for".into(),
            });
        }
        let pick = bits(8..16) as usize % self.options.answers.len().max(1);
        let text = self.options.answers.get(pick).cloned().unwrap_or_default();
        let word_id = |word: &str| u32::from_str_radix(&row::id([word])[..5], 16).unwrap_or(0);
        Ok(Completion {
            finish_reason: "stop".into(),
            log_probabilities: text.split_whitespace().map(|_| -0.125).collect(),
            token_ids: text.split_whitespace().map(word_id).collect(),
            text,
        })
    }
}

#[async_trait::async_trait]
impl Model for Mock {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(async |request| {
            let (started_at, clock) = (Utc::now(), Instant::now());
            if self.options.latency_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.options.latency_ms)).await;
            }
            let outcome = self.outcome(&request);
            let words = |text: &str| text.split_whitespace().count() as i64;
            let attempt = Attempt {
                started_at,
                latency_ms: clock.elapsed().as_secs_f64() * 1e3,
                tokens_in: Some(words(&request.prompt)),
                tokens_out: outcome.as_ref().ok().map(|completion| words(&completion.text)),
                error: outcome.as_ref().err().cloned(),
            };
            Reply {
                outcome,
                attempts: vec![attempt],
            }
        }))
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;

    async fn texts(options: &MockOptions) -> Vec<String> {
        let replies = Mock::new(options).answer(conformance::requests(200)).await;
        let text = |reply: Reply| reply.outcome.map_or_else(|e| e.to_string(), |done| done.text);
        replies.into_iter().map(text).collect()
    }

    #[tokio::test]
    async fn a_pure_function_of_request_and_seed() {
        let options = MockOptions::default();
        conformance::check(&Mock::new(&options)).await;
        let first = texts(&options).await;
        assert_eq!(first, texts(&options).await);
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), options.answers.len());
        let other = MockOptions { seed: 1, ..options };
        assert_ne!(first, texts(&other).await);
    }

    #[tokio::test]
    async fn rates_are_shares() {
        let options = MockOptions {
            error_rate: 0.25,
            refuse_rate: 0.5,
            ..MockOptions::default()
        };
        let texts = texts(&options).await;
        let share = |word: &str| texts.iter().filter(|text| text.contains(word)).count();
        assert!((30..70).contains(&share("mock error")), "{}", share("mock error"));
        assert!(
            (75..125).contains(&share("mock refusal")),
            "{}",
            share("mock refusal")
        );
        assert!(options.validate().is_empty());
    }

    #[test]
    fn wrong_options_are_all_named() {
        let options: MockOptions = toml::from_str("answers = []\nerror_rate = 2.0").unwrap();
        assert_eq!(options.validate().len(), 2);
        assert!(toml::from_str::<MockOptions>("eror_rate = 1").is_err());
    }
}
