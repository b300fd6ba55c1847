//! A folder of photographs, some of them bad, audited by the program against two scripted servers.

use crate::server::{Behaviour, Server};
use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn auditdm(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditdm"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap()
}

/// A PNG that says it has 20 000 × 20 000 pixels, and little else.
fn bomb() -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = image::RgbImage::new(1, 1);
    image
        .write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)
        .unwrap();
    bytes[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    let checksum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_rows_with_reasons() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/photos");
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    for (at, entry) in std::fs::read_dir(&fixtures).unwrap().enumerate() {
        let path = entry.unwrap().path();
        let shop = photos
            .join(["fr", "de"][at % 2])
            .join(["paris", "berlin", "lyon"][at % 3]);
        std::fs::create_dir_all(&shop).unwrap();
        if path.extension().is_some_and(|extension| extension != "json") {
            std::fs::copy(&path, shop.join(path.file_name().unwrap())).unwrap();
        }
    }
    let whole = std::fs::read(fixtures.join("progressive.jpg")).unwrap();
    let shop = photos.join("fr/paris");
    std::fs::write(shop.join("cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(shop.join("text.jpg"), "no picture, only words").unwrap();
    std::fs::write(shop.join("bomb.png"), bomb()).unwrap();

    let target = Server::start(vec![Behaviour::answer_any(&["red", "blue", "2"])]).await;
    let auditor = "Question: What colour is the background?\nCategory: color_recognition\nAnswer: red";
    let reference = Server::start(vec![
        Behaviour::Status(429, Some("0".to_owned()), "slow down".to_owned()),
        Behaviour::Status(500, None, "out of order".to_owned()),
        Behaviour::answer(auditor),
    ])
    .await;
    let config = format!(
        r#"
        target = "small"
        references = ["large"]
        [source]
        url = "photos/{{country}}/{{city}}/*"
        [models.small.http]
        url = "{}"
        model = "small"
        revision = "1"
        [models.large.http]
        url = "{}"
        model = "large"
        revision = "1"
        [[probers]]
        kind = "prompted"
        model = "large"
        probes = 2
        "#,
        target.url, reference.url
    );
    std::fs::write(folder.path().join("audit.toml"), config).unwrap();
    let path = folder.path().to_owned();
    let output = tokio::task::spawn_blocking(move || auditdm(&path, &["audit", "audit.toml", "--json"]))
        .await
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["images_broken"], 3, "{summary}");
    let whole = summary["images"].as_i64().unwrap() - 3;
    assert!(whole >= 20, "{summary}");
    assert_eq!(
        summary["counts"]["pairs"].as_i64().unwrap(),
        2 * whole,
        "{summary}"
    );
    assert_eq!(
        summary["counts"]["unknown"], summary["counts"]["pairs"],
        "one reference is no truth"
    );

    let broken = auditdm(
        folder.path(),
        &[
            "query",
            "--format",
            "jsonl",
            "--sql",
            "SELECT uri, error FROM images WHERE status = 'broken' ORDER BY uri",
        ],
    );
    let broken = String::from_utf8_lossy(&broken.stdout).into_owned();
    let lines: Vec<&str> = broken.lines().collect();
    assert_eq!(lines.len(), 3, "{broken}");
    for (line, (name, reason)) in lines.iter().zip([
        ("bomb.png", "20000"),
        ("cut.jpg", "truncated"),
        ("text.jpg", "text"),
    ]) {
        assert!(
            line.contains(name) && line.to_lowercase().contains(reason),
            "{line}"
        );
    }
    let columns = auditdm(
        folder.path(),
        &[
            "query",
            "--format",
            "csv",
            "--sql",
            "SELECT DISTINCT attributes FROM results ORDER BY 1 LIMIT 1",
        ],
    );
    let columns = String::from_utf8_lossy(&columns.stdout).into_owned();
    assert!(
        columns.contains("country") && columns.contains("city"),
        "{columns}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_postpones_and_a_wrong_key_stops() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, url: &str| {
        let config = format!(
            r#"
            target = "small"
            references = ["mock"]
            [source]
            url = "lab://?scenes=2"
            [models.small.http]
            url = "{url}"
            model = "small"
            revision = "1"
            max_retries = 0
            [models.mock.mock]
            [[probers]]
            kind = "lab"
            probes = 1
            "#
        );
        std::fs::write(folder.path().join(name), config).unwrap();
    };
    let failing = Server::start(vec![Behaviour::Status(503, None, "busy".to_owned())]).await;
    write("busy.toml", &failing.url);
    let locked = Server::start(vec![Behaviour::Status(401, None, "wrong key".to_owned())]).await;
    write("locked.toml", &locked.url);
    let path = folder.path().to_owned();
    let (busy, locked) = tokio::task::spawn_blocking(move || {
        (
            auditdm(&path, &["audit", "busy.toml", "--quiet", "--tables", "busy"]),
            auditdm(&path, &["audit", "locked.toml", "--quiet", "--tables", "locked"]),
        )
    })
    .await
    .unwrap();
    assert_eq!(
        busy.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&busy.stderr)
    );
    assert!(String::from_utf8_lossy(&busy.stdout).contains("errors to retry    2"));
    assert_eq!(locked.status.code(), Some(1));
    let error = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(
        error.contains("small") && error.contains("api_key_env"),
        "{error}"
    );
}
