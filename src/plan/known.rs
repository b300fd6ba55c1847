//! Ids and rows that are in the tables already, held flat in memory.

use crate::error::Result;
use crate::row::id;
use crate::tables::{Row, TableName, Tables, conform};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use futures::TryStreamExt;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::marker::PhantomData;

/// 32 hex digits as a number, or a hash of whatever else names something.
pub(super) fn compact(parts: &[&str]) -> u128 {
    let hex = |text: &str| {
        (text.len() == 32)
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
    };
    match parts {
        [one] if hex(one).is_some() => hex(one).unwrap_or_default(),
        parts => u128::from_str_radix(&id(parts), 16).expect("an id is 32 hex digits"),
    }
}

/// Ids that were found in a table.
#[derive(Debug, Default, Clone)]
pub struct Ids(HashSet<u128>);

impl Ids {
    pub(super) async fn load(
        tables: &Tables,
        table: TableName,
        column: &str,
        condition: &str,
    ) -> Result<Self> {
        let mut ids = HashSet::new();
        let mut batches = tables.scan(table, &[column], condition).await?;
        while let Some(batch) = batches.try_next().await? {
            ids.extend(
                batch
                    .column(0)
                    .as_string::<i32>()
                    .iter()
                    .flatten()
                    .map(|text| compact(&[text])),
            );
        }
        Ok(Self(ids))
    }

    /// Adds an id; whether it was not among them.
    pub fn insert(&mut self, id: &str) -> bool {
        self.0.insert(compact(&[id]))
    }

    /// Whether an id is among them.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(&compact(&[id]))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// When a row was written: the last column of its table.
fn written(batch: &RecordBatch, row: usize) -> i64 {
    let last = batch.column(batch.num_columns() - 1);
    last.as_primitive::<TimestampMicrosecondType>().value(row)
}

/// Rows that were found in a table, by their ids. They stay in columns until they are asked for.
#[derive(Debug)]
pub struct Known<R> {
    batches: Vec<RecordBatch>,
    places: HashMap<u128, (u32, u32)>,
    row: PhantomData<fn() -> R>,
}

impl<R> Default for Known<R> {
    fn default() -> Self {
        Self {
            batches: Vec::new(),
            places: HashMap::new(),
            row: PhantomData,
        }
    }
}

impl<R: Row> Known<R> {
    /// The rows whose first key column is one of `wanted`; of several with one key the one that was written
    /// first, as the table's view has it.
    pub(super) async fn load(tables: &Tables, condition: &str, key: &[&str], wanted: &Ids) -> Result<Self> {
        let mut known = Self::default();
        if wanted.is_empty() {
            return Ok(known);
        }
        let schema = R::TABLE.schema();
        let names = schema.fields().iter().map(|field| match field.name().as_str() {
            // The longest texts, and nobody needs them again.
            "raw_output" => "CAST(NULL AS TEXT) AS raw_output",
            name => name,
        });
        let mut batches = tables
            .scan(R::TABLE, &names.collect::<Vec<_>>(), condition)
            .await?;
        while let Some(batch) = batches.try_next().await? {
            let ids = batch.column(batch.schema().index_of(key[0])?).as_string::<i32>();
            let wanted: BooleanArray = ids.iter().map(|id| id.map(|id| wanted.contains(id))).collect();
            if wanted.true_count() == 0 {
                continue;
            }
            let batch = conform(R::TABLE, &filter_record_batch(&batch, &wanted)?)?;
            let schema = batch.schema();
            let columns = key
                .iter()
                .map(|name| schema.index_of(name))
                .collect::<Result<Vec<_>, _>>()?;
            let columns: Vec<_> = columns
                .iter()
                .map(|&at| batch.column(at).as_string::<i32>())
                .collect();
            for row in 0..batch.num_rows() {
                let parts: Vec<_> = columns.iter().map(|column| column.value(row)).collect();
                let place = (known.batches.len() as u32, row as u32);
                match known.places.entry(compact(&parts)) {
                    Entry::Vacant(free) => drop(free.insert(place)),
                    Entry::Occupied(mut taken) => {
                        let (at, other) = *taken.get();
                        let earlier = known.batches.get(at as usize).unwrap_or(&batch);
                        if written(&batch, row) < written(earlier, other as usize) {
                            taken.insert(place);
                        }
                    }
                }
            }
            known.batches.push(batch);
        }
        Ok(known)
    }

    /// The ids in one of the rows' columns.
    pub fn ids(&self, column: &str) -> Ids {
        let columns = self
            .batches
            .iter()
            .filter_map(|batch| batch.column_by_name(column));
        let texts = columns.flat_map(|column| column.as_string::<i32>().iter().flatten());
        Ids(texts.map(|text| compact(&[text])).collect())
    }

    /// Whether there is a row of that key.
    #[must_use]
    pub fn contains(&self, key: &[&str]) -> bool {
        self.places.contains_key(&compact(key))
    }

    /// The row of that key.
    pub fn get(&self, key: &[&str]) -> Result<Option<R>> {
        let Some(&(batch, row)) = self.places.get(&compact(key)) else {
            return Ok(None);
        };
        Ok(R::from_batch(&self.batches[batch as usize].slice(row as usize, 1))?.pop())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
