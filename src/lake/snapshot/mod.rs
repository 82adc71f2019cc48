//! One state of the whole lake: `sessions` at its newest version, the data tables at the versions that its commit names,
//! the others at their newest. [`scan`] is a table of it as the engine reads it: here alone does the lake know the engine.

mod scan;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use deltalake_core::DeltaTable;
use deltalake_core::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use tokio::sync::OnceCell;

use self::scan::Scan;
pub use self::scan::with_views;
use super::LakeError;
use super::delta::Tables;
use super::place::Place;
use super::register::{self, Versions};
use super::tables::Table;

/// A state of the lake that does not change under its reader. Tables are opened when they are asked for.
#[derive(Debug)]
pub struct Snapshot {
    tables: Tables,
    sessions: OnceCell<(DeltaTable, Versions)>,
}

impl Snapshot {
    /// A snapshot of a lake, which is taken when its first table is asked for.
    ///
    /// # Errors
    /// Where there is no lake.
    pub async fn of(place: &Place) -> Result<Self, LakeError> {
        let tables = Tables::new(place);
        let is_there = tables.exists(Table::Sessions).await?
            // Without its log it can't be opened, which says more than that it is not there.
            || tables.holds_files(Table::Sessions).await?;
        if !is_there {
            return Err(LakeError::Missing { path: place.to_path() });
        }
        Ok(Self { tables, sessions: OnceCell::new() })
    }

    /// A table of this state.
    ///
    /// # Errors
    /// Where its log can't be read.
    pub async fn open(&self, table: Table) -> Result<DeltaTable, LakeError> {
        if table == Table::Sessions {
            return Ok(self.register().await?.0.clone());
        }
        let version = self.register().await?.1.get(&table).copied();
        self.tables.open(table, version).await
    }

    /// A table of this state as DataFusion reads it: partition values and texts as such, since dictionaries and views
    /// would show in every result.
    ///
    /// # Errors
    /// Where its log can't be read.
    pub async fn provider(&self, table: Table) -> Result<Arc<dyn TableProvider>, LakeError> {
        let opened = self.open(table).await?;
        let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
        let mut config = DeltaScanConfig::new().with_wrap_partition_values(false);
        config.schema_force_view_types = false;
        let delta = DeltaScanNext::new(Arc::new(state.snapshot().clone()), config)
            .map_err(|source| LakeError::Plan { table, source: Box::new(source) })?;
        let url = self.tables.url(table)?;
        let log = state.log_data();
        let sessions_n = self.sessions_n().await?;
        let scan = Scan::new(&url, delta.schema(), table.partition_names(), log.iter(), sessions_n)
            .map_err(|source| LakeError::Plan { table, source: Box::new(source) })?;
        Ok(scan.map_or_else(|| Arc::new(delta) as _, |scan| Arc::new(scan) as _))
    }

    /// The rows of `sessions`, where its log says how many each file has.
    async fn sessions_n(&self) -> Result<Option<usize>, LakeError> {
        let sessions = &self.register().await?.0;
        let state =
            sessions.snapshot().map_err(|source| LakeError::open(Table::Sessions, source))?;
        Ok(state.log_data().iter().map(|file| file.num_records()).sum())
    }

    async fn register(&self) -> Result<&(DeltaTable, Versions), LakeError> {
        self.sessions
            .get_or_try_init(|| async {
                let opened = self.tables.open(Table::Sessions, None).await?;
                let versions = register::versions(&opened).await?;
                Ok((opened, versions))
            })
            .await
    }
}
