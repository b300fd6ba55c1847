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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/photos");
    for name in ["progressive.jpg", "grey.jpg", "palette.png"] {
        std::fs::copy(fixtures.join(name), photos.join(name)).unwrap();
    }
    std::fs::write(photos.join("text.jpg"), "no picture, only words").unwrap();
    let text = format!(
        r#"
        tables = {:?}
        target = "target"
        references = ["one"]
        [source]
        url = {photos:?}
        [models.target.mock]
        [models.one.mock]
        name = "one"
        [models.auditor.mock]
        name = "auditor"
        answers = ["Question: What is it?\nAnswer: a cat"]
        [[probers]]
        kind = "prompted"
        model = "auditor"
        "#,
        folder.path().join("tables")
    );
    let config = Config::parse(&text, "test", Path::new("")).unwrap();
    let images = "SELECT count(*) FROM images";
    let place = folder.path().join("tables");
    assert!(matches!(run(&config, None).await, Ended::Done));
    assert_eq!(count(&place, images).await, 4);

    // Other bytes under the old mark: whoever reads them finds images that are new and broken.
    for entry in std::fs::read_dir(&photos).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.metadata().unwrap();
        std::fs::write(&path, vec![0; metadata.len() as usize]).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(metadata.modified().unwrap()).unwrap();
    }
    let mut again = Run::open(config.clone()).await.unwrap();
    assert!(matches!(
        again.go(std::future::pending()).await.unwrap(),
        Ended::Done
    ));
    let progress = &again.audit.progress;
    assert_eq!((progress.images.get(), progress.broken.get()), (4, 1));
    assert_eq!(count(&place, images).await, 4);

    // A new mark, or something left to ask, and they are read.
    std::fs::write(photos.join("grey.jpg"), "changed").unwrap();
    assert!(matches!(run(&config, None).await, Ended::Done));
    assert_eq!(count(&place, images).await, 5);
    let wider = Config::parse(
        &text.replace("\"prompted\"", "\"prompted\"\n        probes = 5"),
        "test",
        Path::new(""),
    );
    assert!(matches!(run(&wider.unwrap(), None).await, Ended::Done));
    assert_eq!(count(&place, images).await, 7);
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
