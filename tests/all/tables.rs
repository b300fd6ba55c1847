//! The upkeep of tables from the command line, on what an audit wrote.

use crate::program::auditdm;
use std::path::Path;

const CONFIG: &str = r#"
target = "target"
references = ["reference"]
painter = "lab"
[source]
url = "lab://?scenes=40&seed=5"
[models.target.mock]
name = "target"
latency_ms = 20
[models.reference.mock]
name = "reference"
[[probers]]
kind = "lab"
strategies = ["question", "edit"]
probes = 2
[pace]
batch_images = 2
batches_in_flight = 1
commit_every_s = 0.01
"#;

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect(text)
}

/// The files of a table, by `tables check`.
fn files(folder: &Path) -> Vec<(String, i64)> {
    let (status, checked, error) = auditdm(folder, &["tables", "check", "--format", "json"]);
    assert_eq!(status, Some(0), "{checked} {error}");
    let tables = json(&checked)["tables"].as_array().unwrap().clone();
    let each = |table: &serde_json::Value| {
        (
            table["table"].as_str().unwrap().to_owned(),
            table["files"].as_i64().unwrap(),
        )
    };
    tables.iter().map(each).collect()
}

#[test]
fn an_audits_tables_are_checked_compacted_and_vacuumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |compact_files: usize| {
        std::fs::write(
            folder.join("audit.toml"),
            format!("{CONFIG}compact_files = {compact_files}\n"),
        )
        .unwrap();
    };
    write(0);
    let audit = ["audit", "audit.toml", "--quiet"];
    assert_eq!(auditdm(folder, &audit).0, Some(0));
    let many = files(folder).iter().filter(|(_, files)| *files > 5).count();
    assert!(many > 5, "{:?}", files(folder));
    let ask = ["query", "weaknesses", "--format", "json"];
    let before = auditdm(folder, &ask).1;

    let (status, compacted, _) = auditdm(folder, &["tables", "compact", "--format", "jsonl"]);
    assert_eq!(status, Some(0));
    assert!(
        compacted
            .lines()
            .all(|line| json(line)["files_after"].as_i64().unwrap() <= 1),
        "{compacted}"
    );
    assert!(
        files(folder).iter().all(|(_, files)| *files == 1),
        "{:?}",
        files(folder)
    );
    assert_eq!(auditdm(folder, &ask).1, before);

    let history = auditdm(
        folder,
        &["tables", "history", "--only", "answers", "--format", "jsonl"],
    )
    .1;
    let latest = json(history.lines().next().unwrap());
    assert_eq!(
        (latest["operation"].as_str(), latest["rows"].as_i64()),
        (Some("OPTIMIZE"), Some(0))
    );

    let (_, _, planned) = auditdm(folder, &["tables", "vacuum"]);
    assert!(
        planned.starts_with("0 files, 0 bytes can be removed"),
        "{planned}"
    );
    let (_, _, planned) = auditdm(folder, &["tables", "vacuum", "--keep", "0s"]);
    assert!(
        planned.contains("do it with --yes") && !planned.starts_with("0 "),
        "{planned}"
    );
    let (_, _, removed) = auditdm(folder, &["tables", "vacuum", "--keep", "0s", "--yes"]);
    assert_eq!(
        removed.split(',').next().unwrap().replace("removed ", ""),
        planned.split(',').next().unwrap()
    );
    assert_eq!(auditdm(folder, &ask).1, before);
    assert!(files(folder).iter().all(|(_, files)| *files == 1));

    // The next night's audit merges what the nights before left.
    write(3);
    for label in ["monday", "tuesday"] {
        assert_eq!(
            auditdm(folder, &[&audit[..], &["--label", label]].concat()).0,
            Some(0)
        );
    }
    assert!(
        files(folder).iter().all(|(_, files)| *files < 4),
        "{:?}",
        files(folder)
    );

    let answers = std::fs::read_dir(folder.join("auditdm-tables/answers")).unwrap();
    for file in answers
        .map(|file| file.unwrap().path())
        .filter(|file| file.is_file())
    {
        std::fs::remove_file(file).unwrap();
    }
    let (status, _, error) = auditdm(folder, &["tables", "check"]);
    assert_eq!(status, Some(1), "{error}");
    assert!(
        error.contains("broken: `answers`") && error.contains("is missing") && error.contains("backup"),
        "{error}"
    );
}
