//! What was committed to a table, when and by whom, newest first: read from the log's commits themselves.
//!
//! Commits that a checkpoint made unnecessary are removed after thirty days; history ends there.

use super::{TableName, Tables};
use crate::error::Result;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use deltalake::logstore::LogStoreRef;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use serde::Serialize;
use serde_json::Value;

/// Commits that are read at once.
const READS_IN_FLIGHT: usize = 16;

/// One commit of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// The table.
    pub table: &'static str,
    /// The version that it made.
    pub version: i64,
    /// When, by the writer's clock.
    pub committed_at: Option<DateTime<Utc>>,
    /// What was done: CREATE TABLE, WRITE, OPTIMIZE, VACUUM END …
    pub operation: String,
    /// Rows that were not there before; a compaction has none.
    pub rows: i64,
    /// Files that it added.
    pub files_added: i64,
    /// Files that it replaced.
    pub files_removed: i64,
    /// Bytes of the added files.
    pub added_byte: i64,
    /// The process that wrote: auditdm's own name of it, or the engine.
    pub writer: Option<String>,
}

impl Tables {
    /// The latest commits of a table, newest first.
    ///
    /// # Errors
    /// [`crate::Error::Table`] when the log cannot be read.
    pub async fn history(&self, table: TableName, limit: usize) -> Result<Vec<Commit>> {
        let mut known = self.known[table as usize].lock().await;
        if !self.refresh(table, &mut known).await? {
            return Ok(Vec::new());
        }
        let (log, latest) = (known.log_store(), known.version().unwrap_or(0));
        drop(known);
        let read = |version| read(log.clone(), version);
        let mut commits = stream::iter((0..=latest).rev().take(limit).map(read)).buffered(READS_IN_FLIGHT);
        let mut history = Vec::new();
        while let Some((version, bytes)) = commits
            .try_next()
            .await
            .map_err(|error| self.failed(table, error))?
        {
            let Some(bytes) = bytes else {
                break;
            };
            history.push(commit(table, version, &bytes).map_err(|error| self.failed(table, error))?);
        }
        Ok(history)
    }
}

async fn read(log: LogStoreRef, version: u64) -> deltalake::DeltaResult<(u64, Option<Bytes>)> {
    Ok((version, log.read_commit_entry(version).await?))
}

/// A commit from its file: one action a line.
fn commit(table: TableName, version: u64, bytes: &[u8]) -> serde_json::Result<Commit> {
    let mut commit = Commit {
        table: table.name(),
        version: version as i64,
        ..Commit::default()
    };
    let mut engine = None;
    for action in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let action = action?;
        let text = |pointer| action.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        if action.get("add").is_some() {
            commit.files_added += 1;
            commit.added_byte += action.pointer("/add/size").and_then(Value::as_i64).unwrap_or(0);
            if action.pointer("/add/dataChange").and_then(Value::as_bool) != Some(false) {
                let stats: Value =
                    text("/add/stats").map_or(Ok(Value::Null), |stats| serde_json::from_str(&stats))?;
                commit.rows += stats["numRecords"].as_i64().unwrap_or(0);
            }
        } else if action.get("remove").is_some() {
            commit.files_removed += 1;
        } else if let Some(info) = action.get("commitInfo") {
            commit.committed_at = info["timestamp"]
                .as_i64()
                .and_then(DateTime::from_timestamp_millis);
            let operation = info["operation"].as_str();
            operation.unwrap_or_default().clone_into(&mut commit.operation);
            engine = info["engineInfo"]
                .as_str()
                .or(info["clientVersion"].as_str())
                .map(str::to_owned);
        } else if let Some(writer) = text("/txn/appId") {
            commit.writer = Some(writer);
        }
    }
    commit.writer = commit.writer.or(engine);
    Ok(commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::tests::answer;

    #[tokio::test]
    async fn commits_are_told_newest_first() {
        let tables = Tables::open("memory://").await.unwrap();
        assert_eq!(tables.history(TableName::Answers, 9).await.unwrap(), []);
        tables
            .append_rows(&[answer(1, "x"), answer(2, "x")])
            .await
            .unwrap();
        tables.append_rows(&[answer(3, "x")]).await.unwrap();
        tables.compact(TableName::Answers, 2).await.unwrap();
        let history = tables.history(TableName::Answers, 9).await.unwrap();
        let told: Vec<_> = history
            .iter()
            .map(|commit| {
                (
                    commit.version,
                    commit.operation.as_str(),
                    commit.rows,
                    commit.files_added,
                    commit.files_removed,
                )
            })
            .collect();
        let expected = [
            (3, "OPTIMIZE", 0, 1, 2),
            (2, "WRITE", 1, 1, 0),
            (1, "WRITE", 2, 1, 0),
            (0, "CREATE TABLE", 0, 0, 0),
        ];
        assert_eq!(told, expected);
        assert!(history.is_sorted_by_key(|commit| std::cmp::Reverse(commit.committed_at)));
        assert!(history[1].writer.as_deref().unwrap().starts_with("auditdm-"));
        assert_eq!(history[1].writer, history[2].writer);
        assert_eq!(tables.history(TableName::Answers, 1).await.unwrap(), history[..1]);
    }
}
