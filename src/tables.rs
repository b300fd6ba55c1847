//! The tables of an audit: Delta Lake tables of Parquet under one address.
//!
//! In come rows as record batches, each `append` one atomic commit; out come DataFusion table providers
//! of the state at that moment. Several processes may create and append at once: appends do not
//! conflict, and a commit carries its writer's name and number, so that a lost reply is read back
//! instead of written twice. Whatever was written twice nevertheless, the views remove.
//!
//! Left out: updates and deletes (rows are facts), and any cloud's own kit; object_store reaches all of
//! them.

mod check;
mod compact;
mod convert;
mod history;
mod kept;
mod keyed;
mod location;
pub mod schema;
mod vacuum;
pub(crate) mod view;
mod write;

pub use check::{Checked, Problem, TableState};
pub use compact::{Compacted, Tidier};
pub use convert::Row;
pub(crate) use convert::conform;
pub use history::Commit;
pub use kept::Kept;
use keyed::Keyed;
pub use schema::TableName;
pub use vacuum::Vacuumed;

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::{DeltaTable, DeltaTableError};
use futures::{Stream, StreamExt, TryStreamExt, stream};
pub(crate) use location::Location;
use object_store::prefix::PrefixStore;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// The tables under one address; clones share what they have loaded.
#[derive(Clone)]
pub struct Tables {
    location: Location,
    /// What is known of each table, to be brought up to date before it is used.
    known: Arc<[Mutex<DeltaTable>; TableName::ALL.len()]>,
    /// Each table's latest version that was asked for, one row a key: whether keys repeat is found out once.
    views: Arc<[Mutex<Option<Version>>; TableName::ALL.len()]>,
    writer: Arc<write::Writer>,
    session: SessionContext,
}

/// A version's number and its rows.
type Version = (u64, Arc<Keyed>);

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tables")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

impl Tables {
    /// Opens the tables at a local path or a `file://`, `memory://`, `s3://`, `gs://` or `az://` URL.
    /// They need not exist yet; a folder that holds something else is an error.
    pub async fn open(address: &str) -> Result<Self> {
        let location = Location::parse(address)?;
        location.check().await?;
        Ok(Self::at(location))
    }

    fn at(location: Location) -> Self {
        let known = TableName::ALL.map(|table| {
            let url = location.table_url(table);
            let folder = PrefixStore::new(location.store.clone(), location.table_path(table));
            let store = location.store.clone();
            let log = default_logstore(Arc::new(folder), store, &url, &StorageConfig::default());
            Mutex::new(DeltaTable::new(log))
        });
        // Rows are read as they are declared, not as views of strings.
        let view_types = "datafusion.execution.parquet.schema_force_view_types";
        // Plans over Delta tables differ in a column's nullability, which stops an aggregate but harms none.
        let schema_check = "datafusion.execution.skip_physical_aggregate_schema_check";
        Self {
            location,
            known: Arc::new(known),
            views: Arc::new(TableName::ALL.map(|_| Mutex::new(None))),
            writer: Arc::new(write::Writer::default()),
            session: SessionContext::new_with_config(
                SessionConfig::new()
                    .set_bool(view_types, false)
                    .set_bool(schema_check, true),
            ),
        }
    }

    /// Opens tables that are to be read.
    ///
    /// # Errors
    /// Also when nothing has been written there yet.
    pub async fn open_existing(address: &str) -> Result<Self> {
        let tables = Self::open(address).await?;
        // An audit begins with its run, an evaluation with its models.
        for table in [TableName::Runs, TableName::Models] {
            let mut known = tables.known[table as usize].lock().await;
            if tables.refresh(table, &mut known).await? {
                drop(known);
                return Ok(tables);
            }
        }
        let problem = "there are no tables here yet: run an audit first, or name their place with --tables";
        Err(tables.failed(TableName::Runs, problem))
    }

    /// Where the tables lie, without credentials.
    #[must_use]
    pub fn url(&self) -> &str {
        self.location.url.as_str()
    }

    /// Commits batches to a table, which is created when it is not there. Gives the version that holds
    /// them. Columns may come in any order; without rows there is no commit.
    pub async fn append(&self, table: TableName, batches: Vec<RecordBatch>) -> Result<i64> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let conform = |batch| convert::conform(table, batch);
        self.append_batches(table, rows, || Box::new(batches.iter().map(conform)))
            .await
    }

    /// Commits rows to their table; see [`Tables::append`].
    pub async fn append_rows<R: Row>(&self, rows: &[R]) -> Result<i64> {
        let batches = || rows.chunks(write::rows_per_batch(R::TABLE)).map(R::to_batch);
        self.append_batches(R::TABLE, rows.len(), || Box::new(batches()))
            .await
    }

    async fn append_batches<'a>(
        &self,
        table: TableName,
        rows: usize,
        batches: impl Fn() -> write::Batches<'a>,
    ) -> Result<i64> {
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            // Another process may be faster; then its table is as good as ours.
            let created = write::create(&known, table).await;
            if !self.refresh(table, &mut known).await? {
                return Err(self.failed(table, created.err().unwrap_or(DeltaTableError::NotInitialized)));
            }
        }
        if rows > 0 {
            let started = Instant::now();
            let appended = self.writer.append(&mut known, table, batches).await;
            appended.map_err(|error| self.failed(table, error))?;
            tracing::info!(
                table = table.name(),
                version = known.version(),
                rows,
                elapsed_ms = started.elapsed().as_millis() as u64,
                "committed"
            );
        }
        Ok(known.version().map_or(0, |version| version as i64))
    }

    /// A table as it is now, with whatever is in it twice; without rows where it was not created yet.
    pub async fn provider(&self, table: TableName) -> Result<Arc<dyn TableProvider>> {
        Ok(self.versioned(table).await?.0)
    }

    /// A table as it is now, one row a key.
    pub async fn view(&self, table: TableName) -> Result<Arc<dyn TableProvider>> {
        Ok(self.keyed(table).await?)
    }

    async fn keyed(&self, table: TableName) -> Result<Arc<Keyed>> {
        let (rows, version) = self.versioned(table).await?;
        let mut view = self.views[table as usize].lock().await;
        if let Some((known, keyed)) = &*view
            && *known == version
        {
            return Ok(keyed.clone());
        }
        let keyed = view::unique(table, &rows).map_err(|error| self.failed(table, error))?;
        let keyed = Arc::new(keyed);
        *view = Some((version, keyed.clone()));
        Ok(keyed)
    }

    /// The addresses of a table's files, and whether no two rows have the same key.
    pub(crate) async fn addresses(&self, table: TableName) -> Result<(Vec<String>, bool)> {
        let unique = self.is_unique(table, &*self.keyed(table).await?).await?;
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            return Ok((Vec::new(), true));
        }
        let files = known.get_file_uris().map_err(|error| self.failed(table, error))?;
        Ok((files.collect(), unique))
    }

    /// Whether no probe and target were scored twice.
    pub(crate) async fn scored_once(&self) -> Result<bool> {
        let table = TableName::Divergences;
        let single = view::single_divergences(&self.view(table).await?);
        self.is_unique(table, &single.map_err(|error| self.failed(table, error))?)
            .await
    }

    async fn is_unique(&self, table: TableName, keyed: &Keyed) -> Result<bool> {
        let unique = keyed.is_unique(&self.session.state()).await;
        unique.map_err(|error| self.failed(table, error))
    }

    /// A table and its version; no rows and 0 before its first commit of rows.
    async fn versioned(&self, table: TableName) -> Result<(Arc<dyn TableProvider>, u64)> {
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            return Ok((Arc::new(EmptyTable::new(table.schema())), 0));
        }
        let provider = known
            .table_provider()
            .with_session(Arc::new(self.session.state()))
            .await;
        Ok((
            provider.map_err(|error| self.failed(table, error))?,
            known.version().unwrap_or(0),
        ))
    }

    /// Runs a query of this crate's own over the views. (Queries from outside go through `sql`.)
    pub async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        Ok(self.context().sql(sql).await?.execute_stream().await?)
    }

    /// The same, with rows in memory as the table `memory.` and that name.
    pub(crate) async fn query_beside<R: Row>(
        &self,
        sql: &str,
        name: &str,
        rows: &[R],
    ) -> Result<SendableRecordBatchStream> {
        let context = self.context();
        view::register_rows(&context, name, R::to_batch(rows)?)?;
        Ok(context.sql(sql).await?.execute_stream().await?)
    }

    /// A context of its own, so that what one query registers no other sees.
    fn context(&self) -> SessionContext {
        let context = SessionContext::new_with_config(self.session.copied_config());
        view::register(&context, self);
        context
    }

    /// Columns (as SQL expressions) of a table as it was written, where a row may stand twice: to look for
    /// repetitions takes longer than to read.
    pub(crate) async fn scan(
        &self,
        table: TableName,
        columns: &[&str],
        condition: &str,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.session.read_table(self.provider(table).await?)?;
        let condition = rows.parse_sql_expr(condition)?;
        Ok(rows
            .filter(condition)?
            .select_exprs(columns)?
            .execute_stream()
            .await?)
    }

    /// Runs a query whose columns are those of a row.
    pub async fn rows<R: Row>(&self, sql: &str) -> Result<impl Stream<Item = Result<R>> + use<R>> {
        let batches = self.query(sql).await?.map_err(Error::from);
        let rows = batches.map(|batch| {
            let rows = batch.and_then(|batch| R::from_batch(&batch));
            stream::iter(rows.map_or_else(
                |error| vec![Err(error)],
                |rows| rows.into_iter().map(Ok).collect(),
            ))
        });
        Ok(rows.flatten())
    }

    /// Reads what others committed since; whether there is a table at all.
    async fn refresh(&self, table: TableName, known: &mut DeltaTable) -> Result<bool> {
        let loaded = known.version().is_some();
        let exists = loaded
            || known
                .verify_deltatable_existence()
                .await
                .map_err(|error| self.failed(table, error))?;
        if !exists {
            return Ok(false);
        }
        known
            .update_state()
            .await
            .map_err(|error| self.failed(table, error))?;
        if !loaded {
            let found = known
                .snapshot()
                .map_err(|error| self.failed(table, error))?
                .snapshot()
                .arrow_schema();
            if !table.schema().contains(&found) || !found.contains(&table.schema()) {
                known.state = None;
                let problem = "its columns are not those of this version; use another folder or version";
                return Err(self.failed(table, problem));
            }
        }
        Ok(true)
    }

    fn failed(&self, table: TableName, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Table {
            table: table.name(),
            url: self.url().to_owned(),
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests;
