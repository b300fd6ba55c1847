//! A deadline for every call: a server that hangs becomes an error that is worth another try.
//!
//! For remote models, like [`super::limit`]: each request of a batch has its own deadline, so that one
//! that hangs takes no paid answer with it.

use super::{Attempt, CallError, Model, ModelCard, Reply, Request, answer_one};
use chrono::Utc;
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A model that answers in time or not at all.
pub struct Timeout {
    inner: Arc<dyn Model>,
    limit: Duration,
}

impl Timeout {
    /// Waits for each reply for `limit` at most.
    pub fn new(inner: Arc<dyn Model>, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

#[async_trait::async_trait]
impl Model for Timeout {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(async |request| {
            let (outcome, attempts) = within(self.limit, async {
                let reply = answer_one(&*self.inner, request).await;
                (reply.outcome, reply.attempts)
            })
            .await;
            Reply { outcome, attempts }
        }))
        .await
    }
}

/// Runs a call, and drops it (closing its connection) at the deadline.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = (Result<T, CallError>, Vec<Attempt>)>,
) -> (Result<T, CallError>, Vec<Attempt>) {
    let (started_at, clock) = (Utc::now(), Instant::now());
    if let Ok(finished) = tokio::time::timeout(limit, call).await {
        return finished;
    }
    let error = CallError::Transient {
        message: format!("no reply within {} s", limit.as_secs_f64()),
        retry_after_s: None,
    };
    let attempt = Attempt {
        started_at,
        latency_ms: clock.elapsed().as_secs_f64() * 1e3,
        tokens_in: None,
        tokens_out: None,
        error: Some(error.clone()),
    };
    (Err(error), vec![attempt])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;
    use crate::model::mock::{Mock, MockOptions};

    #[tokio::test]
    async fn slow_is_an_error_and_fast_is_not() {
        let slow = MockOptions {
            latency_ms: 5_000,
            ..MockOptions::default()
        };
        let model = Timeout::new(Arc::new(Mock::new(&slow)), Duration::from_millis(40));
        let replies = model.answer(conformance::requests(2)).await;
        for reply in &replies {
            let error = reply.outcome.clone().unwrap_err();
            assert!(matches!(error, CallError::Transient { .. }));
            assert_eq!(error.to_string(), "no reply within 0.04 s");
            assert_eq!(reply.attempts.len(), 1);
            assert!((40.0..2_000.0).contains(&reply.attempts[0].latency_ms));
        }
        let fast = Timeout::new(
            Arc::new(Mock::new(&MockOptions::default())),
            Duration::from_secs(5),
        );
        conformance::check(&fast).await;
        assert!(fast.answer(conformance::requests(1)).await[0].outcome.is_ok());
    }
}
