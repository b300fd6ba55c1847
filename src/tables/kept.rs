//! Single images out of `image_bytes`, without reading the others.
//!
//! In: the ids that are wanted. The column of ids is read once, so that it is known in which file and row each
//! lies; then only the pages with those rows are read. A query would read every image of a row group.

use super::{TableName, Tables};
use crate::error::Result;
use crate::source::BucketFile;
use arrow::array::{AsArray, RecordBatch};
use arrow::buffer::Buffer;
use bytes::Bytes;
use deltalake::logstore::ObjectStoreRef;
use deltalake::{DeltaResult, DeltaTableError};
use futures::TryStreamExt;
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::file::metadata::PageIndexPolicy;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Images that are decoded at once.
const BATCH_ROWS: usize = 16;

/// Where kept images lie.
pub struct Kept {
    files: Vec<File>,
    /// File and row of each image that is wanted and there.
    places: HashMap<String, (usize, usize)>,
}

struct File {
    reader: BucketFile,
    metadata: ArrowReaderMetadata,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Kept")
            .field("images", &self.places.len())
            .finish_non_exhaustive()
    }
}

impl Tables {
    /// Finds out where the bytes of these images lie; those that are not kept are left out.
    pub async fn kept(&self, wanted: &HashSet<String>) -> Result<Kept> {
        let table = TableName::ImageBytes;
        let mut known = self.known[table as usize].lock().await;
        let mut kept = Kept {
            files: Vec::new(),
            places: HashMap::new(),
        };
        if wanted.is_empty() || !self.refresh(table, &mut known).await? {
            return Ok(kept);
        }
        let own = known.clone();
        drop(known);
        let failed = |error| self.failed(table, error);
        let snapshot = own.snapshot().map_err(failed)?;
        for file in snapshot.log_data().iter() {
            let path = file.object_store_path();
            let size = u64::try_from(file.size()).unwrap_or(0);
            kept.look(own.object_store(), path, size, wanted)
                .await
                .map_err(failed)?;
        }
        Ok(kept)
    }
}

impl Kept {
    /// Reads the ids of one file.
    async fn look(
        &mut self,
        store: ObjectStoreRef,
        key: Path,
        size: u64,
        wanted: &HashSet<String>,
    ) -> DeltaResult<()> {
        let mut reader = BucketFile { store, key, size };
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load_async(&mut reader, options).await?;
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), ["image_id"]);
        let mut batches = builder.with_projection(mask).build()?;
        let mut row = 0;
        while let Some(batch) = batches.try_next().await? {
            for id in ids(&batch)? {
                if let Some(id) = id.filter(|id| wanted.contains(*id)) {
                    self.places
                        .entry(id.to_owned())
                        .or_insert((self.files.len(), row));
                }
                row += 1;
            }
        }
        self.files.push(File { reader, metadata });
        Ok(())
    }

    /// The bytes of those of the images that are kept.
    pub async fn read(&self, ids: impl IntoIterator<Item = &str>) -> Result<HashMap<String, Bytes>> {
        let mut rows: BTreeMap<usize, BTreeMap<usize, &str>> = BTreeMap::new();
        for id in ids {
            if let Some((file, row)) = self.places.get(id) {
                rows.entry(*file).or_default().insert(*row, id);
            }
        }
        let mut read = HashMap::new();
        for (file, rows) in rows {
            let file = &self.files[file];
            let total = usize::try_from(file.metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
            let ranges = rows.keys().map(|row| *row..*row + 1);
            let selection = RowSelection::from_consecutive_ranges(ranges, total);
            let batches = ParquetRecordBatchStreamBuilder::new_with_metadata(
                file.reader.clone(),
                file.metadata.clone(),
            );
            let mask = ProjectionMask::columns(batches.parquet_schema(), ["image.bytes"]);
            let batches = batches
                .with_projection(mask)
                .with_row_selection(selection)
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(parquet)?;
            let mut batches = std::pin::pin!(batches);
            let mut ids = rows.values();
            while let Some(batch) = batches.try_next().await.map_err(parquet)? {
                let image = batch
                    .column_by_name("image")
                    .and_then(|image| image.as_struct_opt());
                let bytes = image.and_then(|image| image.column_by_name("bytes"));
                let Some(bytes) = bytes.and_then(|bytes| bytes.as_binary_opt::<i32>()) else {
                    continue;
                };
                // All that a batch holds was asked for: its images share its memory.
                let held = Bytes::from_owner(Held(bytes.values().clone()));
                for (offsets, id) in bytes.value_offsets().windows(2).zip(&mut ids) {
                    let range = offsets[0] as usize..offsets[1] as usize;
                    read.insert((*id).to_owned(), held.slice(range));
                }
            }
        }
        Ok(read)
    }
}

struct Held(Buffer);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn ids(batch: &RecordBatch) -> DeltaResult<impl Iterator<Item = Option<&str>>> {
    let ids = batch.column(0).as_string_opt::<i32>();
    Ok(ids
        .ok_or_else(|| DeltaTableError::generic("`image_id` is no text"))?
        .iter())
}

fn parquet(error: parquet::errors::ParquetError) -> crate::Error {
    crate::Error::DataFusion(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::ImageBytesRow;

    #[tokio::test]
    async fn single_images_are_read_from_wherever_they_lie() {
        let tables = Tables::open("memory:///kept").await.unwrap();
        let image = |id: usize| ImageBytesRow {
            image_id: format!("{id:064x}"),
            bytes: vec![id as u8; 100_000 + id].into(),
            path: format!("{id}.png"),
        };
        let images: Vec<_> = (0..150).map(image).collect();
        assert!(
            tables
                .kept(&HashSet::from([images[0].image_id.clone()]))
                .await
                .unwrap()
                .places
                .is_empty()
        );
        tables.append_rows(&images[..100]).await.unwrap();
        tables.append_rows(&images[90..]).await.unwrap();
        let wanted: Vec<&str> = [3, 64, 65, 95, 149]
            .iter()
            .map(|at| images[*at].image_id.as_str())
            .collect();
        let kept = tables
            .kept(&wanted.iter().map(|id| (*id).to_owned()).collect())
            .await
            .unwrap();
        let read = kept.read(wanted.iter().copied().chain(["none"])).await.unwrap();
        assert_eq!(read.len(), 5);
        for at in [3, 64, 65, 95, 149] {
            assert_eq!(read[&images[at].image_id], images[at].bytes);
        }
    }
}
