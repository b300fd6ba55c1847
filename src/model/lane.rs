//! How something remote is asked: all that lies between a caller and one server, on one page.
//!
//! From the outside in: the breaker counts calls that failed for good; a call is tried again after a pause;
//! each attempt waits for room at the gate; a slow one may be sent twice; its worst case is reserved from
//! the budget; the pulse watches whether the server lives; and the deadline ends it. So neither a pause nor
//! a wait at the gate counts towards the deadline, every attempt is counted by the budget, and once the run
//! is stopping nothing is sent.
//!
//! Each of these wraps any call, so that models and painters share them. One lane a server and name in the
//! configuration: the parts that a model plays share its limits.

use super::breaker::{Breaker, BreakerOptions};
use super::halt::{Halt, Stop};
use super::hedge::race;
use super::limit::Gate;
use super::meter::{Asked, Meter, Prices};
use super::pulse::Pulse;
use super::retry::repeat;
use super::timeout::within;
use super::{Attempt, CallError, Model, ModelCard, Reply, Request, answer_one};
use crate::budget::Budget;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// What came of a call, and its attempts in order.
pub(crate) type Outcome<T> = (Result<T, CallError>, Vec<Attempt>);

/// How fast and how persistently something remote is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests on their way at the same time, at most; fewer while the server is overloaded.
    pub max_in_flight: usize,
    /// Longest wait for one reply.
    pub timeout: Duration,
    /// Attempts after the first.
    pub max_retries: u32,
    /// After so long without a reply the request is sent a second time; never if none.
    pub hedge_after: Option<Duration>,
}

/// Everything between a caller and one server.
pub struct Lane {
    pace: Pace,
    halt: Halt,
    gate: Gate,
    meter: Meter,
    pulse: Pulse,
    breaker: Breaker,
}

/// What the lanes of one run share.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// What may be spent.
    pub budget: Arc<Budget>,
    /// The brake.
    pub halt: Halt,
    /// When a server is given up.
    pub breaker: BreakerOptions,
}

impl Traffic {
    /// Stops the run when the budget's time is over; waits forever without such a limit.
    pub async fn out_of_time(&self) {
        match self.budget.time_left() {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
        self.halt.stop(Stop::Budget(self.budget.out_of_time()));
    }
}

impl Default for Traffic {
    /// Without a budget.
    fn default() -> Self {
        Self {
            budget: Budget::new(crate::budget::BudgetOptions::default()),
            halt: Halt::default(),
            breaker: BreakerOptions::default(),
        }
    }
}

impl Lane {
    /// A lane to the model of that name in the configuration, behind `url`.
    #[must_use]
    pub fn new(name: &str, url: &str, pace: Pace, prices: Prices, traffic: &Traffic) -> Self {
        let Traffic {
            budget,
            halt,
            breaker,
        } = traffic;
        Self {
            pace,
            halt: halt.clone(),
            gate: Gate::new(pace.max_in_flight, halt.clone()),
            meter: Meter::new(budget.clone(), halt.clone(), prices),
            pulse: Pulse::new(name, url, breaker, halt.clone()),
            breaker: Breaker::new(name, url, breaker, halt.clone()),
        }
    }

    /// Makes a call about `subject`, whose attempts `attempt` sends.
    pub(crate) async fn call<T, F>(&self, subject: &str, asked: Asked, attempt: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        let deadline = self.pace.timeout;
        // Boxed twice on the way: futures within futures double in size at each step.
        let paid = || {
            Box::pin(
                self.meter
                    .charge(asked, self.pulse.watch(within(deadline, attempt()))),
            )
        };
        let sent = || Box::pin(self.gate.admit(race(self.pace.hedge_after, &self.gate, paid)));
        let tried = repeat(self.pace.max_retries, &self.halt, subject, sent);
        self.breaker.watch(tried).await
    }
}

/// A remote model in its lane. A batch is taken apart, so a local model would lose its batching.
pub struct Paced {
    inner: Arc<dyn Model>,
    lane: Arc<Lane>,
    /// The longest answer in tokens, where the model does not go by the request's sampling.
    longest_answer: Option<usize>,
}

impl Paced {
    /// The model in that lane.
    pub fn new(inner: Arc<dyn Model>, lane: Arc<Lane>, longest_answer: Option<usize>) -> Self {
        Self {
            inner,
            lane,
            longest_answer,
        }
    }
}

#[async_trait::async_trait]
impl Model for Paced {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.iter().map(async |request| {
            let asked = Asked {
                text_byte: request.prompt.len() + request.system.as_ref().map_or(0, String::len),
                images: request.images.len(),
                tokens_out: self.longest_answer.unwrap_or(request.sampling.max_tokens),
            };
            let attempt = || async {
                let reply = answer_one(&*self.inner, request.clone()).await;
                (reply.outcome, reply.attempts)
            };
            let (outcome, attempts) = self.lane.call(&request.subject, asked, attempt).await;
            Reply { outcome, attempts }
        }))
        .await
    }
}

#[cfg(test)]
mod tests;
