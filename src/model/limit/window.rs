//! How many requests may be on their way: additive increase, multiplicative decrease.

use std::time::Duration;
use tokio::time::Instant;

/// What is left of the window when the server is overloaded.
const DECREASE: f64 = 0.7;
/// Latency holds as long as it is at most this many times the best.
const BEARABLE: f64 = 2.0;

/// The window, in requests.
#[derive(Debug)]
pub(super) struct Window {
    width: f64,
    most: f64,
    /// Latency in seconds, smoothed over the last ten replies or so; 0 before the first.
    latency_s: f64,
    /// The lowest smoothed latency, slowly forgotten.
    best_s: f64,
    /// Complaints about what was sent before this moment do not count again.
    narrowed: Option<Instant>,
}

impl Window {
    /// Wide open.
    pub(super) fn new(most: usize) -> Self {
        Self {
            width: most as f64,
            most: most as f64,
            latency_s: 0.0,
            best_s: f64::INFINITY,
            narrowed: None,
        }
    }

    /// Whole requests.
    pub(super) fn width(&self) -> usize {
        self.width as usize
    }

    /// The server is overloaded: once a round trip, for all that was sent together fails together.
    pub(super) fn narrow(&mut self, now: Instant) {
        let round_trip = Duration::from_secs_f64(self.latency_s.clamp(0.01, 10.0));
        if self
            .narrowed
            .is_none_or(|last| now.duration_since(last) >= round_trip)
        {
            self.width = (self.width * DECREASE).max(1.0);
            self.narrowed = Some(now);
        }
    }

    /// A reply came: one more request for each window of replies, as long as latency holds.
    pub(super) fn widen(&mut self, latency: Duration) {
        let latency_s = latency.as_secs_f64();
        self.latency_s = if self.latency_s == 0.0 {
            latency_s
        } else {
            0.9 * self.latency_s + 0.1 * latency_s
        };
        self.best_s = (self.best_s * 1.001).min(self.latency_s);
        if self.latency_s <= BEARABLE * self.best_s {
            self.width = (self.width + 1.0 / self.width).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(50);

    #[test]
    fn falls_by_a_share_and_grows_by_one() {
        let mut window = Window::new(64);
        window.widen(FAST);
        assert_eq!(window.width(), 64, "never more than allowed");
        let now = Instant::now();
        for _ in 0..40 {
            window.narrow(now);
        }
        assert_eq!(window.width(), 44, "one round trip, one decrease");
        for _ in 0..44 {
            window.widen(FAST);
        }
        assert_eq!(window.width(), 45);
        for later in 1..40 {
            window.narrow(now + FAST * 2 * later);
        }
        assert_eq!(window.width(), 1, "never closed");
    }

    #[test]
    fn does_not_grow_while_latency_does() {
        let mut window = Window::new(64);
        window.widen(FAST);
        window.narrow(Instant::now());
        let narrow = window.width();
        for _ in 0..500 {
            window.widen(FAST * 4);
        }
        assert!(window.width() <= narrow + 1, "{}", window.width());
        for _ in 0..4_000 {
            window.widen(FAST);
        }
        assert_eq!(window.width(), 64);
    }
}
