//! What a run may spend, what it would spend, and what it spent: the program against scripted servers.

use crate::photos::auditdm;
use crate::server::{Behaviour, Server};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// Scenes of the lab, one question each, asked of two servers.
fn configuration(scenes: usize, url: &str, more: &str) -> String {
    format!(
        r#"
        target = "small"
        references = ["large"]
        {more}
        [source]
        url = "lab://?scenes={scenes}&seed=3"
        [models.small.http]
        url = "{url}"
        model = "small"
        revision = "1"
        max_in_flight = 32
        input_usd_per_mtok = 1.0
        output_usd_per_mtok = 4.0
        [models.large.http]
        url = "{url}"
        model = "large"
        revision = "1"
        max_in_flight = 32
        input_usd_per_mtok = 1.0
        output_usd_per_mtok = 4.0
        [[probers]]
        kind = "lab"
        probes = 1
        "#
    )
}

async fn run(folder: &Path, configuration: &str, options: &[&str]) -> Output {
    std::fs::write(folder.join("audit.toml"), configuration).unwrap();
    let folder = folder.to_owned();
    let arguments = [&["audit", "audit.toml", "--quiet"], options].concat();
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    let run = move || auditdm(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn query(folder: &Path, sql: &str) -> Value {
    let output = auditdm(folder, &["query", "--format", "jsonl", "--sql", sql]);
    json(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_a_run_stops_at_a_thousand_requests_and_goes_on_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Behaviour::Delay(5, Box::new(Behaviour::answer_any(&["yes", "no", "red"])));
    let server = Server::start(vec![slow]).await;

    let stopped = run(folder.path(), &configuration(600, &server.url, ""), &["--json"]).await;
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(4), "{said}");
    for words in [
        "budget of 1000 requests",
        "raise `requests`",
        "[budget]",
        "auditdm audit audit.toml",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(server.bodies().len(), 1_000);
    let summary = json(&stopped);
    assert_eq!(
        (&summary["status"], &summary["spent"]["requests"]),
        (&"stopped".into(), &1_000.into())
    );
    let row = query(
        folder.path(),
        "SELECT status, stop_reason, cost_usd, (SELECT sum(cost_usd) FROM calls) AS sum,
            (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM answers) AS answers FROM runs",
    );
    assert_eq!(
        (&row["status"], &row["calls"], &row["answers"]),
        (&"stopped".into(), &1_000.into(), &1_000.into())
    );
    assert!(
        row["stop_reason"].as_str().unwrap().contains("1000 requests"),
        "{row}"
    );
    let (cost, sum) = (row["cost_usd"].as_f64().unwrap(), row["sum"].as_f64().unwrap());
    assert!(cost > 0.0 && (cost - sum).abs() < 1e-9, "{row}");

    // The same again: what is spent stays spent.
    let again = run(folder.path(), &configuration(600, &server.url, ""), &["--json"]).await;
    assert_eq!((again.status.code(), server.bodies().len()), (Some(4), 1_000));

    let raised = "\n[budget]\nrequests = 1200\n";
    let done = run(
        folder.path(),
        &(configuration(600, &server.url, "") + raised),
        &["--json"],
    )
    .await;
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(server.bodies().len(), 1_200, "nothing is asked twice");
    assert_eq!(json(&done)["counts"]["pairs"], 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_holds_and_needs_prices() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![Behaviour::Delay(5, Box::new(Behaviour::answer("red")))]).await;
    let text = configuration(400, &server.url, "") + "\n[budget]\nusd = 0.5\n";
    let stopped = run(folder.path(), &text, &["--json"]).await;
    assert_eq!(
        stopped.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&stopped.stderr)
    );
    let cost = json(&stopped)["cost_usd"].as_f64().unwrap();
    assert!((0.4..=0.5).contains(&cost), "{cost}");

    let unpriced = text.replacen("input_usd_per_mtok = 1.0", "", 1);
    let refused = run(folder.path(), &unpriced, &[]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains("`small` has no price") && said.contains("input_usd_per_mtok"),
        "{said}"
    );

    // Without a limit in dollars a model may be unpriced; then the cost is unknown, and not 0.
    let free = tempfile::tempdir().unwrap();
    let unpriced = configuration(5, &server.url, "").replacen("input_usd_per_mtok = 1.0", "", 1);
    let summary = json(&run(free.path(), &unpriced, &["--json"]).await);
    assert_eq!(
        (&summary["cost_usd"], &summary["spent"]["requests"]),
        (&Value::Null, &10.into())
    );
    assert_eq!(
        query(
            free.path(),
            "SELECT count(*) AS n FROM runs WHERE cost_usd IS NULL"
        )["n"],
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_comes_near_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Behaviour::Delay(50, Box::new(Behaviour::answer_any(&["yes", "no"])));
    let server = Server::start(vec![slow]).await;
    let text = configuration(640, &server.url, "") + "\n[budget]\nrequests = 2000\n";
    let first = run(folder.path(), &text, &["--preview", "40", "--json"]).await;
    assert_eq!(
        first.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&first.stderr)
    );
    let asked = server.bodies().len();
    assert_eq!(asked, 80);

    let estimate = json(&run(folder.path(), &text, &["--dry-run", "--json"]).await);
    assert_eq!(server.bodies().len(), asked, "a dry run asks nobody");
    let clock = std::time::Instant::now();
    let done = run(folder.path(), &text, &["--json"]).await;
    let seconds = clock.elapsed().as_secs_f64();
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );

    let near = |what: &str, estimated: f64, real: f64, share: f64| {
        eprintln!("{what}: estimated {estimated:.3}, real {real:.3}");
        assert!(
            (estimated / real - 1.0).abs() <= share,
            "{what}: estimated {estimated}, real {real}"
        );
    };
    let sum = |name: &str| {
        let lines = estimate["lines"].as_array().unwrap().iter();
        lines.map(|line| line[name].as_f64().unwrap()).sum::<f64>()
    };
    let real = |what: &str| {
        let sql = format!("SELECT {what} AS n FROM (SELECT * FROM calls ORDER BY started_at OFFSET 80)");
        query(folder.path(), &sql)["n"].as_f64().unwrap()
    };
    near("requests", sum("calls"), real("count(*) * 1.0"), 0.01);
    near(
        "tokens",
        sum("tokens_in") + sum("tokens_out"),
        real("sum(tokens_in + tokens_out) * 1.0"),
        0.1,
    );
    near(
        "dollars",
        estimate["usd"].as_f64().unwrap(),
        real("sum(cost_usd)"),
        0.1,
    );
    eprintln!(
        "seconds: estimated {}, real {seconds:.1} with start and end",
        estimate["seconds"]
    );
    assert!(estimate["seconds"].as_f64().unwrap() < seconds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_pairs_and_the_rest_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![Behaviour::answer("three")]).await;
    let text = configuration(12, &server.url, "");
    let preview = run(folder.path(), &text, &["--preview", "2"]).await;
    let shown = String::from_utf8_lossy(&preview.stdout).into_owned();
    assert_eq!(preview.status.code(), Some(0), "{shown}");
    assert_eq!(server.bodies().len(), 4);
    assert_eq!(
        shown.matches("target: three; references: three").count(),
        2,
        "{shown}"
    );
    assert!(
        shown.contains("1. lab://") && shown.contains("truth: ") && shown.contains("→ target"),
        "{shown}"
    );
    let done = run(folder.path(), &text, &["--json"]).await;
    assert_eq!((done.status.code(), server.bodies().len()), (Some(0), 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_under_the_same_revision_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let before = Server::start(vec![Behaviour::answer("red")]).await;
    let text = configuration(40, &before.url, "");
    assert_eq!(run(folder.path(), &text, &[]).await.status.code(), Some(0));
    assert_eq!(before.bodies().len(), 80);

    // Nothing changed: the same answers again, and no warning.
    let same = run(folder.path(), &text, &["--json"]).await;
    assert_eq!(before.bodies().len(), 80 + 2 * 32);
    assert!(!String::from_utf8_lossy(&same.stderr).contains("revision"));
    let again = json(&same);
    assert_eq!(
        (&again["drift"][0]["asked"], &again["drift"][0]["changed"]),
        (&32.into(), &0.into())
    );
    assert_eq!(again["spent"]["requests"], 80 + 64, "the budget counts them");

    // Other weights behind the same name.
    let after = Server::start(vec![Behaviour::answer("blue")]).await;
    let moved = configuration(40, &after.url, "");
    let changed = run(folder.path(), &moved, &["--json"]).await;
    let said = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert!(
        said.contains("32 of 32 stored pairs") && said.contains("declare a new `revision`"),
        "{said}"
    );
    assert_eq!(json(&changed)["drift"][0]["changed"], 32);
    let rows = query(
        folder.path(),
        "SELECT count(*) AS n FROM calls WHERE role = 'drift'",
    );
    assert_eq!(rows["n"], 128);
    let stored = query(folder.path(), "SELECT count(DISTINCT text) AS n FROM answers");
    assert_eq!(stored["n"], 1, "what is stored stays");

    let off = configuration(40, &after.url, "drift_pairs = 0");
    assert_eq!(run(folder.path(), &off, &[]).await.status.code(), Some(0));
    assert_eq!(after.bodies().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_stops_the_run_and_a_living_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let dead = "http://127.0.0.1:9/v1";
    // So slow that it is far from done when the other one is given up.
    let slow = Behaviour::Delay(1000, Box::new(Behaviour::answer("red")));
    let living = Server::start(vec![slow]).await;
    let text = |url: &str| {
        let text = configuration(200, &living.url, "") + "\n[breaker]\ndead_after_s = 1.0\n";
        text.replacen(&living.url, url, 1)
    };
    let clock = std::time::Instant::now();
    let stopped = run(folder.path(), &text(dead), &[]).await;
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(1), "{said}");
    assert!(
        clock.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        clock.elapsed()
    );
    for words in [
        "`small`",
        dead,
        "cannot connect",
        "go on with: auditdm audit audit.toml",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(
        query(folder.path(), "SELECT status FROM runs")["status"],
        "failed"
    );
    let paid = living.bodies().len();
    assert!((1..200).contains(&paid), "{paid}");
    let done = run(folder.path(), &text(&living.url), &["--json"]).await;
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(
        living.bodies().len(),
        400,
        "what the living one answered before is not asked again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_served_while_a_run_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Behaviour::Delay(100, Box::new(Behaviour::answer("red")));
    let server = Server::start(vec![slow]).await;
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (place, text) = (folder.path().to_owned(), configuration(400, &server.url, ""));
    let address_text = address.to_string();
    let running = tokio::spawn(async move { run(&place, &text, &["--metrics", &address_text]).await });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut pages = Vec::new();
    while !running.is_finished() {
        if let Ok(reply) = client.get(format!("http://{address}/metrics")).send().await {
            pages.push(reply.text().await.unwrap());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(running.await.unwrap().status.code(), Some(0));
    let value = |page: &String, start: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with(start))
            .map(str::to_owned);
        line.map_or(0.0, |line| {
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        })
    };
    let most = |start: &str| pages.iter().map(|page| value(page, start)).fold(0.0, f64::max);
    assert!(most("auditdm_calls_total{role=\"target\"") > 50.0);
    assert!(most("auditdm_requests_in_flight{role=\"target\",model=\"small\"}") >= 16.0);
    assert!(most("auditdm_budget_requests_total") > 100.0);
}
