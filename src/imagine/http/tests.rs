//! The HTTP painter against a scripted server.

use super::*;
use crate::model::conformance;
use crate::model::http::client;
use crate::model::server::{Behaviour, Server};
use crate::row;

fn painter(server: &Server, options: ImagesOptions) -> HttpPainter {
    let options = ImagesOptions {
        url: server.url.clone(),
        model: "painter".into(),
        revision: "1".into(),
        timeout_s: options.timeout_s.min(5),
        ..options
    };
    HttpPainter::new(client().unwrap(), options, &Traffic::default()).unwrap()
}

fn request(base: bool) -> DrawRequest {
    let image = conformance::requests(1).remove(0).images.remove(0);
    DrawRequest {
        subject: "probe".into(),
        base: base.then_some((image, None)),
        instruction: "a red cup".into(),
        seed: 7,
    }
}

fn png() -> Vec<u8> {
    conformance::requests(1).remove(0).images.remove(0).bytes.to_vec()
}

#[tokio::test]
async fn a_caption_becomes_an_image() {
    let server = Server::start(vec![Behaviour::Image(png())]).await;
    let options = ImagesOptions {
        size: Some("512x512".into()),
        ..ImagesOptions::default()
    };
    let drawing = painter(&server, options).draw(request(false)).await;
    let drawn = drawing.outcome.unwrap();
    assert_eq!(*drawn.image.image_id, row::content_id(&png()));
    assert_eq!(
        (drawing.attempts.len(), drawing.attempts[0].error.is_none()),
        (1, true)
    );
    let sent: Value = serde_json::from_slice(&server.bodies()[0]).unwrap();
    assert_eq!(
        sent,
        json!({ "model": "painter", "prompt": "a red cup", "n": 1, "size": "512x512", "seed": 7 })
    );
    assert_eq!(server.paths(), ["/v1/images/generations"]);
}

#[tokio::test]
async fn an_edit_sends_the_image_along() {
    let server = Server::start(vec![Behaviour::Image(png())]).await;
    let options = ImagesOptions {
        omit_fields: vec!["seed".into()],
        ..ImagesOptions::default()
    };
    assert!(
        painter(&server, options)
            .draw(request(true))
            .await
            .outcome
            .is_ok()
    );
    assert_eq!(server.paths(), ["/v1/images/edits"]);
    assert!(server.content_types()[0].starts_with("multipart/form-data; boundary="));
    let body = server.bodies().remove(0);
    assert!(body.windows(png().len()).any(|window| window == png()));
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("a red cup") && !text.contains("seed"));
}

#[tokio::test]
async fn addresses_are_fetched_from_the_same_server_only() {
    let script = vec![Behaviour::ImageUrl("/files/1.png".into()), Behaviour::Raw(png())];
    let server = Server::start(script).await;
    let drawing = painter(&server, ImagesOptions::default())
        .draw(request(false))
        .await;
    assert!(drawing.outcome.is_ok());
    assert_eq!(server.paths(), ["/v1/images/generations", "/files/1.png"]);

    let server = Server::start(vec![Behaviour::ImageUrl("http://169.254.169.254/secret".into())]).await;
    let error = painter(&server, ImagesOptions::default())
        .draw(request(false))
        .await
        .outcome
        .unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }));
    assert!(error.to_string().contains("only http://127.0.0.1"), "{error}");
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    for bytes in [b"GIF89a".to_vec(), png()[..40].to_vec(), Vec::new()] {
        let server = Server::start(vec![Behaviour::Image(bytes)]).await;
        let drawing = painter(&server, ImagesOptions::default())
            .draw(request(false))
            .await;
        let error = drawing.outcome.unwrap_err();
        assert!(matches!(error, CallError::Refused { .. }), "{error}");
        assert!(
            error.to_string().starts_with("the drawn image cannot be used: "),
            "{error}"
        );
        assert_eq!(drawing.attempts.len(), 1);
    }
}

#[tokio::test]
async fn busy_servers_are_asked_again_and_refusals_are_kept() {
    let busy = Behaviour::Status(429, Some("0".into()), "busy".into());
    let server = Server::start(vec![busy, Behaviour::Garbage, Behaviour::Image(png())]).await;
    let drawing = painter(&server, ImagesOptions::default())
        .draw(request(false))
        .await;
    assert!(drawing.outcome.is_ok());
    let failed: Vec<bool> = drawing
        .attempts
        .iter()
        .map(|attempt| attempt.error.is_some())
        .collect();
    assert_eq!(failed, [true, true, false]);

    let server = Server::start(vec![Behaviour::Refuse]).await;
    let drawing = painter(&server, ImagesOptions::default())
        .draw(request(false))
        .await;
    assert!(matches!(drawing.outcome, Err(CallError::Refused { .. })));
}

#[tokio::test]
async fn a_server_that_hangs_meets_the_deadline() {
    let server = Server::start(vec![Behaviour::Hang]).await;
    let options = ImagesOptions {
        timeout_s: 1,
        max_retries: 0,
        ..ImagesOptions::default()
    };
    let drawing = painter(&server, options).draw(request(false)).await;
    assert_eq!(drawing.outcome.unwrap_err().to_string(), "no reply within 1 s");
    assert_eq!(drawing.attempts.len(), 1);
}
