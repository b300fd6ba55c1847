//! Frozen sets: the same rows are the same file, a changed file is refused, and an audit can ask the set again.

use crate::program::auditdm;
use std::path::{Path, PathBuf};

const CONFIG: &str = r#"
target = "small"
references = ["large"]
[source]
url = "SOURCE"
[models.small.mock]
name = "small"
answers = ["yes", "2"]
[models.large.mock]
name = "large"
[[probers]]
PROBER
"#;

const LAB: &str = "kind = \"lab\"\nstrategies = [\"question\"]\nprobes = 2";

fn config(folder: &Path, name: &str, source: &str, prober: &str) {
    let text = CONFIG.replace("SOURCE", source).replace("PROBER", prober);
    std::fs::write(folder.join(name), text).unwrap();
}

fn frozen(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.join("benchmarks")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn a_set_is_its_content_and_an_audit_asks_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    config(folder, "audit.toml", "lab://?scenes=30&seed=5", LAB);
    let run = |arguments: &[&str]| auditdm(folder, arguments);
    assert_eq!(run(&["audit", "audit.toml", "--quiet"]).0, Some(0));
    let (status, said, error) = run(&["freeze", "weekly"]);
    assert_eq!(status, Some(0), "{error}");
    let rows = said.split(": ").nth(1).unwrap().trim_end().to_owned();
    let (_, said, _) = run(&["freeze", "weekly"]);
    assert!(said.contains(&format!("{rows} (as before)")), "{said}");
    let [file] = &frozen(folder)[..] else {
        panic!("one file: {:?}", frozen(folder))
    };
    // Other rows are another set; the name alone is no longer enough.
    let fewer = "SELECT * FROM (SELECT probe_id AS id, image_ids AS images, question AS prompt, truth[1] AS completion,
        array_append(truth, 'or else') AS audit_accepted FROM probes WHERE array_length(truth) > 0) AS rows ORDER BY id LIMIT 9";
    let (status, said, error) = run(&["freeze", "weekly", "--sql", fewer]);
    assert_eq!(status, Some(0), "{error}");
    assert!(said.contains(": 9 rows"), "{said}");
    let eval = ["--model", "small", "--config", "audit.toml", "--quiet"];
    let (status, _, error) = run(&[&["eval", "weekly"], &eval[..]].concat());
    assert_eq!(status, Some(1));
    assert!(error.contains("several sets have this name"), "{error}");
    let (_, _, error) = run(&[&["eval", "monthly"], &eval[..]].concat());
    assert!(
        error.contains("pope") && error.contains("weekly-frozen-"),
        "{error}"
    );
    let path = file.to_str().unwrap();
    let (status, said, error) = run(&[&["eval", path], &eval[..], &["--json"]].concat());
    assert_eq!(status, Some(0), "{error}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["models"][0]["questions"].to_string() + " rows", rows);
    let accuracy = said["models"][0]["table"][0]["value"].as_f64().unwrap();

    // The same questions in an audit of its own tables: what was true stays true.
    config(folder, "anchors.toml", path, "kind = \"dataset\"");
    let audit = ["audit", "anchors.toml", "--quiet"];
    std::fs::create_dir(folder.join("later")).unwrap();
    std::fs::copy(folder.join("anchors.toml"), folder.join("later/anchors.toml")).unwrap();
    let (status, _, error) = auditdm(&folder.join("later"), &audit);
    assert_eq!(status, Some(0), "{error}");
    let sql = "SELECT count(*) || ' rows', round(100.0 * avg(CAST(target_correct AS INT)), 6) FROM results
        WHERE status = 'valid' AND verified_by = 'truth'";
    let (_, found, _) = auditdm(&folder.join("later"), &["query", "--format", "csv", "--sql", sql]);
    let (count, right) = found.lines().nth(1).unwrap().split_once(',').unwrap();
    assert_eq!(count, rows);
    assert!(
        right.parse::<f64>().unwrap() <= 100.0 && accuracy <= 100.0,
        "{right} {accuracy}"
    );

    // One byte of it changed.
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    for arguments in [&[&["eval", path], &eval[..]].concat()[..], &audit] {
        let (status, _, error) = run(arguments);
        assert_eq!(status, Some(1), "{arguments:?}");
        assert!(error.contains("has been changed since it was frozen"), "{error}");
    }
}

#[test]
fn what_cannot_be_frozen_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    config(folder, "audit.toml", "lab://?scenes=5&seed=5", LAB);
    assert_eq!(auditdm(folder, &["audit", "audit.toml", "--quiet"]).0, Some(0));
    for (sql, wanted) in [
        (
            "SELECT 'a' AS id, [repeat('0', 64)] AS images, 'q' AS prompt, 'c' AS completion",
            "no row to freeze; left out 1: image",
        ),
        (
            "SELECT probe_id AS id, array_concat(image_ids, image_ids) AS images, question AS prompt, 'c' AS completion
                FROM probes",
            "a frozen set holds one a row",
        ),
        ("SELECT 1 AS id", "no column `images`"),
        ("DELETE FROM runs", "only queries"),
    ] {
        let (status, _, error) = auditdm(folder, &["freeze", "set", "--sql", sql]);
        assert_eq!(status, Some(1), "{sql}");
        assert!(error.contains(wanted), "{sql}: {error}");
    }
    assert_eq!(auditdm(folder, &["freeze", "../set"]).0, Some(2));
    assert!(!folder.join("benchmarks").exists() || frozen(folder).is_empty());
}
