//! Where a row lies: account, region and, for what belongs to a session, the date on which it started.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, StringArray};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;

use super::tables::Table;
use crate::model::{AccountId, Region, Scope};

/// One partition of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The account and region.
    pub scope: Scope,
    /// The date, for tables that have one.
    pub date: Option<NaiveDate>,
}

impl Partition {
    /// The partition that a file's values name; `None` where they name none of ours.
    #[must_use]
    pub fn from_values(table: Table, values: &HashMap<String, Option<String>>) -> Option<Self> {
        let value = |name: &str| values.get(name)?.as_deref();
        let scope = Scope {
            account_id: AccountId::new(value("account_id")?).ok()?,
            region: Region::new(value("region")?).ok()?,
        };
        let date = if table.partition_names().contains(&"date") {
            Some(value("date")?.parse().ok()?)
        } else {
            None
        };
        Some(Self { scope, date })
    }

    /// Names and values as the log writes them.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![
            ("account_id", self.scope.account_id.to_string()),
            ("region", self.scope.region.to_string()),
        ];
        if let Some(date) = self.date {
            values.push(("date", date.format("%Y-%m-%d").to_string()));
        }
        values
    }

    /// Puts the partition columns in front of rows that all lie here.
    ///
    /// # Errors
    /// Where the rows are not those of `table`.
    pub fn complete(&self, table: Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows_n = rows.num_rows();
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows_n)))
        };
        let mut columns =
            vec![text(self.scope.account_id.as_str()), text(self.scope.region.as_str())];
        if let Some(date) = self.date {
            columns.push(Arc::new(Date32Array::from_value(days(date), rows_n)));
        }
        columns.extend(rows.columns().iter().map(Arc::clone));
        RecordBatch::try_new(table.schema(), columns)
    }
}

/// A date as Arrow counts it: days since 1970-01-01.
fn days(date: NaiveDate) -> i32 {
    i32::try_from((date - NaiveDate::default()).num_days()).expect("chrono's dates fit 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(days(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap()), 1);
        assert_eq!(days(NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()), 20_777);
    }
}
