//! A second request for a slow first one: whichever is answered first counts. Off unless asked for; both
//! requests are counted and may both be billed.

use super::lane::Outcome;
use super::limit::Gate;
use super::{Attempt, CallError, Trouble};
use chrono::Utc;
use futures::future::{Either, select};
use std::pin::pin;
use std::time::{Duration, Instant};

/// Makes a call, and the same again where it is not through after `after` and the gate has room to spare.
pub(super) async fn race<T, F>(after: Option<Duration>, gate: &Gate, call: impl Fn() -> F) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    let Some(after) = after else {
        return call().await;
    };
    let (mut started_at, mut clock) = (Utc::now(), Instant::now());
    let mut first = pin!(call());
    if let Ok(done) = tokio::time::timeout(after, &mut first).await {
        return done;
    }
    let Some(_room) = gate.spare() else {
        return first.await;
    };
    let again = (Utc::now(), Instant::now());
    let second = pin!(call());
    let ((outcome, attempts), slower) = match select(first, second).await {
        Either::Left((done, slower)) => {
            (started_at, clock) = again;
            (done, slower)
        }
        Either::Right((done, slower)) => (done, slower),
    };
    if matches!(
        outcome,
        Err(CallError::Transient { .. } | CallError::Unsent { .. })
    ) {
        let (other, more) = slower.await;
        return (other, [attempts, more].concat());
    }
    let given_up = Attempt {
        started_at,
        latency_ms: clock.elapsed().as_secs_f64() * 1e3,
        tokens_in: None,
        tokens_out: None,
        error: Some(CallError::Transient {
            message: "given up: the same request, sent twice, was answered sooner".into(),
            retry_after_s: None,
            trouble: Trouble::Silent,
        }),
    };
    (outcome, [vec![given_up], attempts].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Halt;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    /// The first call hangs, the second answers.
    async fn slow_then_fast(calls: &AtomicU64) -> Outcome<u64> {
        let number = calls.fetch_add(1, SeqCst);
        if number == 0 {
            std::future::pending::<()>().await;
        }
        let attempt = Attempt {
            started_at: Utc::now(),
            latency_ms: 1.0,
            tokens_in: Some(1),
            tokens_out: Some(1),
            error: None,
        };
        (Ok(number), vec![attempt])
    }

    #[tokio::test]
    async fn the_faster_of_two_counts_and_both_are_kept() {
        let (gate, calls) = (Gate::new(2, Halt::default()), AtomicU64::new(0));
        let after = Some(Duration::from_millis(20));
        let race = race(after, &gate, || slow_then_fast(&calls));
        let (outcome, attempts) = gate.admit(race).await;
        assert_eq!(outcome, Ok(1));
        assert_eq!(attempts.len(), 2);
        assert!(attempts[0].latency_ms >= 20.0 && attempts[0].error.is_some() && attempts[1].error.is_none());
    }

    #[tokio::test]
    async fn nothing_is_sent_twice_unasked_or_without_room() {
        for (after, room) in [(None, 2), (Some(Duration::from_millis(5)), 1)] {
            let (gate, calls) = (Gate::new(room, Halt::default()), AtomicU64::new(0));
            let race = race(after, &gate, || slow_then_fast(&calls));
            let waited = tokio::time::timeout(Duration::from_millis(60), gate.admit(race)).await;
            assert!(waited.is_err());
            assert_eq!(calls.load(SeqCst), 1);
        }
    }
}
