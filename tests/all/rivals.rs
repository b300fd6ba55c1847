//! The auditor's rivals, as users name them in a configuration and side by side.

use crate::program::auditdm;
use serde_json::Value;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn audited(folder: &Path) {
    let config = format!(
        r#"
        label = "rivals"
        target = "target"
        references = ["reference"]
        painter = "lab"
        source = {{ url = "lab://?scenes=3&seed=8&questions=4" }}
        answers = {{ max_tokens = 8 }}
        [models]
        target.local.path = "{ROOT}/data/lab-target"
        reference.local.path = "{ROOT}/data/lab-reference"
        rewriter.mock = {{ answers = ["Would you tell what is asked for?"] }}
        captioner.mock = {{ answers = ["A photo of a red star, and a dog", "nothing"] }}
        [[probers]]
        kind = "dataset"
        [[probers]]
        kind = "visual_attack"
        attack = {{ epsilon = 8, step = 4, steps = 4 }}
        [[probers]]
        kind = "text_attack"
        strategies = ["question", "perturbation"]
        [[probers]]
        kind = "caption"
        [[probers]]
        kind = "caption"
        model = "captioner"
        [[probers]]
        kind = "rewriting"
        [[probers]]
        kind = "rewriting"
        model = "rewriter"
        [[probers]]
        kind = "synthesis"
        [[probers]]
        kind = "concept"
        "#
    );
    std::fs::write(folder.join("audit.toml"), config).unwrap();
    let (status, said, error) = auditdm(folder, &["audit", "audit.toml", "--quiet"]);
    assert_eq!(status, Some(0), "{said}{error}");
}

fn asked(folder: &Path, sql: &str) -> Vec<Value> {
    let (status, said, error) = auditdm(folder, &["query", "--format", "json", "--sql", sql]);
    assert_eq!(status, Some(0), "{error}");
    let rows: Value = serde_json::from_str(&said).unwrap();
    rows.as_array().unwrap().clone()
}

#[test]
fn every_rival_goes_through_an_audit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    audited(folder);
    let sql = "SELECT models.kind, strategy, count(*) AS probes, count(*) FILTER (WHERE status = 'valid') AS valid,
            count(*) FILTER (WHERE operation = 'perturbed') AS perturbed,
            count(*) FILTER (WHERE prober_status <> 'ok') AS refused
        FROM results JOIN models ON models.model_id = prober_id GROUP BY models.kind, strategy ORDER BY models.kind, strategy";
    let rows = asked(folder, sql);
    let figures = |kind: &str, strategy: &str| -> [u64; 4] {
        let is = |row: &&Value| row["kind"] == kind && row["strategy"] == strategy;
        let row = rows
            .iter()
            .find(is)
            .unwrap_or_else(|| panic!("no {kind} {strategy} in {rows:?}"));
        ["probes", "valid", "perturbed", "refused"].map(|name| row[name].as_u64().unwrap())
    };
    assert_eq!(figures("dataset", "dataset"), [12, 12, 0, 0]);
    assert_eq!(figures("visual_attack", "perturbation"), [12, 12, 12, 0]);
    assert_eq!(figures("text_attack", "perturbation"), [12, 12, 12, 0]);
    let [probes, valid, _, refused] = figures("text_attack", "question");
    assert!(probes == 12 && valid + refused == 12 && valid > 8, "{rows:?}");
    let [probes, valid, _, refused] = figures("rewriting", "question");
    assert!(probes == 24 && valid == 24 && refused == 0, "{rows:?}");
    let [probes, valid, ..] = figures("caption", "question");
    assert!(probes == 24 && (6..24).contains(&valid), "{rows:?}");
    for (kind, strategy) in [("synthesis", "generation"), ("concept", "edit")] {
        let [probes, valid, ..] = figures(kind, strategy);
        assert!(probes == 12 && valid > 0, "{rows:?}");
    }
    // The truth of what is reworded is the question's own, and so it is when the run is done again from the tables.
    let kept = "SELECT count(*) AS n FROM results AS attacked
        JOIN results AS original ON original.source_image_id = attacked.source_image_id AND original.k = attacked.k
        JOIN models ON models.model_id = attacked.prober_id
        WHERE original.strategy = 'dataset' AND models.kind IN ('visual_attack', 'text_attack', 'rewriting')
            AND attacked.status = 'valid' AND attacked.truth <> original.truth";
    assert_eq!(asked(folder, kept)[0]["n"], 0);
    let counts = "SELECT count(*) AS n, count(*) FILTER (WHERE status = 'valid') AS valid FROM results";
    let before = asked(folder, counts);
    let text = std::fs::read_to_string(folder.join("audit.toml")).unwrap();
    let other = text.replace("references = [\"reference\"]", "references = [\"rewriter\"]");
    std::fs::write(folder.join("other.toml"), other).unwrap();
    let (status, _, error) = auditdm(folder, &["audit", "other.toml", "--quiet", "--label", "again"]);
    assert_eq!(status, Some(0), "{error}");
    let again = "SELECT count(*) AS n, count(*) FILTER (WHERE status = 'valid') AS valid FROM results WHERE run_label = 'again'";
    assert_eq!(asked(folder, again), before);
    let origins = "SELECT DISTINCT origin FROM results WHERE run_label = 'again'";
    assert_eq!(
        asked(folder, origins)[0]["origin"],
        "replayed",
        "pixels are the same for the same seed"
    );
}

#[test]
fn the_methods_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(ROOT).join("data").display().to_string();
    let arguments = [
        "lab",
        "reproduce",
        "methods",
        "--quick",
        "--data",
        &data,
        "--format",
        "json",
    ];
    let (status, said, error) = auditdm(folder.path(), &arguments);
    assert_eq!(status, Some(0), "{error}");
    let rows: Vec<Value> = serde_json::from_str(&said).unwrap();
    assert_eq!(rows.len(), 9, "eight methods and the control");
    for row in &rows[..8] {
        let number = |path: &[&str]| {
            let value = path.iter().fold(row, |value, name| &value[name]);
            value.as_u64().unwrap_or_else(|| panic!("{path:?} of {row}"))
        };
        let probes = number(&["success", "n"]);
        assert!(probes == 12 && number(&["valid", "count"]) <= probes, "{row}");
        let failures = number(&["success", "count"]);
        assert!(number(&["pairs"]) <= number(&["valid", "count"]) && failures <= number(&["valid", "count"]));
        assert_eq!(row["rectification"].is_null(), failures == 0, "{row}");
        assert!(number(&["calls"]) > 0 && row["seconds"].as_f64().unwrap() > 0.0);
        let twins = number(&["image_weaknesses", "count"]).max(number(&["text_weaknesses", "count"]));
        assert!(twins <= failures, "{row}");
    }
    assert_eq!(rows[0]["method"], "fixed_set");
    assert_eq!(
        (&rows[0]["fresh"], &rows[0]["image_weaknesses"]["count"]),
        (&0.0.into(), &0.into())
    );
    assert_eq!(
        (&rows[1]["method"], &rows[1]["fresh"]),
        (&"visual_attack".into(), &1.0.into())
    );
    assert!(
        rows[8]["rectification"]["questions"].as_u64() == Some(20),
        "{}",
        rows[8]
    );
    let sheet = std::fs::read_to_string(folder.path().join("methods/methods.csv")).unwrap();
    assert_eq!(sheet.lines().count(), 10);
    // What is done is not done again, and another plan does not mix with it.
    let (status, again, error) = auditdm(folder.path(), &arguments);
    assert_eq!((status, &again), (Some(0), &said), "{error}");
    assert!(!error.contains(": audit"), "{error}");
    let (status, _, error) = auditdm(folder.path(), &[&arguments[..], &["--seed", "6"]].concat());
    assert!(status == Some(1) && error.contains("another plan"), "{error}");
}
