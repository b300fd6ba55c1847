//! Views of the tables with one row a key.
//!
//! A lost acknowledgement or two processes at the same work can write a row twice. Of several rows with
//! one key the first counts, of a run's the last. Only the rows that are there several times are
//! gathered and compared (a hundred times slower than reading them); all others stream through, and where no
//! key repeats (`keyed` looks it up) the rows are read as they are.
//!
//! `results` joins views of the schema `single`: `single.divergences`, of each probe and target the divergence that
//! counts; `single.answers`, of each pair and model the answer that is not a resample; and `single.images` and
//! `single.models`, the tables with their keys told.

use super::keyed::Keyed;
use super::{TableName, Tables};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{Column, DataFusionError, Result};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{JoinType, LogicalPlan, LogicalPlanBuilder, SortExpr};
use datafusion::prelude::{SessionContext, ident, lit};
use std::iter;
use std::sync::Arc;

const REPEATED: &str = "repeated";
const SINGLE_DIVERGENCE: [&str; 2] = ["probe_id", "target_id"];

fn scan(name: &str, provider: &Arc<dyn TableProvider>) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan(name, provider_as_source(provider.clone()), None)
}

/// One row a key; of several the first in the given order.
fn first_of(
    name: &str,
    provider: &Arc<dyn TableProvider>,
    key: &[&str],
    order: Vec<SortExpr>,
) -> Result<LogicalPlan> {
    let by = || key.iter().map(|column| ident(*column)).collect::<Vec<_>>();
    let of = |relation: &str| -> Vec<Column> {
        let columns = key.iter().map(|column| Column::new(Some(relation), *column));
        columns.collect()
    };
    let repeated = || {
        scan(name, provider)?
            .aggregate(by(), [count(lit(1)).alias("times")])?
            .filter(ident("times").gt(lit(1)))?
            .project(by())?
            .alias(REPEATED)?
            .build()
    };
    let rows = |kind| scan(name, provider)?.join(repeated()?, kind, (of(name), of(REPEATED)), None);
    let columns = provider.schema();
    let columns = columns.fields().iter().map(|field| ident(field.name()));
    let sorted = by().into_iter().map(|column| column.sort(true, false));
    let first = rows(JoinType::LeftSemi)?
        .distinct_on(by(), columns.collect(), Some(sorted.chain(order).collect()))?
        .build()?;
    rows(JoinType::LeftAnti)?.union(first)?.build()
}

/// The rows of a provider, one a key.
pub(super) fn unique(table: TableName, provider: &Arc<dyn TableProvider>) -> Result<Keyed> {
    let schema = table.schema();
    // The last column is when the row was written, where a table tells.
    let written = schema.field(schema.fields().len() - 1);
    let is_time = matches!(written.data_type(), DataType::Timestamp(..));
    let order = is_time.then(|| ident(written.name()).sort(table != TableName::Runs, false));
    let plan = first_of(table.name(), provider, table.key(), order.into_iter().collect())?;
    Keyed::new(provider, table.key(), plan)
}

/// Of each probe and target the divergence that counts: where they were scored more than once (another reference,
/// judge or measure), the latest.
pub(super) fn single_divergences(divergences: &Arc<dyn TableProvider>) -> Result<Keyed> {
    let latest = ident("computed_at").sort(false, true);
    let ties = ["reference_set", "judge_set", "measure"].map(|column| ident(column).sort(true, false));
    let order = iter::once(latest).chain(ties).collect();
    let plan = first_of("divergences", divergences, &SINGLE_DIVERGENCE, order)?;
    // No probe and target twice means no key twice either.
    Keyed::new(&Keyed::written(divergences), &SINGLE_DIVERGENCE, plan)
}

/// Of each pair and model the answer that is not a resample.
fn single_answers(answers: &Arc<dyn TableProvider>) -> Result<Keyed> {
    let plan = scan("answers", answers)?
        .filter(ident("sample").eq(lit(0)))?
        .build()?;
    Ok(Keyed::planned(answers.schema(), &["pair_id", "model_id"], plan)?.told())
}

/// A whole table that tells its key.
fn single_rows(name: &str, key: &str, rows: &Arc<dyn TableProvider>) -> Result<Keyed> {
    Ok(Keyed::planned(rows.schema(), &[key], scan(name, rows)?.build()?)?.told())
}

/// Makes the narrower views tables of a context that has the tables in its default schema.
pub(crate) async fn register_single(context: &SessionContext, catalog: &str) -> Result<()> {
    let single = MemorySchemaProvider::new();
    let of = async |name: &str| context.table_provider(name).await;
    let views = [
        ("divergences", single_divergences(&of("divergences").await?)?),
        ("answers", single_answers(&of("answers").await?)?),
        ("images", single_rows("images", "image_id", &of("images").await?)?),
        ("models", single_rows("models", "model_id", &of("models").await?)?),
    ];
    for (name, view) in views {
        single.register_table(name.to_owned(), Arc::new(view))?;
    }
    let catalog = context
        .catalog(catalog)
        .expect("the context was made with this catalog");
    catalog.register_schema("single", Arc::new(single))?;
    Ok(())
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
