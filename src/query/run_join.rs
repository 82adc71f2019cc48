//! Joins the rows of a table with the sessions that a report is about.
//!
//! Files hold a session's rows together. A hash join hashes and compares three texts for each of millions of rows, and
//! copies those that it lets through; here a session is looked up once for each run of its rows, and a batch whose rows
//! are all wanted is handed on as it is. Where rows lie otherwise runs are short, and the answer is the same.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions,
    UInt32Array, UInt64Array,
};
use arrow::compute::{
    BatchCoalescer, FilterBuilder, cast, concat_batches, partition, prep_null_mask_filter, take,
};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, JoinType, NullEquality, Result};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
    apply_expression_roots, execute_stream,
};
use futures::{Stream, TryStreamExt};
use tokio::sync::OnceCell;

use crate::lake::snapshot::with_views;

/// The columns that name a session. A join by these is one with sessions, if the last is among them.
const OF_SESSION: [&str; 5] = ["account_id", "region", "date", "stage_arn", "session_id"];

/// The same plan, in which tables are joined with sessions by runs.
pub(super) fn by_runs(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let found = match node.downcast_ref::<HashJoinExec>() {
            Some(join) => RunJoinExec::instead_of(join)?,
            None => None,
        };
        Ok(found.map_or_else(|| Transformed::no(node), |own| Transformed::yes(Arc::new(own) as _)))
    })?;
    Ok(plan.data)
}

/// An inner join of a few sessions with the rows of a table, of which a condition may leave some out.
#[derive(Debug)]
struct RunJoinExec {
    sessions: Arc<dyn ExecutionPlan>,
    rows: Arc<dyn ExecutionPlan>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    keys: Vec<Key>,
    output: Arc<[Output]>,
    known: Arc<OnceCell<Known>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What has to be the same on both sides.
#[derive(Clone, Debug)]
struct Key {
    of_session: Arc<dyn PhysicalExpr>,
    of_row: usize,
}

/// Where a column of the answer comes from.
#[derive(Clone, Copy, Debug)]
enum Output {
    Session(usize),
    Row(usize),
}

impl RunJoinExec {
    /// What stands for a join; `None` where it stays: where it tells the scan beneath it which files can be left out, and
    /// where others count on the order of its rows, which several sessions of one key would disturb here.
    fn instead_of(join: &HashJoinExec) -> Result<Option<Self>> {
        let is_plain = *join.join_type() == JoinType::Inner
            && *join.partition_mode() == PartitionMode::CollectLeft
            && join.null_equality() == NullEquality::NullEqualsNothing
            && join.filter().is_none()
            && join.fetch().is_none()
            && join.properties().output_ordering().is_none()
            && join.dynamic_expressions_produced().is_empty();
        let Some(scanned) = Scanned::of(join.right()).filter(|_| is_plain) else { return Ok(None) };
        let (left, right) = (join.left().schema(), join.right().schema());
        let (mut keys, mut names) = (Vec::new(), Vec::new());
        for (of_session, of_row) in join.on() {
            let Some(column) = of_row.downcast_ref::<Column>() else { return Ok(None) };
            if of_session.data_type(&left)? != of_row.data_type(&right)? {
                return Ok(None);
            }
            names.push(column.name());
            let of_row = scanned.columns[column.index()];
            keys.push(Key { of_session: Arc::clone(of_session), of_row });
        }
        let is_with_sessions =
            names.contains(&"session_id") && names.iter().all(|it| OF_SESSION.contains(it));
        if !is_with_sessions {
            return Ok(None);
        }
        let sessions_n = left.fields().len();
        let all: Vec<usize> = (0..join.join_schema().fields().len()).collect();
        let chosen = join.projection.as_deref().unwrap_or(&all);
        let output = chosen.iter().map(|&index| match index.checked_sub(sessions_n) {
            None => Output::Session(index),
            Some(index) => Output::Row(scanned.columns[index]),
        });
        let output: Arc<[Output]> = output.collect();
        Ok(Some(Self {
            sessions: Arc::clone(join.left()),
            rows: scanned.with_short_keys(&keys, &output),
            output,
            condition: scanned.condition,
            keys,
            known: Arc::default(),
            properties: Arc::clone(join.properties()),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }
}

/// A scan, perhaps beneath a filter.
struct Scanned {
    rows: Arc<dyn ExecutionPlan>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// Where the scan has the columns that come out.
    columns: Vec<usize>,
}

impl Scanned {
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let all = |plan: &Arc<dyn ExecutionPlan>| (0..plan.schema().fields().len()).collect();
        let Some(filter) = plan.downcast_ref::<FilterExec>() else {
            return plan.is::<DataSourceExec>().then(|| Self {
                rows: Arc::clone(plan),
                condition: None,
                columns: all(plan),
            });
        };
        let rows = filter.input();
        (rows.is::<DataSourceExec>() && filter.fetch().is_none()).then(|| Self {
            rows: Arc::clone(rows),
            condition: Some(Arc::clone(filter.predicate())),
            columns: filter.projection().as_deref().map_or_else(|| all(rows), <[usize]>::to_vec),
        })
    }

    /// The scan, which reads as views the keys that nothing else asks for: all rows of a run then point to the same text.
    fn with_short_keys(&self, keys: &[Key], output: &[Output]) -> Arc<dyn ExecutionPlan> {
        let mut asked_for: HashSet<usize> =
            self.condition.iter().flat_map(collect_columns).map(|it| it.index()).collect();
        asked_for.extend(output.iter().filter_map(|it| match it {
            Output::Row(index) => Some(*index),
            Output::Session(_) => None,
        }));
        let schema = self.rows.schema();
        let is_short = |index: &usize| {
            schema.field(*index).data_type() == &DataType::Utf8 && !asked_for.contains(index)
        };
        let short: Vec<usize> = keys.iter().map(|key| key.of_row).filter(is_short).collect();
        let scan = self.rows.downcast_ref::<DataSourceExec>();
        let viewed = scan.and_then(|scan| with_views(scan, &short));
        viewed.unwrap_or_else(|| Arc::clone(&self.rows))
    }
}

impl DisplayAs for RunJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schema = self.rows.schema();
        let on: Vec<_> = self.keys.iter().map(|key| schema.field(key.of_row).name()).collect();
        write!(f, "RunJoinExec: on={on:?}")?;
        match &self.condition {
            Some(condition) => write!(f, ", filter={condition}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for RunJoinExec {
    fn name(&self) -> &'static str {
        "RunJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.sessions, &self.rows]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(
            self.keys.iter().map(|key| &key.of_session).chain(&self.condition),
            visit,
        )
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (rows, sessions) = (children.pop(), children.pop());
        Ok(Arc::new(Self {
            sessions: sessions.unwrap_or_else(|| Arc::clone(&self.sessions)),
            rows: rows.unwrap_or_else(|| Arc::clone(&self.rows)),
            condition: self.condition.clone(),
            keys: self.keys.clone(),
            output: Arc::clone(&self.output),
            known: Arc::default(),
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.rows.execute(partition, Arc::clone(&context))?;
        let batch_rows = context.session_config().batch_size();
        let coalescer = BatchCoalescer::new(self.schema(), batch_rows)
            .with_biggest_coalesce_batch_size(Some(batch_rows / 2));
        let joining = Joining {
            rows,
            condition: self.condition.clone(),
            keys: self.keys.iter().map(|key| key.of_row).collect(),
            output: Arc::clone(&self.output),
            coalescer,
            batch: None,
            is_over: false,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let known = Arc::clone(&self.known);
        let (sessions, keys) = (Arc::clone(&self.sessions), self.keys.clone());
        let stream = futures::stream::once(async move {
            known.get_or_try_init(|| Known::read(sessions, &keys, context)).await?;
            Ok::<_, DataFusionError>(joining.joined(known))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream.try_flatten())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The sessions.
#[derive(Debug)]
struct Known {
    batch: RecordBatch,
    /// Of the keys.
    types: Vec<DataType>,
    converter: RowConverter,
    /// The place in `rows` of each key.
    places: HashMap<Box<[u8]>, usize>,
    /// Rows of the batch that share a key.
    rows: Vec<Vec<u32>>,
    _memory: MemoryReservation,
}

impl Known {
    async fn read(
        sessions: Arc<dyn ExecutionPlan>,
        keys: &[Key],
        context: Arc<TaskContext>,
    ) -> Result<Self> {
        let memory = MemoryConsumer::new("RunJoinExec").register(context.memory_pool());
        let schema = sessions.schema();
        let mut stream = execute_stream(sessions, context)?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.try_next().await? {
            // As it is, as one batch, and as keys.
            memory.try_grow(batch.get_array_memory_size() * 3)?;
            batches.push(batch);
        }
        let batch = concat_batches(&schema, &batches)?;
        let columns = keys.iter().map(|key| {
            key.of_session.evaluate(&batch).and_then(|it| it.into_array(batch.num_rows()))
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let types: Vec<DataType> = columns.iter().map(|it| it.data_type().clone()).collect();
        let fields = types.iter().cloned().map(SortField::new);
        let converter = RowConverter::new(fields.collect())?;
        let mut places: HashMap<Box<[u8]>, usize> = HashMap::new();
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for (index, key) in (0..).zip(converter.convert_columns(&columns)?.iter()) {
            // What is unknown is equal to nothing.
            if columns.iter().all(|it| it.is_valid(index as usize)) {
                let place = *places.entry(key.as_ref().into()).or_insert(rows.len());
                if place == rows.len() {
                    rows.push(Vec::new());
                }
                rows[place].push(index);
            }
        }
        Ok(Self { batch, types, converter, places, rows, _memory: memory })
    }

    /// Where the sessions of each run of rows are.
    fn of_runs(&self, columns: &[ArrayRef], runs: &[Range<usize>]) -> Result<Vec<Option<usize>>> {
        let firsts = UInt64Array::from_iter_values(runs.iter().map(|run| run.start as u64));
        let columns = columns.iter().zip(&self.types).map(|(column, data_type)| {
            take(column, &firsts, None).and_then(|firsts| cast(&firsts, data_type))
        });
        let rows = self.converter.convert_columns(&columns.collect::<Result<Vec<_>, _>>()?)?;
        Ok(rows.iter().map(|row| self.places.get(row.as_ref()).copied()).collect())
    }
}

/// The rows of one partition, on their way.
struct Joining {
    rows: SendableRecordBatchStream,
    condition: Option<Arc<dyn PhysicalExpr>>,
    keys: Vec<usize>,
    output: Arc<[Output]>,
    coalescer: BatchCoalescer,
    batch: Option<Found>,
    /// All have been read.
    is_over: bool,
    metrics: BaselineMetrics,
}

impl Joining {
    fn joined(self, known: Arc<OnceCell<Known>>) -> impl Stream<Item = Result<RecordBatch>> {
        futures::stream::try_unfold((self, known), async |(mut own, known)| {
            let sessions = known.get().expect("it has been read");
            let batch = own.next(sessions).await?;
            Ok(batch.map(|batch| (batch, (own, known))))
        })
    }

    async fn next(&mut self, sessions: &Known) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.coalescer.next_completed_batch() {
                self.metrics.record_output(batch.num_rows());
                return Ok(Some(batch));
            }
            if self.is_over || sessions.places.is_empty() {
                self.metrics.done();
                return Ok(None);
            }
            if let Some(found) = self.batch.take() {
                self.join(found, sessions)?;
                continue;
            }
            let batch = self.rows.try_next().await?;
            let time = self.metrics.elapsed_compute().clone();
            let _timer = time.timer();
            if let Some(batch) = batch {
                self.batch = self.found(batch, sessions)?;
            } else {
                self.coalescer.finish_buffered_batch()?;
                self.is_over = true;
            }
        }
    }

    /// A batch with the sessions of its rows; `None` where no row is wanted.
    fn found(&self, batch: RecordBatch, sessions: &Known) -> Result<Option<Found>> {
        let Some(wanted) = self.wanted(&batch)? else { return Ok(None) };
        let keys: Vec<ArrayRef> =
            self.keys.iter().map(|&key| Arc::clone(batch.column(key))).collect();
        let runs = runs(&keys, batch.num_rows());
        let places = sessions.of_runs(&keys, &runs)?;
        let found = places.iter().flatten().map(|&place| sessions.rows[place].len());
        let depth = found.max().unwrap_or_default();
        Ok((depth > 0).then_some(Found { batch, wanted, runs, places, rank: 0, depth }))
    }

    /// Hands on the rows with the session of one rank, and keeps the batch where there are more.
    fn join(&mut self, mut found: Found, sessions: &Known) -> Result<()> {
        let time = self.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        let joined = self.joined_batch(&found, sessions)?;
        if joined.num_rows() > 0 {
            self.coalescer.push_batch(joined)?;
        }
        found.rank += 1;
        if found.rank < found.depth {
            self.batch = Some(found);
        }
        Ok(())
    }

    /// The rows that the condition leaves; `None` where it leaves none.
    fn wanted(&self, batch: &RecordBatch) -> Result<Option<Wanted>> {
        let Some(condition) = &self.condition else { return Ok(Some(Wanted::All)) };
        let chosen = condition.evaluate(batch)?.into_array(batch.num_rows())?;
        let chosen = as_boolean_array(&chosen)?;
        let chosen = match chosen.null_count() {
            0 => chosen.clone(),
            _ => prep_null_mask_filter(chosen),
        };
        Ok(match chosen.true_count() {
            0 => None,
            n if n == batch.num_rows() => Some(Wanted::All),
            _ => Some(Wanted::Some(chosen)),
        })
    }

    fn joined_batch(&self, found: &Found, sessions: &Known) -> Result<RecordBatch> {
        let batch = &found.batch;
        let mut places: Vec<u32> = Vec::with_capacity(batch.num_rows());
        let mut chosen = BooleanBufferBuilder::new(batch.num_rows());
        for (run, place) in found.runs.iter().zip(&found.places) {
            let session = place.and_then(|it| sessions.rows[it].get(found.rank).copied());
            let Some(session) = session else {
                chosen.append_n(run.len(), false);
                continue;
            };
            let n = match &found.wanted {
                Wanted::All => {
                    chosen.append_n(run.len(), true);
                    run.len()
                }
                Wanted::Some(rows) => {
                    let rows = rows.values().slice(run.start, run.len());
                    chosen.append_buffer(&rows);
                    rows.count_set_bits()
                }
            };
            places.resize(places.len() + n, session);
        }
        let places = UInt32Array::from(places);
        let rows = if places.len() == batch.num_rows() {
            None
        } else {
            let chosen = BooleanArray::new(chosen.finish(), None);
            Some(FilterBuilder::new(&chosen).optimize().build())
        };
        let columns = self.output.iter().map(|output| match (output, &rows) {
            (Output::Session(index), _) => take(sessions.batch.column(*index), &places, None),
            (Output::Row(index), None) => Ok(Arc::clone(batch.column(*index))),
            (Output::Row(index), Some(rows)) => rows.filter(batch.column(*index)),
        });
        let schema = self.coalescer.schema();
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }
}

/// A batch, and what its rows are joined with.
struct Found {
    batch: RecordBatch,
    wanted: Wanted,
    runs: Vec<Range<usize>>,
    /// The sessions of each run.
    places: Vec<Option<usize>>,
    /// Of several sessions with one key, which is next: nearly always there is one, and no more are held at a time.
    rank: usize,
    /// The most sessions that one run has.
    depth: usize,
}

/// Rows of a batch that a condition leaves.
enum Wanted {
    All,
    Some(BooleanArray),
}

/// Rows one after the other that are the same in all columns. Neighbours may be as well.
fn runs(columns: &[ArrayRef], rows_n: usize) -> Vec<Range<usize>> {
    let whole = std::iter::once(0..rows_n).collect();
    columns.iter().fold(whole, |runs: Vec<Range<usize>>, column| {
        runs.into_iter().flat_map(|run| equal_neighbours(column, run)).collect()
    })
}

fn equal_neighbours(column: &ArrayRef, run: Range<usize>) -> Vec<Range<usize>> {
    let rows = column.slice(run.start, run.len());
    if let Some(texts) = rows.as_string_view_opt().filter(|it| it.null_count() == 0) {
        let mut from = run.start;
        let parts = texts.views().chunk_by(|one, next| one == next);
        return parts.map(|part| (from, from += part.len()).0..from).collect();
    }
    match partition(&[rows]) {
        Ok(parts) => {
            let parts = parts.ranges().into_iter();
            parts.map(|part| run.start + part.start..run.start + part.end).collect()
        }
        // Of a type that can't be compared: each row for itself.
        Err(_) => run.map(|row| row..row + 1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::{collect, displayable};
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;

    use super::*;

    const JOINED: &str = "FROM rows r JOIN sessions s USING (date, stage_arn, session_id)";

    /// Both tables, as files where they are to be read as such.
    async fn context(rows: &str, sessions: &str, folder: Option<&str>) -> SessionContext {
        let mut config = SessionConfig::new().with_batch_size(4).with_target_partitions(2);
        let options = config.options_mut();
        options.optimizer.enable_join_dynamic_filter_pushdown = false;
        options.execution.parquet.schema_force_view_types = false;
        // As of a table of some size.
        options.optimizer.enable_round_robin_repartition = false;
        options.optimizer.hash_join_single_partition_threshold = usize::MAX;
        options.optimizer.hash_join_single_partition_threshold_rows = usize::MAX;
        let context = SessionContext::new_with_config(config);
        for (name, values) in [("rows", rows), ("sessions", sessions)] {
            let table = format!(
                "SELECT CAST('2026-01-01' AS DATE) AS date, CAST(stage AS VARCHAR) AS stage_arn, \
                 CAST(session AS VARCHAR) AS session_id, CAST(no AS BIGINT) AS {name}_no \
                 FROM (VALUES {values}) AS it(stage, session, no)"
            );
            let made = match folder {
                None => vec![format!("CREATE TABLE {name} AS {table}")],
                Some(folder) => {
                    let path = format!("{folder}/{name}.parquet");
                    let columns = "date DATE, stage_arn VARCHAR, session_id VARCHAR";
                    vec![
                        format!("COPY ({table}) TO '{path}' STORED AS PARQUET"),
                        format!(
                            "CREATE EXTERNAL TABLE {name} ({columns}, {name}_no BIGINT) STORED AS PARQUET LOCATION '{path}'"
                        ),
                    ]
                }
            };
            for statement in made {
                context.sql(&statement).await.unwrap().collect().await.unwrap();
            }
        }
        context
    }

    /// The rows of a statement by runs and by the engine's own join, sorted, and the plan by runs.
    async fn both(context: &SessionContext, sql: &str) -> (Vec<String>, Vec<String>, String) {
        // What has been run once holds nothing any more.
        let plan = async || context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let own = by_runs(plan().await).unwrap();
        let shown = displayable(own.as_ref()).indent(true).to_string();
        let mut answers = Vec::new();
        for plan in [own, plan().await] {
            let batches = collect(plan, context.task_ctx()).await.unwrap();
            let mut lines: Vec<String> = batches
                .iter()
                .flat_map(|batch| {
                    (0..batch.num_rows()).map(|row| format!("{:?}", batch.slice(row, 1).columns()))
                })
                .collect();
            lines.sort();
            answers.push(lines);
        }
        let theirs = answers.pop().unwrap();
        (answers.pop().unwrap(), theirs, shown)
    }

    fn values(rows: impl Iterator<Item = (Option<u8>, Option<u8>)>) -> String {
        let text = |it: Option<u8>| {
            it.map_or("NULL".to_owned(), |it| format!("'a text of more than twelve bytes {it}'"))
        };
        let rows = rows
            .enumerate()
            .map(|(no, (stage, session))| format!("({}, {}, {no})", text(stage), text(session)));
        rows.collect::<Vec<_>>().join(", ")
    }

    fn key() -> impl Strategy<Value = (Option<u8>, Option<u8>)> {
        (prop::option::weighted(0.9, 0..3_u8), prop::option::weighted(0.9, 0..3_u8))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn as_the_engines_own(
            sessions in prop::collection::vec(key(), 1..9),
            runs in prop::collection::vec((key(), 1..7_usize), 1..9),
            is_of_files in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let folder = is_of_files.then(|| folder.path().to_str().unwrap());
            let rows = runs.iter().flat_map(|(key, n)| std::iter::repeat_n(*key, *n));
            let (rows, sessions) = (values(rows), values(sessions.into_iter()));
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let answers = runtime.block_on(async {
                let context = context(&rows, &sessions, folder).await;
                let mut answers = Vec::new();
                for sql in [
                    format!("SELECT sessions_no, rows_no {JOINED}"),
                    format!("SELECT rows_no, r.session_id, s.stage_arn {JOINED} WHERE rows_no % 3 <> 1"),
                    format!("SELECT sessions_no {JOINED} WHERE r.stage_arn <> r.session_id AND rows_no > 2"),
                    format!("SELECT count(*) {JOINED}"),
                ] {
                    answers.push(both(&context, &sql).await);
                }
                answers
            });
            for (own, theirs, shown) in answers {
                prop_assert_eq!(own, theirs);
                prop_assert!(shown.contains("RunJoinExec"), "{}", shown);
            }
        }
    }

    #[tokio::test]
    async fn what_it_stands_for_and_what_not() {
        let rows = values([(Some(1), Some(1)), (Some(1), Some(2))].into_iter());
        let context = context(&rows, &rows, None).await;
        let shown = async |sql: &str| both(&context, sql).await.2;
        assert!(shown(&format!("SELECT rows_no {JOINED}")).await.contains("RunJoinExec"));
        for left in [
            "SELECT rows_no FROM rows LEFT JOIN sessions USING (date, stage_arn, session_id)",
            "SELECT rows_no FROM rows JOIN sessions USING (date)",
            "SELECT rows_no FROM rows r JOIN sessions s ON r.session_id = s.session_id AND r.rows_no < s.sessions_no",
            "SELECT rows_no FROM rows r JOIN sessions s ON r.session_id = s.session_id AND r.rows_no = s.sessions_no",
            "SELECT no FROM (SELECT session_id, max(rows_no) AS no FROM rows GROUP BY session_id) r JOIN sessions USING (session_id)",
        ] {
            assert!(!shown(left).await.contains("RunJoinExec"), "{left}");
        }
    }

    #[tokio::test]
    async fn a_join_whose_rows_are_counted_on_to_come_in_order_stays() {
        let folder = tempfile::tempdir().unwrap();
        let rows = values([(Some(1), Some(1)), (Some(1), Some(1))].into_iter());
        let context = context(&rows, &rows, folder.path().to_str()).await;
        for table in ["rows", "sessions"] {
            let ordered = format!(
                "CREATE EXTERNAL TABLE ordered_{table} \
                 (date DATE, stage_arn VARCHAR, session_id VARCHAR, {table}_no BIGINT) \
                 STORED AS PARQUET WITH ORDER ({table}_no) LOCATION '{}/{table}.parquet'",
                folder.path().display()
            );
            context.sql(&ordered).await.unwrap().collect().await.unwrap();
        }
        for (prefix, is_by_runs) in [("", true), ("ordered_", false)] {
            let joined = JOINED
                .replace("rows r", &format!("{prefix}rows r"))
                .replace("sessions s", &format!("{prefix}sessions s"));
            let (own, theirs, shown) =
                both(&context, &format!("SELECT rows_no, sessions_no {joined}")).await;
            assert_eq!(shown.contains("RunJoinExec"), is_by_runs, "{shown}");
            assert_eq!(own, theirs);
        }
    }

    #[tokio::test]
    async fn a_join_that_tells_which_files_to_leave_out_stays() {
        let folder = tempfile::tempdir().unwrap();
        let rows = values([(Some(1), Some(1)), (Some(1), Some(2))].into_iter());
        let context = context(&rows, &rows, folder.path().to_str()).await;
        let sql = format!("SELECT rows_no {JOINED}");
        assert!(both(&context, &sql).await.2.contains("RunJoinExec"));
        let told = "SET datafusion.optimizer.enable_join_dynamic_filter_pushdown = true";
        context.sql(told).await.unwrap().collect().await.unwrap();
        let (own, theirs, shown) = both(&context, &sql).await;
        assert!(shown.contains("HashJoinExec") && !shown.contains("RunJoinExec"), "{shown}");
        assert_eq!(own, theirs);
    }
}
