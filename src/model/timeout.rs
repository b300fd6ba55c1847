//! A deadline for every attempt: a server that hangs or drips becomes an error that is worth another try.

use super::lane::Outcome;
use super::{Attempt, CallError, Trouble};
use chrono::Utc;
use std::time::{Duration, Instant};

/// Runs a call, and drops it (closing its connection) at the deadline.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let (started_at, clock) = (Utc::now(), Instant::now());
    if let Ok(finished) = tokio::time::timeout(limit, call).await {
        return finished;
    }
    let error = CallError::Transient {
        message: format!("no reply within {} s", limit.as_secs_f64()),
        retry_after_s: None,
        trouble: Trouble::Silent,
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

    #[tokio::test]
    async fn slow_is_an_error_and_fast_is_not() {
        let limit = Duration::from_millis(40);
        let (outcome, attempts) = within::<()>(limit, std::future::pending()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), "no reply within 0.04 s");
        assert_eq!((attempts.len(), attempts[0].error.as_ref()), (1, Some(&error)));
        assert!((40.0..2_000.0).contains(&attempts[0].latency_ms));
        assert_eq!(within(limit, async { (Ok(3), Vec::new()) }).await.0, Ok(3));
    }
}
