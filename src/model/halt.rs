//! Why a run stops before everything is done: whoever notices says so, everybody else sees it. The first
//! reason counts. Calls that are under way come to their end, no new ones are sent.

use tokio::sync::watch;

/// What stopped a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The budget is used up; in words, with the way to go on.
    Budget(String),
    /// Only so many images were wanted.
    Preview(usize),
    /// A model cannot be asked any more.
    Model {
        /// The model's name in the configuration.
        model: String,
        /// What happened, and what to do.
        problem: String,
    },
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Budget(why) => f.write_str(why),
            Self::Preview(images) => write!(f, "a preview of {images} images"),
            Self::Model { model, problem } => write!(f, "model `{model}`: {problem}"),
        }
    }
}

/// The brake of one run; clones are the same brake.
#[derive(Debug, Clone, Default)]
pub struct Halt(watch::Sender<Option<Stop>>);

impl Halt {
    /// Stops the run, unless it is stopped already.
    pub fn stop(&self, stop: Stop) {
        self.0.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(stop);
            first
        });
    }

    /// Why the run is stopping, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<Stop> {
        self.0.borrow().clone()
    }

    /// Whether the run is stopping.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Ready when the run is stopping.
    pub async fn stopped(&self) {
        // The sender is ours: the channel stays open.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts() {
        let halt = Halt::default();
        let other = halt.clone();
        assert!(!halt.is_set());
        let waiting = tokio::spawn(async move { other.stopped().await });
        halt.stop(Stop::Budget("used up".into()));
        halt.stop(Stop::Model {
            model: "m".into(),
            problem: "dead".into(),
        });
        waiting.await.unwrap();
        assert_eq!(halt.reason().unwrap().to_string(), "used up");
        halt.stopped().await;
    }
}
