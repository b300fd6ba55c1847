//! How many requests may start in a second, learned from 429s.
//!
//! A server that takes 200 requests a second refuses the rest at once, so that a window of requests in
//! flight cannot find its rate: refused ones free their places immediately. What it took in the last
//! moment is known, though: what was sent less what was refused. The rate is doubled until the server
//! refuses, then goes up in small steps, and stays just below its limit, for each that is refused waits as long
//! as the server wishes; after a while without refusals it grows again.

use std::time::Duration;
use tokio::time::Instant;

/// The rate is set anew at most this often …
const MOMENT: Duration = Duration::from_millis(250);
/// … and, once the limit is found, from no fewer requests than these unless [`LONGEST_MOMENT`] is over.
const ENOUGH: u32 = 8;
const LONGEST_MOMENT: Duration = Duration::from_secs(2);
/// Refusals up to this share, and two, are tolerated: a server that counts by the millisecond refuses some at any rate.
const TOLERATED: f64 = 0.05;
/// A moment tells about the server only if at least this share of the rate was sent.
const TRIED: f64 = 0.8;
/// The share of what the server took that is asked from then on.
const BELOW: f64 = 0.97;
/// So near is near enough to the least that was too much …
const NEAR: f64 = 1.2;
/// … and no step towards it is larger than this.
const STEP: f64 = 1.15;
/// After a while without refusals each moment raises the rate.
const INCREASE: f64 = 1.01;
const PAUSE: Duration = Duration::from_secs(5);
/// The least that is tried first, in requests a second.
const FIRST: f64 = 64.0;
/// Never slower, in requests a second.
const SLOWEST: f64 = 0.2;
/// What a timer may be late is made up for, up to this.
const CATCH_UP: Duration = Duration::from_millis(4);

/// The rate.
#[derive(Debug)]
pub(super) struct Rate {
    /// Requests a second; none before the first refusal.
    per_s: Option<f64>,
    /// Whether the server's limit was found: between the best rate that it took and the least that was
    /// too much.
    found: bool,
    good: f64,
    bad: f64,
    /// When the next request may start.
    next: Instant,
    /// The last moment with refusals.
    complaint: Instant,
    /// How long the last refusal took; a moment is long enough to see its own.
    lag: Duration,
    /// The moment that is under way: its beginning, and what was sent and refused of it.
    since: Instant,
    sent: u32,
    refused: u32,
}

impl Rate {
    /// Without a limit.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            per_s: None,
            found: false,
            good: 0.0,
            bad: f64::INFINITY,
            next: now,
            complaint: now,
            lag: Duration::ZERO,
            since: now,
            sent: 0,
            refused: 0,
        }
    }

    /// Whether the server ever refused.
    pub(super) fn is_learned(&self) -> bool {
        self.per_s.is_some()
    }

    /// The moment to wait for; none when a request may start now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        (self.per_s.is_some() && self.next > now).then_some(self.next)
    }

    /// A request starts.
    pub(super) fn sent(&mut self, now: Instant) {
        self.close(now);
        self.sent += 1;
        if let Some(per_s) = self.per_s {
            let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
            self.next = self.next.max(earliest) + Duration::from_secs_f64(1.0 / per_s);
        }
    }

    /// The server refused what was sent at a time.
    pub(super) fn refused(&mut self, sent: Instant, now: Instant) {
        self.complaint = now;
        self.lag = now.duration_since(sent);
        if self.per_s.is_none() {
            // A first guess; what was sent without pacing says no more.
            self.per_s = Some((f64::from(self.sent) / MOMENT.as_secs_f64()).max(FIRST));
            (self.next, self.since, self.sent) = (now, now, 0);
        } else if sent >= self.since {
            self.refused += 1;
            self.close(now);
        }
    }

    /// Ends a moment when it was long enough, and draws the conclusion.
    fn close(&mut self, now: Instant) {
        let length = now.duration_since(self.since);
        let few = self.found && self.sent < ENOUGH;
        if length < MOMENT.max(3 * self.lag) || (few && length < LONGEST_MOMENT) {
            return;
        }
        if let Some(per_s) = self.per_s {
            self.per_s = Some(
                self.next_rate(per_s, length.as_secs_f64(), now)
                    .clamp(SLOWEST, 1e6),
            );
        }
        (self.since, self.sent, self.refused) = (now, 0, 0);
    }

    /// The rate after a moment of `length_s` at `per_s`: doubled until the server refuses, then halfway
    /// between the best that it took and the least that was too much, and gently on from there.
    fn next_rate(&mut self, per_s: f64, length_s: f64, now: Instant) -> f64 {
        let (sent, refused) = (f64::from(self.sent), f64::from(self.refused));
        let was_tried = sent >= TRIED * per_s * length_s;
        if refused > 2.0 + TOLERATED * sent {
            if !was_tried {
                return per_s * 0.9;
            }
            self.found = true;
            let taken = (sent - refused) / length_s;
            // A strict server takes half of what comes a little too fast.
            self.bad = per_s.min(2.0 * taken);
            if self.good == 0.0 || self.good > 0.98 * per_s {
                self.good = taken * BELOW;
            }
            return self.good.max(per_s / 8.0);
        }
        if self.refused > 0 || !was_tried {
            return per_s;
        }
        self.good = per_s;
        if !self.found {
            per_s * 2.0
        } else if self.bad > NEAR * per_s {
            f64::midpoint(per_s, self.bad).min(STEP * per_s)
        } else if now.duration_since(self.complaint) > PAUSE {
            per_s * INCREASE
        } else {
            per_s
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's bucket, and a caller with as much to ask as it may: requests taken and refused in
    /// `seconds`, with a reply after `latency`.
    fn simulate(per_s: f64, capacity: f64, seconds: u64) -> (f64, f64) {
        let start = Instant::now();
        let step = Duration::from_micros(500);
        let mut rate = Rate::new(start);
        let (mut tokens, mut now) = (capacity, start);
        let (mut taken, mut refused) = (0.0, 0.0);
        while now < start + Duration::from_secs(seconds) {
            // Up to 64 in flight with a reply after 10 ms: 3 in a step.
            for _ in 0..3 {
                if rate.next(now).is_none() {
                    rate.sent(now);
                    if tokens >= 1.0 - 1e-9 {
                        tokens -= 1.0;
                        taken += 1.0;
                    } else {
                        rate.refused(now, now);
                        refused += 1.0;
                    }
                }
            }
            tokens = (tokens + per_s * step.as_secs_f64()).min(capacity);
            now += step;
        }
        (taken, refused)
    }

    #[test]
    fn a_bucket_is_used_up_and_hardly_more_is_asked() {
        for (per_s, capacity, least) in [
            (200.0, 1.0, 0.9),
            (200.0, 200.0, 0.95),
            (50.0, 5.0, 0.95),
            (1_000.0, 10.0, 0.95),
            (10.0, 1.0, 0.8),
        ] {
            let (taken, refused) = simulate(per_s, capacity, 20);
            let (used, share) = (taken / (20.0 * per_s), refused / (taken + refused));
            assert!(
                used >= least && share < 0.15,
                "{per_s}/s of {capacity}: {used:.3} used, {share:.3} refused"
            );
        }
    }

    #[test]
    fn a_server_that_never_refuses_is_not_slowed() {
        let (taken, refused) = simulate(1e9, 1e9, 2);
        assert_eq!((taken, refused), (12_000.0, 0.0));
    }
}
