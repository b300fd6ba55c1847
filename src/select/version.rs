//! Selections as they lie in the table: versions of a name, each with its rows whole.

use super::Options;
use crate::error::{Error, Result};
use crate::row::{SelectionRow, id};
use crate::sample::Sample;
use crate::sql;
use crate::tables::Tables;
use chrono::Utc;
use futures::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Latest {
    name: String,
    version: i32,
}

/// The latest version of each selection.
async fn latest(tables: &Tables) -> Result<BTreeMap<String, i32>> {
    let sql = "SELECT name, max(version) AS version FROM selections GROUP BY name";
    let batches: Vec<_> = tables.query(sql).await?.try_collect().await?;
    let rows: Vec<Latest> = sql::rows(&batches)?;
    Ok(rows.into_iter().map(|row| (row.name, row.version)).collect())
}

/// The rows of the selections that are not to be repeated.
pub(super) async fn earlier(tables: &Tables, options: &Options) -> Result<Vec<SelectionRow>> {
    let known = latest(tables).await?;
    let mut names = Vec::new();
    for name in &options.against {
        match (name.as_str(), known.contains_key(name)) {
            ("all", _) => names.extend(known.keys().filter(|name| **name != options.name).cloned()),
            (_, true) => names.push(name.clone()),
            (_, false) => {
                return Err(Error::Selection {
                    name: name.clone(),
                    problem: format!("there is none of this name; there are: {}", names_of(&known)),
                });
            }
        }
    }
    let mut rows = Vec::new();
    for name in names {
        rows.extend(rows_of(tables, &name, known[&name]).await?);
    }
    Ok(rows)
}

fn names_of(known: &BTreeMap<String, i32>) -> String {
    match known.len() {
        0 => "none yet".to_owned(),
        _ => known.keys().cloned().collect::<Vec<_>>().join(", "),
    }
}

async fn rows_of(tables: &Tables, name: &str, version: i32) -> Result<Vec<SelectionRow>> {
    let key = id([name, &version.to_string()]);
    let sql = format!("SELECT * FROM selections WHERE selection_id = '{key}'");
    tables.rows(&sql).await?.try_collect().await
}

/// Writes the rows as the next version of their name, unless they are those of the latest.
pub(super) async fn commit(
    tables: &Tables,
    options: &Options,
    rows: Vec<(String, Sample)>,
    lineage: &Value,
) -> Result<(i32, bool)> {
    let before = latest(tables).await?.get(&options.name).copied().unwrap_or(0);
    let version = before + 1;
    let (lineage, created_at) = (lineage.to_string(), Utc::now());
    let row = |(quota, sample): (String, Sample)| SelectionRow {
        selection_id: id([options.name.as_str(), &version.to_string()]),
        name: options.name.clone(),
        version,
        id: sample.id,
        images: sample.images,
        prompt: sample.prompt,
        completion: sample.completion,
        choices: sample.choices,
        label_source: sample.label_source,
        agreement: sample.agreement,
        category: sample.category,
        root_image_id: sample.root_image_id,
        split: sample.split.unwrap_or_default(),
        licence: sample.licence,
        audit_columns: (!sample.audit.is_empty()).then(|| Value::Object(sample.audit).to_string()),
        quota,
        lineage: lineage.clone(),
        created_at,
    };
    let mut rows: Vec<SelectionRow> = rows.into_iter().map(row).collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let mut known = rows_of(tables, &options.name, before).await?;
    known.sort_by(|a, b| a.id.cmp(&b.id));
    let same = |(new, old): (&SelectionRow, &SelectionRow)| {
        *new == SelectionRow {
            selection_id: new.selection_id.clone(),
            version,
            lineage: new.lineage.clone(),
            created_at,
            ..old.clone()
        }
    };
    if before > 0 && known.len() == rows.len() && rows.iter().zip(&known).all(same) {
        return Ok((before, true));
    }
    tables.append_rows(&rows).await?;
    Ok((version, false))
}

/// A query for the rows of a selection (`NAME`, or `NAME@VERSION`), in the columns of a sample.
///
/// # Errors
/// When there is no such selection.
pub async fn selected(tables: &Tables, name: &str) -> Result<String> {
    let (name, version) = match name.rsplit_once('@') {
        Some((name, version)) => (name, version.parse().ok()),
        None => (name, None),
    };
    let known = latest(tables).await?;
    let found = known
        .get(name)
        .filter(|latest| version.is_none_or(|version| (1..=**latest).contains(&version)));
    let Some(latest) = found else {
        return Err(Error::Selection {
            name: name.to_owned(),
            problem: format!(
                "there is none of this name and version; there are: {}",
                names_of(&known)
            ),
        });
    };
    let key = id([name, &version.unwrap_or(*latest).to_string()]);
    Ok(format!(
        "SELECT id, images, prompt, completion, choices, label_source, agreement, category, root_image_id, split, licence, \
         audit_columns FROM selections WHERE selection_id = '{key}' ORDER BY id"
    ))
}
