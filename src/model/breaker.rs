//! The circuit breaker: when too many calls fail for good, or one says that none can succeed, the run stops.

use super::CallError;
use super::halt::{Halt, Stop};
use super::lane::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// When a server is given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerOptions {
    /// So long without any answer, though it is asked, and the server is dead.
    pub dead_after_s: f64,
    /// The run stops when this share of the last calls failed in spite of their retries.
    pub failed_share: f64,
    /// How many calls are the last ones.
    pub last_calls: usize,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            dead_after_s: 30.0,
            failed_share: 0.2,
            last_calls: 100,
        }
    }
}

impl BreakerOptions {
    /// What is wrong with these options, one line a problem.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.dead_after_s.is_finite() || self.dead_after_s <= 0.0 {
            problems.push("dead_after_s must be above 0, e.g. 30".into());
        }
        if !(self.failed_share > 0.0 && self.failed_share <= 1.0) {
            problems.push("failed_share is a share above 0 and up to 1, e.g. 0.2".into());
        }
        if self.last_calls == 0 {
            problems.push("last_calls must be at least 1, e.g. 100".into());
        }
        problems
    }
}

/// The breaker of one lane.
pub(super) struct Breaker {
    name: String,
    url: String,
    options: BreakerOptions,
    halt: Halt,
    /// The last calls, and how many of them failed.
    last: Mutex<(VecDeque<bool>, usize)>,
}

impl Breaker {
    pub(super) fn new(name: &str, url: &str, options: &BreakerOptions, halt: Halt) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            options: options.clone(),
            halt,
            last: Mutex::default(),
        }
    }

    /// Makes a call, retries included, and draws its conclusion.
    pub(super) async fn watch<T>(&self, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let (outcome, attempts) = call.await;
        match &outcome {
            Err(CallError::Unsent { .. }) => {}
            Err(CallError::Fatal { message }) => self.stop(message.clone()),
            Err(CallError::Transient { message, .. }) => self.note(Some(message)),
            Ok(_) | Err(CallError::Refused { .. }) => self.note(None),
        }
        (outcome, attempts)
    }

    fn note(&self, failure: Option<&String>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, failed) = &mut *last;
        calls.push_back(failure.is_some());
        *failed += usize::from(failure.is_some());
        if calls.len() > self.options.last_calls {
            *failed -= usize::from(calls.pop_front() == Some(true));
        }
        let (of, most) = (
            calls.len(),
            self.options.failed_share * self.options.last_calls as f64,
        );
        if let Some(message) = failure
            && of == self.options.last_calls
            && *failed as f64 >= most
        {
            self.stop(format!(
                "{failed} of the last {of} calls to {} failed in spite of their retries, the last one with: \
                 {message}; run it again when the server is well, or raise `failed_share` in the section [breaker]",
                self.url
            ));
        }
    }

    fn stop(&self, problem: String) {
        self.halt.stop(Stop::Model {
            model: self.name.clone(),
            problem,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Trouble;

    async fn run(calls: impl IntoIterator<Item = Result<(), CallError>>) -> Option<String> {
        let halt = Halt::default();
        let breaker = Breaker::new(
            "small",
            "http://gpu-1/v1",
            &BreakerOptions::default(),
            halt.clone(),
        );
        for outcome in calls {
            let _ = breaker.watch(async { (outcome, Vec::new()) }).await;
        }
        halt.reason().map(|stop| stop.to_string())
    }

    fn failed(is: bool) -> Result<(), CallError> {
        let error = CallError::Transient {
            message: "500".into(),
            retry_after_s: None,
            trouble: Trouble::Other,
        };
        if is { Err(error) } else { Ok(()) }
    }

    #[tokio::test]
    async fn a_fifth_of_the_last_hundred_is_too_many() {
        let stop = run((0..100).map(|n| failed(n % 5 == 4))).await.unwrap();
        for word in [
            "`small`",
            "20 of the last 100 calls",
            "http://gpu-1/v1",
            "failed_share",
        ] {
            assert!(stop.contains(word), "{stop}");
        }
        assert_eq!(run((0..99).map(|_| failed(true))).await, None, "too few to tell");
        assert_eq!(run((0..1_000).map(|n| failed(n % 6 == 5))).await, None);
        let early = (0..1_000).map(|n| failed(n < 19));
        assert_eq!(run(early).await, None, "what is long ago does not count");
        let unsent = || {
            Err(CallError::Unsent {
                message: "stopping".into(),
            })
        };
        let refused = || Err(CallError::Refused { message: "no".into() });
        assert_eq!(
            run((0..300).map(|n| if n % 2 == 0 { unsent() } else { refused() })).await,
            None
        );
    }

    #[tokio::test]
    async fn one_fatal_call_is_enough() {
        let wrong_key = CallError::Fatal {
            message: "401: check the key".into(),
        };
        assert_eq!(
            run([Err(wrong_key)]).await.unwrap(),
            "model `small`: 401: check the key"
        );
    }
}
