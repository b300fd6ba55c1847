//! At most so many requests on their way to a model, counted by request and not by batch.
//!
//! For remote models: a batch is taken apart, so a local model would lose its batching.

use super::{Model, ModelCard, Reply, Request, answer_one};
use futures::future::join_all;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A model behind a gate.
pub struct Limit {
    inner: Arc<dyn Model>,
    gate: Semaphore,
}

impl Limit {
    /// Lets `max_in_flight` requests through at a time (at least one).
    pub fn new(inner: Arc<dyn Model>, max_in_flight: usize) -> Self {
        Self {
            inner,
            gate: Semaphore::new(max_in_flight.max(1)),
        }
    }
}

#[async_trait::async_trait]
impl Model for Limit {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(async |request| {
            let _permit = self.gate.acquire().await.expect("the gate is never closed");
            answer_one(&*self.inner, request).await
        }))
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conformance;
    use crate::model::mock::{Mock, MockOptions};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// Counts how many requests are inside at once.
    struct Counting {
        inner: Mock,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl Model for Counting {
        fn card(&self) -> &ModelCard {
            self.inner.card()
        }

        async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
            let now = self.now.fetch_add(requests.len(), SeqCst) + requests.len();
            self.most.fetch_max(now, SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let count = requests.len();
            let replies = self.inner.answer(requests).await;
            self.now.fetch_sub(count, SeqCst);
            replies
        }
    }

    #[tokio::test]
    async fn batches_share_one_gate() {
        let counting = Arc::new(Counting {
            inner: Mock::new(&MockOptions::default()),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let limit = Limit::new(counting.clone(), 3);
        let (first, second) = tokio::join!(
            limit.answer(conformance::requests(8)),
            limit.answer(conformance::requests(4))
        );
        assert_eq!((first.len(), second.len()), (8, 4));
        assert_eq!(counting.most.load(SeqCst), 3);
        conformance::check(&limit).await;
    }
}
