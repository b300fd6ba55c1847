//! Another try where one is worth it: exponential backoff with jitter, and the server's own wish first.
//!
//! Only [`CallError::Transient`] is tried again. A server that asks for a longer wait than
//! [`LONGEST_WAIT`] gets none: the row stays open and a later run asks again.

use super::{Attempt, CallError, Model, ModelCard, Reply, Request, answer_one};
use crate::row;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// The first wait, before jitter.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A model that is asked again.
pub struct Retry {
    inner: Arc<dyn Model>,
    max_retries: u32,
}

impl Retry {
    /// Asks up to `max_retries` times more.
    pub fn new(inner: Arc<dyn Model>, max_retries: u32) -> Self {
        Self { inner, max_retries }
    }

    async fn one(&self, request: Request) -> Reply {
        let subject = request.subject.clone();
        let (outcome, attempts) = repeat(self.max_retries, &subject, || {
            let request = request.clone();
            async {
                let reply = answer_one(&*self.inner, request).await;
                (reply.outcome, reply.attempts)
            }
        })
        .await;
        Reply { outcome, attempts }
    }
}

#[async_trait::async_trait]
impl Model for Retry {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(|request| self.one(request))).await
    }
}

/// Repeats a call until it succeeds, fails for good or has used up its retries.
pub(crate) async fn repeat<T, F>(
    max_retries: u32,
    subject: &str,
    call: impl Fn() -> F,
) -> (Result<T, CallError>, Vec<Attempt>)
where
    F: Future<Output = (Result<T, CallError>, Vec<Attempt>)>,
{
    let mut attempts = Vec::new();
    let mut retry = 0;
    loop {
        let (outcome, mut these) = call().await;
        attempts.append(&mut these);
        let Err(CallError::Transient { retry_after_s, .. }) = &outcome else {
            return (outcome, attempts);
        };
        let Some(pause) = wait(retry, *retry_after_s, subject).filter(|_| retry < max_retries) else {
            return (outcome, attempts);
        };
        retry += 1;
        tracing::info!(
            subject,
            retry,
            pause_ms = pause.as_millis() as u64,
            "a call failed for now and is made again"
        );
        tokio::time::sleep(pause).await;
    }
}

/// The pause before a retry, or none where the server asks for too long a one.
///
/// The jitter (half to all of the backoff) comes from the subject: requests that fail together come
/// back apart, and nothing here needs a source of randomness.
fn wait(retry: u32, retry_after_s: Option<u64>, subject: &str) -> Option<Duration> {
    let spread = row::id([subject.as_bytes(), &retry.to_le_bytes()]);
    let fraction = u32::from_str_radix(&spread[..8], 16).map_or(0.5, |bits| f64::from(bits) / 2f64.powi(32));
    let backoff = FIRST_WAIT
        .saturating_mul(1 << retry.min(10))
        .min(LONGEST_WAIT)
        .mul_f64(0.5 + fraction / 2.0);
    match retry_after_s.map(Duration::from_secs) {
        Some(asked) if asked > LONGEST_WAIT => None,
        // A little later than asked for, and not everybody at once.
        Some(asked) => Some(asked + FIRST_WAIT.mul_f64(fraction / 2.0)),
        None => Some(backoff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;
    use crate::model::mock::{Mock, MockOptions};
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    /// Fails so many times before it answers.
    struct Flaky {
        inner: Mock,
        failures: AtomicU32,
        error: CallError,
    }

    impl Flaky {
        fn new(failures: u32, error: CallError) -> Arc<Self> {
            Arc::new(Self {
                inner: Mock::new(&MockOptions::default()),
                failures: AtomicU32::new(failures),
                error,
            })
        }
    }

    #[async_trait::async_trait]
    impl Model for Flaky {
        fn card(&self) -> &ModelCard {
            self.inner.card()
        }

        async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
            let mut replies = self.inner.answer(requests).await;
            let left = self.failures.load(SeqCst);
            if left > 0 {
                self.failures.store(left - 1, SeqCst);
                for reply in &mut replies {
                    reply.outcome = Err(self.error.clone());
                    reply.attempts[0].error = Some(self.error.clone());
                }
            }
            replies
        }
    }

    fn transient(retry_after_s: Option<u64>) -> CallError {
        CallError::Transient {
            message: "busy".into(),
            retry_after_s,
        }
    }

    #[tokio::test]
    async fn transient_errors_are_tried_again_and_every_attempt_is_kept() {
        let model = Retry::new(Flaky::new(2, transient(Some(0))), 3);
        let reply = answer_one(&model, conformance::requests(1).remove(0)).await;
        assert!(reply.outcome.is_ok());
        let failed: Vec<bool> = reply
            .attempts
            .iter()
            .map(|attempt| attempt.error.is_some())
            .collect();
        assert_eq!(failed, [true, true, false]);
        conformance::check(&model).await;
    }

    #[tokio::test]
    async fn retries_end() {
        let model = Retry::new(Flaky::new(9, transient(Some(0))), 2);
        let reply = answer_one(&model, conformance::requests(1).remove(0)).await;
        assert_eq!(reply.outcome, Err(transient(Some(0))));
        assert_eq!(reply.attempts.len(), 3);
    }

    #[tokio::test]
    async fn refusals_and_too_long_waits_are_final() {
        let refused = CallError::Refused { message: "no".into() };
        for error in [refused, transient(Some(3_600))] {
            let model = Retry::new(Flaky::new(9, error.clone()), 5);
            let reply = answer_one(&model, conformance::requests(1).remove(0)).await;
            assert_eq!((reply.outcome, reply.attempts.len()), (Err(error), 1));
        }
    }

    #[test]
    fn waits_grow_stay_bounded_and_differ_between_subjects() {
        let waits: Vec<Duration> = (0..12).filter_map(|retry| wait(retry, None, "a")).collect();
        assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT);
        assert!(waits[4] > waits[0]);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT));
        assert_ne!(wait(0, None, "a"), wait(0, None, "b"));
        let asked = wait(0, Some(7), "a").unwrap();
        assert!(asked >= Duration::from_secs(7) && asked < Duration::from_secs(8));
    }
}
