//! The auditor as a model that rolls out: it remembers what it was asked, and answers a step's calls together.
//!
//! The calls of a batch arrive one an image, at once. Alone each would pay for a tower pass and a decoder batch of its own,
//! whose rows wait for its longest; so the first caller waits until all others have handed theirs over, and sends the
//! requests, like beside like, to as many copies (of the same weights) as there are cores.

use crate::error::Result;
use crate::model::local::LocalModel;
use crate::model::{Model, ModelCard, Reply, Request};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Requests that go to one copy together: rows of a decoder's batch.
const TOGETHER: usize = 32;
/// More copies have nothing to do: a step has a few batches.
const MOST_COPIES: usize = 8;

type Waiting = Vec<(Vec<Request>, oneshot::Sender<Vec<Reply>>)>;

/// A model that remembers what it was asked, by subject.
pub(super) struct Tap {
    copies: Vec<LocalModel>,
    asked: Mutex<HashMap<Arc<str>, Request>>,
    waiting: Mutex<Waiting>,
}

impl Tap {
    /// `serve` makes a copy.
    pub(super) fn new(serve: impl Fn() -> Result<LocalModel>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            copies: (0..cores.min(MOST_COPIES))
                .map(|_| serve())
                .collect::<Result<_>>()?,
            asked: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    /// What was asked about a subject.
    pub(super) fn request(&self, subject: &str) -> Option<Request> {
        self.asked
            .lock()
            .expect("nobody panics with it")
            .get(subject)
            .cloned()
    }

    /// Answers everything that waits.
    async fn serve(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().expect("nobody panics with it"));
        // Prompts that begin alike are answered at about the same length; those of one prompt share their images.
        let mut places: Vec<(usize, usize)> = waiting
            .iter()
            .enumerate()
            .flat_map(|(call, (requests, _))| (0..requests.len()).map(move |at| (call, at)))
            .collect();
        places.sort_by_key(|&(call, at)| (&waiting[call].0[at].prompt, call, at));
        let dealt: Vec<Vec<(usize, usize)>> = (0..self.copies.len())
            .map(|copy| {
                let own = places.chunks(TOGETHER).skip(copy).step_by(self.copies.len());
                own.flatten().copied().collect()
            })
            .collect();
        let answered = join_all(self.copies.iter().zip(&dealt).map(|(copy, places)| {
            let requests = places.iter().map(|&(call, at)| waiting[call].0[at].clone());
            copy.answer(requests.collect())
        }))
        .await;
        let told = dealt.into_iter().flatten().zip(answered.into_iter().flatten());
        let mut replies: HashMap<(usize, usize), Reply> = told.collect();
        for (call, (requests, caller)) in waiting.into_iter().enumerate() {
            let own = (0..requests.len()).map(|at| replies.remove(&(call, at)).expect("all are answered"));
            let _ = caller.send(own.collect()); // whoever asked may have gone
        }
    }
}

#[async_trait::async_trait]
impl Model for Tap {
    fn card(&self) -> &ModelCard {
        self.copies[0].card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        let asked = requests
            .iter()
            .map(|request| (request.subject.clone(), request.clone()));
        self.asked.lock().expect("nobody panics with it").extend(asked);
        let (caller, replies) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().expect("nobody panics with it");
            waiting.push((requests, caller));
            waiting.len() == 1
        };
        if first {
            tokio::task::yield_now().await; // all others of the batch are polled before this one is again
            self.serve().await;
        }
        replies.await.expect("the first caller answers")
    }
}
