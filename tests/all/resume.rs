//! The same configuration gives the same tables: however often it is interrupted, however often it is run
//! and however much is under way at once.

use auditdm::audit::{Ended, Run};
use auditdm::config::Config;
use auditdm::tables::{TableName, Tables};
use futures::TryStreamExt;
use std::path::Path;
use std::time::Duration;

/// What may differ: when things happened and how often a call was made.
const VOLATILE: [&str; 5] = [
    "created_at",
    "answered_at",
    "computed_at",
    "started_at",
    "updated_at",
];

fn config(tables: &Path, batch_images: usize, batches_in_flight: usize, latency_ms: u64) -> Config {
    let text = format!(
        r#"
        label = "resume"
        tables = "{}"
        target = "target"
        references = ["one", "two"]
        judges = ["judge"]
        painter = "lab"
        [source]
        url = "lab://?scenes=100&seed=5&difficulty=1"
        [models.target.mock]
        name = "target"
        seed = 1
        latency_ms = {latency_ms}
        [models.one.mock]
        name = "one"
        seed = 2
        refuse_rate = 0.05
        [models.two.mock]
        name = "two"
        seed = 3
        [models.judge.mock]
        name = "judge"
        answers = ["CORRECT", "INCORRECT", "UNANSWERABLE"]
        [[probers]]
        kind = "lab"
        strategies = ["question", "edit", "generation"]
        probes = 2
        [[probers]]
        kind = "dataset"
        [pace]
        batch_images = {batch_images}
        batches_in_flight = {batches_in_flight}
        commit_every_s = 0.05
        "#,
        tables.display()
    );
    Config::parse(&text, "test", Path::new("")).unwrap()
}

async fn run(config: &Config, stop_after: Option<Duration>) -> Ended {
    let stop = async move {
        match stop_after {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    Run::open(config.clone()).await.unwrap().go(stop).await.unwrap()
}

/// Every table but `calls` and `runs`, without what may differ, as text in the order of its keys.
async fn contents(folder: &Path) -> Vec<(TableName, Vec<String>)> {
    let tables = Tables::open(folder.to_str().unwrap()).await.unwrap();
    let mut contents = Vec::new();
    for table in TableName::ALL {
        if matches!(
            table,
            TableName::Calls | TableName::Runs | TableName::Steps | TableName::Rollouts
        ) {
            continue;
        }
        let schema = table.schema();
        let columns: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| !VOLATILE.contains(name))
            .collect();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {}",
            columns.join(", "),
            table.name(),
            table.key().join(", ")
        );
        let batches: Vec<_> = tables.query(&sql).await.unwrap().try_collect().await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches)
            .unwrap()
            .to_string();
        contents.push((table, text.lines().map(str::to_owned).collect()));
    }
    contents
}

fn assert_same(left: &[(TableName, Vec<String>)], right: &[(TableName, Vec<String>)]) {
    for ((table, left), (_, right)) in left.iter().zip(right) {
        assert_eq!(left.len(), right.len(), "rows of {}", table.name());
        for (left, right) in left.iter().zip(right) {
            assert_eq!(left, right, "{}", table.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interruptions_pace_and_repetition_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);

    let whole = config(&place("whole"), 16, 4, 2);
    assert!(matches!(run(&whole, None).await, Ended::Done));
    let expected = contents(&place("whole")).await;
    let pairs = expected
        .iter()
        .find(|(table, _)| *table == TableName::Divergences)
        .unwrap()
        .1
        .len();
    assert!(pairs > 1_000, "{pairs} lines of divergences");

    let broken = config(&place("interrupted"), 2, 1, 50);
    for _ in 0..3 {
        assert!(matches!(
            run(&broken, Some(Duration::from_millis(60))).await,
            Ended::Interrupted
        ));
    }
    assert!(matches!(run(&broken, None).await, Ended::Done));
    // The latency is part of a mock's behaviour, not of its identity.
    assert_same(&expected, &contents(&place("interrupted")).await);

    let slow = config(&place("one"), 1, 1, 0);
    assert!(matches!(run(&slow, None).await, Ended::Done));
    assert_same(&expected, &contents(&place("one")).await);

    let calls = "SELECT count(*) FROM calls";
    let before = count(&place("whole"), calls).await;
    assert!(matches!(run(&whole, None).await, Ended::Done));
    assert_same(&expected, &contents(&place("whole")).await);
    assert_eq!(
        count(&place("whole"), calls).await,
        before,
        "nothing is asked again"
    );
}

async fn count(folder: &Path, sql: &str) -> i64 {
    use arrow::array::AsArray;
    let tables = Tables::open(folder.to_str().unwrap()).await.unwrap();
    let batches: Vec<_> = tables.query(sql).await.unwrap().try_collect().await.unwrap();
    batches[0]
        .column(0)
        .as_primitive::<arrow::datatypes::Int64Type>()
        .value(0)
}
