//! On a random network: the conformance suite, and that company changes no bit of an answer.

use super::*;
use crate::model::{EncodedImage, conformance};
use crate::vlm::{write_random, write_random_chat};
use bytes::Bytes;
use image::{ImageFormat, RgbImage};
use std::io::Cursor;
use std::path::Path;

fn options(folder: &Path) -> LocalOptions {
    LocalOptions {
        path: folder.display().to_string(),
        ..LocalOptions::default()
    }
}

fn model() -> LocalModel {
    let folder = tempfile::tempdir().unwrap();
    write_random(folder.path(), 4);
    LocalModel::open(&options(folder.path()), &Sampling::default()).unwrap()
}

fn picture(seed: u32) -> EncodedImage {
    let pixels = RgbImage::from_fn(20, 14, |x, y| {
        image::Rgb(
            [x * 11 + seed * 40, y * 17 + seed * 90, (x * y + seed * 70) % 256].map(|value| value as u8),
        )
    });
    let mut bytes = Vec::new();
    pixels
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .unwrap();
    EncodedImage::new(format!("picture {seed}"), bytes)
}

/// Questions of many lengths, several about each image, greedy and sampled.
fn requests() -> Vec<Request> {
    let mut requests = conformance::requests(45);
    for (index, request) in requests.iter_mut().enumerate() {
        request.images = vec![picture(index as u32 / 4)];
        request.prompt = "how many stars? ".repeat(index % 5);
        request.sampling.max_tokens = 3 + index % 4;
        request.sampling.temperature = f64::from(u32::from(index % 2 == 0));
    }
    requests
}

fn outcomes(replies: Vec<Reply>) -> Vec<Result<Completion, CallError>> {
    replies.into_iter().map(|reply| reply.outcome).collect()
}

#[tokio::test]
async fn it_conforms() {
    conformance::check(&model()).await;
}

/// A Gemma 3, whose questions about one image share a prefix.
fn chat(sees: bool) -> LocalModel {
    let folder = tempfile::tempdir().unwrap();
    write_random_chat(folder.path(), 4, sees);
    LocalModel::open(&options(folder.path()), &Sampling::default()).unwrap()
}

#[tokio::test]
async fn gemma3_conforms() {
    conformance::check(&chat(true)).await;
}

#[tokio::test]
async fn text_alone_is_answered_and_images_are_refused() {
    let model = chat(false);
    let mut requests: Vec<Request> = requests().into_iter().take(3).collect();
    requests[0].images.clear();
    requests[2].images.clear();
    let replies = outcomes(model.answer(requests).await);
    assert!(replies[0].is_ok() && replies[2].is_ok(), "{replies:?}");
    assert!(
        matches!(&replies[1], Err(CallError::Refused { message }) if message.contains("reads text only")),
        "{replies:?}"
    );
}

#[test]
fn a_call_that_nobody_waits_for_ends() {
    let folder = tempfile::tempdir().unwrap();
    write_random(folder.path(), 4);
    let checkpoint = Checkpoint::load(folder.path(), None, &candle_core::Device::Cpu).unwrap();
    let mut worker = Worker::new(checkpoint, "{question}".to_owned());
    let mut request = requests().swap_remove(2);
    request.sampling.max_tokens = 500;
    let looked = std::cell::Cell::new(0);
    let gone = || {
        looked.set(looked.get() + 1);
        looked.get() > 5
    };
    let answer = worker.answer(std::slice::from_ref(&request), &gone).remove(0);
    assert_eq!(answer.result.unwrap().token_ids.len(), 5);
    let answer = worker.answer(&[request], &|| true).remove(0);
    assert!(matches!(answer.result, Err(CallError::Fatal { .. })));
}

#[tokio::test]
async fn company_changes_no_bit() {
    same_in_any_company(model).await;
}

#[tokio::test]
async fn company_changes_no_bit_of_what_shares_a_prefix() {
    same_in_any_company(|| chat(true)).await;
}

async fn same_in_any_company(open: impl Fn() -> LocalModel) {
    let model = open();
    let together = outcomes(model.answer(requests()).await);
    assert!(together.iter().all(Result::is_ok));
    let texts: std::collections::HashSet<_> = together.iter().flatten().map(|done| &done.token_ids).collect();
    assert!(texts.len() > 20, "the answers tell nothing apart");
    let fresh = open(); // has seen no image yet
    let mut reversed = requests();
    reversed.reverse();
    let mut backwards = outcomes(fresh.answer(reversed).await);
    backwards.reverse();
    assert_eq!(together, backwards);
    for index in [0, 7, 44] {
        let alone = outcomes(fresh.answer(vec![requests().swap_remove(index)]).await);
        assert_eq!(alone[0], together[index]);
    }
}

#[tokio::test]
async fn a_broken_image_is_refused_and_harms_nobody() {
    let model = model();
    let mut requests: Vec<Request> = requests().into_iter().take(6).collect();
    let whole = outcomes(model.answer(requests.clone()).await);
    requests[2].images = vec![EncodedImage::new("broken", Bytes::from_static(b"no image"))];
    requests[4].prompt = "why ".repeat(9000);
    let replies = outcomes(model.answer(requests.clone()).await);
    for (index, (reply, whole)) in replies.iter().zip(&whole).enumerate() {
        match (index, reply) {
            (2, Err(CallError::Refused { message })) => {
                assert!(message.contains("image broken"), "{message}");
            }
            (4, Err(CallError::Refused { message })) => assert!(message.contains("tokens"), "{message}"),
            (2 | 4, other) => panic!("{other:?}"),
            _ => assert_eq!(reply, whole),
        }
    }
}

#[tokio::test]
async fn stop_strings_and_limits_end_an_answer() {
    let model = model();
    let mut request = requests().swap_remove(2);
    request.sampling.max_tokens = 12;
    let free = outcomes(model.answer(vec![request.clone()]).await)
        .remove(0)
        .unwrap();
    assert_eq!(
        (free.finish_reason.as_str(), free.token_ids.len()),
        ("length", 12)
    );
    let (at, letter) = free
        .text
        .char_indices()
        .skip(1)
        .find(|(_, c)| c.is_ascii_alphabetic())
        .expect("some text");
    request.sampling.stop = vec![letter.to_string()];
    let stopped = outcomes(model.answer(vec![request]).await).remove(0).unwrap();
    assert_eq!(stopped.finish_reason, "stop");
    assert!(free.text.starts_with(&stopped.text) && stopped.text.len() <= at);
    assert_eq!(free.token_ids[..stopped.token_ids.len()], stopped.token_ids);
}

#[test]
fn the_checkpoint_says_how_it_wants_to_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    write_random(folder.path(), 4);
    let open = || LocalModel::open(&options(folder.path()), &Sampling::default());
    let card = open().unwrap().card().clone();
    assert_eq!(
        (card.prompt_template.as_str(), card.kind.as_str()),
        ("answer en {question}", "local")
    );
    assert_eq!(card.name, folder.path().file_name().unwrap().to_str().unwrap());
    let path = folder.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    let ask = |template: &str| {
        let prompting = format!("{{\"auditdm\":{{\"prompt_template\":\"{template}\"}},");
        std::fs::write(&path, config.replacen('{', &prompting, 1)).unwrap();
        open()
    };
    assert_eq!(ask("{question}!").unwrap().card().prompt_template, "{question}!");
    assert!(
        ask("nothing")
            .err()
            .unwrap()
            .to_string()
            .contains("write {question}")
    );
}
