//! `min_by(text, time)`: the text beside the least time of a group.
//!
//! The engine has `first_value(text ORDER BY time)`, which sorts each group, and takes several times as long where there
//! are millions of small ones.

use std::cmp::Ordering;
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{not, nullif, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::functions::{MIN_BY, time_type};

/// The function for the engine.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MinBy {
    signature: Signature,
}

impl MinBy {
    pub(super) fn new() -> Self {
        let arguments = vec![DataType::Utf8, time_type()];
        Self { signature: Signature::exact(arguments, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for MinBy {
    fn name(&self) -> &'static str {
        MIN_BY
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(Earliest::default())))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, kind| Arc::new(Field::new(name, kind, true));
        Ok(vec![field("text", DataType::Utf8), field("time", time_type())])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Earliest::default()))
    }
}

/// The earliest text of each group so far, none where there was neither NULL text nor NULL time.
#[derive(Debug, Default)]
struct Earliest {
    groups: Vec<Option<(i64, Box<str>)>>,
    /// Bytes of the texts.
    texts_size: usize,
}

impl Earliest {
    fn see(&mut self, group: usize, time: i64, text: &str) {
        let held = &mut self.groups[group];
        if let Some((earliest, other)) = held {
            // Of texts at the same time the least, whatever the order of the rows.
            let order = time.cmp(earliest).then_with(|| text.cmp(other));
            if order != Ordering::Less {
                return;
            }
            self.texts_size -= other.len();
        }
        self.texts_size += text.len();
        *held = Some((time, text.into()));
    }

    fn take(&mut self, emit: EmitTo) -> Vec<Option<(i64, Box<str>)>> {
        let taken = emit.take_needed(&mut self.groups);
        self.texts_size -= taken.iter().flatten().map(|(_, text)| text.len()).sum::<usize>();
        taken
    }
}

impl GroupsAccumulator for Earliest {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_num_groups, None);
        let (texts, times) = columns(values);
        let is_asked =
            |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        for (row, group) in group_indices.iter().enumerate() {
            if texts.is_valid(row) && times.is_valid(row) && is_asked(row) {
                self.see(*group, times.value(row), texts.value(row));
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.update_batch(values, group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let taken = self.take(emit_to);
        let texts = taken.iter().map(|held| held.as_ref().map(|(_, text)| text));
        Ok(Arc::new(texts.collect::<StringArray>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = self.take(emit_to);
        let texts = taken.iter().map(|held| held.as_ref().map(|(_, text)| text));
        let times = taken.iter().map(|held| held.as_ref().map(|(time, _)| *time));
        let times = times.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
        Ok(vec![Arc::new(texts.collect::<StringArray>()), Arc::new(times)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let Some(filter) = opt_filter else { return Ok(values.to_vec()) };
        let unasked = not(&match filter.null_count() {
            0 => filter.clone(),
            _ => prep_null_mask_filter(filter),
        })?;
        let text = nullif(&values[0], &unasked)?;
        Ok(vec![text, Arc::clone(&values[1])])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Option<(i64, Box<str>)>>() + self.texts_size
    }
}

fn columns(values: &[ArrayRef]) -> (&StringArray, &TimestampMicrosecondArray) {
    (values[0].as_string(), values[1].as_primitive::<TimestampMicrosecondType>())
}

/// All rows as one group.
#[derive(Debug)]
struct One(Earliest);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.groups.resize(1, None);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups.resize(1, None);
        let arrays = self.0.state(EmitTo::All)?;
        arrays.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::logical_expr::AggregateUDF;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;

    use super::*;

    /// A group, a text and a time, and whether the row is asked for.
    type Row = (u8, Option<String>, Option<i64>, bool);

    const SQL: &str = "SELECT part, min_by(text, time) AS a, min_by(text, time) FILTER (WHERE asked) AS b \
        FROM rows GROUP BY part \
        UNION ALL SELECT NULL, min_by(text, time), min_by(text, time) FILTER (WHERE asked) FROM rows \
        ORDER BY part";

    /// The answer of a context whose rows come in many batches; with `skips`, groups are not put together at first.
    fn answer(
        rows: &[Row],
        batch_size: usize,
        skips: bool,
    ) -> Vec<(Option<u8>, [Option<String>; 2])> {
        let quoted =
            |text: &Option<String>| text.as_ref().map_or("NULL".to_owned(), |it| format!("'{it}'"));
        let time = |time: &Option<i64>| {
            time.map_or("NULL".to_owned(), |it| format!("to_timestamp_micros({it})"))
        };
        let values: Vec<String> = rows
            .iter()
            .map(|(part, text, at, asked)| {
                format!(
                    "({part}, CAST({} AS VARCHAR), CAST({} AS TIMESTAMP), {asked})",
                    quoted(text),
                    time(at)
                )
            })
            .collect();
        let mut config = SessionConfig::new().with_batch_size(batch_size).with_target_partitions(2);
        if skips {
            let settings = &mut config.options_mut().execution;
            settings.skip_partial_aggregation_probe_rows_threshold = 1;
            settings.skip_partial_aggregation_probe_ratio_threshold = 0.0;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batches = runtime.block_on(async {
            let context = SessionContext::new_with_config(config);
            context.register_udaf(AggregateUDF::new_from_impl(MinBy::new()));
            let made = format!(
                "CREATE TABLE rows AS SELECT * FROM (VALUES {}) AS rows(part, text, time, asked)",
                values.join(", ")
            );
            context.sql(&made).await.unwrap().collect().await.unwrap();
            context.sql(SQL).await.unwrap().collect().await.unwrap()
        });
        let table = pretty_format_batches(&batches).unwrap().to_string();
        let cell = |text: &str| Some(text.trim().to_owned()).filter(|it| !it.is_empty());
        let line = |line: &str| {
            let cells: Vec<Option<String>> = line.trim_matches('|').split('|').map(cell).collect();
            (cells[0].as_ref().map(|it| it.parse().unwrap()), [cells[1].clone(), cells[2].clone()])
        };
        table.lines().filter(|it| it.starts_with('|')).skip(1).map(line).collect()
    }

    fn earliest<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
        let known = rows.filter_map(|(_, text, time, _)| Some((time.as_ref()?, text.as_ref()?)));
        known.min().map(|(_, text)| text.clone())
    }

    fn expected(rows: &[Row]) -> Vec<(Option<u8>, [Option<String>; 2])> {
        let mut parts: Vec<Option<u8>> = rows.iter().map(|row| Some(row.0)).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.push(None);
        let of = |part: Option<u8>| {
            let own = move |row: &&Row| part.is_none_or(|part| row.0 == part);
            let all = earliest(rows.iter().filter(own));
            (part, [all, earliest(rows.iter().filter(own).filter(|row| row.3))])
        };
        parts.into_iter().map(of).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_text_beside_the_least_time(
            rows in prop::collection::vec(
                (0..4_u8, prop::option::of("[a-c]{1,14}"), prop::option::of(-3..3_i64), any::<bool>()), 1..40),
            batch_size in 1..9_usize,
            skips in any::<bool>(),
        ) {
            prop_assert_eq!(answer(&rows, batch_size, skips), expected(&rows));
        }
    }

    #[test]
    fn what_it_holds_is_counted() {
        let mut held = Earliest::default();
        let column = |times: Vec<i64>, text: &str| -> [ArrayRef; 2] {
            let texts = StringArray::from_iter_values(times.iter().map(|_| text));
            let times = TimestampMicrosecondArray::from(times).with_timezone("UTC");
            [Arc::new(texts), Arc::new(times)]
        };
        held.update_batch(
            &column(vec![7; 100], &"x".repeat(1_000)),
            &(0..100).collect::<Vec<_>>(),
            None,
            100,
        )
        .unwrap();
        assert!((100_000..110_000).contains(&held.size()), "{}", held.size());
        held.update_batch(&column(vec![6; 100], "y"), &(0..100).collect::<Vec<_>>(), None, 100)
            .unwrap();
        assert!(held.size() < 10_000, "{}", held.size());
        held.evaluate(EmitTo::First(100)).unwrap();
        assert_eq!(held.texts_size, 0);
    }
}
