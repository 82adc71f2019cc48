//! Rows as JSON, and their comparison.

use serde_json::{Map, Value};

/// A text value as it is.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The row with some of its columns only. Each must be there.
#[track_caller]
pub(crate) fn only(row: &Value, columns: &[&str]) -> Value {
    let pick = |name: &&str| {
        let value = row.get(*name).unwrap_or_else(|| panic!("no column `{name}` in {row}"));
        ((*name).to_owned(), value.clone())
    };
    Value::Object(columns.iter().map(pick).collect::<Map<_, _>>())
}

/// Fails at the first row that is not in both, whatever their order; compares the columns of the expected rows.
#[track_caller]
pub(crate) fn assert_same(what: &str, actual: &[Value], expected: &[Value]) {
    let columns: Vec<&str> = match expected.first() {
        Some(Value::Object(row)) => row.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let sorted = |rows: Vec<Value>| {
        let mut lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        lines.sort();
        lines
    };
    let actual = sorted(actual.iter().map(|row| only(row, &columns)).collect());
    let expected = sorted(expected.to_vec());
    if let Some((actual, expected)) = actual.iter().zip(&expected).find(|(a, b)| a != b) {
        panic!("{what}: the lake has\n  {actual}\nwhere the truth has\n  {expected}");
    }
    assert_eq!(actual.len(), expected.len(), "{what}: number of rows");
}

/// Whether two answers are the same but for the last digits of a sum, which depend on its order.
pub(crate) fn almost_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-9 * (1.0 + one.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| almost_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((a, one), (b, other))| a == b && almost_same(one, other))
        }
        (one, other) => one == other,
    }
}
