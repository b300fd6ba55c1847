//! Providers of rows that have one row a key, and that may say so.
//!
//! In: rows as they were written, the key, and a plan that compares rows with the same key. Out: a provider; where it
//! tells its key, a left join whose columns nobody asks for is not carried out. Whether a key
//! repeats is looked up only for tables that are left in a plan, once for each version of a table: the keys' 64-bit
//! hashes are sorted (5 million in a second), a group-by over the texts took ten times as long. Two keys with one hash
//! would cost time, not rows.

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::{Column, Constraint, Constraints, DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion::prelude::Expr;
use futures::TryStreamExt;
use rayon::slice::ParallelSliceMut;
use std::any::Any;
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// Rows with one row a key.
#[derive(Debug)]
pub(crate) struct Keyed {
    /// As they were written; none where only the plan gives what is wanted.
    rows: Option<Arc<dyn TableProvider>>,
    schema: SchemaRef,
    key: Vec<usize>,
    /// The key, where the optimizer may rely on it.
    constraints: Option<Constraints>,
    /// One row a key, whatever was written.
    plan: LogicalPlan,
    unique: OnceCell<bool>,
}

impl Keyed {
    /// Rows that are read as they are where no key repeats, otherwise by the plan.
    pub(super) fn new(rows: &Arc<dyn TableProvider>, key: &[&str], plan: LogicalPlan) -> Result<Self> {
        Ok(Self {
            rows: Some(rows.clone()),
            ..Self::planned(rows.schema(), key, plan)?
        })
    }

    /// Rows of a plan that has one row a key.
    pub(super) fn planned(schema: SchemaRef, key: &[&str], plan: LogicalPlan) -> Result<Self> {
        let key = key.iter().map(|column| schema.index_of(column));
        let key = key.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Self {
            rows: None,
            schema,
            key,
            constraints: None,
            plan,
            unique: OnceCell::new(),
        })
    }

    /// Tells the optimizer the key. Only for tables whose key no query groups by: DataFusion 55 takes it for the key of
    /// every group too, and then leaves out the rest of an ORDER BY.
    pub(super) fn told(mut self) -> Self {
        let key = Constraint::PrimaryKey(self.key.clone());
        self.constraints = Some(Constraints::new_unverified(vec![key]));
        self
    }

    /// The rows that a provider reads, as they were written.
    pub(super) fn written(provider: &Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        let keyed = (provider.as_ref() as &dyn Any).downcast_ref::<Self>();
        keyed
            .and_then(|keyed| keyed.rows.clone())
            .unwrap_or_else(|| provider.clone())
    }

    /// Whether no key was written twice.
    pub(super) async fn is_unique(&self, session: &dyn Session) -> Result<bool> {
        let Some(rows) = &self.rows else { return Ok(false) };
        let found = self.unique.get_or_try_init(|| async {
            Ok::<_, DataFusionError>(!repeats(rows, &self.key, session).await?)
        });
        found.await.copied()
    }
}

/// Whether several rows have the same key, or at least the same hash of it.
async fn repeats(rows: &Arc<dyn TableProvider>, key: &Vec<usize>, session: &dyn Session) -> Result<bool> {
    let plan = rows.scan(session, Some(key), &[], None).await?;
    let context = session.task_ctx();
    let mut parts = JoinSet::new();
    for mut stream in execute_stream_partitioned(plan, context.clone())? {
        let held = MemoryConsumer::new("keys").register(context.memory_pool());
        parts.spawn(async move {
            let mut hashes = Vec::new();
            while let Some(batch) = stream.try_next().await? {
                // Once here and once among those of all parts.
                held.try_grow(2 * batch.num_rows() * size_of::<u64>())?;
                let start = hashes.len();
                hashes.resize(start + batch.num_rows(), 0);
                create_hashes(
                    batch.columns(),
                    &QualityRandomState::with_seed(0),
                    &mut hashes[start..],
                )?;
            }
            Ok::<_, DataFusionError>((hashes, held))
        });
    }
    let (mut hashes, mut held) = (Vec::new(), Vec::new());
    while let Some(part) = parts.join_next().await {
        let (part, memory) = part.map_err(|error| DataFusionError::External(error.into()))??;
        hashes.extend(part);
        held.push(memory);
    }
    let repeats = tokio::task::spawn_blocking(move || {
        hashes.par_sort_unstable();
        hashes.windows(2).any(|pair| pair[0] == pair[1])
    });
    repeats
        .await
        .map_err(|error| DataFusionError::External(error.into()))
}

#[async_trait]
impl TableProvider for Keyed {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.constraints.as_ref()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(rows) = &self.rows
            && self.is_unique(session).await?
        {
            return rows.scan(session, projection, filters, limit).await;
        }
        let mut plan = LogicalPlanBuilder::from(self.plan.clone());
        if let Some(filter) = conjunction(filters.to_vec()) {
            plan = plan.filter(filter)?;
        }
        if let Some(columns) = projection {
            let names = columns.iter().map(|at| self.schema.field(*at).name());
            plan = plan.project(names.map(|name| Expr::Column(Column::from_name(name))))?;
        }
        session.create_physical_plan(&plan.build()?).await
    }

    /// A filter without columns stays outside, where the optimizer sees that it is false and drops the whole branch.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let told = match &self.rows {
            Some(rows) => rows.supports_filters_pushdown(filters)?,
            None => vec![TableProviderFilterPushDown::Exact; filters.len()],
        };
        let constant = filters.iter().map(|filter| filter.column_refs().is_empty());
        let kept = told.into_iter().zip(constant).map(|(told, constant)| {
            if constant {
                TableProviderFilterPushDown::Unsupported
            } else {
                told
            }
        });
        Ok(kept.collect())
    }
}
