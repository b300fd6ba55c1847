//! Whether a server is alive. One that gives no sign of life for a while, though it is asked again and
//! again, is dead: the run stops instead of failing row by row.
//!
//! A sign of life is any reply but trouble; "too many requests" is one too, unless the server asks for
//! a wait that no run will sit out.

use super::breaker::BreakerOptions;
use super::halt::{Halt, Stop};
use super::lane::Outcome;
use super::{CallError, Trouble, retry};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Fewer failures in a row than these prove nothing.
const ENOUGH: u32 = 5;

/// The pulse of one server.
pub(super) struct Pulse {
    name: String,
    url: String,
    patience: Duration,
    halt: Halt,
    /// When the first of the failures in a row began, and how many there are.
    failing: Mutex<Option<(Instant, u32)>>,
}

impl Pulse {
    pub(super) fn new(name: &str, url: &str, options: &BreakerOptions, halt: Halt) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            patience: Duration::try_from_secs_f64(options.dead_after_s).unwrap_or(Duration::MAX),
            halt,
            failing: Mutex::new(None),
        }
    }

    /// Makes one attempt and draws its conclusion.
    pub(super) async fn watch<T>(&self, attempt: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let began = Instant::now();
        let (outcome, attempts) = attempt.await;
        let failure = match &outcome {
            Err(CallError::Transient {
                message,
                retry_after_s,
                trouble,
            }) => {
                let too_long = retry_after_s.is_some_and(|wait| wait > retry::LONGEST_WAIT.as_secs());
                (*trouble != Trouble::Busy || too_long).then_some((message, too_long))
            }
            _ => None,
        };
        self.note(began, failure);
        (outcome, attempts)
    }

    fn note(&self, began: Instant, failure: Option<(&String, bool)>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((message, too_long)) = failure else {
            *failing = None;
            return;
        };
        let (since, count) = failing.get_or_insert((began, 0));
        *count += 1;
        if *count >= ENOUGH && (too_long || since.elapsed() >= self.patience) {
            self.halt.stop(Stop::Model {
                model: self.name.clone(),
                problem: format!(
                    "{} gave no answer for {:.0} s, {count} requests in a row failed, the last one with: \
                     {message}; bring the server back and run it again",
                    self.url,
                    since.elapsed().as_secs_f64(),
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn feel(patience_s: f64, script: &[Result<(), CallError>]) -> Option<Stop> {
        let halt = Halt::default();
        let options = BreakerOptions {
            dead_after_s: patience_s,
            ..BreakerOptions::default()
        };
        let pulse = Pulse::new("small", "http://gpu-1/v1", &options, halt.clone());
        for outcome in script {
            let attempt = async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                (outcome.clone(), Vec::new())
            };
            let _ = pulse.watch(attempt).await;
        }
        halt.reason()
    }

    fn failure(trouble: Trouble, retry_after_s: Option<u64>) -> Result<(), CallError> {
        Err(CallError::Transient {
            message: "connection refused".into(),
            retry_after_s,
            trouble,
        })
    }

    #[tokio::test]
    async fn silence_for_long_enough_is_death() {
        let dead = failure(Trouble::Other, None);
        let stop = feel(0.04, &vec![dead.clone(); 6]).await.unwrap().to_string();
        for word in ["`small`", "http://gpu-1/v1", "connection refused", "run it again"] {
            assert!(stop.contains(word), "{stop}");
        }
        assert_eq!(feel(30.0, &vec![dead.clone(); 6]).await, None, "not long enough");
        assert_eq!(feel(0.0, &vec![dead.clone(); 4]).await, None, "not often enough");
        let revived = [vec![dead.clone(); 4], vec![Ok(())], vec![dead; 4]].concat();
        assert_eq!(feel(0.0, &revived).await, None);
        let refused = Err(CallError::Refused { message: "no".into() });
        assert_eq!(feel(0.0, &vec![refused; 9]).await, None, "a refusal is a reply");
    }

    #[tokio::test]
    async fn a_busy_server_lives_unless_it_asks_for_hours() {
        assert_eq!(feel(0.0, &vec![failure(Trouble::Busy, Some(1)); 20]).await, None);
        assert!(
            feel(30.0, &vec![failure(Trouble::Busy, Some(3_600)); 5])
                .await
                .is_some()
        );
    }
}
