//! The lake on disk as a source of tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::catalog::TableProvider;

use super::source::{Snapshot, Source, SourceError};
use crate::lake::snapshot::Snapshot as LakeSnapshot;
use crate::lake::tables::Table;

/// A lake in a folder. It is opened when a statement names one of its tables, so that others need none.
#[derive(Clone, Debug)]
pub struct LakeSource {
    path: PathBuf,
}

impl LakeSource {
    /// The lake at a path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

#[async_trait::async_trait]
impl Source for LakeSource {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, SourceError> {
        let snapshot =
            LakeSnapshot::of(&self.path).map_err(|error| SourceError::Lake(Box::new(error)))?;
        Ok(Arc::new(snapshot))
    }
}

#[async_trait::async_trait]
impl Snapshot for LakeSnapshot {
    async fn open(&self, table: Table) -> Result<Arc<dyn TableProvider>, SourceError> {
        self.provider(table)
            .await
            .map_err(|error| SourceError::Table { table, source: Box::new(error) })
    }
}
