//! The header of a query file: TOML in its leading `--` lines.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use serde::Deserialize;

use super::arguments::{Parameter, shared};
use super::check::Check;
use super::error::Error;

/// What a query says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name, which is also that of the file.
    pub name: String,
    /// The folder in a list of queries.
    pub group: String,
    /// A few words.
    pub title: String,
    /// The question that it answers.
    pub question: String,
    /// What a reader of the answer must know.
    #[serde(default)]
    pub caveats: Vec<String>,
    /// What is said beside every answer.
    pub note: Option<String>,
    /// The tables and views that it stands on.
    #[serde(default)]
    pub uses: Vec<String>,
    /// Whether a statement reads the rows of this view once, however often it names it. They have to be few.
    #[serde(default)]
    pub kept: bool,
    /// Parameters that many queries share, by name.
    #[serde(default)]
    pub shared: Vec<String>,
    /// Its parameters; after reading, the shared ones too.
    #[serde(default)]
    pub params: Vec<Parameter>,
    /// Other ways to group: a value of `--by`, and the query that answers it with columns of its own.
    #[serde(default)]
    pub by: BTreeMap<String, String>,
    /// What makes an answer a bad one, for `--check`.
    pub check: Option<Check>,
    /// The columns of the answer, in order.
    pub columns: Vec<ColumnSpec>,
    /// How to draw it.
    pub chart: Option<Chart>,
}

/// A column of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Its unit, where it has one.
    pub unit: Option<String>,
    /// What it means.
    pub help: String,
}

/// The type of a column, as far as a reader is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// True or false.
    Boolean,
    /// A time in UTC.
    Timestamp,
    /// A day.
    Date,
    /// Texts.
    TextList,
    /// Texts by text.
    TextMap,
}

impl ColumnKind {
    /// The type of an Arrow column; `None` where no column of an answer should have it.
    #[must_use]
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, value) => Self::of(value)?,
            DataType::Boolean => Self::Boolean,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(_, Some(_)) => Self::Timestamp,
            DataType::List(element) if Self::of(element.data_type()) == Some(Self::Text) => {
                Self::TextList
            }
            DataType::Map(_, _) => Self::TextMap,
            number if number.is_integer() => Self::Integer,
            number if number.is_floating() => Self::Float,
            _ => return None,
        })
    }

    /// The name in a header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::TextList => "text-list",
            Self::TextMap => "text-map",
        }
    }

    /// The Arrow type that a declared column is listed with.
    pub(super) fn declared_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::TextList => crate::lake::tables::list_of(DataType::Utf8),
            Self::TextMap => crate::lake::tables::text_map(),
        }
    }
}

/// How to draw an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// The form.
    pub kind: ChartKind,
    /// The column along.
    pub x: String,
    /// The column up.
    pub y: String,
    /// The column that tells series apart.
    pub series: Option<String>,
}

/// The forms of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChartKind {
    /// Bars beside each other.
    Bar,
    /// Bars on top of each other.
    StackedBar,
    /// A line.
    Line,
    /// Areas on top of each other.
    StackedArea,
    /// Points, with whiskers where there is an interval.
    Dot,
    /// Bars along time, a lane for each thing.
    Gantt,
    /// Counts by class.
    Histogram,
    /// Colours in a grid.
    HeatMap,
    /// Flows from one thing to another.
    Sankey,
}

/// A file of SQL with its header.
#[derive(Clone, Debug)]
pub(super) struct HeadedSql {
    pub(super) header: Header,
    /// The whole file: comments stay, so that positions in it are those of the file.
    pub(super) sql: String,
}

impl HeadedSql {
    /// Reads the header, and resolves what it shares.
    pub(super) fn parse(file: &Path, text: &str) -> Result<Self, Error> {
        let fault = |line: usize, message: String| Error::Header {
            file: file.to_owned(),
            line: line.max(1),
            message,
        };
        let toml = header_text(text);
        let mut header: Header = toml::from_str(&toml).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(toml.len()));
            let line = toml.get(..start).unwrap_or_default().matches('\n').count() + 1;
            fault(line, error.message().replace('\n', " "))
        })?;
        let name_line = line_of(text, "name =");
        if file.file_stem().and_then(|stem| stem.to_str()) != Some(header.name.as_str()) {
            return Err(fault(name_line, format!("the name `{}` is not the file's", header.name)));
        }
        let mut params = Vec::new();
        for name in &header.shared {
            let parameter = shared(name).ok_or_else(|| {
                fault(line_of(text, "shared ="), format!("no shared parameter is called `{name}`"))
            })?;
            params.push(parameter);
        }
        params.append(&mut header.params);
        header.params = params;
        check_names(&header).map_err(|(word, message)| fault(line_of(text, &word), message))?;
        Ok(Self { header, sql: text.to_owned() })
    }
}

/// The header's lines without their `--`; each keeps its number.
fn header_text(text: &str) -> String {
    let mut toml = String::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix("--") else { break };
        toml.push_str(line.strip_prefix(' ').unwrap_or(line));
        toml.push('\n');
    }
    toml
}

/// The first line that holds a word, counted from 1; 1 where none does.
pub(super) fn line_of(text: &str, word: &str) -> usize {
    text.lines().position(|line| line.contains(word)).map_or(1, |index| index + 1)
}

fn check_names(header: &Header) -> Result<(), (String, String)> {
    let quoted = |name: &str| format!("\"{name}\"");
    for (index, parameter) in header.params.iter().enumerate() {
        if header.params[..index].iter().any(|other| other.name == parameter.name) {
            let message = format!("the parameter `{}` is declared twice", parameter.name);
            return Err((quoted(&parameter.name), message));
        }
        if let Some(default) = &parameter.default
            && !parameter.admits(default)
        {
            let message = format!("the default of `{}` is none of its choices", parameter.name);
            return Err((quoted(&parameter.name), message));
        }
    }
    if let Some(check) = &header.check {
        check.fits(&header.columns).map_err(|message| ("check =".to_owned(), message))?;
    }
    if let Some(chart) = &header.chart {
        for name in [Some(&chart.x), Some(&chart.y), chart.series.as_ref()].into_iter().flatten() {
            if !header.columns.iter().any(|column| column.name == *name) {
                return Err(("chart".to_owned(), format!("the chart has no column `{name}`")));
            }
        }
    }
    Ok(())
}

/// Compares the columns that a header promises with those of a plan; the word to look for and what is wrong.
pub(super) fn check_columns(header: &Header, schema: &Schema) -> Result<(), (String, String)> {
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let declared: Vec<&str> = header.columns.iter().map(|column| column.name.as_str()).collect();
    for (index, column) in header.columns.iter().enumerate() {
        let word = format!("\"{}\"", column.name);
        let Some(field) = schema.fields().get(index).filter(|field| *field.name() == column.name)
        else {
            let message = format!(
                "the header's column {} is `{}`, the statement's is `{}`",
                index + 1,
                column.name,
                found.get(index).unwrap_or(&"missing")
            );
            return Err((word, message));
        };
        if ColumnKind::of(field.data_type()) != Some(column.kind) {
            let actual = ColumnKind::of(field.data_type())
                .map_or_else(|| field.data_type().to_string(), |kind| kind.name().to_owned());
            let message = format!(
                "the header says that `{}` is {}, the statement makes it {actual}",
                column.name,
                column.kind.name()
            );
            return Err((word, message));
        }
    }
    match found.get(declared.len()) {
        None => Ok(()),
        Some(extra) => Err((
            "columns".to_owned(),
            format!("the statement has a column `{extra}` that the header does not declare"),
        )),
    }
}
