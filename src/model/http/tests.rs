//! The HTTP model against a scripted server.

use super::*;
use crate::model::conformance;
use crate::model::server::{Behaviour, Server};

fn options(server: &Server) -> HttpOptions {
    HttpOptions {
        url: server.url.clone(),
        model: "scripted".into(),
        revision: "1".into(),
        timeout_s: 5,
        ..HttpOptions::default()
    }
}

fn model(options: HttpOptions) -> HttpModel {
    HttpModel::new(client().unwrap(), options, &Sampling::default()).unwrap()
}

async fn first(script: Vec<Behaviour>) -> Reply {
    let server = Server::start(script).await;
    model(options(&server))
        .answer(conformance::requests(1))
        .await
        .remove(0)
}

#[tokio::test]
async fn conforms() {
    let server = Server::start(vec![Behaviour::answer_any(&["yes", "no", "red", "2"])]).await;
    conformance::check(&model(options(&server))).await;
    conformance::check(&*model(options(&server)).paced()).await;
}

#[tokio::test]
async fn what_is_sent_and_what_comes_back() {
    let server = Server::start(vec![Behaviour::answer("a dog")]).await;
    let reply = model(options(&server))
        .answer(conformance::requests(1))
        .await
        .remove(0);
    assert_eq!(reply.outcome.unwrap().text, "a dog");
    assert!(reply.attempts[0].tokens_in.unwrap() > 0 && reply.attempts[0].tokens_out == Some(2));
    let sent: serde_json::Value = serde_json::from_slice(&server.bodies()[0]).unwrap();
    let uri = sent["messages"][0]["content"][0]["image_url"]["url"]
        .as_str()
        .unwrap();
    assert!(uri.starts_with("data:image/png;base64,iVBOR"));
    assert_eq!(sent["messages"][0]["content"][1]["text"], "What is thing 0?");
    assert_eq!(server.paths(), ["/v1/chat/completions"]);
}

#[tokio::test]
async fn broken_servers_are_worth_another_try() {
    for (behaviour, word) in [
        (Behaviour::Garbage, "not JSON"),
        (Behaviour::Truncated, "not JSON"),
        (Behaviour::Disconnect, "broke"),
        (Behaviour::Status(503, None, "warming up".into()), "warming up"),
    ] {
        let reply = first(vec![behaviour.clone()]).await;
        let error = reply.outcome.unwrap_err();
        assert!(
            matches!(error, CallError::Transient { .. }),
            "{behaviour:?}: {error}"
        );
        assert!(error.to_string().contains(word), "{behaviour:?}: {error}");
        assert_eq!(reply.attempts.len(), 1);
    }
    let nobody = HttpOptions {
        url: "http://127.0.0.1:9/v1".into(),
        ..options(&Server::start(Vec::new()).await)
    };
    let error = model(nobody)
        .answer(conformance::requests(1))
        .await
        .remove(0)
        .outcome
        .unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("cannot connect to http://127.0.0.1:9/v1/"),
        "{error}"
    );
}

#[tokio::test]
async fn replies_without_end_are_cut_off() {
    let error = first(vec![Behaviour::Huge]).await.outcome.unwrap_err();
    assert_eq!(error.to_string(), "the reply is longer than 4 MiB");
    assert!(matches!(error, CallError::Refused { .. }));
}

#[tokio::test]
async fn hanging_and_dripping_servers_meet_the_deadline() {
    for behaviour in [Behaviour::Hang, Behaviour::Drip] {
        let server = Server::start(vec![behaviour.clone(), Behaviour::answer("late")]).await;
        let slow = HttpOptions {
            timeout_s: 1,
            max_retries: 1,
            ..options(&server)
        };
        let reply = model(slow)
            .paced()
            .answer(conformance::requests(1))
            .await
            .remove(0);
        assert_eq!(reply.outcome.unwrap().text, "late", "{behaviour:?}");
        assert_eq!(
            reply.attempts[0].error.as_ref().unwrap().to_string(),
            "no reply within 1 s"
        );
    }
}

#[tokio::test]
async fn the_wish_to_wait_is_honoured() {
    let busy = Behaviour::Status(429, Some("1".into()), "slow down".into());
    let server = Server::start(vec![busy, Behaviour::answer("ok")]).await;
    let clock = Instant::now();
    let reply = model(options(&server))
        .paced()
        .answer(conformance::requests(1))
        .await
        .remove(0);
    assert_eq!(reply.outcome.unwrap().text, "ok");
    assert_eq!(reply.attempts.len(), 2);
    assert!(clock.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn refusals_are_final_for_the_request() {
    let error = first(vec![Behaviour::Refuse]).await.outcome.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("image is too large"), "{error}");
}

#[tokio::test]
async fn wrong_keys_and_models_are_final_for_the_run_and_name_the_remedy() {
    let denied = Behaviour::Status(401, None, "who are you".into());
    let error = first(vec![denied]).await.outcome.unwrap_err();
    assert!(matches!(error, CallError::Fatal { .. }));
    assert!(
        error
            .to_string()
            .ends_with("name the variable that holds the key in api_key_env"),
        "{error}"
    );
    let unknown = Behaviour::Status(404, None, "no such model".into());
    let error = first(vec![unknown]).await.outcome.unwrap_err();
    assert!(error.to_string().contains("/v1/ is the API's base") && error.to_string().contains("`scripted`"));
}

#[tokio::test]
async fn keys_are_sent_and_never_repeated() {
    // A variable that every environment has stands in for a key.
    let key = std::env::var("PATH").unwrap();
    let echo = Behaviour::Status(401, None, format!("incorrect key: {key}"));
    let server = Server::start(vec![echo]).await;
    let with_key = HttpOptions {
        api_key_env: Some("PATH".into()),
        ..options(&server)
    };
    let error = model(with_key)
        .answer(conformance::requests(1))
        .await
        .remove(0)
        .outcome
        .unwrap_err();
    assert_eq!(server.keys(), [Some(format!("Bearer {key}"))]);
    assert!(
        !error.to_string().contains(&key) && error.to_string().contains("***"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("check the key in the variable `PATH`"),
        "{error}"
    );
}

#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(vec![Behaviour::answer("ok")]).await;
    let model = model(options(&server));
    for _ in 0..5 {
        model.answer(conformance::requests(1)).await;
    }
    assert_eq!((server.bodies().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn no_more_in_flight_than_allowed() {
    let slow = Behaviour::Delay(20, Box::new(Behaviour::answer("ok")));
    let server = Server::start(vec![slow]).await;
    let narrow = HttpOptions {
        max_in_flight: 3,
        ..options(&server)
    };
    let replies = model(narrow).paced().answer(conformance::requests(12)).await;
    assert!(replies.iter().all(|reply| reply.outcome.is_ok()));
    assert_eq!(server.most_in_flight(), 3);
}
