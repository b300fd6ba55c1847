//! `auditdm eval` end to end: every benchmark with the lab's target, a server and a mock; nothing is asked twice.

use crate::server::{Behaviour, Server};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every benchmark with the files of a fixture, and how many questions it has.
const FIXTURES: [(&str, &str, &[&str], u64); 16] = [
    (
        "vqav2",
        "vqav2/questions.json",
        &[
            "--annotations",
            "vqav2/annotations.json",
            "--images",
            "vqav2/val2014",
        ],
        4,
    ),
    ("okvqa", "okvqa.parquet", &[], 2),
    ("gqa", "gqa/questions.parquet", &["--images", "gqa/images"], 3),
    ("ai2d", "ai2d.parquet", &[], 2),
    ("docvqa", "docvqa.parquet", &[], 2),
    ("chartqa", "chartqa.parquet", &[], 3),
    ("refcoco", "refcoco.parquet", &[], 3),
    ("coco-captions", "coco_captions.parquet", &[], 3),
    ("mmbench", "mmbench.tsv", &[], 8),
    ("mmt", "mmt.tsv", &[], 3),
    ("seed", "seed/SEED-Bench.json", &["--images", "vqav2/val2014"], 2),
    ("mme", "mme.parquet", &[], 6),
    ("mmmu", "mmmu.parquet", &[], 3),
    ("mmstar", "mmstar.parquet", &[], 2),
    ("realworldqa", "realworldqa.parquet", &[], 2),
    ("pope", "pope.parquet", &[], 4),
];

fn auditdm(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_auditdm"))
        .current_dir(Path::new(ROOT).join("tests/data/benchmarks"))
        .env("NO_PROXY", "127.0.0.1")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_benchmarks_with_the_labs_target_and_a_server() {
    let server = Server::start(vec![Behaviour::answer_any(&[
        "B",
        "yes",
        "no",
        "A. red",
        "[0, 0, 1, 0.5]",
    ])])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables").display().to_string();
    let config = folder.path().join("models.toml");
    let text = format!(
        "[models.served.http]\nurl = \"{}\"\nmodel = \"m\"\nrevision = \"1\"\n",
        server.url
    );
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let target = Path::new(ROOT).join("data/lab-target").display().to_string();
    let models = [
        "--model", &target, "--model", "served", "--config", &config, "--tables", &tables, "--json",
    ];
    let evaluate = || {
        for (benchmark, data, more, count) in FIXTURES {
            let arguments = [&["eval", benchmark, "--data", data][..], more, &models].concat();
            let (status, said, problem) = auditdm(&arguments);
            assert_eq!(status, Some(0), "{benchmark}: {problem}");
            let said: Value = serde_json::from_str(&said).unwrap();
            for model in said["models"].as_array().unwrap() {
                assert_eq!(
                    (&model["questions"], &model["unanswered"]),
                    (&count.into(), &0.into()),
                    "{benchmark}: {model}"
                );
                let overall = &model["table"][0];
                assert_eq!(overall["part"], "overall", "{benchmark}");
                assert!(overall["value"].as_f64().unwrap() >= 0.0, "{benchmark}");
            }
            assert!(said["comparisons"][0]["n"].as_u64().unwrap() > 0, "{benchmark}");
        }
    };
    evaluate();
    let asked = server.bodies().len();
    assert!(asked > 30, "{asked}");
    evaluate();
    assert_eq!(
        server.bodies().len(),
        asked,
        "what was answered is not asked again"
    );
    let query = ["query", "--tables", &tables, "--format", "csv", "--sql"];
    let count = "SELECT count(*) AS n FROM answers JOIN probes USING (pair_id) JOIN images ON image_id = source_image_id";
    let (status, said, problem) = auditdm(&[&query[..], &[count]].concat());
    assert_eq!(status, Some(0), "{problem}");
    assert!(
        said.lines().nth(1).unwrap().parse::<u64>().unwrap() > 80,
        "{said}"
    );
}

#[test]
fn predictions_make_the_benchmarks_own_table_and_a_file_of_scores() {
    let folder = tempfile::tempdir().unwrap();
    let scores = folder.path().join("scores.parquet").display().to_string();
    let (status, said, problem) = auditdm(&[
        "eval",
        "pope",
        "--data",
        "pope/coco_pope_random.json",
        "--images",
        "vqav2/val2014",
        "--predictions",
        "predictions/pope.jsonl",
        "--scores",
        &scores,
    ]);
    assert_eq!(status, Some(0), "{problem}");
    for line in [
        "POPE, predictions/pope.jsonl: 4 questions, rules `official`",
        "overall  accuracy",
        "yes ratio",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let file = std::fs::File::open(&scores).unwrap();
    let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!((rows[0].num_rows(), rows[0].num_columns()), (4, 16));
}

#[test]
fn mistakes_are_told_in_words() {
    let data = ["--data", "pope.parquet"];
    for (arguments, wanted) in [
        (["--model", "nobody"], "name a folder with config.json"),
        (["--predictions", "predictions/none.jsonl"], "none.jsonl"),
        (
            ["--predictions", "predictions/vqav2.jsonl"],
            "no prediction is of a question",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("t").display().to_string();
        let tables: &[&str] = if arguments[0] == "--model" {
            &["--tables", &tables]
        } else {
            &[]
        };
        let (status, _, problem) = auditdm(&[&["eval", "pope"], &data[..], &arguments, tables].concat());
        assert_eq!(status, Some(1));
        assert!(problem.contains(wanted), "{problem}");
    }
    let (status, _, problem) = auditdm(&[
        "eval",
        "pope",
        "--data",
        "pope.parquet",
        "--predictions",
        "predictions/pope.jsonl",
        "--rules",
        "mine",
    ]);
    assert_eq!(status, Some(1));
    assert!(
        problem.contains("POPE has no rules `mine`; it has: official, lmms"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_is_one_table_and_goes_on_where_its_budget_stopped_it() {
    let server = Server::start(vec![Behaviour::answer_any(&["A", "yes", "no"])]).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let configure = |budget: &str| {
        let text = format!(
            "tables = \"tables\"\n[models.served.http]\nurl = \"{}\"\nmodel = \"m\"\nrevision = \"1\"\n\
             [models.mock.mock]\nname = \"mock\"\n{budget}",
            server.url
        );
        write("models.toml", text);
    };
    let fixtures = Path::new(ROOT).join("tests/data/benchmarks");
    let benchmark = |name: &str, file: &str| {
        format!(
            "[[benchmarks]]\nname = \"{name}\"\ndata = \"{}\"\n",
            fixtures.join(file).display()
        )
    };
    let (pope, mme) = (benchmark("pope", "pope.parquet"), benchmark("mme", "mme.parquet"));
    let head = "models = [\"served\", \"mock\"]\nconfig = \"models.toml\"\n";
    let suite = write("suite.toml", format!("{head}{pope}{mme}"));
    configure("[budget]\nrequests = 3\n");
    let (status, said, problem) = auditdm(&["eval", "all", &suite, "--quiet"]);
    assert_eq!(status, Some(4), "{said}{problem}");
    assert!(
        problem.contains("raise `requests`") && said.contains("POPE: not finished"),
        "{said}{problem}"
    );
    assert_eq!(server.bodies().len(), 3);

    configure("[budget]\nrequests = 100\n");
    let (status, said, problem) = auditdm(&["eval", "all", &suite, "--quiet"]);
    assert_eq!(status, Some(0), "{said}{problem}");
    assert!(
        said.starts_with("| benchmark | measure | questions | served | mock |\n"),
        "{said}"
    );
    assert!(
        said.contains("| POPE | ") && said.contains("| MME | score | 6 |"),
        "{said}"
    );
    let asked = server.bodies().len();
    assert_eq!(asked, 4 + 6, "what was answered is not asked again");
    let journal = std::fs::read_dir(folder.path().join("tables/_journal"));
    assert_eq!(journal.map_or(0, Iterator::count), 0, "all of it is committed");

    // A benchmark that is not there does not keep the others away.
    let lost = benchmark("gqa", "nowhere.parquet");
    let suite = write("suite.toml", format!("{head}{lost}{pope}{mme}"));
    let (status, said, _) = auditdm(&["eval", "all", &suite, "--json"]);
    assert_eq!(status, Some(1));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert!(
        said["benchmarks"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("nowhere.parquet"),
        "{said}"
    );
    assert_eq!(said["benchmarks"][1]["figures"][0]["n"], 4);
    assert_eq!(
        said["mean"][0]["value"],
        said["benchmarks"][1]["figures"][0]["value"]
    );
    let table = folder.path().join("table.parquet").display().to_string();
    let written = ["--format", "parquet", "--output", &table, "--quiet"];
    assert_eq!(
        auditdm(&[&["eval", "all", &suite], &written[..]].concat()).0,
        Some(1)
    );
    let file = std::fs::File::open(&table).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 6);
    assert_eq!(server.bodies().len(), asked);

    for (text, wanted) in [
        (
            "models = []\nbenchmarks = []".to_owned(),
            "name at least one model",
        ),
        (
            format!("{head}[[benchmarks]]\nname = \"pope\"\ncolour = 1"),
            "unknown field `colour`",
        ),
    ] {
        let suite = write("suite.toml", text);
        let (status, _, problem) = auditdm(&["eval", "all", &suite]);
        assert_eq!(status, Some(1));
        assert!(problem.contains(wanted), "{problem}");
    }
}
