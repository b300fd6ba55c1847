//! On the tiny pipelines that diffusers wrote.

use super::*;
use bytes::Bytes;
use std::time::Duration;

fn options(name: &str) -> LocalPainterOptions {
    LocalPainterOptions {
        path: format!("{}/tests/data/flux/{name}", env!("CARGO_MANIFEST_DIR")),
        steps: Some(2),
        size: "32x32".to_owned(),
        ..LocalPainterOptions::default()
    }
}

fn request(seed: u64, base: Option<&[u8]>) -> DrawRequest {
    let image = |bytes: &[u8]| EncodedImage::new(content_id(bytes), Bytes::copy_from_slice(bytes));
    DrawRequest {
        subject: "probe".into(),
        base: base.map(|bytes| (image(bytes), None)),
        instruction: "a red dog".to_owned(),
        seed,
    }
}

const PHOTO: &[u8] = include_bytes!("../../../tests/data/photos/grey.jpg");

#[tokio::test]
async fn a_drawing_is_a_png_that_its_request_decides() {
    let painter = LocalPainter::open(&options("kontext")).unwrap();
    let drawn = async |seed, base| painter.draw(request(seed, base)).await;
    let first = drawn(1, None).await;
    let image = first.outcome.unwrap().image;
    assert_eq!(decode(&image.bytes).unwrap().pixels.dimensions(), (32, 32));
    assert_eq!(*image.image_id, *content_id(&image.bytes));
    assert!(
        first.attempts.len() == 1 && first.attempts[0].error.is_none() && first.attempts[0].latency_ms > 0.0
    );
    assert_eq!(
        drawn(1, None).await.outcome.unwrap().image.image_id,
        image.image_id
    );
    assert_ne!(
        drawn(2, None).await.outcome.unwrap().image.image_id,
        image.image_id
    );
    let edited = drawn(1, Some(PHOTO)).await.outcome.unwrap().image;
    assert_ne!(edited.image_id, image.image_id);
    let broken = drawn(1, Some(b"no image")).await;
    assert!(
        matches!(broken.outcome, Err(CallError::Refused { message }) if message.contains("image to edit"))
    );

    let other = LocalPainter::open(&LocalPainterOptions {
        seed: 1,
        ..options("kontext")
    })
    .unwrap();
    assert_eq!(
        other.draw(request(0, None)).await.outcome.unwrap().image.image_id,
        image.image_id
    );
    assert_ne!(other.card().model_id, painter.card().model_id);
}

#[tokio::test]
async fn captions_alone_are_painted_without_edits() {
    let painter = LocalPainter::open(&options("schnell")).unwrap();
    assert!(!painter.edits() && painter.draw(request(1, None)).await.outcome.is_ok());
    let refused = painter.draw(request(1, Some(PHOTO))).await;
    assert!(matches!(refused.outcome, Err(CallError::Refused { message }) if message.contains("Kontext")));
    let usual = LocalPainter::open(&LocalPainterOptions {
        steps: None,
        ..options("schnell")
    })
    .unwrap();
    assert!(
        usual.card().sampling.contains("\"steps\":4"),
        "{}",
        usual.card().sampling
    );
}

/// A painting of hours that is called off makes place for the next at once.
#[tokio::test]
async fn a_painting_that_is_called_off_ends() {
    let endless = LocalPainterOptions {
        steps: Some(1000),
        size: "512x512".to_owned(),
        ..options("schnell")
    };
    let painter = LocalPainter::open(&endless).unwrap();
    let called_off = tokio::time::timeout(Duration::from_millis(50), painter.draw(request(1, None))).await;
    assert!(called_off.is_err());
    let (drawing, waits) = oneshot::channel();
    drop(waits);
    let request = request(2, None);
    let sent = painter.jobs.send(Job { request, drawing });
    assert!(sent.await.is_ok());
    // Both are left as soon as the thread sees that nobody waits; only then is the inbox empty again.
    let empty = async {
        while painter.jobs.capacity() < WAITING {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), empty)
        .await
        .unwrap();
}

#[test]
fn options_are_checked() {
    let problems = |options: LocalPainterOptions| options.validate().join("\n");
    assert!(problems(LocalPainterOptions::default()).starts_with("path is missing"));
    assert!(problems(options("kontext")).is_empty());
    let with = |change: fn(&mut LocalPainterOptions)| {
        let mut options = options("kontext");
        change(&mut options);
        problems(options)
    };
    assert!(with(|options| options.steps = Some(0)).contains("steps"));
    assert!(with(|options| options.guidance = f64::NAN).contains("guidance"));
    for size in ["1024", "0x16", "16x", "4096x16", "16x16x16", "-1x4"] {
        let options = LocalPainterOptions {
            size: size.to_owned(),
            ..options("kontext")
        };
        assert!(problems(options).contains("WIDTHxHEIGHT"), "{size}");
    }
    let uneven = LocalPainterOptions {
        size: "36x32".to_owned(),
        ..options("kontext")
    };
    let problem = LocalPainter::open(&uneven).map(drop).unwrap_err().to_string();
    assert!(problem.contains("multiples of 8"), "{problem}");
}
