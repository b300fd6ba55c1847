//! A remote model whose answers are written down before they are handed on.

use super::{Entry, Journal};
use crate::model::{CallError, Completion, Model, ModelCard, Reply, Request, answer_one};
use crate::row::id;
use futures::future::join_all;
use std::sync::Arc;

/// A model behind the journal. To be put around limits and retries: what is replayed is no call.
pub struct Journaled {
    inner: Arc<dyn Model>,
    journal: Arc<Journal>,
}

impl Journaled {
    /// A model, and where its answers go.
    pub fn new(inner: Arc<dyn Model>, journal: Arc<Journal>) -> Self {
        Self { inner, journal }
    }

    async fn one(&self, request: Request) -> Reply {
        let key = key(self.card(), &request);
        if let Some((entry, _)) = self.journal.take::<Completion>(key) {
            return Reply {
                outcome: entry.outcome,
                attempts: entry.attempts,
            };
        }
        let subject = request.subject.to_string();
        let Reply { outcome, attempts } = answer_one(&*self.inner, request).await;
        let entry = Entry {
            model_id: self.card().model_id.clone(),
            subject,
            outcome,
            attempts,
        };
        if is_final(&entry.outcome) {
            self.journal.append(key, &entry, &[]).await;
        }
        Reply {
            outcome: entry.outcome,
            attempts: entry.attempts,
        }
    }
}

#[async_trait::async_trait]
impl Model for Journaled {
    fn card(&self) -> &ModelCard {
        self.inner.card()
    }

    /// One by one: an answer that has come does not wait for the slowest of its batch.
    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        join_all(requests.into_iter().map(|request| self.one(request))).await
    }
}

/// Whether the same request need not be sent again.
pub(super) fn is_final<T>(outcome: &Result<T, CallError>) -> bool {
    matches!(outcome, Ok(_) | Err(CallError::Refused { .. }))
}

/// Everything that may change the answer; two parts that ask the same of the same model share it.
fn key(card: &ModelCard, request: &Request) -> u128 {
    let (seed, sampling) = (
        request.seed.to_le_bytes(),
        serde_json::to_vec(&request.sampling).expect("sampling is plain data"),
    );
    let system = request.system.as_deref();
    let parts: [&[u8]; 7] = [
        card.model_id.as_bytes(),
        request.subject.as_bytes(),
        request.prompt.as_bytes(),
        system.unwrap_or_default().as_bytes(),
        &[u8::from(system.is_some())],
        &seed,
        &sampling,
    ];
    let images = request.images.iter().map(|image| image.image_id.as_bytes());
    number(&id(parts.into_iter().chain(images)))
}

pub(super) fn number(id: &str) -> u128 {
    u128::from_str_radix(id, 16).expect("an id is 32 hex digits")
}
