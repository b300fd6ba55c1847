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
mod tests;
