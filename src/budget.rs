//! What a run may spend, and the ledger that holds it to that.
//!
//! In: limits, what earlier sittings of the run spent, and the worst case of each call before it is sent.
//! Out: a reservation, settled when the reply is there, or the limit that stands in the way. A reservation
//! that nobody settles keeps its worst case: the call was sent and may be billed.
//!
//! Left out: local and mock models, which cost nothing that is counted here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Requests of a run whose configuration says nothing about a budget.
pub const DEFAULT_REQUESTS: u64 = 1_000;

/// What a run may spend on remote models in all its sittings; what is left out has no limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetOptions {
    /// Attempts to call a model or painter, failed ones and repeats included.
    pub requests: Option<u64>,
    /// Tokens in and out together.
    pub tokens: Option<u64>,
    /// US dollars, by the prices of the models.
    pub usd: Option<f64>,
    /// Hours in which calls are made.
    pub hours: Option<f64>,
}

impl BudgetOptions {
    /// The limits of a run with remote models and without a section `[budget]`.
    #[must_use]
    pub fn unsaid() -> Self {
        Self {
            requests: Some(DEFAULT_REQUESTS),
            ..Self::default()
        }
    }

    /// What is wrong with these limits, one line a problem.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, count) in [("requests", self.requests), ("tokens", self.tokens)] {
            if count == Some(0) {
                problems.push(format!(
                    "{name} is 0: nothing could be asked; leave it out for no limit"
                ));
            }
        }
        for (name, amount) in [("usd", self.usd), ("hours", self.hours)] {
            if amount.is_some_and(|amount| !amount.is_finite() || amount <= 0.0) {
                problems.push(format!("{name} must be above 0; leave it out for no limit"));
            }
        }
        problems
    }

    /// Whether tokens or money are limited, so that the worst case of a call matters.
    #[must_use]
    pub const fn is_metered(&self) -> bool {
        self.tokens.is_some() || self.usd.is_some()
    }
}

/// What calls took, or may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spend {
    /// Attempts.
    pub requests: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// US dollars; 0 where no price is known, for a limit in dollars wants prices.
    pub usd: f64,
}

impl Spend {
    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.tokens += more.tokens;
        self.usd += more.usd;
    }

    fn subtract(&mut self, less: Self) {
        self.requests -= less.requests;
        self.tokens -= less.tokens;
        self.usd = (self.usd - less.usd).max(0.0);
    }
}

/// The ledger of a run, shared by everything that calls somebody.
#[derive(Debug)]
pub struct Budget {
    limits: BudgetOptions,
    ledger: Mutex<Ledger>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Ledger {
    spent: Spend,
    /// The worst case of what is under way.
    reserved: Spend,
    /// Time used in earlier sittings.
    used: Duration,
}

impl Budget {
    /// A ledger in which nothing is spent yet.
    #[must_use]
    pub fn new(limits: BudgetOptions) -> Arc<Self> {
        Arc::new(Self {
            limits,
            ledger: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &BudgetOptions {
        &self.limits
    }

    /// Counts what earlier sittings of the run spent, and for how long.
    pub fn resume(&self, earlier: Spend, used: Duration) {
        let mut ledger = self.ledger();
        ledger.spent.add(earlier);
        ledger.used += used;
    }

    /// What is spent so far, what is under way not included.
    #[must_use]
    pub fn spent(&self) -> Spend {
        self.ledger().spent
    }

    /// The time that is left for this sitting; none without a limit.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let limit = Duration::try_from_secs_f64(self.limits.hours? * 3_600.0).unwrap_or(Duration::MAX);
        Some(limit.saturating_sub(self.ledger().used))
    }

    /// In words: why the time is over.
    #[must_use]
    pub fn out_of_time(&self) -> String {
        used_up(
            &format!("{} hours", self.limits.hours.unwrap_or_default()),
            "hours",
        )
    }

    /// Reserves the worst case of a call. Waits while only what is under way stands in the way: it may turn
    /// out cheaper.
    ///
    /// # Errors
    /// In words, which limit the call does not fit into any more and how to go on.
    pub async fn reserve(self: &Arc<Self>, worst: Spend) -> Result<Reservation, String> {
        loop {
            let freed = self.freed.notified();
            match self.try_reserve(worst) {
                Ok(true) => {
                    return Ok(Reservation {
                        budget: self.clone(),
                        worst: Some(worst),
                    });
                }
                Ok(false) => freed.await,
                Err(message) => return Err(message),
            }
        }
    }

    /// Whether there was room; an error when there will be none.
    fn try_reserve(&self, worst: Spend) -> Result<bool, String> {
        let mut ledger = self.ledger();
        let (spent, limits) = (ledger.spent, &self.limits);
        let over = |spend: &Spend| {
            let over = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count > limit);
            if over(limits.requests, spend.requests) {
                Some(("requests", limits.requests.unwrap_or_default().to_string()))
            } else if over(limits.tokens, spend.tokens) {
                Some(("tokens", limits.tokens.unwrap_or_default().to_string()))
            } else if limits.usd.is_some_and(|limit| spend.usd > limit) {
                Some(("usd", limits.usd.unwrap_or_default().to_string()))
            } else {
                None
            }
        };
        let mut alone = spent;
        alone.add(worst);
        if let Some((name, limit)) = over(&alone) {
            let rest = match name {
                "requests" => String::new(),
                "tokens" => format!(
                    " ({} are used, and the next call may take {})",
                    spent.tokens, worst.tokens
                ),
                _ => format!(
                    " ({:.4} are used, and the next call may cost {:.4})",
                    spent.usd, worst.usd
                ),
            };
            return Err(used_up(&format!("{limit} {name}{rest}"), name));
        }
        alone.add(ledger.reserved);
        if over(&alone).is_some() {
            return Ok(false);
        }
        ledger.reserved.add(worst);
        Ok(true)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Sums are whole whoever panicked.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn used_up(limit: &str, name: &str) -> String {
    format!("the budget of {limit} is used up: raise `{name}` in the section [budget] and run it again")
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (spent, limits) = (self.spent(), &self.limits);
        let of = |limit: Option<String>| limit.map_or_else(String::new, |limit| format!(" of {limit}"));
        write!(
            f,
            "{}{} requests, {}{} tokens",
            spent.requests,
            of(limits.requests.map(|limit| limit.to_string())),
            spent.tokens,
            of(limits.tokens.map(|limit| limit.to_string())),
        )?;
        if let Some(limit) = limits.usd {
            write!(f, ", {:.4} of {limit} USD", spent.usd)?;
        }
        if let Some(limit) = limits.hours {
            write!(f, ", at most {limit} hours")?;
        }
        Ok(())
    }
}

/// Room in the budget for one call that is about to be sent.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    worst: Option<Spend>,
}

impl Reservation {
    /// Replaces the worst case by what the call took.
    pub fn settle(mut self, actual: Spend) {
        self.close(actual);
    }

    fn close(&mut self, actual: Spend) {
        if let Some(worst) = self.worst.take() {
            let mut ledger = self.budget.ledger();
            ledger.reserved.subtract(worst);
            ledger.spent.add(actual);
            drop(ledger);
            self.budget.freed.notify_waiters();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.close(self.worst.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tokens: u64, usd: f64) -> Spend {
        Spend {
            requests: 1,
            tokens,
            usd,
        }
    }

    #[tokio::test]
    async fn requests_are_counted_when_they_are_sent() {
        let budget = Budget::new(BudgetOptions {
            requests: Some(3),
            ..BudgetOptions::default()
        });
        budget.resume(call(0, 0.0), Duration::ZERO);
        let first = budget.reserve(call(9, 0.0)).await.unwrap();
        drop(budget.reserve(call(9, 0.0)).await.unwrap());
        first.settle(call(2, 0.0));
        let error = budget.reserve(call(0, 0.0)).await.unwrap_err();
        assert_eq!(
            error,
            "the budget of 3 requests is used up: raise `requests` in the section [budget] and run it again"
        );
        assert_eq!(
            budget.spent(),
            Spend {
                requests: 3,
                tokens: 11,
                usd: 0.0
            }
        );
    }

    #[tokio::test]
    async fn what_is_under_way_may_turn_out_cheaper() {
        let budget = Budget::new(BudgetOptions {
            tokens: Some(100),
            usd: Some(1.0),
            ..BudgetOptions::default()
        });
        let first = budget.reserve(call(80, 0.8)).await.unwrap();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move {
                budget
                    .reserve(call(80, 0.8))
                    .await
                    .map(|room| room.settle(call(80, 0.1)))
            }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.settle(call(10, 0.1));
        waiting.await.unwrap().unwrap();
        let error = budget.reserve(call(11, 0.0)).await.unwrap_err();
        assert!(
            error.contains("100 tokens (90 are used, and the next call may take 11)"),
            "{error}"
        );
        let error = budget.reserve(call(10, 0.81)).await.unwrap_err();
        assert!(error.contains("raise `usd`"), "{error}");
        assert_eq!(
            budget.to_string(),
            "2 requests, 90 of 100 tokens, 0.2000 of 1 USD"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_at_once_never_exceed_a_limit() {
        let budget = Budget::new(BudgetOptions {
            tokens: Some(1_000),
            ..BudgetOptions::default()
        });
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let budget = budget.clone();
            calls.spawn(async move {
                let room = budget.reserve(call(30, 0.0)).await?;
                tokio::task::yield_now().await;
                room.settle(call(20, 0.0));
                Ok::<_, String>(())
            });
        }
        let sent = calls.join_all().await.into_iter().flatten().count() as u64;
        assert_eq!(budget.spent(), call(20 * sent, 0.0).requests_set(sent));
        assert!(
            (48..=49).contains(&sent),
            "{sent}: the last one must fit with its worst case"
        );
    }

    impl Spend {
        fn requests_set(self, requests: u64) -> Self {
            Self { requests, ..self }
        }
    }

    #[test]
    fn earlier_sittings_use_up_time() {
        let budget = Budget::new(BudgetOptions {
            hours: Some(1.5),
            ..BudgetOptions::default()
        });
        budget.resume(Spend::default(), Duration::from_hours(1));
        assert_eq!(budget.time_left(), Some(Duration::from_mins(30)));
        budget.resume(Spend::default(), Duration::from_hours(1));
        assert_eq!(budget.time_left(), Some(Duration::ZERO));
        assert!(budget.out_of_time().contains("1.5 hours"));
        assert_eq!(Budget::new(BudgetOptions::default()).time_left(), None);
        let wrong = BudgetOptions {
            requests: Some(0),
            tokens: Some(0),
            usd: Some(-1.0),
            hours: Some(f64::NAN),
        };
        assert_eq!(wrong.validate().len(), 4);
        assert!(BudgetOptions::unsaid().validate().is_empty());
    }
}
