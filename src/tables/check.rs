//! Whether the tables are whole: they open, have the columns that they should have, their files are all there, their ids
//! refer to something, and the views leave out every repetition.
//!
//! Tables are read in the opposite order of commits, whoever refers before what is referred to, so that an
//! audit that goes on meanwhile looks no different from one that has ended.

use super::{TableName, Tables, view};
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;
use futures::TryStreamExt;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// What the tables are like.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// Each table that is there and can be opened.
    pub tables: Vec<TableState>,
    /// What is wrong, and what is only worth knowing.
    pub problems: Vec<Problem>,
}

/// One table.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct TableState {
    /// Its name.
    pub table: &'static str,
    /// Its latest version.
    pub version: i64,
    /// Rows as they were written.
    pub rows: i64,
    /// Rows that repeat another's key: the views leave them out.
    pub repeated: i64,
    /// Files of the latest version.
    pub files: i64,
    /// Their bytes.
    pub byte: i64,
    /// Bytes of other files: older versions' and leftovers, which `vacuum` removes in time.
    pub unused_byte: i64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub table: &'static str,
    /// What, with a count and an example.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
    /// Whether rows are lost or cannot be read; otherwise the next run mends it.
    pub broken: bool,
}

impl Checked {
    /// Whether anything is lost or cannot be read.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.problems.iter().any(|problem| problem.broken)
    }

    fn broken(&mut self, table: TableName, problem: String, remedy: &'static str) {
        let broken = true;
        let table = table.name();
        self.problems.push(Problem {
            table,
            problem,
            remedy,
            broken,
        });
    }
}

/// Ids of one table that must be keys of another.
struct Reference {
    from: TableName,
    column: &'static str,
    /// Gives the ids as `id`.
    ids: &'static str,
    to: TableName,
    key: &'static str,
}

/// Who refers comes before what it refers to.
const ORDER: [TableName; TableName::ALL.len()] = [
    TableName::Selections,
    TableName::Divergences,
    TableName::Verdicts,
    TableName::Answers,
    TableName::Calls,
    TableName::Rollouts,
    TableName::Probes,
    TableName::RunProbes,
    TableName::Images,
    TableName::ImageBytes,
    TableName::Steps,
    TableName::Runs,
    TableName::Models,
];

macro_rules! references {
    ($($from:ident $column:literal $ids:literal => $to:ident $key:literal;)+) => {
        [$(Reference { from: TableName::$from, column: $column, ids: $ids, to: TableName::$to, key: $key }),+]
    };
}

const REFERENCES: [Reference; 22] = references! {
    Divergences "probe_id" "SELECT probe_id AS id FROM divergences" => Probes "probe_id";
    Divergences "target_id" "SELECT target_id AS id FROM divergences" => Models "model_id";
    Divergences "reference_set"
        "SELECT unnest(string_to_array(reference_set, ',')) AS id FROM (SELECT DISTINCT reference_set FROM divergences)
         WHERE reference_set <> ''"
        => Models "model_id";
    Verdicts "probe_id" "SELECT probe_id AS id FROM verdicts" => Probes "probe_id";
    Verdicts "model_id" "SELECT model_id AS id FROM verdicts" => Models "model_id";
    Verdicts "judge_id" "SELECT judge_id AS id FROM verdicts WHERE judge_id <> 'truth'" => Models "model_id";
    Answers "pair_id" "SELECT pair_id AS id FROM answers" => Probes "pair_id";
    Answers "model_id" "SELECT model_id AS id FROM answers" => Models "model_id";
    Calls "run_id" "SELECT run_id AS id FROM calls" => Runs "run_id";
    Calls "model_id" "SELECT model_id AS id FROM calls" => Models "model_id";
    Probes "image_ids" "SELECT unnest(image_ids) AS id FROM probes" => Images "image_id";
    Probes "image_ids"
        "SELECT images.image_id AS id FROM images JOIN (SELECT unnest(image_ids) AS image_id FROM probes) AS asked
         ON images.image_id = asked.image_id WHERE images.operation <> 'original' AND images.status = 'ok'"
        => ImageBytes "image_id";
    Probes "source_image_id" "SELECT source_image_id AS id FROM probes" => Images "image_id";
    Probes "prober_id" "SELECT prober_id AS id FROM probes" => Models "model_id";
    Probes "painter_id" "SELECT painter_id AS id FROM probes" => Models "model_id";
    Rollouts "probe_id" "SELECT probe_id AS id FROM rollouts" => Probes "probe_id";
    RunProbes "run_id" "SELECT run_id AS id FROM run_probes" => Runs "run_id";
    RunProbes "probe_id" "SELECT probe_id AS id FROM run_probes" => Probes "probe_id";
    ImageBytes "image_id" "SELECT image_id AS id FROM image_bytes" => Images "image_id";
    Images "root_image_id" "SELECT root_image_id AS id FROM images" => Images "image_id";
    Images "parent_image_id" "SELECT parent_image_id AS id FROM images" => Images "image_id";
    Images "painter_id" "SELECT painter_id AS id FROM images" => Models "model_id";
};

impl Reference {
    /// Whether a crash between two commits may leave such ids; the same audit, run again, writes what is
    /// missing.
    fn may_be_pending(&self) -> bool {
        matches!(
            (self.from, self.column, self.to),
            (TableName::RunProbes, "probe_id", _)
                | (TableName::Rollouts, ..)
                | (TableName::ImageBytes, _, TableName::Images)
        )
    }
}

impl Tables {
    /// Looks through every table. What is wrong is part of the result, never an error.
    pub async fn check(&self) -> Checked {
        let mut checked = Checked::default();
        // A catalogue of its own: the tables as they are, repeated rows included.
        let context =
            SessionContext::new_with_config_rt(self.session.copied_config(), self.session.runtime_env());
        let mut readable = Vec::new();
        for table in ORDER {
            match self.look(table, &context, &mut checked).await {
                Ok(()) => readable.push(table),
                Err(error) => {
                    let remedy = "restore the table's folder from a backup; if it is another program's, name other tables";
                    checked.broken(table, format!("cannot be read: {error}"), remedy);
                }
            }
        }
        for reference in &REFERENCES {
            if readable.contains(&reference.from) && readable.contains(&reference.to) {
                dangling(reference, &context, &mut checked).await;
            }
        }
        let order = |table: &str| TableName::ALL.iter().position(|each| each.name() == table);
        checked.tables.sort_by_key(|state| order(state.table));
        checked
            .problems
            .sort_by_key(|problem| (!problem.broken, order(problem.table)));
        checked
    }

    /// Opens a table, compares its files with the folder's, counts its rows and makes it part of the context.
    async fn look(&self, table: TableName, context: &SessionContext, checked: &mut Checked) -> Result<()> {
        let (provider, version) = self.versioned(table).await?;
        context.register_table(table.name(), provider.clone())?;
        let known = self.known[table as usize].lock().await.clone();
        if known.version().is_none() {
            return Ok(());
        }
        let mut state = TableState {
            table: table.name(),
            version: version as i64,
            ..TableState::default()
        };
        self.files(table, &known, &mut state, checked).await?;
        let keys = table.key().join(", ");
        let sql = format!(
            "SELECT coalesce(sum(times), 0) AS rows, count(*) AS keys FROM (SELECT count(*) AS times FROM {} GROUP BY {keys})",
            table.name()
        );
        let (rows, keys, _) = counts(context, &sql).await?;
        (state.rows, state.repeated) = (rows, rows - keys);
        if state.repeated > 0 {
            let seen = context
                .read_table(Arc::new(view::unique(table, &provider)?))?
                .count()
                .await? as i64;
            if seen != keys {
                let remedy = "tell the authors of auditdm: the view is wrong, the rows are whole";
                checked.broken(
                    table,
                    format!("has {keys} keys, and its view shows {seen} rows"),
                    remedy,
                );
            }
        }
        checked.tables.push(state);
        Ok(())
    }

    /// Compares the files that the table lists with those that are there.
    async fn files(
        &self,
        table: TableName,
        known: &DeltaTable,
        state: &mut TableState,
        checked: &mut Checked,
    ) -> Result<()> {
        let failed = |error| self.failed(table, error);
        let mut there = HashMap::new();
        let mut listed = known.object_store().list(None);
        while let Some(file) = listed
            .try_next()
            .await
            .map_err(|error| self.failed(table, error))?
        {
            if !file.location.as_ref().starts_with('_') {
                there.insert(file.location, file.size as i64);
            }
        }
        let (mut wrong, mut example) = (0, None);
        for file in known.snapshot().map_err(failed)?.log_data().iter() {
            state.files += 1;
            state.byte += file.size();
            let problem = match there.remove(&file.object_store_path()) {
                Some(size) if size == file.size() => continue,
                Some(size) => format!("{} has {size} bytes instead of {}", file.path(), file.size()),
                None => format!("{} is missing", file.path()),
            };
            wrong += 1;
            example.get_or_insert(problem);
        }
        state.unused_byte = there.values().sum();
        if let Some(example) = example {
            let problem = format!(
                "{wrong} of {} files are not what was written: {example}",
                state.files
            );
            let remedy = "restore the files from a backup or an earlier version of the bucket: their rows are nowhere else";
            checked.broken(table, problem, remedy);
        }
        Ok(())
    }
}

/// Finds ids that refer to nothing.
async fn dangling(reference: &Reference, context: &SessionContext, checked: &mut Checked) {
    let Reference {
        from,
        column,
        ids,
        to,
        key,
    } = reference;
    let (to, place) = (to.name(), format!("`{}.{column}`", from.name()));
    let sql = format!(
        "SELECT count(*) AS dangling, count(*) AS ids, min(id) FROM (SELECT DISTINCT id FROM ({ids}) WHERE id <> '') AS ids
         LEFT ANTI JOIN {to} AS referred ON ids.id = referred.{key}"
    );
    match counts(context, &sql).await {
        Ok((0, ..)) => {}
        Ok((count, _, example)) => {
            let example = example.unwrap_or_default();
            let broken = !reference.may_be_pending();
            checked.problems.push(Problem {
                table: from.name(),
                problem: format!("{count} ids of {place} are not in `{to}`, e.g. {example}"),
                remedy: if broken {
                    "rows were removed or another program wrote these: restore both tables from one backup"
                } else {
                    "an interrupted run left them: run the same audit again, which goes on there"
                },
                broken,
            });
        }
        Err(error) => {
            let remedy = "restore the table's files from a backup: they are damaged";
            checked.broken(
                *from,
                format!("{place} cannot be compared with `{to}`: {error}"),
                remedy,
            );
        }
    }
}

/// The two numbers and, if there is one, the text of a query's one row.
async fn counts(context: &SessionContext, sql: &str) -> Result<(i64, i64, Option<String>), Error> {
    let batches = context.sql(sql).await?.collect().await?;
    let row = batches.iter().find(|batch| batch.num_rows() > 0);
    let row = row.expect("an aggregate without groups has one row");
    let number = |column: usize| row.column(column).as_primitive::<Int64Type>().value(0);
    let text = (row.num_columns() > 2).then(|| row.column(2).as_string::<i32>());
    let text = text
        .filter(|text| text.is_valid(0))
        .map(|text| text.value(0).to_owned());
    Ok((number(0), number(1), text))
}

#[cfg(test)]
mod tests;
