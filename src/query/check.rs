//! Whether an answer is a bad one: what `--check` asks, so that a scheduler can raise an alarm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use futures::StreamExt;
use serde::Deserialize;

use super::engine::Answer;
use super::header::{ColumnKind, ColumnSpec};

/// The column that says whether a row is bad. NULL is not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A boolean, where false is bad, or a text.
    pub column: String,
    /// The texts that are bad; none for a boolean.
    #[serde(default)]
    pub bad: Vec<String>,
}

/// Whether a bad row has gone by; to be read when the answer has been.
#[derive(Clone, Debug, Default)]
pub struct Alarm(Arc<AtomicBool>);

impl Alarm {
    /// A bad row has gone by.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Check {
    /// The same answer, whose bad rows raise an alarm as they go by.
    #[must_use]
    pub fn watch(&self, answer: Answer) -> (Answer, Alarm) {
        let alarm = Alarm::default();
        let (check, raised) = (self.clone(), alarm.clone());
        let batches = answer
            .batches
            .inspect(move |batch| {
                if batch.as_ref().is_ok_and(|batch| check.finds_bad(batch)) {
                    raised.0.store(true, Ordering::Relaxed);
                }
            })
            .boxed();
        (Answer { batches, ..answer }, alarm)
    }

    fn finds_bad(&self, batch: &RecordBatch) -> bool {
        let Some(column) = batch.column_by_name(&self.column) else { return false };
        if let Some(good) = column.as_boolean_opt() {
            return good.iter().any(|good| good == Some(false));
        }
        let Ok(texts) = arrow::compute::cast(column, &DataType::Utf8) else { return false };
        let texts = texts.as_string::<i32>();
        texts.iter().flatten().any(|text| self.bad.iter().any(|bad| bad == text))
    }

    /// Whether the columns of a header have what the check needs; else, what is wrong.
    pub(super) fn fits(&self, columns: &[ColumnSpec]) -> Result<(), String> {
        let kind = columns.iter().find(|column| column.name == self.column).map(|found| found.kind);
        match kind {
            None => Err(format!("the check has no column `{}`", self.column)),
            Some(ColumnKind::Boolean) if self.bad.is_empty() => Ok(()),
            Some(ColumnKind::Text) if !self.bad.is_empty() => Ok(()),
            Some(ColumnKind::Boolean | ColumnKind::Text) => {
                Err("a check of a text lists what is `bad`, one of a boolean does not".to_owned())
            }
            Some(_) => Err(format!("`{}` is neither boolean nor text", self.column)),
        }
    }
}
