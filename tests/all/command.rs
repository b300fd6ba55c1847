//! What the command line says: examples in every help text, all mistakes of a configuration at once.

use std::process::Command;

fn auditdm(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_auditdm"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_help_has_an_example() {
    for command in [
        &[][..],
        &["audit"],
        &["serve"],
        &["serve", "reward"],
        &["query"],
        &["slices"],
        &["diff"],
        &["tables", "duckdb"],
        &["report"],
        &["select"],
        &["export"],
        &["export", "check"],
        &["eval"],
        &["init"],
        &["models"],
        &["models", "verify"],
        &["lab"],
        &["lab", "train"],
        &["lab", "examine"],
        &["lab", "show"],
        &["lab", "reproduce"],
        &["lab", "reproduce", "search"],
        &["tables"],
        &["tables", "compact"],
        &["tables", "history"],
        &["tables", "vacuum"],
        &["tables", "check"],
    ] {
        let (status, help, _) = auditdm(&[command, &["--help"]].concat());
        assert_eq!(status, Some(0));
        assert!(help.contains("Examples:\n  auditdm"), "{command:?}: {help}");
    }
}

#[test]
fn three_mistakes_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.toml");
    let text = r#"target = "smal"
references = ["large"]
tabels = "here"

[source]
url = "photos"
sample = "many"

[models.large.http]
url = "localhost:8000"
model = "large"
revision = "1"

[[probers]]
kind = "dataset"
"#;
    std::fs::write(&path, text).unwrap();
    let (status, _, error) = auditdm(&["audit", path.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    for (line, remedy) in [
        ("line 1:", "target `smal` is not a model of this file"),
        ("line 3:", "did you mean `tables`?"),
        ("line 7:", "expected usize"),
        ("line 10:", "url"),
    ] {
        let found = error.lines().find(|text| text.trim_start().starts_with(line));
        assert!(
            found.is_some_and(|text| text.contains(remedy)),
            "{line} {remedy}: {error}"
        );
    }
}

#[test]
fn what_init_writes_is_a_sound_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.toml");
    let (status, said, _) = auditdm(&["init", path.to_str().unwrap()]);
    assert_eq!(status, Some(0));
    assert!(said.contains("auditdm audit"), "{said}");
    auditdm::config::Config::read(&path).unwrap();
    let (status, _, error) = auditdm(&["init", path.to_str().unwrap()]);
    assert_eq!(status, Some(1), "a file is never overwritten");
    assert!(error.contains("remove the file"), "{error}");
}

#[test]
fn tables_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("nowhere");
    let (status, _, error) = auditdm(&["query", "runs", "--tables", place.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(error.contains("run an audit first"), "{error}");
}
