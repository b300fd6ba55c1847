//! What a call may take and did take, held against the run's budget.
//!
//! The worst case: an answer of `max_tokens`, and for the input a token for every two bytes of text and as
//! many for an image as the dearest so far. Before a server has told what an image is, one call goes alone.

use super::halt::{Halt, Stop};
use super::lane::Outcome;
use super::{Attempt, CallError, Trouble, unsent};
use crate::budget::{Budget, Spend};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Mutex;

/// Tokens of an image, before a server told. Few models take more for one of 1536 pixels.
const IMAGE_TOKENS: u64 = 3_000;
/// Bytes of text that are one token at least.
const TOKEN_BYTE: u64 = 2;

/// What a call is expected to take at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Prompt and instructions.
    pub(crate) text_byte: usize,
    /// Images that are sent along.
    pub(crate) images: usize,
    /// The longest answer.
    pub(crate) tokens_out: usize,
}

/// US dollars for a million tokens in and out, where known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prices {
    /// Of the input.
    pub input_usd_per_mtok: Option<f64>,
    /// Of the answer.
    pub output_usd_per_mtok: Option<f64>,
}

impl Prices {
    fn usd(&self, tokens_in: u64, tokens_out: u64) -> f64 {
        let price = |price: Option<f64>, tokens: u64| price.unwrap_or(0.0) * tokens as f64 / 1e6;
        price(self.input_usd_per_mtok, tokens_in) + price(self.output_usd_per_mtok, tokens_out)
    }
}

/// The meter of one lane.
pub(super) struct Meter {
    budget: Arc<Budget>,
    halt: Halt,
    prices: Prices,
    /// The most that an image took so far; 0 before the first reply.
    image_tokens: AtomicU64,
    alone: Mutex<()>,
}

impl Meter {
    pub(super) fn new(budget: Arc<Budget>, halt: Halt, prices: Prices) -> Self {
        Self {
            budget,
            halt,
            prices,
            image_tokens: AtomicU64::new(0),
            alone: Mutex::new(()),
        }
    }

    /// Makes a call if the budget has room for its worst case; if not, the run stops.
    pub(super) async fn charge<T>(&self, asked: Asked, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let metered = self.budget.limits().is_metered();
        let _alone = if metered && self.image_tokens.load(Relaxed) == 0 {
            let turn = self.alone.lock().await;
            // Whoever was alone before may have learned it.
            (self.image_tokens.load(Relaxed) == 0).then_some(turn)
        } else {
            None
        };
        if self.halt.is_set() {
            return (Err(unsent(&self.halt)), Vec::new());
        }
        let worst = self.worst(asked);
        let room = match self.budget.reserve(worst).await {
            Ok(room) => room,
            Err(why) => {
                self.halt.stop(Stop::Budget(why));
                return (Err(unsent(&self.halt)), Vec::new());
            }
        };
        let (outcome, attempts) = call.await;
        if attempts.is_empty() {
            room.settle(Spend::default());
        } else {
            room.settle(self.actual(asked, worst, &attempts));
        }
        (outcome, attempts)
    }

    fn worst(&self, asked: Asked) -> Spend {
        let known = self.image_tokens.load(Relaxed);
        let image = if known == 0 { IMAGE_TOKENS } else { known };
        let tokens_in = asked.text_byte as u64 / TOKEN_BYTE + 64 + image * asked.images as u64;
        let tokens_out = asked.tokens_out as u64;
        Spend {
            requests: 1,
            tokens: tokens_in + tokens_out,
            usd: self.prices.usd(tokens_in, tokens_out),
        }
    }

    /// What the attempts of one call took: as the server says; the worst case where it answered or may have
    /// without saying; nothing where it refused.
    fn actual(&self, asked: Asked, worst: Spend, attempts: &[Attempt]) -> Spend {
        let mut actual = Spend::default();
        for attempt in attempts {
            actual.requests += 1;
            let count = |tokens: Option<i64>| tokens.map(|tokens| tokens.max(0) as u64);
            let (tokens_in, tokens_out) = (count(attempt.tokens_in), count(attempt.tokens_out));
            let silent = matches!(
                attempt.error,
                None | Some(CallError::Transient {
                    trouble: Trouble::Silent,
                    ..
                })
            );
            if let (Some(tokens_in), Some(tokens_out)) = (tokens_in, tokens_out) {
                actual.tokens += tokens_in + tokens_out;
                actual.usd += self.prices.usd(tokens_in, tokens_out);
                self.learn(tokens_in, asked);
            } else if silent {
                actual.tokens += worst.tokens;
                actual.usd += worst.usd;
                if attempt.error.is_none() {
                    self.learn(IMAGE_TOKENS, asked);
                }
            }
        }
        actual
    }

    fn learn(&self, tokens_in: u64, asked: Asked) {
        let image = tokens_in.div_ceil(asked.images.max(1) as u64).max(1);
        self.image_tokens.fetch_max(image, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BudgetOptions;
    use chrono::Utc;
    use std::sync::atomic::AtomicUsize;

    const ASKED: Asked = Asked {
        text_byte: 40,
        images: 1,
        tokens_out: 50,
    };

    fn attempt(tokens: Option<(i64, i64)>, error: Option<CallError>) -> Attempt {
        Attempt {
            started_at: Utc::now(),
            latency_ms: 1.0,
            tokens_in: tokens.map(|(tokens_in, _)| tokens_in),
            tokens_out: tokens.map(|(_, tokens_out)| tokens_out),
            error,
        }
    }

    fn meter(limits: BudgetOptions) -> Meter {
        let prices = Prices {
            input_usd_per_mtok: Some(1.0),
            output_usd_per_mtok: Some(2.0),
        };
        Meter::new(Budget::new(limits), Halt::default(), prices)
    }

    fn trouble(trouble: Trouble) -> CallError {
        CallError::Transient {
            message: "no".into(),
            retry_after_s: None,
            trouble,
        }
    }

    #[tokio::test]
    async fn answers_count_as_told_and_what_may_be_billed_as_the_worst() {
        let meter = meter(BudgetOptions::default());
        let charge = async |attempt: Attempt| {
            let before = meter.budget.spent();
            meter
                .charge(ASKED, async { (Ok(()), vec![attempt]) })
                .await
                .0
                .unwrap();
            let after = meter.budget.spent();
            (after.requests - before.requests, after.tokens - before.tokens)
        };
        let worst = meter.worst(ASKED);
        assert_eq!(charge(attempt(None, Some(trouble(Trouble::Busy)))).await, (1, 0));
        assert_eq!(
            charge(attempt(None, Some(trouble(Trouble::Silent)))).await,
            (1, worst.tokens)
        );
        assert_eq!(charge(attempt(None, None)).await, (1, worst.tokens));
        assert_eq!(charge(attempt(Some((300, 7)), None)).await, (1, 307));
        let usd = (2.0 * worst.usd) + (300.0 + 2.0 * 7.0) / 1e6;
        assert!((meter.budget.spent().usd - usd).abs() < 1e-12);
    }

    #[tokio::test]
    async fn the_first_call_goes_alone_and_tells_what_an_image_is() {
        let meter = meter(BudgetOptions {
            tokens: Some(20_000),
            ..BudgetOptions::default()
        });
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let calls = (0..8).map(|number| {
            let (inside, most) = (&inside, &most);
            meter.charge(ASKED, async move {
                let now = inside.fetch_add(1, Relaxed) + 1;
                if number > 0 {
                    most.fetch_max(now, Relaxed);
                } else {
                    assert_eq!(now, 1);
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                inside.fetch_sub(1, Relaxed);
                (Ok(()), vec![attempt(Some((1_000, 10)), None)])
            })
        });
        let outcomes = futures::future::join_all(calls).await;
        assert!(outcomes.iter().all(|(outcome, _)| outcome.is_ok()));
        assert_eq!(most.load(Relaxed), 7);
        assert_eq!(meter.worst(ASKED).tokens, 20 + 64 + 1_000 + 50);
    }

    #[tokio::test]
    async fn a_used_up_budget_stops_the_run() {
        let meter = meter(BudgetOptions {
            requests: Some(2),
            ..BudgetOptions::default()
        });
        for _ in 0..2 {
            let done = meter
                .charge(ASKED, async { (Ok(()), vec![attempt(Some((1, 1)), None)]) })
                .await;
            assert_eq!(done.0, Ok(()));
        }
        let (outcome, attempts) = meter.charge(ASKED, std::future::pending::<Outcome<()>>()).await;
        assert!(matches!(outcome, Err(CallError::Unsent { .. })) && attempts.is_empty());
        assert!(matches!(meter.halt.reason(), Some(Stop::Budget(why)) if why.contains("2 requests")));
    }
}
