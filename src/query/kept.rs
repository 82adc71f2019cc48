//! Views whose rows are read once for a statement, however often it names them, itself and through other views.
//!
//! What they hold is small, and either asked for everywhere, as the sessions that a report is about, or dear.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ParamValues, exec_err};
use datafusion::datasource::{ViewTable, provider_as_source, source_as_provider};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan, TableType};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::error::Error;
use super::plain;
use super::run_join::by_runs;
use super::yielding::yielding;

/// Bytes that the rows of one view may take; a larger one is read wherever it is named.
const BYTES_MAX: usize = 64 << 20;
/// The part of the memory limit that they may take, where there is a limit.
const PART_MAX: usize = 8;

/// Such a view, before the values of its parameters are known.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl Kept {
    pub(super) fn new(plan: LogicalPlan) -> Self {
        let schema = Arc::clone(plan.schema().inner());
        Self { plan, schema }
    }
}

#[async_trait::async_trait]
impl TableProvider for Kept {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        exec_err!("the view was not read before the statement was run")
    }
}

/// Puts in the place of each kept view its rows, or its own plan, where that is not worth it or they are many. Those
/// that others stand on come first: the same rows serve these and the statement.
pub(super) async fn settle(
    state: &SessionState,
    plan: LogicalPlan,
    values: &ParamValues,
) -> Result<LogicalPlan, Error> {
    let mut left = views_of(&plan, values).map_err(plain::running)?;
    let mut settled: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    while let Some(name) = next(&left, &settled) {
        let View { plan: view, schema, is_worth_it, .. } = left.remove(&name).expect("it is there");
        let view = with_settled(view, &settled).map_err(plain::running)?;
        let rows = if is_worth_it {
            rows(state, &view, schema).await.map_err(plain::running)?
        } else {
            None
        };
        let provider: Arc<dyn TableProvider> = match rows {
            Some(rows) => Arc::new(rows),
            None => Arc::new(ViewTable::new(view, None)),
        };
        settled.insert(name, provider);
    }
    if settled.is_empty() {
        return Ok(plan);
    }
    with_settled(plan, &settled).map_err(plain::running)
}

/// A kept view that a statement stands on.
struct View {
    plan: LogicalPlan,
    schema: SchemaRef,
    /// It is named more than once; or it is joined, for which the engine should know how many rows there are.
    is_worth_it: bool,
    /// Those that it names itself.
    names: Vec<String>,
}

/// The kept views that a plan names, and those that they stand on.
fn views_of(
    plan: &LogicalPlan,
    values: &ParamValues,
) -> Result<BTreeMap<String, View>, DataFusionError> {
    let mut views: BTreeMap<String, View> = BTreeMap::new();
    let mut unseen = named(plan)?;
    while let Some((name, kept, is_worth_it)) = unseen.pop() {
        if let Some(view) = views.get_mut(&name) {
            view.is_worth_it = true;
            continue;
        }
        let plan = kept.plan.with_param_values(values.clone())?;
        let inner = named(&plan)?;
        let names = inner.iter().map(|(name, ..)| name.clone()).collect();
        unseen.extend(inner);
        views.insert(name, View { plan, schema: kept.schema, is_worth_it, names });
    }
    Ok(views)
}

/// One whose own are settled.
fn next(
    left: &BTreeMap<String, View>,
    settled: &BTreeMap<String, Arc<dyn TableProvider>>,
) -> Option<String> {
    let is_ready = |view: &View| view.names.iter().all(|name| settled.contains_key(name));
    left.iter().find(|(_, view)| is_ready(view)).map(|(name, _)| name.clone())
}

fn with_settled(
    plan: LogicalPlan,
    settled: &BTreeMap<String, Arc<dyn TableProvider>>,
) -> Result<LogicalPlan, DataFusionError> {
    let replaced = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::TableScan(scan) if kept(scan).is_some() => {
            let provider = Arc::clone(&settled[scan.table_name.table()]);
            let source = provider_as_source(provider);
            LogicalPlanBuilder::scan(scan.table_name.clone(), source, scan.projection.clone())?
                .build()
                .map(Transformed::yes)
        }
        _ => Ok(Transformed::no(node)),
    });
    replaced.map(|replaced| replaced.data)
}

/// The kept views that a plan names itself, and whether more than once or among joins.
fn named(plan: &LogicalPlan) -> Result<Vec<(String, Kept, bool)>, DataFusionError> {
    let mut found: BTreeMap<String, (Kept, bool)> = BTreeMap::new();
    let joins = plan.exists(|node| Ok(matches!(node, LogicalPlan::Join(_))))?;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(kept) = kept(scan)
        {
            let name = scan.table_name.table().to_owned();
            found
                .entry(name)
                .and_modify(|(_, is_worth_it)| *is_worth_it = true)
                .or_insert((kept, joins));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found.into_iter().map(|(name, (kept, is_worth_it))| (name, kept, is_worth_it)).collect())
}

fn kept(scan: &TableScan) -> Option<Kept> {
    source_as_provider(&scan.source).ok()?.downcast_ref::<Kept>().cloned()
}

/// The rows of a view, unless they are too many to be held.
async fn rows(
    state: &SessionState,
    view: &LogicalPlan,
    schema: SchemaRef,
) -> Result<Option<MemTable>, DataFusionError> {
    let bytes_max = match state.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => BYTES_MAX.min(bytes / PART_MAX),
        MemoryLimit::Infinite | MemoryLimit::Unknown => BYTES_MAX,
    };
    let plan = yielding(by_runs(state.create_physical_plan(view).await?)?)?;
    let mut stream = execute_stream(plan, state.task_ctx())?;
    let (mut batches, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await.transpose()? {
        bytes += batch.get_array_memory_size();
        if bytes > bytes_max {
            return Ok(None);
        }
        // The optimizer may have learned more of the columns than the view says.
        batches.push(RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?);
    }
    MemTable::try_new(schema, vec![batches]).map(Some)
}
