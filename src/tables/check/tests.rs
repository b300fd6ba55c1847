use super::*;
use crate::row::{ImageBytesRow, RunProbeRow, RunRow};
use crate::tables::tests::answer;
use chrono::DateTime;
use std::path::Path;

async fn open(folder: &Path) -> Tables {
    Tables::open(folder.to_str().unwrap()).await.unwrap()
}

fn told<'a>(checked: &'a Checked, table: &str) -> Vec<(bool, &'a str)> {
    let problems = checked.problems.iter().filter(|problem| problem.table == table);
    problems
        .map(|problem| (problem.broken, problem.problem.as_str()))
        .collect()
}

#[tokio::test]
async fn ids_that_refer_to_nothing_are_counted() {
    let tables = Tables::open("memory://").await.unwrap();
    assert!(
        tables.check().await.problems.is_empty(),
        "nothing is wrong with nothing"
    );
    tables
        .append_rows(&[answer(1, "x"), answer(2, "x")])
        .await
        .unwrap();
    tables.append_rows(&[answer(2, "x")]).await.unwrap();
    let run = RunProbeRow {
        run_id: "r".to_owned(),
        probe_id: "p".to_owned(),
        origin: "new".to_owned(),
    };
    tables.append_rows(&[run]).await.unwrap();
    let checked = tables.check().await;
    let pair = format!("2 ids of `answers.pair_id` are not in `probes`, e.g. {:032x}", 1);
    let model = format!(
        "1 ids of `answers.model_id` are not in `models`, e.g. {}",
        "m".repeat(32)
    );
    assert_eq!(
        told(&checked, "answers"),
        [(true, pair.as_str()), (true, model.as_str())]
    );
    let run_probes = [
        (true, "1 ids of `run_probes.run_id` are not in `runs`, e.g. r"),
        // Written before the probe itself, so this is what a crash leaves.
        (
            false,
            "1 ids of `run_probes.probe_id` are not in `probes`, e.g. p",
        ),
    ];
    assert_eq!(told(&checked, "run_probes"), run_probes);
    let state = checked
        .tables
        .iter()
        .find(|state| state.table == "answers")
        .unwrap();
    assert_eq!(
        (state.version, state.rows, state.repeated, state.files),
        (2, 3, 1, 2)
    );
    assert!(checked.is_broken());
}

#[tokio::test]
async fn a_run_that_is_written_twice_is_whole() {
    let tables = Tables::open("memory://").await.unwrap();
    let run = RunRow {
        run_id: "r".to_owned(),
        label: String::new(),
        config: String::new(),
        status: "running".to_owned(),
        stop_reason: None,
        images: 0,
        probes: 0,
        answers: 0,
        errors: 0,
        cost_usd: None,
        started_at: DateTime::from_timestamp_micros(0).unwrap(),
        updated_at: DateTime::from_timestamp_micros(0).unwrap(),
    };
    for _ in 0..2 {
        tables.append_rows(std::slice::from_ref(&run)).await.unwrap();
    }
    let checked = tables.check().await;
    assert!(!checked.is_broken(), "{checked:?}");
    assert_eq!(checked.tables[0].repeated, 1);
}

#[tokio::test]
async fn files_that_are_gone_cut_or_foreign_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(folder.path()).await;
    let image = ImageBytesRow {
        image_id: "i".to_owned(),
        bytes: vec![7; 999].into(),
        path: "i.png".to_owned(),
    };
    tables.append_rows(&[image]).await.unwrap();
    tables.append_rows(&[answer(1, "x")]).await.unwrap();
    let file = |table: &str| {
        let files = std::fs::read_dir(folder.path().join(table)).unwrap();
        let mut files = files
            .map(|file| file.unwrap().path())
            .filter(|file| file.is_file());
        files.next().unwrap()
    };
    std::fs::write(folder.path().join("image_bytes/left.parquet"), [0; 77]).unwrap();
    let checked = open(folder.path()).await.check().await;
    let state = checked
        .tables
        .iter()
        .find(|state| state.table == "image_bytes")
        .unwrap();
    assert_eq!((state.rows, state.files, state.unused_byte), (1, 1, 77));
    assert_eq!(
        told(&checked, "image_bytes").len(),
        1,
        "only the missing row of `images`: {checked:?}"
    );

    std::fs::remove_file(folder.path().join("image_bytes/left.parquet")).unwrap();
    let (gone, cut) = (file("image_bytes"), file("answers"));
    std::fs::remove_file(&gone).unwrap();
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 9]).unwrap();
    let checked = open(folder.path()).await.check().await;
    let (name, size) = (gone.file_name().unwrap().to_str().unwrap(), bytes.len());
    let problem = format!("1 of 1 files are not what was written: {name} is missing");
    assert!(
        told(&checked, "image_bytes").contains(&(true, problem.as_str())),
        "{checked:?}"
    );
    let problem = format!("has {} bytes instead of {size}", size - 9);
    assert!(told(&checked, "answers")[0].1.contains(&problem), "{checked:?}");

    std::fs::write(
        folder.path().join("answers/_delta_log/00000000000000000000.json"),
        "{",
    )
    .unwrap();
    let checked = open(folder.path()).await.check().await;
    assert!(
        told(&checked, "answers")[0].1.starts_with("cannot be read"),
        "{checked:?}"
    );
}
