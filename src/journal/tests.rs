//! The journal as its users see it: what one process was told, a later one need not ask.

use super::*;
use crate::imagine::{DrawRequest, Drawing, Drawn, Painter};
use crate::model::conformance;
use crate::model::mock::{Mock, MockOptions};
use crate::model::{EncodedImage, Model, ModelCard, Reply, Request};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Counts how often it is asked.
struct Counted {
    mock: Mock,
    asked: AtomicUsize,
}

impl Counted {
    fn new(options: &MockOptions) -> Arc<Self> {
        Arc::new(Self {
            mock: Mock::new(options),
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, SeqCst)
    }
}

#[async_trait::async_trait]
impl Model for Counted {
    fn card(&self) -> &ModelCard {
        self.mock.card()
    }

    async fn answer(&self, requests: Vec<Request>) -> Vec<Reply> {
        self.asked.fetch_add(requests.len(), SeqCst);
        self.mock.answer(requests).await
    }
}

#[async_trait::async_trait]
impl Painter for Counted {
    fn card(&self) -> &ModelCard {
        self.mock.card()
    }

    async fn draw(&self, request: DrawRequest) -> Drawing {
        self.asked.fetch_add(1, SeqCst);
        let reply = self.mock.answer(conformance::requests(1)).await.remove(0);
        let image_id = crate::row::content_id(request.instruction.as_bytes());
        let image = EncodedImage::new(image_id, request.instruction.clone());
        Drawing {
            outcome: Ok(Drawn { image, scene: None }),
            attempts: reply.attempts,
        }
    }
}

fn open(folder: &Path, run_id: &str, claim: &str) -> Arc<Journal> {
    let journal = Journal::open(folder).unwrap();
    journal.begin(run_id, claim.parse().unwrap());
    Arc::new(journal)
}

/// Whose last handle is gone: threads end, files are closed, as after a death.
async fn gone(journal: Arc<Journal>) {
    drop(journal);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
}

fn calls(replies: &[Reply], requests: &[Request]) -> Vec<(String, Started)> {
    let calls = requests.iter().zip(replies);
    calls
        .map(|(request, reply)| (request.subject.to_string(), reply.attempts[0].started_at))
        .collect()
}

fn segments(folder: &Path) -> usize {
    segment::list(folder).unwrap().len()
}

#[tokio::test]
async fn what_was_received_is_not_asked_again_until_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new");
    let options = MockOptions {
        refuse_rate: 0.3,
        error_rate: 0.2,
        ..MockOptions::default()
    };
    let model = Counted::new(&options);
    let requests = conformance::requests(40);

    let journal = open(&place, "run", "1/1");
    assert!(!place.exists(), "nothing is written before there is something");
    let journaled = Journaled::new(model.clone(), journal.clone());
    let first = journaled.answer(requests.clone()).await;
    let failed = first
        .iter()
        .filter(|reply| matches!(reply.outcome, Err(CallError::Transient { .. })));
    let failed = failed.count();
    assert!(failed > 0 && model.asked() == 40);
    // A process beside it asks its own questions.
    let beside = Journaled::new(model.clone(), open(&place, "run", "1/1"));
    beside.answer(requests.clone()).await;
    assert_eq!(model.asked(), 40);
    drop(beside);
    drop(journaled);
    gone(journal).await;

    let journal = open(&place, "run", "1/1");
    let mut received = journal.received("run");
    received.sort_by(|(_, a, _), (_, b, _)| a.cmp(b));
    let mut told: Vec<_> = first
        .iter()
        .zip(&requests)
        .filter(|(reply, _)| !matches!(reply.outcome, Err(CallError::Transient { .. })))
        .map(|(reply, request)| {
            let (model_id, subject) = (model.mock.card().model_id.clone(), request.subject.to_string());
            (model_id, subject, reply.attempts.len())
        })
        .collect();
    told.sort();
    let counted = received
        .iter()
        .map(|(model, subject, attempts)| (model, subject, attempts.len()));
    assert!(
        counted.eq(told
            .iter()
            .map(|(model, subject, attempts)| (model, subject, *attempts)))
    );
    assert!(journal.received("ru").is_empty(), "another run's");
    let journaled = Journaled::new(model.clone(), journal.clone());
    let second = journaled.answer(requests.clone()).await;
    assert_eq!(
        model.asked(),
        failed,
        "failures are tried again, and nothing else"
    );
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.outcome, second.outcome);
    }
    let changed = Request {
        seed: 99,
        ..requests[0].clone()
    };
    journaled.answer(vec![changed]).await;
    assert_eq!(model.asked(), 1, "another seed is another question");

    assert_eq!(segments(&place), 3);
    journal.committed(&calls(&second, &requests));
    assert_eq!(
        segments(&place),
        2,
        "what the process beside it was told was not asked for"
    );
    journal.complete("other", Claim::default());
    assert_eq!(segments(&place), 2);
    journal.complete("run", Claim::default());
    assert_eq!(segments(&place), 0);
    assert!(journal.failure().is_none());
}

#[tokio::test]
async fn one_worker_leaves_the_others_answers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = Counted::new(&MockOptions::default());
    let requests = conformance::requests(2);
    for (worker, request) in ["1/2", "2/2"].into_iter().zip(&requests) {
        let journal = open(folder.path(), "run", worker);
        let journaled = Journaled::new(model.clone(), journal.clone());
        journaled.answer(vec![request.clone()]).await;
        drop(journaled);
        gone(journal).await;
    }
    assert_eq!(segments(folder.path()), 2);
    open(folder.path(), "run", "1/2").complete("run", "1/2".parse().unwrap());
    assert_eq!(segments(folder.path()), 1);
    model.asked();
    let journal = open(folder.path(), "run", "1/1");
    let journaled = Journaled::new(model.clone(), journal.clone());
    let replies = journaled.answer(requests.clone()).await;
    assert_eq!(model.asked(), 1, "the second worker's answer is still there");
    journal.committed(&calls(&replies, &requests));
    assert_eq!(segments(folder.path()), 0);
}

#[tokio::test]
async fn drawings_are_kept_with_their_images() {
    let folder = tempfile::tempdir().unwrap();
    let painter = Counted::new(&MockOptions::default());
    let request = DrawRequest {
        subject: "probe".into(),
        base: None,
        instruction: "a cat\0".to_owned(),
        seed: 7,
    };
    let mut images = Vec::new();
    for _ in 0..2 {
        let journal = open(folder.path(), "run", "1/1");
        let journaled = JournaledPainter::new(painter.clone(), journal.clone());
        let drawing = journaled.draw(request.clone()).await;
        images.push(drawing.outcome.unwrap().image.bytes);
        drop(journaled);
        gone(journal).await;
    }
    assert_eq!(painter.asked(), 1);
    assert_eq!(images, ["a cat\0", "a cat\0"]);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_to_keeps_no_answer_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let journal = open(&folder.path().join("later"), "run", "1/1");
    std::fs::rename(&file, folder.path().join("later")).unwrap();
    let model = Journaled::new(Counted::new(&MockOptions::default()), journal.clone());
    conformance::check(&model).await;
    let failure = journal.failure().unwrap().to_string();
    assert!(failure.contains("later"), "{failure}");
}
