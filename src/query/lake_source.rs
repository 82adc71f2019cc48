//! The lake as a source of tables.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use object_store::ObjectStore;
use url::Url;

use super::source::{Snapshot, Source, SourceError};
use crate::lake::place::Place;
use crate::lake::snapshot::Snapshot as LakeSnapshot;
use crate::lake::tables::Table;

/// A lake. It is opened when a statement names one of its tables, so that others need none.
#[derive(Clone, Debug)]
pub struct LakeSource {
    place: Place,
}

impl LakeSource {
    /// The lake at a place.
    #[must_use]
    pub fn new(place: &Place) -> Self {
        Self { place: place.clone() }
    }
}

#[async_trait::async_trait]
impl Source for LakeSource {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, SourceError> {
        let snapshot = LakeSnapshot::of(&self.place).await;
        Ok(Arc::new(snapshot.map_err(|error| SourceError::Lake(Box::new(error)))?))
    }

    fn store(&self) -> Option<(Url, Arc<dyn ObjectStore>)> {
        self.place.engine_store()
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
