//! Running sums and maxima of windows, such as `sum(step) OVER (PARTITION BY .. ORDER BY .. ROWS UNBOUNDED PRECEDING)`.
//!
//! Whoever counts who is there at once, or joins stays to visits, needs one for each row. The engine's own hand each row
//! to an accumulator made for batches, which takes microseconds; what is here keeps one number.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
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

/// Puts [`Running`] in the place of the aggregates that it can stand for.
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
        let running = |expression: &Expr| running(expression, input);
        let found: Vec<Option<Expr>> = window_expr.iter().map(running).collect::<Result<_>>()?;
        if found.iter().all(Option::is_none) {
            return Ok(Transformed::no(plan));
        }
        let own = window_expr.iter().zip(found);
        let expressions = own.map(|(own, found)| found.unwrap_or_else(|| own.clone())).collect();
        Window::try_new(expressions, Arc::clone(input))
            .map(LogicalPlan::Window)
            .map(Transformed::yes)
    }
}

/// What a window's expression becomes, under the name that it has; `None` where it stays.
fn running(expression: &Expr, input: &LogicalPlan) -> Result<Option<Expr>> {
    let inner = match expression {
        Expr::Alias(alias) => alias.expr.as_ref(),
        other => other,
    };
    let Expr::WindowFunction(function) = inner else { return Ok(None) };
    let WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(aggregate), params } =
        function.as_ref()
    else {
        return Ok(None);
    };
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
    let ([argument], Some(is_current_in)) = (args.as_slice(), reach(window_frame)) else {
        return Ok(None);
    };
    let data_type = argument.get_type(input.schema())?;
    let kind = match (aggregate.name(), &data_type) {
        ("sum", DataType::Int64) => Kind::Sum,
        ("max", DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond, _)) => Kind::Max,
        _ => return Ok(None),
    };
    let function = WindowUDF::new_from_impl(Running {
        kind,
        is_current_in,
        signature: Signature::exact(vec![data_type], Volatility::Immutable),
    });
    let running = Expr::from(WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(Arc::new(function)),
        params: params.clone(),
    });
    Ok(Some(running.alias(expression.schema_name().to_string())))
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
}

/// An aggregate of the rows so far.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Running {
    kind: Kind,
    /// With the current row, or without.
    is_current_in: bool,
    signature: Signature,
}

impl WindowUDFImpl for Running {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "running_sum",
            Kind::Max => "running_max",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let [field] = args.input_fields() else {
            return exec_err!("`{}` takes one value", self.name());
        };
        let data_type = field.data_type().clone();
        Ok(Box::new(SoFar {
            kind: self.kind,
            is_current_in: self.is_current_in,
            data_type,
            value: None,
        }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let [field] = args.input_fields() else {
            return exec_err!("`{}` takes one value", self.name());
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
    data_type: DataType,
    /// `None` until there was a value.
    value: Option<i64>,
}

impl SoFar {
    fn add(&mut self, value: i64) {
        self.value = Some(match (self.kind, self.value) {
            (_, None) => value,
            // As the engine's own: no error, since none is worth it here.
            (Kind::Sum, Some(sum)) => sum.wrapping_add(value),
            (Kind::Max, Some(max)) => max.max(value),
        });
    }
}

impl PartitionEvaluator for SoFar {
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let (column, row) = (&values[0], range.start);
        let before = self.value;
        if column.is_valid(row) {
            self.add(match self.data_type {
                DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
                _ => column.as_primitive::<TimestampMicrosecondType>().value(row),
            });
        }
        let value = if self.is_current_in { self.value } else { before };
        Ok(match &self.data_type {
            DataType::Timestamp(_, zone) => ScalarValue::TimestampMicrosecond(value, zone.clone()),
            _ => ScalarValue::Int64(value),
        })
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn supports_bounded_execution(&self) -> bool {
        true
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
        lag(number) OVER own AS e \
        FROM rows WINDOW own AS (PARTITION BY part ORDER BY row ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) \
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
        for left in [
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
