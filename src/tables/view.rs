//! Views of the tables with one row a key.
//!
//! A lost acknowledgement or two processes at the same work can write a row twice. Of several rows with
//! one key the first counts, of a run's the last. Only the rows that are there several times are
//! gathered and compared (a hundred times slower than reading them); all others stream through.

use super::{TableName, Tables};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{Column, DataFusionError, Result};
use datafusion::datasource::{MemTable, ViewTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{JoinType, LogicalPlan, LogicalPlanBuilder, SortExpr};
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident, lit};
use std::sync::Arc;

const REPEATED: &str = "repeated";

fn key(table: TableName) -> Vec<Expr> {
    table.key().iter().map(|column| ident(*column)).collect()
}

fn scan(table: TableName, provider: &Arc<dyn TableProvider>) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan(table.name(), provider_as_source(provider.clone()), None)
}

/// The keys that several rows have.
fn repeated(table: TableName, provider: &Arc<dyn TableProvider>) -> Result<LogicalPlan> {
    scan(table, provider)?
        .aggregate(key(table), [count(lit(1)).alias("times")])?
        .filter(ident("times").gt(lit(1)))?
        .project(key(table))?
        .alias(REPEATED)?
        .build()
}

/// Whether no two rows have the same key.
pub(super) async fn is_unique(
    table: TableName,
    provider: &Arc<dyn TableProvider>,
    session: SessionState,
) -> Result<bool> {
    let some = DataFrame::new(session, repeated(table, provider)?).limit(0, Some(1))?;
    Ok(some.count().await? == 0)
}

/// The rows of a provider, one a key.
pub(super) fn unique(table: TableName, provider: &Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let of = |relation: &str| -> Vec<Column> {
        table
            .key()
            .iter()
            .map(|column| Column::new(Some(relation), *column))
            .collect()
    };
    let rows = |kind| {
        let keys = (of(table.name()), of(REPEATED));
        scan(table, provider)?.join(repeated(table, provider)?, kind, keys, None)
    };
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| ident(field.name())).collect();
    let mut order: Vec<SortExpr> = key(table)
        .into_iter()
        .map(|column| column.sort(true, false))
        .collect();
    // The last column is when the row was written, where a table tells.
    let written = schema.field(schema.fields().len() - 1);
    if matches!(written.data_type(), DataType::Timestamp(..)) {
        order.push(ident(written.name()).sort(table != TableName::Runs, false));
    }
    let first = rows(JoinType::LeftSemi)?
        .distinct_on(key(table), columns, Some(order))?
        .build()?;
    let plan = rows(JoinType::LeftAnti)?.union(first)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Makes the views tables of a context; each is read anew when a query names it.
pub(super) fn register(context: &SessionContext, tables: &Tables) {
    let catalog = context
        .catalog("datafusion")
        .expect("a context has its default catalog");
    catalog
        .register_schema("public", Arc::new(Views(tables.clone())))
        .expect("the default catalog takes any schema");
}

/// Makes a batch the table `memory.name` of a context.
pub(super) fn register_rows(context: &SessionContext, name: &str, batch: RecordBatch) -> Result<()> {
    let rows = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    let schema = MemorySchemaProvider::new();
    schema.register_table(name.to_owned(), Arc::new(rows))?;
    let catalog = context
        .catalog("datafusion")
        .expect("a context has its default catalog");
    catalog.register_schema("memory", Arc::new(schema))?;
    Ok(())
}

#[derive(Debug)]
struct Views(Tables);

#[async_trait]
impl SchemaProvider for Views {
    fn table_names(&self) -> Vec<String> {
        TableName::ALL
            .iter()
            .map(|table| table.name().to_owned())
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = TableName::ALL.into_iter().find(|table| table.name() == name) else {
            return Ok(None);
        };
        Ok(Some(
            self.0
                .view(table)
                .await
                .map_err(|error| DataFusionError::External(error.into()))?,
        ))
    }

    fn table_exist(&self, name: &str) -> bool {
        TableName::ALL.iter().any(|table| table.name() == name)
    }
}
