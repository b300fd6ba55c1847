//! A whole audit of a model that answers with escapes, NULs, megabytes and bodies that are no replies.

use crate::server::{Behaviour, Server};
use std::path::Path;
use std::process::{Command, Output};

fn auditdm(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auditdm"))
        .current_dir(folder)
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

/// Bodies of status 200 that are no reply, or one with something wrong.
fn bodies() -> Vec<Vec<u8>> {
    let around = |content: &str| {
        format!(r#"{{"choices":[{{"message":{{"content":{content}}},"finish_reason":"stop"}}]}}"#)
            .into_bytes()
    };
    let mut invalid = around("\"caf?\"");
    let place = invalid.iter().position(|&byte| byte == b'?').unwrap();
    invalid[place] = 0xE9;
    vec![
        invalid,
        around(r#""\ud83d""#),
        around(r#""\u0000\u001b[2J\u0007""#),
        around("1e999"),
        around(&"9".repeat(100_000)),
        around(&("[".repeat(100_000) + &"]".repeat(100_000))),
        around("{\"text\":\"?\"}"),
        "[".repeat(1_000_000).into_bytes(),
        b"{}".to_vec(),
        b"null".to_vec(),
        vec![0; 1 << 20],
        vec![],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_model_is_audited_and_shown_harmlessly() {
    let megabyte = "red ".repeat(1 << 18);
    let texts = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}seven",
        "\0red\0",
        "\u{202e}eulb\u{2028}",
        "=cmd|' /C calc'!A0",
        megabyte.as_str(),
    ];
    let mut script: Vec<Behaviour> = bodies().into_iter().map(Behaviour::Raw).collect();
    let broken = script.len();
    script.push(Behaviour::answer_any(&texts));
    let server = Server::start(script).await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
        target = "hostile"
        references = ["lab"]
        drift_pairs = 0
        [source]
        url = "lab://?scenes=20"
        [models.hostile.http]
        url = "{}"
        model = "hostile"
        revision = "1"
        max_retries = 0
        [models.lab.local]
        path = "{}/data/lab-reference"
        [[probers]]
        kind = "lab"
        strategies = ["question"]
        probes = 2
        "#,
        server.url,
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::write(folder.path().join("audit.toml"), config).unwrap();
    let path = folder.path().to_owned();
    let (first, second, queries) = tokio::task::spawn_blocking(move || {
        let run = |arguments: &[&str]| auditdm(&path, arguments);
        let first = run(&["audit", "audit.toml", "--quiet"]);
        let second = run(&["audit", "audit.toml", "--quiet"]);
        let sql = "SELECT text FROM answers ORDER BY pair_id";
        let query = |format| run(&["query", "--sql", sql, "--format", format]);
        (first, second, ["table", "csv", "json"].map(query))
    })
    .await
    .unwrap();

    let (first, second) = [first, second]
        .map(|output| {
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(said.len() < 20_000 && !said.contains(obeyed), "{said:?}");
            (output.status.code(), said)
        })
        .into();
    // What was no reply is asked again, and then nothing is left.
    assert_eq!(first.0, Some(3), "{}", first.1);
    assert_eq!(second.0, Some(0), "{}", second.1);
    assert!(second.1.contains("The worst examples"), "{}", second.1);
    let retried = server.bodies().len();
    assert!((40 + broken / 2..=40 + broken).contains(&retried), "{retried}");

    let [table, csv, json] = queries.map(|output| String::from_utf8(output.stdout).unwrap());
    assert!(!table.contains(obeyed), "{table:?}");
    // Programs get every byte.
    assert!(csv.contains("\u{1b}[2J") && csv.contains(&megabyte) && csv.contains("=cmd|"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(rows.iter().any(|row| row["text"] == "\0red\0"));
}

fn obeyed(each: char) -> bool {
    each != '\n' && (each.is_control() || matches!(each, '\u{202e}' | '\u{2028}'))
}
