//! Every `tests/slt/*.slt` over the tables of `tests/slt/tables/*.json`, a small audit of two runs whose figures
//! can be counted by hand; those of `tests/slt/selection` over tables of their own.
//!
//! In a `.slt` file, `named NAME key=value …` runs a named query, `slices RUN` the slices of `tests/slt/slices`, all
//! else is SQL from outside. `SLT_UPDATE=1` writes what came out into the files, to be read before it is
//! committed.

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use auditdm::sql::named::Queries;
use auditdm::tables::{TableName, Tables};
use auditdm::{Error, slice, sql};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use sqllogictest::{DBOutput, DefaultColumnType, Runner};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MEMORY_BYTE: usize = 256 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt")
}

/// Folders of tests and their tables.
fn suites() -> [PathBuf; 2] {
    [folder(), folder().join("selection")]
}

/// A suite's rows of a table; none where it has no file.
fn rows(suite: &Path, table: TableName) -> Vec<RecordBatch> {
    let path = suite.join("tables").join(format!("{}.json", table.name()));
    let Ok(text) = std::fs::read(&path) else {
        return vec![RecordBatch::new_empty(table.schema())];
    };
    let reader = arrow::json::ReaderBuilder::new(table.schema()).build(text.as_slice());
    reader
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) async fn in_memory() -> SessionContext {
    suite_in_memory(&folder()).await
}

async fn suite_in_memory(suite: &Path) -> SessionContext {
    let tables = TableName::ALL.map(|table| {
        let table_rows = MemTable::try_new(table.schema(), vec![rows(suite, table)]).unwrap();
        (table.name(), Arc::new(table_rows) as Arc<dyn TableProvider>)
    });
    sql::session(tables, MEMORY_BYTE).await.unwrap()
}

/// A session as the test runner sees it.
struct Database(SessionContext);

impl Database {
    async fn answer(&self, text: &str) -> Result<Vec<RecordBatch>, Error> {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match first {
            "named" => {
                let mut words = rest.split(' ');
                let query = words.next().unwrap().to_owned();
                let given = words.map(|each| each.split_once('=').expect("key=value"));
                let given: Vec<_> = given
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                let queries = Queries::load(None)?;
                Ok(queries
                    .find(&query)?
                    .plan(&self.0, &given)
                    .await?
                    .collect()
                    .await?)
            }
            "slices" => {
                let slices = slice::load(&folder().join("slices"))?;
                let evaluation = slice::evaluate(&self.0, &slices, rest).await?;
                assert_eq!(evaluation.broken.len(), 3, "{:?}", evaluation.broken);
                Ok(evaluation.batches)
            }
            _ => sql::collect(&self.0, text, &[]).await,
        }
    }
}

#[async_trait::async_trait]
impl sqllogictest::AsyncDB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, text: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let batches = self.answer(text).await?;
        let types = batches.first().map_or(0, RecordBatch::num_columns);
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|column| cell(column, row)).collect());
            }
        }
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; types],
            rows,
        })
    }

    async fn shutdown(&mut self) {}
}

/// Rates to four decimals, so that a last bit is no difference.
fn cell(column: &dyn Array, row: usize) -> String {
    let text = ArrayFormatter::try_new(column, &FormatOptions::default().with_null("NULL")).unwrap();
    let text = text.value(row).to_string();
    match (column.data_type().is_floating(), text.parse::<f64>()) {
        (true, Ok(value)) => format!("{value:.4}"),
        _ if text.is_empty() => "(empty)".to_owned(),
        _ => text.replace('\n', "\\n"),
    }
}

async fn run_all(suite: &Path, context: SessionContext) {
    let update = std::env::var_os("SLT_UPDATE").is_some();
    let mut files: Vec<_> = glob::glob(suite.join("*.slt").to_str().unwrap())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut failed = Vec::new();
    for file in files {
        let context = context.clone();
        let mut runner = Runner::new(move || {
            let database = Database(context.clone());
            async move { Ok(database) }
        });
        if update {
            let (validator, normalizer) = (sqllogictest::default_validator, sqllogictest::default_normalizer);
            runner
                .update_test_file(
                    &file,
                    "  ",
                    validator,
                    normalizer,
                    sqllogictest::default_column_validator,
                )
                .await
                .unwrap();
        } else if let Err(error) = runner.run_file_async(&file).await {
            failed.push(error.to_string());
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_answer_in_memory() {
    for suite in suites() {
        run_all(&suite, suite_in_memory(&suite).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_answer_the_same_on_delta() {
    for suite in suites() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
        for table in TableName::ALL {
            // Written twice, as after a lost acknowledgement.
            tables.append(table, rows(&suite, table)).await.unwrap();
            tables.append(table, rows(&suite, table)).await.unwrap();
        }
        run_all(&suite, sql::open(&tables, MEMORY_BYTE).await.unwrap()).await;
    }
}

/// A query pays for the columns that it names: joins for others are not carried out, and a filter on the status spares
/// the probes without one.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_reads_only_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
    for table in TableName::ALL {
        let rows = rows(&self::folder(), table);
        tables.append(table, rows).await.unwrap();
    }
    let context = sql::open(&tables, MEMORY_BYTE).await.unwrap();
    let scans = async |query: &str| {
        let batches = sql::collect(&context, &format!("EXPLAIN {query}"), &[])
            .await
            .unwrap();
        let plan = cell(batches[0].column(1), 0);
        let mut scans: Vec<String> = plan
            .split("\\n")
            .filter_map(|line| line.trim().strip_prefix("TableScan: "))
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        scans.sort();
        scans.join(" ")
    };
    let counted = "SELECT category, count(*) FROM results WHERE status = 'valid' GROUP BY category";
    assert_eq!(scans(counted).await, "probes run_probes runs single.divergences");
    let named = "SELECT target, count(*) FROM results WHERE failure GROUP BY target";
    assert_eq!(
        scans(named).await,
        "probes run_probes runs single.divergences single.models"
    );
    let shown = "SELECT question, image_uri, target_answer FROM results WHERE failure";
    assert_eq!(
        scans(shown).await,
        "probes run_probes runs single.answers single.divergences single.images single.images"
    );
}

/// What DuckDB gets: files of the present version, one row a key, tables without rows, no function it does not have.
/// (`tests/oracles/duckdb_views.py` runs it.)
#[tokio::test(flavor = "multi_thread")]
async fn duckdb_gets_the_same_names() {
    let suite = folder();
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
    tables
        .append(TableName::Runs, rows(&suite, TableName::Runs))
        .await
        .unwrap();
    for _ in 0..2 {
        tables
            .append(TableName::Probes, rows(&suite, TableName::Probes))
            .await
            .unwrap();
    }
    let script = sql::duckdb::script(&tables).await.unwrap();
    let statement = |start: &str| {
        let at = script
            .find(start)
            .unwrap_or_else(|| panic!("no {start} in {script}"));
        script[at..].split_inclusive(';').next().unwrap()
    };
    assert_eq!(
        statement("CREATE OR REPLACE VIEW runs AS")
            .matches(".parquet'")
            .count(),
        1
    );
    assert!(!statement("CREATE OR REPLACE VIEW runs AS").contains("QUALIFY"));
    let probes = statement("CREATE OR REPLACE VIEW probes AS");
    assert_eq!(probes.matches(".parquet'").count(), 2);
    assert!(
        probes.contains("QUALIFY row_number() OVER (PARTITION BY probe_id"),
        "{probes}"
    );
    for start in [
        "CREATE OR REPLACE TABLE steps",
        "CREATE OR REPLACE VIEW results",
        "CREATE OR REPLACE MACRO wilson_low",
    ] {
        statement(start);
    }
    assert!(!script.contains("make_array"));
}

/// Every named query has a test of its own.
#[test]
fn every_named_query_is_tested() {
    let texts: String = glob::glob(folder().join("**/*.slt").to_str().unwrap())
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap()).unwrap())
        .collect();
    for query in Queries::load(None).unwrap().iter() {
        assert!(
            ["\n", " "]
                .iter()
                .any(|end| texts.contains(&format!("\nnamed {}{end}", query.name))),
            "{} has no test",
            query.name
        );
    }
}

/// What must be refused, and words of the remedy that the refusal must hold.
#[tokio::test]
async fn hostile_sql_is_refused_with_a_remedy() {
    let context = in_memory().await;
    let secret = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    std::fs::write(secret.path(), "a\n1\n").unwrap();
    let path = secret.path().display();
    let deep = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    let nested = format!("{} SELECT 1 {}", "SELECT * FROM (".repeat(3000), ")".repeat(3000));
    for (statement, remedy) in [
        (format!("COPY probes TO '{path}'"), "another output format"),
        (
            format!("EXPLAIN COPY probes TO '{path}'"),
            "another output format",
        ),
        (
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}'"),
            "only queries",
        ),
        (format!("SELECT * FROM '{path}'"), "there are: answers, calls"),
        (format!("SELECT * FROM \"{path}\""), "there are: answers, calls"),
        (format!("SELECT * FROM read_csv('{path}')"), "read_csv"),
        (
            "SELECT * FROM 's3://bucket/file.parquet'".to_owned(),
            "out of reach",
        ),
        (
            "SET datafusion.execution.batch_size = 1".to_owned(),
            "only queries",
        ),
        ("RESET datafusion.execution.batch_size".to_owned(), "only queries"),
        ("INSERT INTO runs SELECT * FROM runs".to_owned(), "only queries"),
        ("DELETE FROM runs".to_owned(), "only queries"),
        ("UPDATE runs SET label = 'x'".to_owned(), "only queries"),
        ("TRUNCATE TABLE runs".to_owned(), "only queries"),
        ("DROP VIEW results".to_owned(), "only queries"),
        ("CREATE TABLE t AS SELECT 1".to_owned(), "only queries"),
        ("CREATE VIEW t AS SELECT 1".to_owned(), "only queries"),
        (
            "CREATE FUNCTION f() RETURNS INT RETURN 1".to_owned(),
            "only queries",
        ),
        ("PREPARE p AS SELECT 1".to_owned(), "only queries"),
        ("BEGIN TRANSACTION".to_owned(), "only queries"),
        ("SELECT 1; SELECT 2".to_owned(), "one statement"),
        ("SELECT 1 INTO t".to_owned(), "sql:"),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
                .to_owned(),
            "generate_series",
        ),
        (deep, "cannot be parsed"),
        (nested, "cannot be parsed"),
        (String::new(), "sql:"),
        ("SELECT labl FROM runs".to_owned(), "did you mean label"),
        ("SELECT * FROM result".to_owned(), "results"),
        ("SELEC 1".to_owned(), "cannot be parsed"),
    ] {
        let shown: String = statement.chars().take(80).collect();
        let refused = match sql::collect(&context, &statement, &[]).await {
            Ok(batches) => panic!("{shown} was accepted: {batches:?}"),
            Err(error) => error.to_string(),
        };
        assert!(refused.contains(remedy), "{shown}\n{refused}");
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let tables: [(&str, Arc<dyn TableProvider>); 0] = [];
    assert!(
        sql::session(tables, MEMORY_BYTE).await.is_err(),
        "the views need their tables"
    );
    let context = in_memory().await;
    let heavy = "SELECT array_agg(repeat('x', 1000) || value) FROM generate_series(1, 1000000)";
    let refused = sql::collect(&context, heavy, &[]).await.unwrap_err().to_string();
    assert!(refused.contains("more memory"), "{refused}");
}
