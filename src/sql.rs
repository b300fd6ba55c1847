//! SQL over the tables: the session with its views and functions, and the gate that statements from outside
//! pass.
//!
//! In: a provider for every table. Out: a [`SessionContext`] in which the audit's tables, the views `results`
//! and `run_names` and the functions of `function` are all there is, and data frames for statements that only
//! read. Left out: writing (the sink commits to the tables directly) and files (SQL reaches none).

pub mod duckdb;
pub(crate) mod function;
pub mod memory;
pub mod named;
pub mod output;
mod remedy;

use crate::error::{Error, Result};
use crate::tables::{TableName, Tables, view};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Standard;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

const RESULTS: &str = include_str!("sql/results.sql");
/// Carried out when a session opens: a filter on runs then is known to be small, and is held against what streams by
/// instead of collecting it.
const RUN_NAMES: &str = include_str!("sql/run_names.sql");
const CATALOG: &str = "auditdm";

/// A session over the tables as they are now.
pub async fn open(tables: &Tables, memory_limit_byte: usize) -> Result<SessionContext> {
    let mut providers = Vec::new();
    for table in TableName::ALL {
        providers.push((table.name(), tables.view(table).await?));
    }
    session(providers, memory_limit_byte).await
}

/// A session that sees the given tables, the views over them and nothing else.
///
/// All queries of the session together hold at most `memory_limit_byte` bytes before they spill or fail. The pool
/// is greedy: a fair one gives concurrent operators shares that are too small to start with.
pub async fn session<N: Into<String>>(
    tables: impl IntoIterator<Item = (N, Arc<dyn TableProvider>)>,
    memory_limit_byte: usize,
) -> Result<SessionContext> {
    let most_reported = NonZeroUsize::MIN.saturating_add(2);
    let pool = TrackConsumersPool::new(GreedyMemoryPool::new(memory_limit_byte), most_reported);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .build_arc()?;
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;

    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, "public")
        .with_information_schema(true)
        // A recursion without an end would neither fail nor stop.
        .set_bool("datafusion.execution.enable_recursive_ctes", false)
        // Over Delta Lake tables plans differ in a column's nullability, which stops an aggregate but harms none.
        .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_table_factories(HashMap::new())
        .with_file_formats(Vec::new())
        .build();
    let context = SessionContext::new_with_state(state);
    for function in function::all() {
        context.register_udf(function);
    }
    for (name, provider) in tables {
        context.register_table(name.into(), provider)?;
    }
    view::register_single(&context, CATALOG).await?;
    let results = context.sql(RESULTS).await?.into_view();
    context.register_table("results", results)?;
    let names = context.sql(RUN_NAMES).await?;
    // Batches over Delta tables may be nullable where the plan is not.
    let fields = names.schema().fields().iter();
    let fields: Vec<Field> = fields
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    let names = MemTable::try_new(Arc::new(Schema::new(fields)), vec![names.collect().await?])?;
    context.register_table("run_names", Arc::new(names))?;
    Ok(context)
}

/// Plans a statement from outside: one query that reads tables, or `SHOW TABLES`, `SHOW COLUMNS`, `DESCRIBE`,
/// `EXPLAIN`. Parameters are values for `$name` placeholders; they are never spliced into the text.
pub async fn query(
    context: &SessionContext,
    sql: &str,
    parameters: &[(&str, ScalarValue)],
) -> Result<DataFrame> {
    let clear = |error| remedy::clear(context, sql, &error);
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(clear)?;
    if !reads(&statement) {
        return Err(Error::Sql {
            problem:
                "only queries are accepted: SELECT, WITH, SHOW TABLES, SHOW COLUMNS, DESCRIBE and EXPLAIN; \
                      to keep a result, choose another output format"
                    .to_owned(),
            sql: remedy::shorten(sql),
        });
    }
    let plan = state.statement_to_plan(statement).await.map_err(clear)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(clear)?;
    let frame = context.execute_logical_plan(plan).await.map_err(clear)?;
    frame.with_param_values(parameters.to_vec()).map_err(clear)
}

/// Plans a statement from outside and collects what it finds.
pub async fn collect(
    context: &SessionContext,
    sql: &str,
    parameters: &[(&str, ScalarValue)],
) -> Result<Vec<RecordBatch>> {
    let frame = query(context, sql, parameters).await?;
    frame
        .collect()
        .await
        .map_err(|error| remedy::clear(context, sql, &error))
}

/// Record batches as structs; a handful of rows, so by way of JSON.
pub(crate) fn rows<T: DeserializeOwned>(batches: &[RecordBatch]) -> Result<Vec<T>> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = serde_json::from_slice(&text);
    Ok(parsed.map_err(|error| arrow::error::ArrowError::JsonError(error.to_string()))?)
}

/// Whether a statement is of a kind that reads. What hides inside one (`SELECT … INTO`) is refused by its plan.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::Statement(standard) => matches!(
            **standard,
            Standard::Query(_)
                | Standard::ShowTables { .. }
                | Standard::ShowColumns { .. }
                | Standard::ExplainTable { .. }
        ),
        _ => false,
    }
}

/// The names nearest to one that does not exist, nearest first.
fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    use datafusion::common::utils::datafusion_strsim::levenshtein;
    let wanted = wanted.to_lowercase();
    let mut ranked: Vec<_> = names
        .into_iter()
        .map(|name| (levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 2.max(wanted.len() / 3) || name.contains(&wanted))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}
