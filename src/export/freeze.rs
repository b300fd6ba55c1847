//! A selection as a benchmark: one Parquet file with its images, whose name says what is in it.
//!
//! In: rows in the columns of a [`Sample`], in any order. Out: `NAME-frozen-HASH.parquet` ([`frozen`](crate::source::frozen)),
//! a file that `auditdm eval` and `[source] url` read. The same rows give the same file: they stand in the order of their
//! images and ids, and nothing in it tells the time. Left out: rows with several images, and buckets whose objects of more than 5 GB
//! cannot be renamed.

use super::output::Output;
use super::shape::{Parquet, text};
use super::writer::table::Layout;
use super::{Exported, ROWS_AT_ONCE, Ready, card::Card, ready};
use crate::error::{Error, Result};
use crate::picture::Pictures;
use crate::sample::{Columns, Sample, Survey};
use crate::source::frozen::Hash;
use crate::tables::Tables;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::prelude::DataFrame;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

/// A set that was frozen.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// Its file.
    pub address: String,
    /// Whether the same set was there already.
    pub same: bool,
    /// Its rows, and what was left out.
    pub exported: Exported,
}

/// Freezes the rows of a query into a folder, local or in a bucket.
///
/// # Errors
/// When the query lacks columns or the folder cannot be written to.
pub async fn freeze(tables: &Tables, frame: DataFrame, name: &str, folder: &str) -> Result<Frozen> {
    Columns::of(&frame)?;
    let (seen, rows) = Survey::of(frame).await?;
    let pictures = Pictures::find(tables, &seen.image_ids).await?;
    let mut samples: Vec<Sample> = rows.samples().await?.try_collect().await?;
    // A source takes neighbouring rows about one image together.
    samples.sort_by(|a, b| (&a.images, &a.id).cmp(&(&b.images, &b.id)));
    let output = Output::open(folder)?;
    let layout = Layout::new(Parquet {
        record,
        fields: fields(),
        others: Vec::new(),
        single: true,
    })?;
    let partial = format!(".{name}-{}.partial", std::process::id());
    let (mut file, mut shard) = (output.file(&partial).await?, layout.shard()?);
    let (mut hash, mut card) = (Hash::default(), Card::default());
    let chunks: Vec<Vec<Sample>> = samples.chunks(ROWS_AT_ONCE).map(<[Sample]>::to_vec).collect();
    let mut chunks = stream::iter(chunks)
        .map(|chunk| ready(chunk, RecordBatch::new_empty(Schema::empty().into()), &pictures))
        .buffered(2);
    while let Some(chunk) = chunks.next().await {
        let mut group: Vec<Ready> = Vec::new();
        for row in chunk? {
            match row.and_then(alone) {
                Ok(row) => {
                    card.count(&row.sample);
                    group.push(row);
                }
                Err(reason) => card.leave_out(reason),
            }
        }
        if !group.is_empty() {
            let bytes = shard.append(layout.encode(&group)?)?;
            hash.update(&bytes);
            file.write(&bytes).await?;
        }
    }
    let exported = card.exported();
    if exported.rows == 0 {
        file.discard().await;
        let why = exported
            .left_out
            .iter()
            .map(|(reason, rows)| format!("; left out {rows}: {reason}"));
        return Err(Error::Selection {
            name: name.to_owned(),
            problem: format!("there is no row to freeze{}", why.collect::<String>()),
        });
    }
    let bytes = shard.finish()?;
    hash.update(&bytes);
    file.write(&bytes).await?;
    file.close().await?;
    let file = hash.file_name(name);
    let new = output.name(&partial, &file).await?;
    Ok(Frozen {
        address: output.address(&file),
        same: !new,
        exported,
    })
}

fn alone(row: Ready) -> Result<Ready, String> {
    match row.pictures.len() {
        1 => Ok(row),
        several => Err(format!("it has {several} images; a frozen set holds one a row")),
    }
}

fn fields() -> Vec<FieldRef> {
    let list = |name| Field::new(name, DataType::new_list(DataType::Utf8, true), true).into();
    vec![
        text("question_id"),
        text("question"),
        list("answers"),
        list("choices"),
        text("category"),
        text("split"),
        text("root_image_id"),
        text("label_source"),
        text("licence"),
    ]
}

/// The columns that `eval` and sources read; a column `audit_accepted` lists further right answers.
fn record(sample: &Sample, _: &[String]) -> Value {
    let accepted = sample.audit.get("audit_accepted").filter(|list| {
        let texts = list
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string));
        texts
            && list
                .as_array()
                .is_some_and(|list| list.contains(&sample.completion.clone().into()))
    });
    json!({
        "question_id": sample.id,
        "question": sample.prompt,
        "answers": accepted.cloned().unwrap_or_else(|| json!([sample.completion])),
        "choices": sample.choices,
        "category": sample.category,
        "split": sample.split,
        "root_image_id": sample.root_image_id,
        "label_source": sample.label_source,
        "licence": sample.licence,
    })
}
