//! `--follow`: images arrive, change, are written slowly and go away while the program runs.

use crate::server::{Behaviour, Server};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn png(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([shade, x as u8 * 9, y as u8 * 9]));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn query(folder: &Path, sql: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_auditdm"))
        .current_dir(folder)
        .args(["query", "--format", "csv", "--sql", sql])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Waits until that many pairs are compared.
fn until(folder: &Path, pairs: usize) {
    let started = Instant::now();
    let mut found = Vec::new();
    while started.elapsed() < Duration::from_secs(30) {
        found = query(folder, "SELECT count(*) FROM divergences");
        if found == [pairs.to_string()] {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{pairs} pairs are expected, there are {found:?}");
}

/// Ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_audited_once_until_the_end() {
    let server = Server::start(vec![Behaviour::answer_any(&["red", "blue"])]).await;
    let question = "Question: What colour is it?\nCategory: color_recognition\nAnswer: red";
    let asker = Server::start(vec![Behaviour::answer(question)]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
        target = "small"
        references = ["large"]
        [source]
        url = "photos/{{shop}}/*.png"
        [models.small.http]
        url = "{0}"
        model = "small"
        revision = "1"
        [models.large.http]
        url = "{0}"
        model = "large"
        revision = "1"
        [models.asker.http]
        url = "{1}"
        model = "asker"
        revision = "1"
        [[probers]]
        kind = "prompted"
        model = "asker"
        probes = 1
        [pace]
        commit_every_s = 0.2
        "#,
        server.url, asker.url
    );
    std::fs::write(folder.path().join("audit.toml"), config).unwrap();
    let shop = folder.path().join("photos/a");
    std::fs::create_dir_all(&shop).unwrap();
    std::fs::write(shop.join("first.png"), png(1)).unwrap();

    let path = folder.path().to_owned();
    let checked = tokio::task::spawn_blocking(move || {
        let child = Command::new(env!("CARGO_BIN_EXE_auditdm"))
            .current_dir(&path)
            .args(["audit", "audit.toml", "--follow", "--poll", "1s", "--json"])
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        until(&path, 1);
        // One arrives alone, one is there already under another name, one is no image.
        std::fs::write(shop.join("second.png"), png(2)).unwrap();
        std::fs::write(shop.join("copy.png"), png(1)).unwrap();
        std::fs::write(shop.join("words.png"), "no picture at all, only words").unwrap();
        until(&path, 2);
        // One changes, one goes away, one is written slowly.
        std::fs::write(shop.join("first.png"), png(3)).unwrap();
        std::fs::remove_file(shop.join("second.png")).unwrap();
        let slow = png(4);
        let mut file = std::fs::File::create(shop.join("slow.png")).unwrap();
        for part in slow.chunks(slow.len() / 4 + 1) {
            file.write_all(part).unwrap();
            std::thread::sleep(Duration::from_millis(1200));
        }
        drop(file);
        until(&path, 4);
        let asked = Command::new("kill")
            .args(["-TERM", &running.0.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
        let status = running.0.wait().unwrap();
        assert_eq!(status.code(), Some(0), "being stopped is how a service ends");
        path
    });
    let path = checked.await.unwrap();
    let images = query(
        &path,
        "SELECT replace(uri, 'file://', ''), status, error FROM images ORDER BY 1, 2",
    );
    let names: Vec<&str> = images
        .iter()
        .map(|line| line.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names.len(), 5, "{images:?}");
    let named = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    // The copy is the same image as the first; whichever was read first stands for both.
    assert_eq!(
        (
            named("first.png,ok") + named("copy.png,ok"),
            named("second.png,ok"),
            named("slow.png,ok")
        ),
        (2, 1, 1),
        "{names:?}"
    );
    assert_eq!(named("words.png,broken"), 1, "{names:?}");
    let asked = query(
        &path,
        "SELECT subject, count(*) FROM calls WHERE role = 'target' GROUP BY 1 HAVING count(*) > 1",
    );
    assert!(asked.is_empty(), "asked twice: {asked:?}");
    let calls = query(&path, "SELECT count(*) FROM calls WHERE role = 'target'");
    assert_eq!(calls, ["4"]);
    assert_eq!(query(&path, "SELECT status FROM runs"), ["interrupted"]);
}
