//! Running sums and maxima of windows, such as `sum(step) OVER (PARTITION BY .. ORDER BY .. ROWS UNBOUNDED PRECEDING)`,
//! and what stands in the row before (`lag`).
//!
//! Whoever counts who is there at once, or joins stays to visits, needs one for each row, and often a part of the window
//! for each person. The engine's own hand each row to an accumulator made for batches, which takes microseconds, and set
//! up each part anew, which takes more; what is here keeps one number. Where the rows are parted by several keys, only
//! the first parts them still: the others come before what they are ordered by, and what is kept begins anew where one
//! of them changes.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::partition;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::window_frame::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LimitEffect, LogicalPlan, PartitionEvaluator, Signature, Volatility,
    Window, WindowFunctionDefinition, WindowUDF, WindowUDFImpl,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::PhysicalExpr;

/// Puts [`Running`] in the place of the functions that it can stand for.
#[derive(Debug)]
pub(super) struct RunningWindows;

impl OptimizerRule for RunningWindows {
    fn name(&self) -> &'static str {
        "running_windows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Window(Window { input, window_expr, .. }) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let found: Vec<Option<(Running, &WindowFunctionParams)>> =
            window_expr.iter().map(|own| running(own, input)).collect::<Result<_>>()?;
        // All windows of a plan are parted alike: all of them can do without parts, or none.
        let in_runs = found
            .iter()
            .all(|found| found.as_ref().is_some_and(|(_, params)| params.partition_by.len() > 1));
        let is_worth_it = |(running, _): &(Running, _)| in_runs || running.kind != Kind::Lag;
        if !found.iter().flatten().any(is_worth_it) {
            return Ok(Transformed::no(plan));
        }
        let expressions =
            window_expr.iter().zip(found).map(|(own, found)| match found.filter(is_worth_it) {
                Some((running, params)) => running.into_expression(own, params, in_runs, input),
                None => Ok(own.clone()),
            });
        Window::try_new(expressions.collect::<Result<_>>()?, Arc::clone(input))
            .map(LogicalPlan::Window)
            .map(Transformed::yes)
    }
}

/// What stands for a window's expression; `None` where it stays.
fn running<'a>(
    expression: &'a Expr,
    input: &LogicalPlan,
) -> Result<Option<(Running, &'a WindowFunctionParams)>> {
    let inner = match expression {
        Expr::Alias(alias) => alias.expr.as_ref(),
        other => other,
    };
    let Expr::WindowFunction(function) = inner else { return Ok(None) };
    let WindowFunction { fun, params } = function.as_ref();
    let WindowFunctionParams {
        args,
        window_frame,
        filter: None,
        null_treatment: None,
        distinct: false,
        ..
    } = params
    else {
        return Ok(None);
    };
    let [argument] = args.as_slice() else { return Ok(None) };
    let data_type = argument.get_type(input.schema())?;
    let is_aggregate = matches!(fun, WindowFunctionDefinition::AggregateUDF(_));
    let (kind, is_current_in) = match (fun.name(), &data_type, reach(window_frame)) {
        ("lag", _, _) if !is_aggregate => (Kind::Lag, false),
        ("sum", DataType::Int64, Some(is_current_in)) => (Kind::Sum, is_current_in),
        (
            "max",
            DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond, _),
            Some(is_current_in),
        ) => (Kind::Max, is_current_in),
        _ => return Ok(None),
    };
    let signature = Signature::exact(vec![data_type], Volatility::Immutable);
    Ok(Some((Running { kind, is_current_in, signature }, params)))
}

/// Whether a frame, from the partition's first row on, ends with the current row or with the one before; `None` for
/// other frames.
fn reach(frame: &WindowFrame) -> Option<bool> {
    let starts_first =
        matches!(&frame.start_bound, WindowFrameBound::Preceding(rows) if rows.is_null());
    if frame.units != WindowFrameUnits::Rows || !starts_first {
        return None;
    }
    match &frame.end_bound {
        WindowFrameBound::CurrentRow => Some(true),
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(1))) => Some(false),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Sum,
    Max,
    /// The value of the row before.
    Lag,
}

/// A function of the rows so far, of one value and of the keys that have to be the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Running {
    kind: Kind,
    /// With the current row, or without.
    is_current_in: bool,
    signature: Signature,
}

impl Running {
    /// In the place of a window's expression, under the name that it has.
    fn into_expression(
        mut self,
        own: &Expr,
        params: &WindowFunctionParams,
        in_runs: bool,
        input: &LogicalPlan,
    ) -> Result<Expr> {
        let mut params = params.clone();
        if in_runs {
            let keys = params.partition_by.split_off(1);
            let sorted = keys.iter().map(|key| key.clone().sort(true, false));
            params.order_by.splice(..0, sorted);
            params.args.extend(keys);
            let types = params.args.iter().map(|it| it.get_type(input.schema()));
            let types = types.collect::<Result<_>>()?;
            self.signature = Signature::exact(types, Volatility::Immutable);
        }
        let fun = WindowFunctionDefinition::WindowUDF(Arc::new(WindowUDF::new_from_impl(self)));
        Ok(Expr::from(WindowFunction { fun, params }).alias(own.schema_name().to_string()))
    }
}

impl WindowUDFImpl for Running {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "running_sum",
            Kind::Max => "running_max",
            Kind::Lag => "running_lag",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(SoFar {
            kind: self.kind,
            is_current_in: self.is_current_in,
            value: None,
            runs: Runs::default(),
        }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let [field, ..] = args.input_fields() else {
            return exec_err!("`{}` takes a value", self.name());
        };
        Ok(Arc::new(Field::new(args.name(), field.data_type().clone(), true)))
    }

    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::None
    }
}

/// Where one partition stands.
#[derive(Debug)]
struct SoFar {
    kind: Kind,
    is_current_in: bool,
    /// `None` until there was a value.
    value: Option<i64>,
    runs: Runs,
}

impl SoFar {
    /// Takes the row's value in, and gives the one that is the row's answer.
    fn step(&mut self, value: Option<i64>) -> Option<i64> {
        let before = self.value;
        self.value = match (before, value) {
            (before, None) => before,
            (None, value) => value,
            (Some(max), Some(value)) if self.kind == Kind::Max => Some(max.max(value)),
            // As the engine's own: no error, since none is worth it here.
            (Some(sum), Some(value)) => Some(sum.wrapping_add(value)),
        };
        if self.is_current_in { self.value } else { before }
    }
}

impl PartitionEvaluator for SoFar {
    /// The row before is asked for as well, so that it is still there when a new batch begins.
    fn get_range(&self, row: usize, _: usize) -> Result<Range<usize>> {
        Ok(row.saturating_sub(1)..row + 1)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let [column, keys @ ..] = values else { return exec_err!("a window without a value") };
        let row = range.end - 1;
        let begins = row == 0 || self.runs.begin_at(keys, row)?;
        if begins {
            self.value = None;
        }
        match column.data_type() {
            other if self.kind == Kind::Lag && begins => ScalarValue::try_new_null(other),
            _ if self.kind == Kind::Lag => ScalarValue::try_from_array(column, row - 1),
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>();
                let value = numbers.is_valid(row).then(|| numbers.value(row));
                Ok(ScalarValue::Int64(self.step(value)))
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let times = column.as_primitive::<TimestampMicrosecondType>();
                let value = times.is_valid(row).then(|| times.value(row));
                Ok(ScalarValue::TimestampMicrosecond(self.step(value), zone.clone()))
            }
            other => exec_err!("no running value of {other}"),
        }
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }
}

/// Where one of the keys changes.
#[derive(Debug, Default)]
struct Runs {
    /// Of these columns.
    keys: Vec<ArrayRef>,
    begins: Vec<bool>,
}

impl Runs {
    /// Whether the row's keys are others than those of the row before.
    fn begin_at(&mut self, keys: &[ArrayRef], row: usize) -> Result<bool> {
        let Some(first) = keys.first() else { return Ok(false) };
        let is_known = self.keys.len() == keys.len()
            && self.keys.iter().zip(keys).all(|(known, key)| Arc::ptr_eq(known, key));
        if !is_known {
            self.begins = vec![false; first.len()];
            for run in partition(keys)?.ranges() {
                self.begins[run.start] = true;
            }
            self.keys = keys.to_vec();
        }
        Ok(self.begins[row])
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;

    use super::*;

    /// Sums and maxima over frames of rows, of whole numbers and of times.
    const WINDOWS: &str = "SELECT row, \
        sum(number) OVER own AS a, \
        max(number) OVER (PARTITION BY part ORDER BY row ROWS UNBOUNDED PRECEDING) + 1 AS b, \
        max(time) OVER (PARTITION BY part ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS c, \
        sum(number) OVER (PARTITION BY part ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS d, \
        lag(number) OVER own AS e, \
        sum(number) OVER keyed AS f, \
        max(time) OVER keyed AS g, \
        lag(number) OVER keyed AS h, \
        lag(CAST(number + 1 AS VARCHAR)) OVER keyed AS i, \
        sum(number) OVER mixed AS j, \
        lag(row) OVER mixed AS k, \
        count(*) OVER mixed AS l \
        FROM rows WINDOW own AS (PARTITION BY part ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), \
        keyed AS (PARTITION BY part, number % 2, CAST(number % 3 AS VARCHAR) ORDER BY row \
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), \
        mixed AS (PARTITION BY part, number % 3 ORDER BY row ROWS UNBOUNDED PRECEDING) \
        ORDER BY row";

    fn context(is_own: bool, batch_size: usize) -> SessionContext {
        let config = SessionConfig::new().with_batch_size(batch_size).with_target_partitions(2);
        let mut builder = SessionStateBuilder::new().with_default_features().with_config(config);
        if is_own {
            builder = builder.with_optimizer_rule(Arc::new(RunningWindows));
        }
        SessionContext::new_with_state(builder.build())
    }

    fn answer(sql: &str, rows: &str, is_own: bool, batch_size: usize) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let context = context(is_own, batch_size);
            let made = format!(
                "CREATE TABLE rows AS SELECT *, to_timestamp_micros(number) AS time FROM (VALUES {rows}) AS rows(row, part, number)"
            );
            context.sql(&made).await.unwrap().collect().await.unwrap();
            let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
            pretty_format_batches(&batches).unwrap().to_string()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn as_the_engines_own(
            rows in prop::collection::vec((0..4_u8, prop::option::of(prop_oneof![-5..5_i64, Just(i64::MAX)])), 1..40),
            batch_size in 1..9_usize,
        ) {
            let values: Vec<String> = rows
                .iter()
                .enumerate()
                .map(|(row, (part, number))| {
                    let number = number.map_or("NULL".to_owned(), |it| it.min(1 << 50).to_string());
                    format!("({row}, {part}, CAST({number} AS BIGINT))")
                })
                .collect();
            let rows = values.join(", ");
            prop_assert_eq!(
                answer(WINDOWS, &rows, true, batch_size),
                answer(WINDOWS, &rows, false, batch_size)
            );
        }
    }

    #[test]
    fn what_it_can_stand_for_and_what_not() {
        let plan = |expression: &str| {
            let sql = format!("EXPLAIN SELECT {expression} FROM rows");
            answer(&sql, "(1, 1, CAST(1 AS BIGINT))", true, 8192)
        };
        let rows = "OVER (PARTITION BY part ORDER BY row ROWS UNBOUNDED PRECEDING)";
        for taken in [format!("sum(number) {rows}"), format!("max(time) {rows}")] {
            assert!(plan(&taken).contains("running_"), "{taken}");
        }
        let keyed = "OVER (PARTITION BY part, number % 2 ORDER BY row ROWS UNBOUNDED PRECEDING)";
        for taken in
            [format!("sum(number) {keyed}"), format!("lag(CAST(number AS VARCHAR)) {keyed}")]
        {
            let plan = plan(&taken);
            assert!(
                plan.contains("running_") && plan.contains("PARTITION BY [rows.part] ORDER"),
                "{plan}"
            );
        }
        let mixed = plan(&format!("sum(number) {keyed}, lag(number) {keyed}, count(*) {keyed}"));
        assert!(mixed.contains("running_sum") && !mixed.contains("running_lag"), "{mixed}");
        assert!(!mixed.contains("PARTITION BY [rows.part] ORDER"), "{mixed}");
        for left in [
            "lag(number) OVER (PARTITION BY part ORDER BY row)".to_owned(),
            format!("lag(number, 2) {keyed}"),
            format!("lead(number) {keyed}"),
            format!("sum(number) FILTER (WHERE number > 0) {rows}"),
            format!("sum(DISTINCT number) {rows}"),
            format!("sum(CAST(number AS DOUBLE)) {rows}"),
            format!("max(CAST(number AS VARCHAR)) {rows}"),
            format!("min(number) {rows}"),
            format!("count(number) {rows}"),
            "sum(number) OVER (PARTITION BY part)".to_owned(),
            "sum(number) OVER (PARTITION BY part ORDER BY row)".to_owned(),
            "sum(number) OVER (ORDER BY row ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)".to_owned(),
            "sum(number) OVER (ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)"
                .to_owned(),
            "sum(number) OVER (ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)"
                .to_owned(),
        ] {
            assert!(!plan(&left).contains("running_"), "{left}");
        }
    }
}
