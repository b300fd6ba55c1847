//! What every model must do, whatever it is: run by the tests of each implementation.

use super::{EncodedImage, Model, Request, Sampling};
use crate::row;

/// One white pixel.
const PNG: &[u8] = include_bytes!("../../tests/support/white.png");

/// Requests that differ in subject, prompt and seed.
pub(crate) fn requests(count: usize) -> Vec<Request> {
    (0..count)
        .map(|index| Request {
            subject: format!("subject {index}").into(),
            images: vec![EncodedImage::new(row::content_id(PNG), PNG)],
            prompt: format!("What is thing {index}?"),
            system: None,
            sampling: Sampling::default(),
            seed: index as u64,
        })
        .collect()
}

/// Runs all checks.
pub(crate) async fn check(model: &dyn Model) {
    an_empty_batch_has_no_replies(model).await;
    replies_are_as_many_as_requests_and_in_order(model).await;
    every_reply_tells_what_it_took(model).await;
    the_card_names_the_model(model);
}

async fn an_empty_batch_has_no_replies(model: &dyn Model) {
    assert!(model.answer(Vec::new()).await.is_empty());
}

/// A greedy answer depends on the request alone: asked in reverse, it comes back in reverse.
async fn replies_are_as_many_as_requests_and_in_order(model: &dyn Model) {
    let forwards = model.answer(requests(7)).await;
    let mut reversed = requests(7);
    reversed.reverse();
    let mut backwards = model.answer(reversed).await;
    backwards.reverse();
    assert_eq!((forwards.len(), backwards.len()), (7, 7));
    for (index, (one, other)) in forwards.iter().zip(&backwards).enumerate() {
        let text = |reply: &super::Reply| reply.outcome.clone().map(|completion| completion.text);
        assert_eq!(text(one), text(other), "request {index}");
    }
}

async fn every_reply_tells_what_it_took(model: &dyn Model) {
    for reply in model.answer(requests(3)).await {
        let last = reply.attempts.last().expect("at least one attempt");
        assert_eq!(last.error.as_ref(), reply.outcome.as_ref().err());
        assert!(
            reply
                .attempts
                .iter()
                .rev()
                .skip(1)
                .all(|attempt| attempt.error.is_some())
        );
        assert!(reply.attempts.iter().all(|attempt| attempt.latency_ms >= 0.0));
        if let Ok(completion) = reply.outcome {
            let (tokens, told) = (completion.token_ids.len(), completion.log_probabilities.len());
            assert!(tokens == 0 || told == 0 || tokens == told);
            assert!(!completion.finish_reason.is_empty());
        }
    }
}

fn the_card_names_the_model(model: &dyn Model) {
    let card = model.card();
    assert_eq!(card.model_id.len(), 32);
    assert!(!card.kind.is_empty() && !card.name.is_empty() && !card.revision.is_empty());
}
