//! A file of a table, batch by batch: what is in memory is a row group as it is stored.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::SchemaDescriptor;

use super::LakeError;
use super::tables::Table;

/// Rows that are decoded at once.
const ROWS: usize = 4_096;

/// A file's rows as they are read. Partition columns are not among them.
pub(super) struct FileRows {
    path: PathBuf,
    stream: ParquetRecordBatchStream<StoredFile>,
}

impl std::fmt::Debug for FileRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileRows {
    /// Opens one file of a table.
    ///
    /// # Errors
    /// [`LakeError::Unreadable`] with the file's name.
    pub(super) async fn all(
        table: Table,
        opened: &DeltaTable,
        file: &LogicalFileView,
    ) -> Result<Self, LakeError> {
        Self::open(table, opened, file, |_| ProjectionMask::all()).await
    }

    /// The same, with nothing but the columns that name the session.
    ///
    /// # Errors
    /// [`LakeError::Unreadable`] with the file's name.
    pub(super) async fn keys(
        table: Table,
        opened: &DeltaTable,
        file: &LogicalFileView,
    ) -> Result<Self, LakeError> {
        let (stage, session) = table.session_names();
        Self::open(table, opened, file, |schema| ProjectionMask::columns(schema, [stage, session]))
            .await
    }

    async fn open(
        table: Table,
        opened: &DeltaTable,
        file: &LogicalFileView,
        columns: impl FnOnce(&SchemaDescriptor) -> ProjectionMask,
    ) -> Result<Self, LakeError> {
        let place = file.object_store_path();
        let path = PathBuf::from(table.name()).join(place.as_ref());
        let stored = StoredFile {
            store: opened.object_store(),
            path: place,
            size: u64::try_from(file.size()).unwrap_or(0),
        };
        let stream = match ParquetRecordBatchStreamBuilder::new(stored).await {
            Ok(builder) => {
                let columns = columns(builder.parquet_schema());
                builder.with_batch_size(ROWS).with_projection(columns).build()
            }
            Err(error) => Err(error),
        };
        match stream {
            Ok(stream) => Ok(Self { path, stream }),
            Err(error) => Err(LakeError::Unreadable { path, source: error.into() }),
        }
    }

    /// The next rows; none where there are no more.
    ///
    /// # Errors
    /// [`LakeError::Unreadable`] with the file's name.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        while let Some(read) = self.stream.next().await {
            match read {
                Ok(rows) if rows.num_rows() == 0 => {}
                Ok(rows) => return Ok(Some(rows)),
                Err(error) => {
                    let path = self.path.clone();
                    return Err(LakeError::Unreadable { path, source: error.into() });
                }
            }
        }
        Ok(None)
    }

    /// The file, from the lake's folder.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }
}

/// A file in an object store, as Parquet's library reads one.
#[derive(Debug)]
struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let read = async move { self.store.get_range(&self.path, range).await };
        read.map(|read| read.map_err(|error| ParquetError::External(Box::new(error)))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let size = self.size;
        async move {
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}
