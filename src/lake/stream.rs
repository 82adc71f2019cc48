//! A file of a table, batch by batch: what is in memory is a row group as it is stored.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::LakeError;
use super::tables::Table;

/// Rows that are decoded at once.
const ROWS: usize = 4_096;

/// A file's rows as they are read.
pub(super) type FileStream = ParquetRecordBatchStream<StoredFile>;

/// Opens one file of a table. Partition columns are not in it.
///
/// # Errors
/// [`LakeError::Unreadable`] with the file's name.
pub(super) async fn stream_file(
    table: Table,
    opened: &DeltaTable,
    file: &LogicalFileView,
) -> std::result::Result<FileStream, LakeError> {
    let path = file.object_store_path();
    let stored = StoredFile {
        store: opened.object_store(),
        path: path.clone(),
        size: u64::try_from(file.size()).unwrap_or(0),
    };
    let stream = match ParquetRecordBatchStreamBuilder::new(stored).await {
        Ok(builder) => builder.with_batch_size(ROWS).build(),
        Err(error) => Err(error),
    };
    stream.map_err(|error| LakeError::Unreadable {
        path: PathBuf::from(table.name()).join(path.as_ref()),
        source: error.into(),
    })
}

/// A file in an object store, as Parquet's library reads one.
#[derive(Debug)]
pub(super) struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        let read = async move { self.store.get_range(&self.path, range).await };
        read.map(|read| read.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let size = self.size;
        async move {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}
