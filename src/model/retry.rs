//! Another try where one is worth it: exponential backoff with jitter, and the server's own wish first.
//!
//! Only [`CallError::Transient`] is tried again. A server that asks for a longer wait than
//! [`LONGEST_WAIT`] gets none: the row stays open and a later run asks again.

use super::halt::Halt;
use super::lane::Outcome;
use super::{CallError, Trouble, unsent};
use crate::row;
use std::time::Duration;

/// The first wait, before jitter.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two attempts.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Repeats a call until it succeeds, fails for good, has used up its retries or the run is stopping.
pub(super) async fn repeat<T, F>(
    max_retries: u32,
    halt: &Halt,
    subject: &str,
    call: impl Fn() -> F,
) -> Outcome<T>
where
    F: Future<Output = Outcome<T>>,
{
    let mut attempts = Vec::new();
    let mut retry = 0;
    loop {
        let (outcome, mut these) = call().await;
        attempts.append(&mut these);
        let Err(CallError::Transient {
            retry_after_s,
            trouble,
            ..
        }) = &outcome
        else {
            return (outcome, attempts);
        };
        let pause = wait(retry, *trouble, *retry_after_s, subject);
        let Some(pause) = pause.filter(|_| retry < max_retries) else {
            return (outcome, attempts);
        };
        retry += 1;
        tracing::info!(
            subject,
            retry,
            pause_ms = pause.as_millis() as u64,
            "a call failed for now and is made again"
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = halt.stopped() => return (Err(unsent(halt)), attempts),
        }
    }
}

/// The pause before a retry, or none where the server asks for too long a one.
///
/// The jitter (half to all of the backoff) comes from the subject: requests that fail together come
/// back apart, and nothing here needs a source of randomness.
fn wait(retry: u32, trouble: Trouble, retry_after_s: Option<u64>, subject: &str) -> Option<Duration> {
    let spread = row::id([subject.as_bytes(), &retry.to_le_bytes()]);
    let fraction = u32::from_str_radix(&spread[..8], 16).map_or(0.5, |bits| f64::from(bits) / 2f64.powi(32));
    // A busy server is spared by the gate, which knows its rate.
    let first = if trouble == Trouble::Busy {
        FIRST_WAIT / 4
    } else {
        FIRST_WAIT
    };
    let backoff = first
        .saturating_mul(1 << retry.min(10))
        .min(LONGEST_WAIT)
        .mul_f64(0.5 + fraction / 2.0);
    match retry_after_s.map(Duration::from_secs) {
        Some(asked) if asked > LONGEST_WAIT => None,
        // A little later than asked for, and not everybody at once.
        Some(asked) => Some(asked + first.mul_f64(fraction / 2.0)),
        None => Some(backoff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attempt, Stop};
    use std::cell::Cell;

    fn transient(retry_after_s: Option<u64>) -> CallError {
        CallError::Transient {
            message: "busy".into(),
            retry_after_s,
            trouble: Trouble::Busy,
        }
    }

    /// Fails so many times before it answers.
    async fn flaky(failures: u32, error: CallError, max_retries: u32, halt: &Halt) -> Outcome<()> {
        let left = Cell::new(failures);
        repeat(max_retries, halt, "a", || async {
            let error = (left.get() > 0).then(|| error.clone());
            left.set(left.get().saturating_sub(1));
            let attempt = Attempt {
                started_at: chrono::Utc::now(),
                latency_ms: 0.0,
                tokens_in: None,
                tokens_out: None,
                error: error.clone(),
            };
            (error.map_or(Ok(()), Err), vec![attempt])
        })
        .await
    }

    #[tokio::test]
    async fn transient_errors_are_tried_again_and_every_attempt_is_kept() {
        let (outcome, attempts) = flaky(2, transient(Some(0)), 3, &Halt::default()).await;
        assert_eq!(outcome, Ok(()));
        let failed: Vec<bool> = attempts.iter().map(|attempt| attempt.error.is_some()).collect();
        assert_eq!(failed, [true, true, false]);
    }

    #[tokio::test]
    async fn retries_end() {
        let (outcome, attempts) = flaky(9, transient(Some(0)), 2, &Halt::default()).await;
        assert_eq!((outcome, attempts.len()), (Err(transient(Some(0))), 3));
    }

    #[tokio::test]
    async fn refusals_and_too_long_waits_are_final() {
        let refused = CallError::Refused { message: "no".into() };
        for error in [refused, transient(Some(3_600))] {
            let (outcome, attempts) = flaky(9, error.clone(), 5, &Halt::default()).await;
            assert_eq!((outcome, attempts.len()), (Err(error), 1));
        }
    }

    #[tokio::test]
    async fn nobody_waits_once_the_run_is_stopping() {
        let halt = Halt::default();
        halt.stop(Stop::Budget("used up".into()));
        let (outcome, attempts) = flaky(9, transient(Some(50)), 5, &halt).await;
        assert_eq!(outcome.unwrap_err().to_string(), "not sent: used up");
        assert_eq!(attempts.len(), 1, "what was sent is told");
    }

    #[test]
    fn waits_grow_stay_bounded_and_differ_between_subjects() {
        let wait = |retry, after, subject| wait(retry, Trouble::Other, after, subject);
        let waits: Vec<Duration> = (0..12).filter_map(|retry| wait(retry, None, "a")).collect();
        assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT);
        assert!(waits[4] > waits[0]);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT));
        assert_ne!(wait(0, None, "a"), wait(0, None, "b"));
        let asked = wait(0, Some(7), "a").unwrap();
        assert!(asked >= Duration::from_secs(7) && asked < Duration::from_secs(8));
        assert!(super::wait(0, Trouble::Busy, None, "a").unwrap() <= FIRST_WAIT / 4);
    }
}
