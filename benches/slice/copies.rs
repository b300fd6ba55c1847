//! Tables as large as you like: every probe, image, answer and call of an audit many times over, under other ids.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use auditdm::Result;
use auditdm::tables::{TableName, Tables};
use futures::TryStreamExt;
use std::sync::Arc;

/// Columns whose ids are other ones in every copy. Models and runs stay.
const IDS: [&str; 10] = [
    "probe_id",
    "pair_id",
    "group_id",
    "image_id",
    "image_ids",
    "root_image_id",
    "parent_image_id",
    "source_image_id",
    "call_id",
    "subject",
];
/// Copies that are committed together.
const TOGETHER: usize = 50;

/// Writes `times` copies of the tables at `from` to `to`.
pub(crate) async fn write(from: &str, to: &str, times: usize) -> Result<()> {
    let (from, to) = (Tables::open_existing(from).await?, Tables::open(to).await?);
    for table in TableName::ALL
        .into_iter()
        .filter(|table| *table != TableName::ImageBytes)
    {
        let batches: Vec<RecordBatch> = from
            .query(&format!("SELECT * FROM {}", table.name()))
            .await?
            .try_collect()
            .await?;
        if matches!(table, TableName::Models | TableName::Runs) {
            to.append(table, batches).await?;
            continue;
        }
        for start in (0..times).step_by(TOGETHER) {
            let copies = start..times.min(start + TOGETHER);
            let copies = copies.flat_map(|copy| batches.iter().map(move |batch| renamed(batch, copy)));
            to.append(table, copies.collect::<Result<_>>()?).await?;
        }
    }
    Ok(())
}

fn renamed(batch: &RecordBatch, copy: usize) -> Result<RecordBatch> {
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| {
            if !IDS.contains(&field.name().as_str()) {
                return Ok(column.clone());
            }
            let renamed: ArrayRef = match column.data_type() {
                DataType::List(item) => {
                    let lists = column.as_list::<i32>();
                    let ids = other(lists.values(), copy)?;
                    Arc::new(ListArray::try_new(
                        item.clone(),
                        lists.offsets().clone(),
                        ids,
                        lists.nulls().cloned(),
                    )?)
                }
                _ => other(column, copy)?,
            };
            Ok(renamed)
        });
    Ok(RecordBatch::try_new(
        schema.clone(),
        columns.collect::<Result<_>>()?,
    )?)
}

/// Ids that begin with the copy's number.
fn other(ids: &ArrayRef, copy: usize) -> Result<ArrayRef> {
    let texts = cast(ids, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>().iter();
    let ids_of_copy: StringArray = texts
        .map(|id| id.map(|id| format!("{copy:08x}{}", &id[8.min(id.len())..])))
        .collect();
    Ok(cast(&ids_of_copy, ids.data_type())?)
}
