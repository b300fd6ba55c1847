//! `auditdm serve reward` as trainers meet it: over HTTP, with limits, until it is asked to stop.

use crate::program::auditdm;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

const GOOD: &str = "Question: How many cups are there?\nCategory: counting\nAnswer: 3";

/// A service in a process of its own; it ends with its test.
struct Service {
    child: Child,
    url: String,
    /// Kept open: who says something to a closed one dies.
    _stderr: BufReader<ChildStderr>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Service {
    /// Starts it with more lines in the section `[reward]`, its target slowed down.
    fn start(folder: &Path, reward: &str, latency_ms: u64) -> Self {
        let config = format!(
            "label = 'trained'\ntables = 'auditdm-tables'\ntarget = 't'\nreferences = ['a', 'b']\n\
             [models.t.mock]\nanswers = ['2']\nlatency_ms = {latency_ms}\n[models.a.mock]\nanswers = ['3']\nseed = 1\n\
             [models.b.mock]\nanswers = ['three']\nseed = 2\n[reward]\n{reward}\n"
        );
        std::fs::write(folder.join("reward.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_auditdm"))
            .current_dir(folder)
            .args(["serve", "reward", "reward.toml", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        let url = said.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url
            .unwrap_or_else(|| panic!("{said}"))
            .trim_end_matches("/reward")
            .to_owned();
        Self {
            child,
            url,
            _stderr: stderr,
        }
    }

    fn terminate(&mut self) -> Option<i32> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

fn samples(count: usize) -> Value {
    let image = STANDARD.encode(include_bytes!("../support/white.png"));
    let sample = |at: usize| {
        let completion = GOOD.replace("cups", &format!("cups of kind {at}"));
        json!({ "image": image, "completion": completion, "strategy": "question", "group": at / 2 })
    };
    json!({ "samples": (0..count).map(sample).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn rewards_are_given_within_limits_and_committed() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "max_samples = 4\nmax_body_mib = 1", 0);
    let post = async |body: String, kind: &str| {
        let url = format!("{}/reward", service.url);
        let sent = client()
            .post(url)
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = sent.status();
        let reply: Value = sent.json().await.unwrap();
        (status, reply)
    };
    let json = "application/json";
    let mut asked = samples(3);
    asked["samples"][1]["completion"] = json!("no question");
    asked["samples"][2] = json!({ "images": [] });
    let (status, reply) = post(asked.to_string(), json).await;
    assert_eq!(status, StatusCode::OK);
    let rewards = &reply["rewards"];
    assert_eq!(rewards.as_array().unwrap().len(), 3, "{reply}");
    assert_eq!(
        (&rewards[0]["reward"], &rewards[0]["status"]),
        (&json!(1.0), &json!("valid"))
    );
    assert_eq!(
        (&rewards[1]["reward"], &rewards[1]["status"]),
        (&json!(0.0), &json!("unparsed"))
    );
    assert_eq!(
        (&rewards[2]["reward"], &rewards[2]["status"]),
        (&Value::Null, &json!("failed"))
    );

    let large = format!("{{\"samples\": [], \"padding\": \"{}\"}}", "x".repeat(2 << 20));
    for (body, kind, status, remedy) in [
        (
            "{\"samples\": 3}".to_owned(),
            json,
            StatusCode::BAD_REQUEST,
            "not a request of the form",
        ),
        (
            "{".repeat(500_000),
            json,
            StatusCode::BAD_REQUEST,
            "not a request of the form",
        ),
        (
            samples(1).to_string(),
            "text/plain",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type",
        ),
        (
            samples(5).to_string(),
            json,
            StatusCode::PAYLOAD_TOO_LARGE,
            "max_samples",
        ),
        (large, json, StatusCode::PAYLOAD_TOO_LARGE, "max_body_mib"),
    ] {
        let (told, reply) = post(body, kind).await;
        assert_eq!(told, status, "{reply}");
        assert!(reply["error"].as_str().unwrap().contains(remedy), "{reply}");
    }
    let health = client()
        .get(format!("{}/health", service.url))
        .send()
        .await
        .unwrap();
    let health: Value = health.json().await.unwrap();
    assert_eq!((&health["status"], &health["scored"]), (&json!("ok"), &json!(3)));

    assert_eq!(
        service.terminate(),
        Some(0),
        "being stopped is how a service ends"
    );
    let sql = "SELECT run_label, prober, target_answer, failure FROM results WHERE status = 'valid'";
    let (_, found, _) = auditdm(folder.path(), &["query", "--format", "csv", "--sql", sql]);
    assert_eq!(
        found.lines().collect::<Vec<_>>()[1..],
        ["trained,auditor,2,true"],
        "{found}"
    );
    let (_, checked, error) = auditdm(folder.path(), &["tables", "check"]);
    assert!((checked + &error).contains("the tables are whole"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_answered_and_more_than_that_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), "max_requests = 1", 1_500);
    let url = format!("{}/reward", service.url);
    let (slow_url, body) = (url.clone(), samples(1));
    let slow = tokio::spawn(async move { client().post(slow_url).json(&body).send().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let busy = client().post(&url).json(&samples(1)).send().await.unwrap();
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers()["retry-after"], "1");
    let ended = tokio::task::spawn_blocking(move || service.terminate());
    let reply: Value = slow.await.unwrap().json().await.unwrap();
    assert_eq!(reply["rewards"][0]["reward"], json!(1.0), "{reply}");
    assert_eq!(ended.await.unwrap(), Some(0));
    let (_, found, _) = auditdm(
        folder.path(),
        &["query", "--format", "csv", "--sql", "SELECT status FROM runs"],
    );
    assert_eq!(found.lines().last(), Some("interrupted"));
}

#[test]
fn mistakes_are_told_with_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let told = |text: &str| {
        std::fs::write(folder.path().join("reward.toml"), text).unwrap();
        let (status, _, error) = auditdm(folder.path(), &["serve", "reward", "reward.toml"]);
        assert_eq!(status, Some(1));
        error
    };
    let models = "[models.t.mock]\n[models.a.mock]\n";
    let lonely = told(&format!(
        "target = 't'\nreferences = ['a']\n[reward]\ninvalid = 'never'\n{models}"
    ));
    for words in [
        "line 3: rewards are decided without ground truth",
        "line 4: unknown variant `never`",
    ] {
        assert!(lonely.contains(words), "{lonely}");
    }
    let none = told(&format!(
        "target = 't'\nreferences = ['a']\n{models}[[probers]]\nkind = 'dataset'\n"
    ));
    assert!(none.contains("no section `[reward]`"), "{none}");
    let audit = format!("target = 't'\nreferences = ['a', 'b']\n[reward]\n{models}[models.b.mock]\n");
    std::fs::write(folder.path().join("reward.toml"), audit).unwrap();
    let (status, _, error) = auditdm(folder.path(), &["audit", "reward.toml"]);
    assert_eq!(status, Some(1));
    assert!(error.contains("nobody asks"), "{error}");
}
