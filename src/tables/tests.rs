use super::*;
use crate::row::{AnswerRow, RunRow};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{DateTime, Utc};

pub(super) fn answer(pair: usize, text: &str) -> AnswerRow {
    AnswerRow {
        pair_id: format!("{pair:032x}"),
        model_id: "m".repeat(32),
        sample: 0,
        text: Some(text.to_owned()),
        normalized: None,
        finish_reason: None,
        mean_log_probability: Some(-0.1),
        status: "ok".to_owned(),
        error: None,
        answered_at: DateTime::from_timestamp_micros(1_700_000_000_000_000 + pair as i64).unwrap(),
    }
}

pub(super) async fn count(tables: &Tables, sql: &str) -> i64 {
    let batches: Vec<RecordBatch> = tables.query(sql).await.unwrap().try_collect().await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

async fn open(folder: &tempfile::TempDir) -> Tables {
    Tables::open(folder.path().to_str().unwrap()).await.unwrap()
}

#[tokio::test]
async fn tables_start_empty_with_their_schemas() {
    let tables = Tables::open("memory://").await.unwrap();
    for table in TableName::ALL {
        assert_eq!(
            tables.provider(table).await.unwrap().schema(),
            table.schema(),
            "{}",
            table.name()
        );
        assert_eq!(
            count(&tables, &format!("SELECT count(*) FROM {}", table.name())).await,
            0
        );
        // Created, they read the same.
        assert_eq!(tables.append(table, Vec::new()).await.unwrap(), 0);
        assert_eq!(
            tables.provider(table).await.unwrap().schema(),
            table.schema(),
            "{}",
            table.name()
        );
        assert_eq!(
            count(&tables, &format!("SELECT count(*) FROM {}", table.name())).await,
            0
        );
    }
    assert!(tables.query("SELECT * FROM nothing").await.is_err());
}

#[tokio::test]
async fn what_is_appended_is_read_once_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open(&folder).await;
    let rows = [answer(1, "red"), answer(2, "grün 🟢")];
    assert_eq!(tables.append_rows(&rows).await.unwrap(), 1);
    let again = AnswerRow {
        answered_at: rows[1].answered_at,
        ..answer(1, "blue")
    };
    assert_eq!(tables.append_rows(&[again]).await.unwrap(), 2);
    assert_eq!(
        tables.append_rows::<AnswerRow>(&[]).await.unwrap(),
        2,
        "no rows, no commit"
    );
    for tables in [tables, open(&folder).await] {
        let sql = "SELECT * FROM answers ORDER BY pair_id";
        let read: Vec<AnswerRow> = tables.rows(sql).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read, rows);
        let filtered = "SELECT count(*) FROM answers WHERE text = 'blue'";
        assert_eq!(
            count(&tables, filtered).await,
            0,
            "what does not count is not found either"
        );
        let twice = tables.provider(TableName::Answers).await.unwrap();
        let twice = tables.session.read_table(twice).unwrap().count().await.unwrap();
        assert_eq!(twice, 3);
    }
}

#[tokio::test]
async fn a_run_is_what_was_written_of_it_last() {
    let tables = Tables::open("memory://").await.unwrap();
    let run = |status: &str, micros| RunRow {
        run_id: "r".to_owned(),
        label: String::new(),
        config: String::new(),
        status: status.to_owned(),
        stop_reason: None,
        images: 0,
        probes: 0,
        answers: 0,
        errors: 0,
        cost_usd: None,
        started_at: DateTime::from_timestamp_micros(0).unwrap(),
        updated_at: DateTime::<Utc>::from_timestamp_micros(micros).unwrap(),
    };
    for run in [run("running", 1), run("finished", 3), run("late", 2)] {
        tables.append_rows(&[run]).await.unwrap();
    }
    let read: Vec<RunRow> = tables
        .rows("SELECT * FROM runs")
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(read, [run("finished", 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_create_and_append_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for process in 0..6 {
        let tables = open(&folder).await;
        writers.spawn(async move {
            for commit in 0..4 {
                tables
                    .append_rows(&[answer(process * 4 + commit, "x")])
                    .await
                    .unwrap();
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_eq!(
        count(&open(&folder).await, "SELECT count(*) FROM answers").await,
        24
    );
}

#[tokio::test]
async fn a_table_with_other_columns_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder)
        .await
        .append(TableName::Models, Vec::new())
        .await
        .unwrap();
    std::fs::rename(folder.path().join("models"), folder.path().join("runs")).unwrap();
    let error = open(&folder)
        .await
        .provider(TableName::Runs)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`runs`") && error.contains("another folder"),
        "{error}"
    );
}
