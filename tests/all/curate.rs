//! Selections and exports from the command line: budgets are met, what repeats is left out, and what is exported can be
//! loaded.

use crate::program::auditdm;
use std::collections::HashSet;
use std::path::Path;

const CONFIG: &str = r#"
target = "target"
references = ["reference"]
painter = "lab"
[source]
url = "lab://?scenes=60&seed=5"
licence = "CC0 <b>"
[models.target.mock]
name = "target"
[models.reference.mock]
name = "reference"
[[probers]]
kind = "lab"
strategies = ["question", "edit"]
probes = 2
"#;

const FORMATS: [&str; 12] = [
    "hf",
    "trl-sft",
    "trl-grpo",
    "trl-dpo",
    "llama-factory",
    "llava",
    "webdataset",
    "vlmevalkit",
    "ms-swift",
    "verl",
    "inspect-ai",
    "lmms-eval",
];

fn audited() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.toml"), CONFIG).unwrap();
    let (status, _, error) = auditdm(folder.path(), &["audit", "audit.toml", "--quiet"]);
    assert_eq!(status, Some(0), "{error}");
    folder
}

/// A column of a query, as text.
fn column(folder: &Path, sql: &str) -> Vec<String> {
    let (status, rows, error) = auditdm(folder, &["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(status, Some(0), "{error}");
    rows.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn every_format_is_written_and_passes_its_check() {
    let folder = audited();
    let folder = folder.path();
    for format in FORMATS {
        let (status, said, error) = auditdm(folder, &["export", format, "--output", format]);
        assert_eq!(status, Some(0), "{format}: {error}");
        let rows: usize = said
            .split_once(": ")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(rows > 50, "{format}: {said}");
        let (status, said, _) = auditdm(folder, &["export", "check", format]);
        assert_eq!(status, Some(0), "{format}: {said}");
        let told = format!("{} records", if format == "vlmevalkit" { 0 } else { rows });
        assert!(
            format == "vlmevalkit" || said.starts_with(&told),
            "{format}: {told}: {said}"
        );
        let card = std::fs::read_to_string(folder.join(format).join("README.md")).unwrap();
        assert!(
            card.contains("CC0 &lt;b>") && card.contains("target: target") && card.contains("95 %"),
            "{card}"
        );
    }
    let (status, _, error) = auditdm(folder, &["export", "hf", "--output", "hf"]);
    assert_eq!(status, Some(1));
    assert!(error.contains("empty or new folder"), "{error}");

    // What is damaged afterwards is found: an image that is gone, and a shard cut short.
    let images = folder.join("llava/images");
    let first = std::fs::read_dir(&images)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::remove_dir_all(first).unwrap();
    let (status, said, _) = auditdm(folder, &["export", "check", "llava"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("cannot be read"), "{said}");
    let shard = folder.join("hf/data/train-00000.parquet");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(auditdm(folder, &["export", "check", "hf"]).0, Some(1));
}

#[test]
fn shards_are_bounded_and_images_that_are_gone_are_told() {
    let folder = audited();
    let folder = folder.path();
    let sql = "SELECT id, images, prompt, completion FROM (
            SELECT probe_id AS id, image_ids AS images, question AS prompt, 'x' AS completion FROM probes
            UNION ALL SELECT 'lost', [repeat('0', 64)], 'q', 'c'
            UNION ALL SELECT 'empty', image_ids, question, ' ' FROM probes LIMIT 300)";
    let arguments = ["export", "hf", "--sql", sql, "--output", "hf", "--shard-mb", "1"];
    let (status, said, error) = auditdm(folder, &arguments);
    assert_eq!(status, Some(0), "{error}");
    assert!(
        said.contains("left out 1: image: its bytes were not kept"),
        "{said}"
    );
    assert!(said.contains("the completion is empty"), "{said}");
    for shard in std::fs::read_dir(folder.join("hf/data")).unwrap() {
        assert!(shard.unwrap().metadata().unwrap().len() < 2_500_000);
    }
    let (status, _, error) = auditdm(
        folder,
        &["export", "hf", "--sql", "SELECT 1 AS id", "--output", "no"],
    );
    assert_eq!(status, Some(1));
    assert!(error.contains("no column `images`"), "{error}");
    let (status, _, _) = auditdm(folder, &["export", "hf", "--sql", sql, "--output", "memory:///x"]);
    assert_eq!(status, Some(0), "any store that tables can lie in");
}

#[test]
fn a_selection_is_exact_reproducible_and_repeats_nothing() {
    let folder = audited();
    let folder = folder.path();
    let select = |more: &[&str]| auditdm(folder, &[&["select"], more].concat());
    let (status, said, error) = select(&["first", "--budget", "40", "--holdout", "0.3"]);
    assert_eq!(status, Some(0), "{error}");
    assert!(said.starts_with("first version 1: 40 of "), "{said}");
    let (_, said, _) = select(&["first", "--budget", "40", "--holdout", "0.3"]);
    assert!(said.starts_with("first version 1 (as before): 40"), "{said}");
    let (_, said, _) = select(&["first", "--budget", "40", "--seed", "1"]);
    assert!(said.starts_with("first version 2: 40"), "{said}");
    let (_, said, _) = select(&["second", "--budget", "30"]);
    assert!(said.contains("in an earlier selection"), "{said}");

    assert_eq!(column(folder, "SELECT count(*) FROM selections"), ["110"]);
    let both = "SELECT count(*) FROM selections AS a JOIN selections AS b ON a.id = b.id
        WHERE a.name = 'second' AND b.name = 'first' AND b.version = 2";
    assert_eq!(column(folder, both), ["0"]);
    let torn =
        "SELECT count(*) FROM (SELECT root_image_id FROM selections GROUP BY selection_id, root_image_id
        HAVING count(DISTINCT split) > 1)";
    assert_eq!(column(folder, torn), ["0"]);
    assert_eq!(
        column(
            folder,
            "SELECT DISTINCT split FROM selections WHERE version = 1 AND name = 'first' ORDER BY 1"
        ),
        ["test", "train"]
    );

    // Too few rows: nothing is written, and it says which.
    let (status, _, error) = select(&[
        "third",
        "--budget",
        "9",
        "--quota",
        "counting=4",
        "--quota",
        "juggling=5",
    ]);
    assert_eq!(status, Some(1));
    assert!(error.contains("`juggling` wants 5 rows and has 0"), "{error}");
    let (status, _, error) = select(&["third", "--budget", "1000000", "--against", "none"]);
    assert_eq!(status, Some(1));
    assert!(error.contains("1000000 rows are wanted and only"), "{error}");
    assert_eq!(
        column(folder, "SELECT count(*) FROM selections WHERE name = 'third'"),
        ["0"]
    );

    // The first ten scenes as a benchmark: none of them, and nothing drawn from them, is chosen.
    let all = [
        "fourth",
        "--by",
        "none",
        "--budget",
        "10",
        "--against",
        "none",
        "--benchmark",
        "lab://?scenes=10&seed=5",
    ];
    let (status, said, error) = select(&all);
    assert_eq!(status, Some(0), "{error}");
    assert!(said.contains("image of a benchmark, or made from one"), "{said}");
    let known: HashSet<String> = column(
        folder,
        "SELECT root_image_id FROM selections WHERE name = 'fourth'",
    )
    .into_iter()
    .collect();
    let uris = "SELECT image_id FROM images WHERE uri IN (SELECT 'lab://?seed=5&difficulty=1&split=held_out#' || value
        FROM generate_series(0, 9))";
    let banned = column(folder, uris);
    assert!(
        banned.len() == 10 && banned.iter().all(|id| !known.contains(id)),
        "{banned:?}"
    );

    let (status, said, error) = auditdm(
        folder,
        &["export", "trl-dpo", "--selection", "first@1", "--output", "dpo"],
    );
    assert_eq!(status, Some(0), "{error}");
    assert!(said.contains("rows"), "{said}");
    let (status, said, _) = auditdm(
        folder,
        &["export", "hf", "--selection", "second", "--output", "set"],
    );
    assert_eq!(status, Some(0));
    assert!(said.starts_with("set: 30 rows"), "{said}");
    assert_eq!(auditdm(folder, &["export", "check", "set"]).0, Some(0));
    let (status, _, error) = auditdm(
        folder,
        &["export", "hf", "--selection", "nine", "--output", "nine"],
    );
    assert_eq!(status, Some(1));
    assert!(error.contains("first, fourth, second"), "{error}");
}

/// Every row three times under other ids, and ten scenes that a benchmark has: none of either is left.
#[test]
fn planted_repetitions_are_all_removed_and_diverse_rows_are_exact() {
    let folder = audited();
    let folder = folder.path();
    let sql = "SELECT probe_id || copy AS id, image_ids AS images, question AS prompt,
            coalesce(truth[1], expected_answer, 'x') AS completion, category, source_image_id AS root_image_id
        FROM probes CROSS JOIN (VALUES ('-1'), ('-2'), ('-3')) AS copies (copy)
        WHERE pair_id IS NOT NULL AND truth[1] IS NOT NULL";
    let embedder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/embedder");
    let chosen = [
        "select",
        "wide",
        "--sql",
        sql,
        "--budget",
        "30",
        "--diverse",
        "--embedder",
        embedder,
        "--benchmark",
        "lab://?scenes=10&seed=5",
    ];
    let (status, said, error) = auditdm(folder, &chosen);
    assert_eq!(status, Some(0), "{error}");
    assert!(
        said.contains("the same pair twice") && said.contains("image of a benchmark"),
        "{said}"
    );
    assert_eq!(column(folder, "SELECT count(*) FROM selections"), ["30"]);
    let twice =
        "SELECT count(*) - count(DISTINCT array_to_string(images, ',') || lower(prompt)) FROM selections";
    assert_eq!(column(folder, twice), ["0"]);
    let banned =
        "SELECT count(*) FROM selections WHERE root_image_id IN (SELECT image_id FROM images WHERE uri IN
        (SELECT 'lab://?seed=5&difficulty=1&split=held_out#' || value FROM generate_series(0, 9)))";
    assert_eq!(column(folder, banned), ["0"]);
    let (_, said, _) = auditdm(folder, &chosen);
    assert!(said.starts_with("wide version 1 (as before): 30 of "), "{said}");
    let random = [
        "select",
        "plain",
        "--sql",
        sql,
        "--budget",
        "30",
        "--against",
        "none",
    ];
    assert_eq!(auditdm(folder, &random).0, Some(0));
    let shared =
        "SELECT count(*) FROM selections AS a JOIN selections AS b ON a.id = b.id AND a.name < b.name";
    assert_ne!(column(folder, shared), ["30"], "a random sample is another one");
}
