//! A Parquet file in a bucket, read by ranges.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// An object and its size in bytes.
#[derive(Clone)]
pub(crate) struct BucketFile {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) key: Key,
    pub(crate) size: u64,
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for BucketFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.store.get_range(&self.key, range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.key, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let index = options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::offset_index_policy);
            ParquetMetaDataReader::new()
                .with_offset_index_policy(index)
                .load_and_finish(self, size)
                .await
                .map(Arc::new)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use futures::TryStreamExt;
    use object_store::memory::InMemory;
    use parquet::arrow::{ArrowWriter, ParquetRecordBatchStreamBuilder};

    #[tokio::test]
    async fn an_object_is_read_by_ranges() {
        let column: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1000));
        let batch = RecordBatch::try_from_iter([("number", column)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let (store, key, size) = (
            Arc::new(InMemory::new()),
            Key::from("a/b.parquet"),
            bytes.len() as u64,
        );
        store.put(&key, bytes.into()).await.unwrap();

        let file = BucketFile {
            store: store.clone(),
            key: key.clone(),
            size,
        };
        let stream = ParquetRecordBatchStreamBuilder::new(file)
            .await
            .unwrap()
            .build()
            .unwrap();
        let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
        assert_eq!(batches, [batch]);

        store.put(&key, "no parquet".into()).await.unwrap();
        let file = BucketFile { store, key, size: 10 };
        assert!(ParquetRecordBatchStreamBuilder::new(file).await.is_err());
    }
}
