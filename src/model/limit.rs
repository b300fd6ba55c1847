//! The gate to a server: so many requests at a time, and no faster than it takes them.
//!
//! Two things adapt. [`Window`]: how many requests may be on their way, fewer after 503 and timeouts, more
//! again while latency holds. [`Rate`]: how many may start in a second, learned once the server says 429.
//! A server that never complains gets all that the configuration allows from the first moment.

mod rate;
mod window;

use super::lane::Outcome;
use super::{CallError, Trouble, unsent};
use crate::model::Halt;
use rate::Rate;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};
use window::Window;

/// The gate.
pub(super) struct Gate {
    /// As many permits as the window is wide, those in use included.
    room: Semaphore,
    state: Mutex<State>,
    /// One at a time waits for its moment, first come, first served.
    turnstile: tokio::sync::Mutex<()>,
    halt: Halt,
}

struct State {
    window: Window,
    rate: Rate,
    /// Permits that exist.
    issued: usize,
}

/// Room for one request; without it the window narrows or widens.
struct Room<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Gate {
    /// Lets `max_in_flight` requests through at a time, at most.
    pub(super) fn new(max_in_flight: usize, halt: Halt) -> Self {
        let most = max_in_flight.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            room: Semaphore::new(most),
            state: Mutex::new(State {
                window: Window::new(most),
                rate: Rate::new(Instant::now()),
                issued: most,
            }),
            turnstile: tokio::sync::Mutex::new(()),
            halt,
        }
    }

    /// Makes a call when there is room for it.
    pub(super) async fn admit<T>(&self, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let room = tokio::select! {
            biased;
            room = self.enter() => room,
            () = self.halt.stopped() => return (Err(unsent(&self.halt)), Vec::new()),
        };
        let begun = Instant::now();
        let outcome = call.await;
        self.learn(&outcome.0, begun);
        drop(room);
        outcome
    }

    /// Room for one more request, only if it is there at once.
    pub(super) fn spare(&self) -> Option<impl Sized> {
        let permit = Some(self.room.try_acquire().ok()?);
        let paced = self.state().rate.next(Instant::now()).is_some();
        (!paced).then_some(Room { gate: self, permit })
    }

    async fn enter(&self) -> Room<'_> {
        let permit = self.room.acquire().await.expect("the gate is never closed");
        let room = Room {
            gate: self,
            permit: Some(permit),
        };
        if self.state().rate.is_learned() {
            let _turn = self.turnstile.lock().await;
            loop {
                // Asked again after each sleep: the rate may have changed meanwhile.
                let next = self.state().rate.next(Instant::now());
                match next {
                    Some(moment) => {
                        sleep_until(moment.min(Instant::now() + Duration::from_millis(100))).await;
                    }
                    None => break,
                }
            }
            self.state().rate.sent(Instant::now());
        } else {
            self.state().rate.sent(Instant::now());
        }
        room
    }

    fn learn<T>(&self, outcome: &Result<T, CallError>, begun: Instant) {
        let now = Instant::now();
        let mut state = self.state();
        match outcome {
            Err(CallError::Transient {
                trouble: Trouble::Busy,
                ..
            }) => state.rate.refused(begun, now),
            Err(CallError::Transient {
                trouble: Trouble::Overloaded | Trouble::Silent,
                ..
            }) => {
                state.window.narrow(now);
            }
            Ok(_) => state.window.widen(now.duration_since(begun)),
            Err(_) => {}
        }
        let more = state.window.width().saturating_sub(state.issued);
        state.issued += more;
        self.room.add_permits(more);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers that steer, none of them an invariant.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if state.issued > state.window.width()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.issued -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[derive(Default)]
    struct Server {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Server {
        /// Answers after 5 ms, or says 503 where more than `bearable` requests are under way.
        async fn serve(&self, bearable: usize) -> Outcome<()> {
            let now = self.now.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(now, SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.now.fetch_sub(1, SeqCst);
            let overloaded = CallError::Transient {
                message: "overloaded".into(),
                retry_after_s: None,
                trouble: Trouble::Overloaded,
            };
            (if now > bearable { Err(overloaded) } else { Ok(()) }, Vec::new())
        }
    }

    #[tokio::test]
    async fn no_more_than_allowed_and_all_of_it() {
        let (server, gate) = (Server::default(), Gate::new(3, Halt::default()));
        let calls = join_all((0..12).map(|_| gate.admit(server.serve(99)))).await;
        assert!(calls.iter().all(|(outcome, _)| outcome.is_ok()));
        assert_eq!(server.most.load(SeqCst), 3);
        let (_first, _second, _third) = (
            gate.spare().unwrap(),
            gate.spare().unwrap(),
            gate.spare().unwrap(),
        );
        assert!(gate.spare().is_none());
    }

    #[tokio::test]
    async fn an_overloaded_server_is_asked_less_at_a_time() {
        let (server, gate) = (Server::default(), Gate::new(64, Halt::default()));
        join_all((0..400).map(|_| gate.admit(server.serve(8)))).await;
        assert_eq!(server.most.load(SeqCst), 64);
        server.most.store(0, SeqCst);
        let failed = join_all((0..400).map(|_| gate.admit(server.serve(8)))).await;
        let failed = failed.iter().filter(|(outcome, _)| outcome.is_err()).count();
        assert!(server.most.load(SeqCst) <= 16, "{}", server.most.load(SeqCst));
        assert!(failed < 80, "{failed} of 400 above what it bears");
    }

    #[tokio::test]
    async fn nobody_waits_once_the_run_is_stopping() {
        let halt = Halt::default();
        let gate = Gate::new(1, halt.clone());
        let (_, second) = tokio::join!(
            gate.admit(async {
                halt.stop(crate::model::Stop::Budget("used up".into()));
                tokio::time::sleep(Duration::from_millis(20)).await;
                (Ok(()), Vec::new())
            }),
            gate.admit(std::future::pending::<Outcome<()>>()),
        );
        assert_eq!(second.0.unwrap_err().to_string(), "not sent: used up");
    }
}
