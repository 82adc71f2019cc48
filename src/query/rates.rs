//! Unit prices from a file of the user's, as the value of a parameter: a list of structs, for `unnest`.
//!
//! The file is CSV with a header line, or TOML with one `[[rate]]` for each price. We ship no prices.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, RecordBatch, StringArray};
use arrow::array::{StructArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, Ident, StructBracketKind, StructField,
    TimezoneInfo,
};
use serde::Deserialize;

use super::error::Error;
use crate::model::Timestamp;
use crate::times;

/// What such a file looks like, with prices that nobody asks.
pub(super) const EXAMPLE: &str = "\
line,role,tier,valid_from,currency,unit_price
hosts,publisher,0,2026-01-01,XXX,2.00
audience,viewer,0,2026-01-01,XXX,1.00
audience,viewer,10000,2026-01-01,XXX,0.50";

/// More than this is no list of prices.
const BYTES_MAX: u64 = 1 << 20;

/// Whose hours a price is for.
const ROLES: [&str; 4] = ["publisher", "viewer", "replica", "participant"];

const COLUMNS: [&str; 6] = ["line", "role", "tier", "valid_from", "currency", "unit_price"];

/// One price.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    /// The line of the bill that it is for.
    line: String,
    role: String,
    /// Hours of the month from which on it holds.
    #[serde(default)]
    tier: f64,
    /// The day from which on it holds.
    valid_from: Option<String>,
    currency: String,
    /// Of an hour.
    unit_price: f64,
}

/// A price, and the line of the file that it stands in.
struct Placed {
    rate: Rate,
    valid_from: Timestamp,
    file_line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlFile {
    #[serde(default)]
    rate: Vec<toml::Spanned<Rate>>,
}

/// The type of the value.
pub(super) fn sql_type() -> SqlType {
    let field = |name: &str, field_type: SqlType| StructField {
        field_name: Some(Ident::with_quote('"', name)),
        field_type,
        options: None,
    };
    let time = SqlType::Timestamp(Some(6), TimezoneInfo::WithTimeZone);
    let fields = vec![
        field("line", SqlType::Varchar(None)),
        field("role", SqlType::Varchar(None)),
        field("tier", SqlType::Double(ExactNumberInfo::None)),
        field("valid_from", time),
        field("currency", SqlType::Varchar(None)),
        field("unit_price", SqlType::Double(ExactNumberInfo::None)),
    ];
    let element = SqlType::Struct(fields, StructBracketKind::AngleBrackets);
    SqlType::Array(ArrayElemTypeDef::AngleBracket(Box::new(element)))
}

fn fields() -> Fields {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    [
        ("line", DataType::Utf8),
        ("role", DataType::Utf8),
        ("tier", DataType::Float64),
        ("valid_from", time),
        ("currency", DataType::Utf8),
        ("unit_price", DataType::Float64),
    ]
    .into_iter()
    .map(|(name, data_type)| Field::new(name, data_type, true))
    .collect()
}

/// No prices at all.
pub(super) fn null() -> ScalarValue {
    let element = Field::new_list_field(DataType::Struct(fields()), true);
    ScalarValue::List(Arc::new(ListArray::new_null(Arc::new(element), 1)))
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<ScalarValue, Error> {
    let failed = |source| Error::ReadFile { path: path.to_owned(), source };
    let fault = |(line, message)| Error::Rates { file: path.to_owned(), line, message };
    if std::fs::metadata(path).map_err(failed)?.len() > BYTES_MAX {
        return Err(fault((1, "the file is too long for a list of prices".to_owned())));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let rates = if is_toml { from_toml(&text) } else { from_csv(&text) }.map_err(fault)?;
    let placed = rates.into_iter().map(place).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    check(&placed).map_err(fault)?;
    value(&placed).map_err(|error| fault((1, error.to_string())))
}

type Fault = (usize, String);

fn from_toml(text: &str) -> Result<Vec<(Rate, usize)>, Fault> {
    let line_at = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let file: TomlFile = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        (line_at(start), error.message().replace('\n', " "))
    })?;
    let placed = |rate: toml::Spanned<Rate>| {
        let line = line_at(rate.span().start);
        (rate.into_inner(), line)
    };
    Ok(file.rate.into_iter().map(placed).collect())
}

fn from_csv(text: &str) -> Result<Vec<(Rate, usize)>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_told = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
    let mut lines =
        text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| is_told(line));
    let Some((number, header)) = lines.next() else { return Ok(Vec::new()) };
    let names: Vec<String> = header.split(',').map(|name| name.trim().to_owned()).collect();
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let columns = COLUMNS.join(", ");
        return Err((number, format!("there is no column `{name}`: the columns are {columns}")));
    }
    for required in ["line", "role", "currency", "unit_price"] {
        if !names.iter().any(|name| name == required) {
            return Err((number, format!("the column `{required}` is missing")));
        }
    }
    lines
        .map(|(number, line)| {
            match cells(line, names.len()) {
                Ok(cells) => rate(&names, &cells).map(|rate| (rate, number)),
                Err(message) => Err(message),
            }
            .map_err(|message| (number, message))
        })
        .collect()
}

/// The cells of one line, unquoted.
fn cells(line: &str, columns_n: usize) -> Result<Vec<String>, String> {
    let columns: Vec<Field> =
        (0..columns_n).map(|n| Field::new(n.to_string(), DataType::Utf8, true)).collect();
    let reader = ReaderBuilder::new(Arc::new(Schema::new(columns))).build(line.as_bytes());
    let batch: Option<RecordBatch> = reader
        .and_then(|mut reader| reader.next().transpose())
        .map_err(|_| format!("expected {columns_n} cells"))?;
    let Some(batch) = batch.filter(|batch| batch.num_rows() == 1) else {
        return Err(format!("expected {columns_n} cells"));
    };
    let cell = |column: &ArrayRef| {
        let texts = column.as_string::<i32>();
        if texts.is_null(0) { String::new() } else { texts.value(0).trim().to_owned() }
    };
    Ok(batch.columns().iter().map(cell).collect())
}

fn rate(names: &[String], cells: &[String]) -> Result<Rate, String> {
    let cell = |name: &str| {
        let index = names.iter().position(|other| other == name)?;
        cells.get(index).filter(|cell| !cell.is_empty())
    };
    let text = |name: &str| cell(name).cloned().ok_or_else(|| format!("`{name}` is empty"));
    let number = |name: &str, cell: &String| {
        cell.parse::<f64>().map_err(|_| format!("`{name}` is `{cell}`, which is not a number"))
    };
    Ok(Rate {
        line: text("line")?,
        role: text("role")?,
        tier: cell("tier").map_or(Ok(0.0), |cell| number("tier", cell))?,
        valid_from: cell("valid_from").cloned(),
        currency: text("currency")?,
        unit_price: number("unit_price", &text("unit_price")?)?,
    })
}

/// Checks what a price says by itself.
fn place((rate, file_line): (Rate, usize)) -> Result<Placed, Fault> {
    let fault = |message: String| (file_line, message);
    if !ROLES.contains(&rate.role.as_str()) {
        return Err(fault(format!("`role` is `{}`: choose {}", rate.role, ROLES.join(", "))));
    }
    for (name, number) in [("tier", rate.tier), ("unit_price", rate.unit_price)] {
        if !number.is_finite() || number < 0.0 {
            return Err(fault(format!("`{name}` is `{number}`: it can't be below 0")));
        }
    }
    let is_code = rate.currency.len() == 3 && rate.currency.chars().all(|c| c.is_ascii_uppercase());
    if !is_code {
        return Err(fault(format!("`currency` is `{}`: write a code such as EUR", rate.currency)));
    }
    let valid_from = match &rate.valid_from {
        None => Timestamp::UNIX_EPOCH,
        // An age would make an estimate depend on when it is made.
        Some(text) if text.contains('-') => times::parse_time(text, Timestamp::UNIX_EPOCH)
            .map_err(|_| fault(format!("`valid_from` is `{text}`: write a date")))?,
        Some(text) => return Err(fault(format!("`valid_from` is `{text}`: write a date"))),
    };
    Ok(Placed { rate, valid_from, file_line })
}

/// Checks what prices say together.
fn check(placed: &[Placed]) -> Result<(), Fault> {
    let Some(first) = placed.first() else { return Err((1, "there are no prices".to_owned())) };
    for (index, it) in placed.iter().enumerate() {
        if it.rate.currency != first.rate.currency {
            let (one, other) = (&first.rate.currency, &it.rate.currency);
            return Err((it.file_line, format!("`currency` is `{other}`, and `{one}` before")));
        }
        let of_its_line = |other: &&Placed| {
            (&other.rate.line, &other.rate.role, other.valid_from)
                == (&it.rate.line, &it.rate.role, it.valid_from)
        };
        let same_tier = |other: &Placed| other.rate.tier.total_cmp(&it.rate.tier).is_eq();
        if placed[..index].iter().filter(of_its_line).any(same_tier) {
            return Err((
                it.file_line,
                "it has the line, role, tier and date of another".to_owned(),
            ));
        }
        if !placed.iter().filter(of_its_line).any(|other| other.rate.tier == 0.0) {
            let line = &it.rate.line;
            return Err((it.file_line, format!("the first tier of `{line}` must begin at 0")));
        }
    }
    Ok(())
}

fn value(placed: &[Placed]) -> Result<ScalarValue, arrow::error::ArrowError> {
    let texts = |of: fn(&Rate) -> &str| -> ArrayRef {
        Arc::new(placed.iter().map(|it| Some(of(&it.rate))).collect::<StringArray>())
    };
    let numbers = |of: fn(&Rate) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(placed.iter().map(|it| of(&it.rate))))
    };
    let times = placed.iter().map(|it| it.valid_from.timestamp_micros());
    let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
    let columns = vec![
        texts(|rate| &rate.line),
        texts(|rate| &rate.role),
        numbers(|rate| rate.tier),
        Arc::new(times),
        texts(|rate| &rate.currency),
        numbers(|rate| rate.unit_price),
    ];
    let rows = StructArray::try_new(fields(), columns, None)?;
    let element = Field::new_list_field(DataType::Struct(fields()), true);
    let list = ListArray::try_new(
        Arc::new(element),
        OffsetBuffer::from_lengths([placed.len()]),
        Arc::new(rows),
        None,
    )?;
    Ok(ScalarValue::List(Arc::new(list)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a file of this name, and in which line; nothing, where nothing is.
    fn fault(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        match read(&path) {
            Ok(_) => String::new(),
            Err(error) => error.to_string().replace(&format!("{}/", folder.path().display()), ""),
        }
    }

    #[test]
    fn a_wrong_file_is_told_with_its_line() {
        let header = "line,role,tier,valid_from,currency,unit_price";
        for (rows, expected) in [
            ("a,viewer,0,,EUR,1", ""),
            ("# a comment\n\n\"a, b\",viewer,,2026-01-01,EUR,1", ""),
            ("a,viewer,0,,EUR", "rates.csv:2: expected 6 cells"),
            ("a,viewer,0,,EUR,1,2", "rates.csv:2: expected 6 cells"),
            ("\na,viewer,0,,EUR,x", "rates.csv:3: `unit_price` is `x`, which is not a number"),
            ("a,viewer,0,,EUR,", "rates.csv:2: `unit_price` is empty"),
            ("a,viewer,0,,EUR,-1", "rates.csv:2: `unit_price` is `-1`: it can't be below 0"),
            ("a,viewer,0,,EUR,NaN", "rates.csv:2: `unit_price` is `NaN`: it can't be below 0"),
            ("a,viewer,0,,eur,1", "rates.csv:2: `currency` is `eur`: write a code such as EUR"),
            (
                "a,boss,0,,EUR,1",
                "rates.csv:2: `role` is `boss`: choose publisher, viewer, replica, participant",
            ),
            ("a,viewer,0,7d,EUR,1", "rates.csv:2: `valid_from` is `7d`: write a date"),
            (
                "a,viewer,0,,EUR,1\nb,viewer,0,,USD,1",
                "rates.csv:3: `currency` is `USD`, and `EUR` before",
            ),
            (
                "a,viewer,0,,EUR,1\na,viewer,0,,EUR,2",
                "rates.csv:3: it has the line, role, tier and date of another",
            ),
            ("a,viewer,5,,EUR,1", "rates.csv:2: the first tier of `a` must begin at 0"),
            ("", "rates.csv:1: there are no prices"),
        ] {
            assert_eq!(fault("rates.csv", &format!("{header}\n{rows}")), expected, "{rows}");
        }
        assert!(
            fault("rates.csv", "line,role,colour")
                .starts_with("rates.csv:1: there is no column `colour`")
        );
        assert_eq!(
            fault("rates.csv", "line,role"),
            "rates.csv:1: the column `currency` is missing"
        );
        assert_eq!(fault("rates.csv", EXAMPLE), "");
        assert_eq!(fault("rates.csv", ""), "rates.csv:1: there are no prices");
    }

    #[test]
    fn toml_says_the_same() {
        let row = "[[rate]]\nline = \"a\"\nrole = \"viewer\"\ncurrency = \"EUR\"\n";
        assert_eq!(fault("rates.toml", &format!("{row}unit_price = 1.5\n")), "");
        let wrong = format!("{row}unit_price = 1.5\n{row}unit_price = -1.0");
        assert_eq!(
            fault("rates.toml", &wrong),
            "rates.toml:6: `unit_price` is `-1`: it can't be below 0"
        );
        let wrong = format!("{row}unit_price = 1.5\ncolour = 3");
        assert!(fault("rates.toml", &wrong).starts_with("rates.toml:6: unknown field `colour`"));
        assert!(fault("rates.toml", row).starts_with("rates.toml:1: missing field `unit_price`"));
        assert_eq!(fault("rates.toml", ""), "rates.toml:1: there are no prices");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("nowhere/rates.csv")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `nowhere/rates.csv`");
    }
}
