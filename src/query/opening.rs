//! Opens the tables and views that a statement names, and no others, all in one snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as Parsed;

use super::catalog::{CATALOG, LakeSchema, SCHEMA};
use super::error::{Error, Place, nearest};
use super::kept::Kept;
use super::library::Library;
use super::source::{Snapshot, Source};
use super::{guard, plain};
use crate::lake::tables::Table;

/// How deep views may stand on views.
pub(super) const VIEW_DEPTH_MAX: usize = 8;

/// Opens what one statement names.
pub(super) struct Opening<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) library: &'a Library,
    pub(super) state: &'a SessionState,
    /// What is opened goes in here.
    pub(super) schema: &'a LakeSchema,
    /// The statement may name what is not there yet, to create it.
    pub(super) names_new: bool,
    /// What the statement sees; taken with its first table.
    pub(super) snapshot: Option<Arc<dyn Snapshot>>,
}

impl Opening<'_> {
    pub(super) async fn open(mut self, parsed: &Parsed) -> Result<(), Error> {
        self.open_tables(parsed).await?;
        self.open_references(parsed, 0).await
    }

    /// Opens the tables that the statement stands on side by side: to read a log and understand it is work.
    async fn open_tables(&mut self, parsed: &Parsed) -> Result<(), Error> {
        let tables = self.tables(parsed)?;
        if tables.is_empty() {
            return Ok(());
        }
        let snapshot = self.snapshot().await?;
        let open = |table: Table| {
            let snapshot = Arc::clone(&snapshot);
            (table, SpawnedTask::spawn(async move { snapshot.open(table).await }))
        };
        let opening: Vec<_> = tables.into_iter().map(open).collect();
        for (table, task) in opening {
            let provider = task
                .join_unwind()
                .await
                .map_err(|error| plain::running(DataFusionError::ExecutionJoin(Box::new(error))))?;
            self.schema.insert(table.name(), provider?);
        }
        Ok(())
    }

    /// The tables that a statement names, and those that its views say they use.
    fn tables(&self, parsed: &Parsed) -> Result<BTreeSet<Table>, Error> {
        let mut unseen = Vec::new();
        for reference in references(self.state, parsed)? {
            unseen.extend(self.lake_name(&reference)?);
        }
        let (mut seen, mut tables) = (BTreeSet::new(), BTreeSet::new());
        while let Some(name) = unseen.pop() {
            if self.schema.is_opened(&name) || !seen.insert(name.clone()) {
                continue;
            }
            if let Some(table) = table(&name) {
                tables.insert(table);
            } else if let Some(view) = self.library.view(&name) {
                unseen.extend(view.header().uses.iter().cloned());
            }
        }
        Ok(tables)
    }

    async fn snapshot(&mut self) -> Result<Arc<dyn Snapshot>, Error> {
        if let Some(snapshot) = &self.snapshot {
            return Ok(Arc::clone(snapshot));
        }
        Ok(Arc::clone(self.snapshot.insert(self.source.snapshot().await?)))
    }

    async fn open_references(&mut self, parsed: &Parsed, depth: usize) -> Result<(), Error> {
        for reference in references(self.state, parsed)? {
            if let Some(name) = self.lake_name(&reference)? {
                self.open_name(&name, depth).await?;
            }
        }
        Ok(())
    }

    /// The name of a table or view of the lake; `None` for what the engine itself knows.
    fn lake_name(&self, reference: &TableReference) -> Result<Option<String>, Error> {
        let name = reference.table();
        let foreign = reference.catalog().is_some_and(|catalog| catalog != CATALOG)
            || reference.schema().is_some_and(|schema| schema != SCHEMA);
        if !foreign && self.schema.declares(name) {
            return Ok(Some(name.to_owned()));
        }
        let is_known = reference.schema() == Some("information_schema")
            || (!foreign && self.schema.is_own(name))
            || (!foreign && self.state.table_functions().contains_key(name));
        if is_known || self.names_new {
            return Ok(None);
        }
        guard::admit_name(name)?;
        Err(Error::UnknownTable {
            name: reference.to_string(),
            nearest: nearest(name, self.schema.declared_names()),
            place: Place::default(),
        })
    }

    async fn open_name(&mut self, name: &str, depth: usize) -> Result<(), Error> {
        if self.schema.is_opened(name) {
            return Ok(());
        }
        if let Some(table) = table(name) {
            let provider = self.snapshot().await?.open(table).await?;
            self.schema.insert(name, provider);
        } else if let Some(view) = self.library.view(name) {
            if depth >= VIEW_DEPTH_MAX {
                return Err(view.fault("uses", "it stands on itself".to_owned()));
            }
            let (parsed, _) =
                view.statement.typed(|name| view.parameter(name).map(|found| found.kind))?;
            Box::pin(self.open_references(&parsed, depth + 1)).await?;
            let plan = self
                .state
                .statement_to_plan(parsed)
                .await
                .map_err(|error| plain::planning(error, view.text()))?;
            let provider: Arc<dyn TableProvider> = if view.header().kept {
                Arc::new(Kept::new(plan))
            } else {
                Arc::new(ViewTable::new(plan, Some(view.sql().to_owned())))
            };
            self.schema.insert(name, provider);
        }
        Ok(())
    }
}

fn table(name: &str) -> Option<Table> {
    Table::ALL.into_iter().find(|table| table.name() == name)
}

/// The tables and views that a statement names; its own WITH queries are none.
pub(super) fn references(
    state: &SessionState,
    parsed: &Parsed,
) -> Result<Vec<TableReference>, Error> {
    state.resolve_table_references(parsed).map_err(|error| plain::planning(error, ""))
}
