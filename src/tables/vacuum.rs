//! Removes files that no version within the retention needs: those that compaction replaced, and leftovers
//! of writers that never came to commit.

use super::{TableName, Tables};
use crate::error::Result;
use deltalake::operations::vacuum::VacuumMode;
use futures::TryStreamExt;
use std::collections::HashSet;
use std::time::Duration;

/// A file that no commit names may be about to be committed; after this long it will not be.
const LEFT_OVER: Duration = Duration::from_hours(24);

/// What a vacuum removed, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// How many files.
    pub files: usize,
    /// Their bytes.
    pub byte: u64,
}

impl Tables {
    /// Removes a table's files that went out of use longer than `keep` ago; without `really`, only counts
    /// them. Versions older than `keep` cannot be read any more afterwards.
    ///
    /// Files that no commit ever named go too, unless `keep` is below a day: a writer may still want them.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when the table cannot be read or a file not be removed.
    pub async fn vacuum(&self, table: TableName, keep: Duration, really: bool) -> Result<Vacuumed> {
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            return Ok(Vacuumed::default());
        }
        let own = known.clone();
        drop(known);
        let failed = |error| self.failed(table, error);
        let vacuum = |dry_run| {
            let mode = if keep < LEFT_OVER {
                VacuumMode::Lite
            } else {
                VacuumMode::Full
            };
            // A span that is too long for the clock keeps everything.
            let keep = chrono::Duration::from_std(keep).unwrap_or(chrono::Duration::MAX);
            own.clone()
                .vacuum()
                .with_retention_period(keep)
                .with_enforce_retention_duration(false)
                .with_mode(mode)
                .with_dry_run(dry_run)
        };
        let (_, planned) = vacuum(true).await.map_err(failed)?;
        let planned: HashSet<String> = planned.files_deleted.into_iter().collect();
        let mut found = Vacuumed::default();
        let mut listed = own.object_store().list(None);
        while let Some(file) = listed.try_next().await.map_err(|error| failed(error.into()))? {
            if planned.contains(file.location.as_ref()) {
                found.files += 1;
                found.byte += file.size;
            }
        }
        if really && found.files > 0 {
            vacuum(false).await.map_err(failed)?;
            tracing::info!(
                table = table.name(),
                files = found.files,
                removed_byte = found.byte,
                "vacuumed"
            );
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::tests::{answer, count};

    const WEEK: Duration = Duration::from_hours(7 * 24);

    #[tokio::test]
    async fn what_compaction_replaced_goes_when_its_time_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::open(folder.path().to_str().unwrap()).await.unwrap();
        assert_eq!(
            tables.vacuum(TableName::Answers, WEEK, true).await.unwrap(),
            Vacuumed::default()
        );
        for id in 0..4 {
            tables.append_rows(&[answer(id, "x")]).await.unwrap();
        }
        tables.compact(TableName::Answers, 2).await.unwrap();
        let place = folder.path().join("answers");
        let there = || {
            let files = std::fs::read_dir(&place).unwrap().map(|file| file.unwrap());
            files
                .filter(|file| file.file_type().unwrap().is_file())
                .map(|file| file.metadata().unwrap().len())
                .collect::<Vec<_>>()
        };
        let byte: u64 = there().iter().sum();
        assert_eq!(
            tables.vacuum(TableName::Answers, WEEK, true).await.unwrap(),
            Vacuumed::default(),
            "too early"
        );
        let planned = tables
            .vacuum(TableName::Answers, Duration::ZERO, false)
            .await
            .unwrap();
        assert_eq!((planned.files, there().len()), (4, 5), "nothing is removed yet");
        // A file that a writer is about to commit is no business of a vacuum without retention.
        std::fs::write(place.join("part-of-somebody.parquet"), "").unwrap();
        assert_eq!(
            tables
                .vacuum(TableName::Answers, Duration::ZERO, true)
                .await
                .unwrap(),
            planned
        );
        assert_eq!(there().len(), 2);
        assert_eq!(byte - planned.byte, there().iter().sum::<u64>());
        assert_eq!(count(&tables, "SELECT count(*) FROM answers").await, 4);
        let old = std::fs::File::options()
            .write(true)
            .open(place.join("part-of-somebody.parquet"))
            .unwrap();
        old.set_modified(std::time::SystemTime::now() - 2 * WEEK).unwrap();
        assert_eq!(
            tables.vacuum(TableName::Answers, WEEK, true).await.unwrap().files,
            1,
            "a leftover"
        );
        assert_eq!(count(&tables, "SELECT count(*) FROM answers").await, 4);
    }
}
