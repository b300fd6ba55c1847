use super::*;
use crate::row::{ImageBytesRow, RunProbeRow};
use crate::tables::tests::{answer, count};
use std::path::Path as Folder;

async fn open(folder: &Folder) -> Tables {
    Tables::open(folder.to_str().unwrap()).await.unwrap()
}

fn parquet(folder: &Folder) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some()).collect()
}

#[tokio::test]
async fn small_files_become_one_and_no_row_changes() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(folder.path()).await;
    assert_eq!(
        tables.compact(TableName::Answers, 2).await.unwrap(),
        Compacted::default()
    );
    let image = |id: usize| ImageBytesRow {
        image_id: format!("{id:064x}"),
        bytes: vec![id as u8; 5000].into(),
        path: format!("{id}.png"),
    };
    for commit in 0..30 {
        // Each key is written in two commits: what was there twice stays there twice.
        tables.append_rows(&[answer(commit / 2, "red")]).await.unwrap();
        tables.append_rows(&[image(commit)]).await.unwrap();
    }
    let untouched = tables.compact(TableName::Answers, 31).await.unwrap();
    assert_eq!((untouched.files_after, untouched.written_byte), (30, 0));
    let sql = "SELECT * FROM answers ORDER BY pair_id";
    let before = read(&tables, sql).await;
    for table in [TableName::Answers, TableName::ImageBytes] {
        let done = tables.compact(table, 2).await.unwrap();
        assert_eq!((done.files_before, done.files_after), (30, 1));
        assert_eq!(
            tables.compact(table, 2).await.unwrap().written_byte,
            0,
            "there is nothing left to do"
        );
    }
    for tables in [tables, open(folder.path()).await] {
        assert_eq!(read(&tables, sql).await, before);
        let raw = tables.provider(TableName::Answers).await.unwrap();
        assert_eq!(tables.session.read_table(raw).unwrap().count().await.unwrap(), 30);
        let sql = format!("SELECT * FROM image_bytes WHERE image_id = '{:064x}'", 7);
        let found: Vec<ImageBytesRow> = tables.rows(&sql).await.unwrap().try_collect().await.unwrap();
        assert_eq!(found, [image(7)]);
    }
    let sizes = parquet(&folder.path().join("image_bytes"));
    let largest = sizes
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .max()
        .unwrap();
    assert!(
        largest > 30 * 5000,
        "the bytes stand in the file as they are: {largest}"
    );
    let log = folder.path().join("answers/_delta_log");
    assert!(log.join("_last_checkpoint").exists());
}

async fn read(tables: &Tables, sql: &str) -> Vec<crate::row::AnswerRow> {
    tables.rows(sql).await.unwrap().try_collect().await.unwrap()
}

/// Two compactions read the same files at the same time and appends go on: of the compactions one wins.
#[tokio::test(flavor = "multi_thread")]
async fn compactions_and_appends_at_once_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let row = |id: usize| RunProbeRow {
        run_id: "r".to_owned(),
        probe_id: format!("{id:032x}"),
        origin: "new".to_owned(),
    };
    let tables = open(folder.path()).await;
    for id in 0..20 {
        tables.append_rows(&[row(id)]).await.unwrap();
    }
    let mut work = tokio::task::JoinSet::new();
    for process in 0..3 {
        let tables = open(folder.path()).await;
        work.spawn(async move {
            for commit in 0..20 {
                tables
                    .append_rows(&[row(100 + process * 20 + commit)])
                    .await
                    .unwrap();
            }
        });
        let tables = open(folder.path()).await;
        work.spawn(async move {
            for _ in 0..6 {
                tables.compact(TableName::RunProbes, 2).await.unwrap();
            }
        });
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    let tables = open(folder.path()).await;
    let raw = tables.provider(TableName::RunProbes).await.unwrap();
    assert_eq!(tables.session.read_table(raw).unwrap().count().await.unwrap(), 80);
    assert_eq!(
        count(&tables, "SELECT count(DISTINCT probe_id) FROM run_probes").await,
        80
    );
    let known = tables.known[TableName::RunProbes as usize].lock().await;
    let (files, _) = small_files(&known).unwrap();
    assert!(files < 40, "{files} files");
}

/// The very race: a merge of files that somebody else merged meanwhile is given up.
#[tokio::test]
async fn a_merge_that_was_overtaken_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(folder.path()).await;
    for id in 0..3 {
        tables.append_rows(&[answer(id, "x")]).await.unwrap();
    }
    let mut late = tables.known[TableName::Answers as usize].lock().await.clone();
    let (_, files) = small_files(&late).unwrap();
    tables.compact(TableName::Answers, 2).await.unwrap();
    let merged = merge(&mut late, TableName::Answers, &files).await.unwrap();
    assert!(matches!(merged, Merged::Overtaken));
    let raw = tables.provider(TableName::Answers).await.unwrap();
    assert_eq!(tables.session.read_table(raw).unwrap().count().await.unwrap(), 3);
}

#[tokio::test]
async fn a_tidier_merges_when_it_ends_and_0_merges_nothing() {
    let tables = Tables::open("memory://").await.unwrap();
    for id in 0..5 {
        tables.append_rows(&[answer(id, "x")]).await.unwrap();
    }
    let files = async || {
        tables.provider(TableName::Answers).await.unwrap();
        small_files(&*tables.known[TableName::Answers as usize].lock().await)
            .unwrap()
            .0
    };
    for (at_least, left) in [(0, 5), (6, 5), (5, 1)] {
        Tidier::start(tables.clone(), at_least).finish().await;
        assert_eq!(files().await, left);
    }
}
