//! Views of the tables with one row a key.
//!
//! A lost acknowledgement or two processes at the same work can write a row twice. Of several rows with
//! one key the first counts, of a run's the last. Columns that a query does not read cost nothing:
//! the view is an aggregate over the key, and the optimiser drops what is not asked for.

use super::{TableName, Tables};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlanBuilder, SortExpr};
use datafusion::prelude::{Expr, SessionContext, ident};
use std::sync::Arc;

/// The rows of a provider, one a key.
pub(super) fn unique(table: TableName, provider: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let schema = table.schema();
    let key: Vec<Expr> = table.key().iter().map(|column| ident(*column)).collect();
    let columns = schema.fields().iter().map(|field| ident(field.name())).collect();
    let mut order: Vec<SortExpr> = key
        .iter()
        .map(|column| column.clone().sort(true, false))
        .collect();
    // The last column is when the row was written, where a table tells.
    let written = schema.field(schema.fields().len() - 1);
    if matches!(written.data_type(), DataType::Timestamp(..)) {
        order.push(ident(written.name()).sort(table != TableName::Runs, false));
    }
    let scan = LogicalPlanBuilder::scan(table.name(), provider_as_source(provider), None)?;
    let plan = scan.distinct_on(key, columns, Some(order))?.build()?;
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
        Ok(Some(self.0.view(table).await.map_err(|error| {
            datafusion::error::DataFusionError::External(error.into())
        })?))
    }

    fn table_exist(&self, name: &str) -> bool {
        TableName::ALL.iter().any(|table| table.name() == name)
    }
}
