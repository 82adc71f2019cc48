//! What one statement can name: the tables it uses, opened; all others, declared, so that they can be listed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::memory::MemorySchemaProvider;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    SchemaProvider, Session, TableProvider,
};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::library::Library;
use crate::lake::tables::Table;

/// The name of the catalog in SQL.
pub(super) const CATALOG: &str = "lake";
/// The name of its schema.
pub(super) const SCHEMA: &str = "public";

/// What the lake has, whether it is opened or not: its tables, and the views of a library.
#[derive(Debug)]
pub(super) struct Declarations {
    library: Arc<Library>,
}

impl Declarations {
    pub(super) fn new(library: Arc<Library>) -> Self {
        Self { library }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.names().any(|declared| declared == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        Table::ALL.iter().map(|table| table.name()).chain(self.library.view_names())
    }

    /// The columns of a table or view, as it is documented.
    pub(super) fn get(&self, name: &str) -> Option<Declared> {
        if let Some(table) = Table::ALL.into_iter().find(|table| table.name() == name) {
            return Some(Declared { schema: table.schema(), table_type: TableType::Base });
        }
        let columns = &self.library.view(name)?.header().columns;
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.declared_type(), true))
            .collect();
        Some(Declared { schema: Arc::new(Schema::new(fields)), table_type: TableType::View })
    }
}

/// The tables and views as one statement sees them.
#[derive(Debug)]
pub(super) struct LakeSchema {
    declared: Arc<Declarations>,
    opened: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
    own: Arc<MemorySchemaProvider>,
}

impl LakeSchema {
    /// Nothing is opened yet; `own` holds what the user creates, and outlives the statement.
    pub(super) fn new(declared: Arc<Declarations>, own: Arc<MemorySchemaProvider>) -> Self {
        Self { declared, opened: Mutex::default(), own }
    }

    /// Makes a table or view usable.
    pub(super) fn insert(&self, name: &str, provider: Arc<dyn TableProvider>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(name.to_owned(), provider);
    }

    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.contains(name)
    }

    pub(super) fn declared_names(&self) -> impl Iterator<Item = &str> {
        self.declared.names()
    }

    pub(super) fn is_opened(&self, name: &str) -> bool {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own.table_exist(name)
    }

    /// The catalogs with this schema alone.
    pub(super) fn into_catalogs(self: Arc<Self>) -> Result<Arc<dyn CatalogProviderList>> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, self)?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        Ok(Arc::new(catalogs))
    }

    fn belongs_to_lake(&self, name: &str) -> Result<()> {
        if self.declared.contains(name) {
            return exec_err!("`{name}` belongs to the lake");
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl SchemaProvider for LakeSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.declared.names().map(str::to_owned).collect();
        names.extend(self.own.table_names());
        names.sort();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if opened.is_some() {
            return Ok(opened);
        }
        if let Some(declared) = self.declared.get(name) {
            return Ok(Some(Arc::new(declared)));
        }
        self.own.table(name).await
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.belongs_to_lake(&name)?;
        self.own.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.belongs_to_lake(name)?;
        self.own.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.declared.contains(name) || self.own.table_exist(name)
    }
}

/// A table or view that is only listed: it has columns, and can't be read.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    /// Its columns.
    pub(super) schema: SchemaRef,
    /// Table or view.
    pub(super) table_type: TableType,
}

#[async_trait::async_trait]
impl TableProvider for Declared {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table_type
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        exec_err!("the table was not opened before the statement was planned")
    }
}
