//! `auditdm compare`: the verdict on a slice, from an audit and from an evaluation, in its exit code.

use crate::program::auditdm;
use serde_json::Value;
use std::path::Path;

const CONFIG: &str = r#"
target = "wrong"
references = ["lucky"]
painter = "lab"
[source]
url = "lab://?scenes=60&seed=5"
[models.wrong.mock]
name = "wrong"
answers = ["banana"]
[models.lucky.mock]
name = "lucky"
[[probers]]
kind = "lab"
strategies = ["question", "edit"]
probes = 2
"#;

fn audited() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.toml"), CONFIG).unwrap();
    let (status, _, error) = auditdm(folder.path(), &["audit", "audit.toml", "--quiet"]);
    assert_eq!(status, Some(0), "{error}");
    folder
}

fn number(folder: &Path, sql: &str) -> u64 {
    let (status, rows, error) = auditdm(folder, &["query", "--format", "csv", "--sql", sql]);
    assert_eq!(status, Some(0), "{error}");
    rows.lines().nth(1).unwrap().parse().unwrap()
}

fn compared(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let all = [&["compare"], arguments, &["--format", "json"]].concat();
    let (status, said, error) = auditdm(folder, &all);
    let parsed = serde_json::from_str(&said);
    (
        status.unwrap(),
        parsed.unwrap_or_else(|_| panic!("{arguments:?}: {said}{error}")),
    )
}

#[test]
fn a_verdict_on_the_slice_is_counted_right_and_is_the_exit_code() {
    let folder = audited();
    let folder = folder.path();
    let both = "FROM (SELECT DISTINCT ON (pair_id) * FROM results WHERE status = 'valid' AND reference_correct IS NOT NULL
        ORDER BY pair_id, probe_id) AS pairs WHERE ";
    let count = |condition: &str| number(folder, &format!("SELECT count(*) {both}{condition}"));
    let (status, all) = compared(folder, &["wrong", "lucky"]);
    assert_eq!((status, &all["verdict"]), (5, &"inferior".into()), "{all}");
    assert_eq!(all["pairs"], count("true"));
    assert_eq!(
        all["large_only"],
        count("reference_correct AND NOT target_correct")
    );
    assert_eq!(all["small_only"], 0);
    assert_eq!(
        all["images"],
        number(
            folder,
            &format!("SELECT count(DISTINCT root_image_id) {both} true")
        )
    );
    let (low, high) = (all["low"].as_f64().unwrap(), all["high"].as_f64().unwrap());
    assert!(low < all["difference"].as_f64().unwrap() && high < -2.0, "{all}");
    let categories = all["categories"].as_array().unwrap();
    let sum: u64 = categories
        .iter()
        .map(|part| part["pairs"].as_u64().unwrap())
        .sum();
    assert!(categories.len() > 3 && all["pairs"] == sum, "{all}");

    let (status, turned) = compared(folder, &["lucky", "wrong"]);
    assert_eq!(
        (status, &turned["verdict"]),
        (0, &"non_inferior".into()),
        "{turned}"
    );
    assert_eq!(turned["difference"], -all["difference"].as_f64().unwrap());
    let (status, wide) = compared(folder, &["wrong", "lucky", "--margin", "90"]);
    assert_eq!(status, 0, "{wide}");

    // A slice of few pairs decides nothing, and says how many would.
    let few = "category = 'counting' AND question LIKE '%how many%' AND width > 0";
    let (status, slice) = compared(folder, &["lucky", "wrong", "--where", few, "--margin", "0.1"]);
    if status == 6 {
        assert!(slice["pairs_more"].as_u64() > Some(0), "{slice}");
    }
    let margin = format!("{:.3}", -all["difference"].as_f64().unwrap() + 0.5);
    let (status, open) = compared(folder, &["wrong", "lucky", "--margin", &margin]);
    assert_eq!((status, &open["verdict"]), (6, &"undecided".into()), "{open}");
    let needed = open["pairs_needed"].as_u64().unwrap();
    assert_eq!(open["pairs_more"], needed - all["pairs"].as_u64().unwrap());
    let (status, said, _) = auditdm(folder, &["compare", "wrong", "lucky", "--margin", &margin]);
    assert_eq!(status, Some(6));
    assert!(said.starts_with("Undecided whether wrong is at most"), "{said}");
    assert!(
        said.contains(&format!("{needed} pairs decide in 80 % of samples")),
        "{said}"
    );

    let (_, told) = compared(folder, &["wrong", "lucky", "--where", "failure"]);
    assert!(
        told["remarks"][0].as_str().unwrap().contains("looks at failure"),
        "{told}"
    );
}

#[test]
fn predicates_only_read_and_mistakes_are_told() {
    let folder = audited();
    let folder = folder.path();
    for (arguments, wanted) in [
        (
            &["wrong", "lucky", "--where", "true; DROP TABLE runs"][..],
            "one predicate",
        ),
        (&["wrong", "lucky", "--where", "DROP TABLE runs"], "one predicate"),
        (&["wrong", "lucky", "--where", "width"], "one predicate"),
        (&["wrong", "lucky", "--where", "catgory = 'x'"], "catgory"),
        (
            &[
                "wrong",
                "lucky",
                "--where",
                "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
            ],
            "one predicate",
        ),
        (
            &["wrong", "lucky", "--where", "width < 0"],
            "no pair of this slice",
        ),
        (&["wrong", "happy"], "there are: lucky ("),
        (&["wrong", "wrong"], "the same model"),
        (&["wrong", "lucky", "--run", "nightly"], "no run `nightly`"),
    ] {
        let (status, said, error) = auditdm(folder, &[&["compare"], arguments].concat());
        assert_eq!(status, Some(1), "{arguments:?}: {said}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
    assert_eq!(
        auditdm(folder, &["compare", "wrong", "lucky", "--margin", "0"]).0,
        Some(2)
    );
    assert_eq!(number(folder, "SELECT count(DISTINCT run_id) FROM runs"), 1);
}

/// A frozen set, asked of one model in PaliGemma's words and of the other in a chat's: the questions are the same.
#[test]
fn models_of_an_evaluation_are_compared_on_the_questions() {
    let folder = audited();
    let folder = folder.path();
    let (status, said, error) = auditdm(folder, &["freeze", "set"]);
    assert_eq!(status, Some(0), "{error}");
    let rows: u64 = said
        .split(": ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let eval = |model: &str, prompts: &str| {
        let arguments = [
            "eval",
            "set",
            "--model",
            model,
            "--config",
            "audit.toml",
            "--prompts",
            prompts,
        ];
        let tables = ["--tables", "auditdm-tables", "--quiet"];
        let (status, said, error) = auditdm(folder, &[&arguments[..], &tables].concat());
        assert_eq!(status, Some(0), "{error}");
        said
    };
    eval("wrong", "paligemma");
    let said = eval("lucky", "chat");
    let names = "SELECT count(*) FROM run_names WHERE name LIKE 'eval set-%'";
    assert_eq!(number(folder, names), 2);
    let label = "SELECT DISTINCT name FROM run_names WHERE name LIKE 'eval set-%'";
    let (_, label, _) = auditdm(folder, &["query", "--format", "csv", "--sql", label]);
    let label = label.lines().nth(1).unwrap();
    let (status, found) = compared(folder, &["wrong", "lucky", "--run", label]);
    assert_eq!(
        (&found["pairs"], found["small"].as_f64()),
        (&rows.into(), Some(0.0)),
        "{found}"
    );
    assert_eq!(status, 5, "{found}");
    // Drawn images go back to their originals in the frozen set, too.
    let roots = "SELECT count(DISTINCT root_image_id) FROM results WHERE status = 'valid' AND run_label NOT LIKE 'eval %'";
    assert_eq!(found["images"], number(folder, roots));
    // The evaluation's own figure.
    let overall = said.lines().find(|line| line.contains("overall")).unwrap();
    let accuracy = format!("{:.2}", found["large"].as_f64().unwrap());
    assert!(overall.contains(&accuracy), "{overall} {accuracy}");
    let scored =
        "SELECT count(*) FROM results WHERE run_label LIKE 'eval set-%' AND target_correct IS NOT NULL";
    assert_eq!(number(folder, scored), 2 * rows);
    let (status, said, _) = auditdm(folder, &["tables", "check"]);
    assert_eq!(status, Some(0), "{said}");
    // Again: nothing new.
    eval("lucky", "chat");
    assert_eq!(number(folder, scored), 2 * rows);
}

/// An evaluation by an audit's configuration asks the very model that was audited.
#[test]
fn an_evaluated_model_has_the_id_that_it_has_in_audits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .display()
        .to_string();
    let config = CONFIG
        .replace("\"wrong\"\nreferences", "\"small\"\nreferences")
        .replace("scenes=60", "scenes=2");
    let config =
        format!("{config}[models.small.local]\npath = \"{data}/lab-target\"\n[answers]\nmax_tokens = 8\n");
    std::fs::write(folder.join("audit.toml"), config).unwrap();
    for arguments in [
        &["audit", "audit.toml", "--quiet"][..],
        &["freeze", "set"],
        &[
            "eval",
            "set",
            "--model",
            "small",
            "--config",
            "audit.toml",
            "--quiet",
        ],
    ] {
        let (status, _, error) = auditdm(folder, arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {error}");
    }
    let ids =
        "SELECT count(DISTINCT model_id) FROM answers JOIN models USING (model_id) WHERE name = 'lab-target'";
    assert_eq!(number(folder, ids), 1);
    // Asked otherwise it has another id, and is the same model all the same.
    let path = format!("{data}/lab-target");
    let tables = ["--tables", "auditdm-tables", "--quiet"];
    let (status, _, error) = auditdm(
        folder,
        &[&["eval", "set", "--model", &path], &tables[..]].concat(),
    );
    assert_eq!(status, Some(0), "{error}");
    assert_eq!(number(folder, ids), 2);
    let (_, found) = compared(folder, &["lab-target", "lucky"]);
    assert!(
        found["remarks"][0]
            .as_str()
            .unwrap()
            .contains("lab-target was asked in 2 ways"),
        "{found}"
    );
}
