//! A table of a snapshot as the engine reads it: its files, with what the log says of each.
//!
//! The engine then opens only files that may hold what is asked for. That is known late as well: once a join has read
//! the sessions that a report is about, files of other days and sessions are left unopened.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, DataFusionError, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake_core::kernel::LogicalFileView;
use object_store::path::Path;
use serde::Deserialize;
use serde_json::Value;
use url::{Position, Url};

/// What is read of a file's end at once: its footer, in nearly all files, so that it takes one request and not two.
const FOOTER_BYTES: usize = 64 << 10;
/// What names a session in every table: such a column has no more values than there are sessions.
const OF_SESSIONS: [&str; 2] = ["stage_arn", "session_id"];

/// A table in one state: its files.
#[derive(Debug)]
pub(super) struct Scan {
    /// The columns in the table's order.
    schema: SchemaRef,
    /// The columns of the files, then those of the partitions.
    columns: TableSchema,
    store: ObjectStoreUrl,
    files: Vec<PartitionedFile>,
    /// Sessions that the lake knows, where its log says.
    sessions_n: Option<usize>,
}

impl Scan {
    /// The files of a table at a URL, in a lake of so many sessions. `None` where a file has rows that are marked as
    /// deleted, or lies elsewhere: no program of ours writes such.
    pub(super) fn new(
        url: &Url,
        schema: SchemaRef,
        partition_names: &[&str],
        files: impl Iterator<Item = LogicalFileView>,
        sessions_n: Option<usize>,
    ) -> Result<Option<Self>, DataFusionError> {
        let (partitions, data): (Vec<FieldRef>, Vec<FieldRef>) = schema
            .fields()
            .iter()
            .cloned()
            .partition(|it| partition_names.contains(&it.name().as_str()));
        let columns = TableSchema::builder(Arc::new(Schema::new(data)))
            .with_table_partition_cols(partitions)
            .build();
        let root = Path::from_url_path(url.path())?;
        let mut scanned = Vec::new();
        for file in files {
            if file.deletion_vector_descriptor().is_some() || file.path().contains("://") {
                return Ok(None);
            }
            scanned.push(partitioned_file(&root, &columns, &file)?);
        }
        let store = ObjectStoreUrl::parse(&url[..Position::BeforePath])?;
        Ok(Some(Self { schema, columns, store, files: scanned, sessions_n }))
    }

    /// Places of the table's columns in [`Self::columns`].
    fn projected(&self, projection: Option<&Vec<usize>>) -> Result<Vec<usize>, DataFusionError> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = self.columns.table_schema();
        let place = |index: &usize| Ok(columns.index_of(self.schema.field(*index).name())?);
        projection.unwrap_or(&all).iter().map(place).collect()
    }

    /// The files whose partitions the filters leave.
    fn selected(
        &self,
        state: &dyn Session,
        filters: &[Expr],
    ) -> Result<Vec<PartitionedFile>, DataFusionError> {
        let Some(filter) =
            conjunction(filters.iter().filter(|it| self.is_of_partitions(it)).cloned())
        else {
            return Ok(self.files.clone());
        };
        let partitions = self.partitions()?;
        let schema = DFSchema::try_from(partitions.schema())?;
        let chosen = state.create_physical_expr(filter, &schema)?.evaluate(&partitions)?;
        let chosen = chosen.into_array(partitions.num_rows())?;
        let chosen: &BooleanArray = as_boolean_array(&chosen)?;
        let files = self.files.iter().zip(chosen);
        Ok(files.filter(|(_, it)| *it == Some(true)).map(|(file, _)| file.clone()).collect())
    }

    /// How much there is to read, and how many values columns have that tables are joined by: without these the engine
    /// takes each row's to be another one, and a join of millions of rows with their sessions to be as small as these.
    fn statistics(&self, files: &[PartitionedFile]) -> Statistics {
        let schema = self.columns.table_schema();
        let rows = files.iter().map(|file| match &file.statistics {
            Some(statistics) => statistics.num_rows,
            None => Precision::Absent,
        });
        let bytes = files.iter().filter_map(|file| usize::try_from(file.object_meta.size).ok());
        let mut statistics = Statistics::new_unknown(schema);
        statistics.num_rows = rows.fold(Precision::Exact(0), |sum, n| sum.add(&n));
        statistics.total_byte_size = Precision::Inexact(bytes.sum());
        for name in OF_SESSIONS {
            if let Ok(index) = schema.index_of(name) {
                statistics.column_statistics[index].distinct_count =
                    self.sessions_n.map_or(Precision::Absent, Precision::Inexact);
            }
        }
        let data_n = self.columns.file_schema().fields().len();
        for (index, column) in statistics.column_statistics[data_n..].iter_mut().enumerate() {
            let values: HashSet<_> = files.iter().map(|it| &it.partition_values[index]).collect();
            column.distinct_count = Precision::Inexact(values.len());
        }
        statistics
    }

    /// Whether a filter looks at nothing but the values of partitions.
    fn is_of_partitions(&self, filter: &Expr) -> bool {
        let names: Vec<&str> =
            self.columns.table_partition_cols().iter().map(|it| it.name().as_str()).collect();
        let columns = filter.column_refs();
        !columns.is_empty()
            && columns.iter().all(|column| names.contains(&column.name()))
            && !filter.is_volatile()
    }

    /// The values of each file's partition, a row for each file.
    fn partitions(&self) -> Result<RecordBatch, DataFusionError> {
        let fields = self.columns.table_partition_cols();
        let column = |index: usize| {
            ScalarValue::iter_to_array(
                self.files.iter().map(|file| file.partition_values[index].clone()),
            )
        };
        let columns = (0..fields.len()).map(column).collect::<Result<_, _>>()?;
        let schema = Schema::new(fields.iter().cloned().collect::<Vec<_>>());
        Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
    }
}

#[async_trait]
impl TableProvider for Scan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Files and groups of rows are left out, not each row.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let projected = self.projected(projection)?;
        let files = if self.files.is_empty() { vec![] } else { self.selected(state, filters)? };
        if files.is_empty() {
            let schema = self.columns.table_schema().project(&projected)?;
            return Ok(Arc::new(EmptyExec::new(Arc::new(schema))));
        }
        let options = state.table_options().parquet.clone();
        let runtime = state.runtime_env();
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader =
            CachedParquetFileReaderFactory::new(runtime.object_store(&self.store)?, footers);
        let mut source = ParquetSource::new(self.columns.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(reader))
            .with_metadata_size_hint(FOOTER_BYTES);
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = DFSchema::try_from(Arc::clone(self.columns.table_schema()))?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let partitions = state.config().target_partitions();
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_statistics(self.statistics(&files))
            .with_file_groups(FileGroup::new(files).split_files(partitions))
            .with_projection_indices(Some(projected))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// A scan that reads columns of texts as views of what the file holds, which costs less where a text is many rows' and is
/// looked at alone; `None` where it does more with these columns. They are given by their places in what comes out.
#[must_use]
pub fn with_views(scan: &DataSourceExec, places: &[usize]) -> Option<Arc<dyn ExecutionPlan>> {
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    let source = config.file_source().downcast_ref::<ParquetSource>()?;
    let projection = source.projection()?;
    let mut viewed = HashSet::new();
    for (place, projected) in projection.as_ref().iter().enumerate() {
        if places.contains(&place) {
            viewed.insert(projected.expr.downcast_ref::<Column>()?.index());
        }
    }
    let others = projection.as_ref().iter().enumerate().filter(|(it, _)| !places.contains(it));
    let others = others.map(|(_, projected)| Arc::clone(&projected.expr)).chain(source.filter());
    if others.flat_map(|it| collect_columns(&it)).any(|column| viewed.contains(&column.index())) {
        return None;
    }
    let columns = config.file_source().table_schema();
    let fields = columns.file_schema().fields().iter().enumerate();
    let fields = fields.map(|(index, field)| {
        if viewed.contains(&index) && field.data_type() == &DataType::Utf8 {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        } else {
            Arc::clone(field)
        }
    });
    let schema = TableSchema::builder(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
        .with_table_partition_cols(columns.table_partition_cols().to_vec())
        .build();
    let mut other = ParquetSource::new(schema)
        .with_table_parquet_options(source.table_parquet_options().clone())
        .with_parquet_file_reader_factory(Arc::clone(source.parquet_file_reader_factory()?))
        .with_metadata_size_hint(FOOTER_BYTES);
    if let Some(predicate) = source.filter() {
        other = other.with_predicate(predicate);
    }
    let other = other.try_pushdown_projection(projection).ok()??;
    let config = FileScanConfigBuilder::from(config.clone()).with_source(other).build();
    Some(DataSourceExec::from_data_source(config))
}

fn partitioned_file(
    root: &Path,
    columns: &TableSchema,
    file: &LogicalFileView,
) -> Result<PartitionedFile, DataFusionError> {
    let path = root.parts().chain(file.object_store_path().parts()).collect::<Path>();
    let named = file.partition_values_map();
    let values = columns.table_partition_cols().iter().map(|column| {
        match named.get(column.name()).cloned().flatten() {
            Some(value) => ScalarValue::try_from_string(value, column.data_type()),
            None => ScalarValue::try_from(column.data_type()),
        }
    });
    let size = u64::try_from(file.size()).unwrap_or_default();
    let scanned = PartitionedFile::new(path.as_ref(), size)
        .with_partition_values(values.collect::<Result<_, _>>()?);
    Ok(scanned.with_statistics(Arc::new(statistics(columns.file_schema(), file))))
}

/// What a log says of a file, as far as it is used.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    num_records: Option<usize>,
    min_values: HashMap<String, Value>,
    max_values: HashMap<String, Value>,
}

/// Rows, and between which texts the ids of a file lie. Texts may be cut short, so that they are bounds alone.
fn statistics(schema: &Schema, file: &LogicalFileView) -> Statistics {
    let said: Said = file.stats().and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = said.num_records.map_or(Precision::Absent, Precision::Exact);
    let texts = schema.fields().iter().zip(&mut statistics.column_statistics);
    for (field, column) in texts.filter(|(field, _)| field.data_type() == &DataType::Utf8) {
        let bound =
            |values: &HashMap<String, Value>| Some(values.get(field.name())?.as_str()?.to_owned());
        if let (Some(min), Some(max)) = (bound(&said.min_values), bound(&said.max_values)) {
            *column = ColumnStatistics {
                min_value: Precision::Inexact(ScalarValue::from(min)),
                max_value: Precision::Inexact(ScalarValue::from(max)),
                ..ColumnStatistics::new_unknown()
            };
        }
    }
    statistics
}
