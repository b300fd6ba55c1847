//! An evaluation is killed again and again: its tables do not show it, and no answer that was received is asked for again.

use crate::server::{Behaviour, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const QUESTIONS: usize = 96;
const IN_FLIGHT: usize = 4;
/// A reply may lie so long in a socket before a busy process comes to read it.
const UNREAD: Duration = Duration::from_millis(300);
/// Where a process dies, and twice at any moment.
const PLACES: [Option<&str>; 8] = [
    Some("before journal 5"),
    Some("after journal 10"),
    None,
    Some("before answers 1"),
    Some("after answers 1"),
    Some("after run_probes 1"),
    Some("before divergences 1"),
    None,
];
const ROWS: &str = "
    SELECT 'image' AS kind, concat_ws(' ', image_id, status) AS row FROM images
    UNION ALL SELECT 'model', model_id FROM models
    UNION ALL SELECT 'run', concat_ws(' ', run_id, status, probes) FROM runs
    UNION ALL SELECT 'covered', concat_ws(' ', run_id, probe_id) FROM run_probes
    UNION ALL SELECT 'probe', concat_ws(' ', probe_id, pair_id, question) FROM probes
    UNION ALL SELECT 'answer', concat_ws(' ', pair_id, model_id, sample, text) FROM answers
    UNION ALL SELECT 'divergence', concat_ws(' ', probe_id, target_id, measure, status, score) FROM divergences
    UNION ALL SELECT 'call', concat_ws(' ', role, model_id, subject) FROM calls WHERE status = 'ok'
    ORDER BY 1, 2";

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditdm"));
    command
        .current_dir(folder)
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1");
    command
}

/// Evaluates until it ends, or dies at a place or after a while; when it died, else what it printed.
fn evaluate(
    folder: &Path,
    tables: &str,
    place: Option<&str>,
    kill_after: Option<Duration>,
) -> Result<String, Instant> {
    let arguments = [
        "eval",
        "pope",
        "--data",
        "pope.json",
        "--images",
        "images",
        "--config",
        "models.toml",
        "--model",
        "served",
        "--json",
        "--quiet",
        "--tables",
        tables,
    ];
    let mut command = program(folder, &arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(place) = place {
        command.env("AUDITDM_FAILPOINT", place);
    }
    let mut child = command.spawn().unwrap();
    if let Some(after) = kill_after {
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    if output.status.signal().is_some() {
        return Err(Instant::now());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    Ok(String::from_utf8(output.stdout).unwrap())
}

fn rows(folder: &Path, tables: &str) -> Vec<String> {
    let arguments = ["query", "--format", "csv", "--tables", tables, "--sql", ROWS];
    let output = program(folder, &arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn prepare(folder: &Path, url: &str) {
    std::fs::create_dir(folder.join("images")).unwrap();
    let mut lines = Vec::new();
    for at in 0..QUESTIONS {
        let name = format!("{}.png", at / 4);
        let pixel = image::Rgb([(at / 4) as u8, 9, 200]);
        image::RgbImage::from_pixel(8, 8, pixel)
            .save(folder.join("images").join(&name))
            .unwrap();
        let (text, label) = (format!("Is there a thing of kind {at}?"), ["yes", "no"][at % 2]);
        lines.push(json!({ "question_id": at, "image": name, "text": text, "label": label }).to_string());
    }
    std::fs::write(folder.join("pope.json"), lines.join("\n")).unwrap();
    let model = format!(
        "[models.served.http]\nurl = '{url}'\nmodel = 'served'\nrevision = '1'\nmax_in_flight = {IN_FLIGHT}\n"
    );
    std::fs::write(folder.join("models.toml"), model).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_evaluation_asks_nothing_twice_that_was_answered() {
    let answers = Behaviour::answer_any(&["yes", "no"]);
    let server = Server::start(vec![Behaviour::Delay(20, Box::new(answers))]).await;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    prepare(folder, &server.url);
    let whole = evaluate(folder, "whole", None, None).unwrap();
    let (expected, asked) = (rows(folder, "whole"), server.bodies());
    let wanted: BTreeSet<_> = asked.iter().cloned().collect();
    assert_eq!((asked.len(), wanted.len()), (QUESTIONS, QUESTIONS));

    let mut random = StdRng::seed_from_u64(7);
    let (since, mut deaths) = (server.bodies().len(), Vec::new());
    for place in PLACES {
        let moment = place
            .is_none()
            .then(|| Duration::from_millis(random.random_range(150..450)));
        deaths.extend(evaluate(folder, "killed", place, moment).err());
    }
    assert!(deaths.len() >= 5, "only {} died", deaths.len());
    let said = evaluate(folder, "killed", None, None).unwrap();
    assert_eq!(said, whole, "other scores");
    assert_eq!(rows(folder, "killed"), expected);

    let mut times: BTreeMap<_, Vec<Option<Instant>>> = BTreeMap::new();
    for (body, answered) in server.exchanges().split_off(since) {
        times.entry(body).or_default().push(answered);
    }
    assert!(times.keys().eq(wanted.iter()), "the same is asked, killed or not");
    let mut extra = 0;
    for times in times.values() {
        let (_, earlier) = times.split_last().unwrap();
        for answered in earlier {
            let unread = |death: &Instant| answered.is_none_or(|at| at + UNREAD > *death);
            assert!(
                deaths.iter().any(unread),
                "an answer was received and asked for again"
            );
        }
        extra += earlier.len();
    }
    assert!(
        extra <= deaths.len() * IN_FLIGHT,
        "{extra} extra requests, {} deaths",
        deaths.len()
    );
    let before = server.bodies().len();
    assert_eq!(evaluate(folder, "killed", None, None).unwrap(), whole);
    assert_eq!(server.bodies().len(), before, "nothing is left to ask");
    let left = std::fs::read_dir(folder.join("killed/_journal")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "answers are left in the journal");
}
