//! Where the tables come from: a snapshot of the lake, or batches in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use object_store::ObjectStore;
use url::Url;

use crate::lake::tables::Table;

/// A lake that can be read.
#[async_trait::async_trait]
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Fixes what one statement sees, whatever is published meanwhile. Called once for each statement.
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, SourceError>;

    /// The store that its files lie in, where the engine does not know it by itself.
    fn store(&self) -> Option<(Url, Arc<dyn ObjectStore>)> {
        None
    }
}

/// One state of a lake.
#[async_trait::async_trait]
pub trait Snapshot: std::fmt::Debug + Send + Sync {
    /// Opens a table. Called at most once for each table of a statement, and only for those that it names.
    async fn open(&self, table: Table) -> Result<Arc<dyn TableProvider>, SourceError>;
}

/// A table, or the lake itself, could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The snapshot.
    #[error("cannot open the lake")]
    Lake(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// One table of it.
    #[error("cannot open the table `{}` of the lake", table.name())]
    Table {
        /// Which.
        table: Table,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A lake in memory: tables that are not given are empty.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    batches: BTreeMap<Table, Vec<RecordBatch>>,
}

impl MemorySource {
    /// Adds rows, which must have the table's columns.
    #[must_use]
    pub fn with(mut self, table: Table, batch: RecordBatch) -> Self {
        self.batches.entry(table).or_default().push(batch);
        self
    }
}

#[async_trait::async_trait]
impl Source for MemorySource {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, SourceError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl Snapshot for MemorySource {
    async fn open(&self, table: Table) -> Result<Arc<dyn TableProvider>, SourceError> {
        let batches = self.batches.get(&table).cloned().unwrap_or_default();
        MemTable::try_new(table.schema(), vec![batches])
            .map(|provider| Arc::new(provider) as Arc<dyn TableProvider>)
            .map_err(|source| SourceError::Table { table, source: Box::new(source) })
    }
}
