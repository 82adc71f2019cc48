//! Values for the parameters of a query: typed, bound, never pasted into the text.

use std::collections::BTreeMap;
use std::path::Path;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};
use serde::Deserialize;

use super::calendar::{Width, read_zone};
use super::error::{Error, nearest};
use super::rates;
use crate::model::Timestamp;
use crate::times;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Any text.
    Text,
    /// Some of the choices, with commas between, or given several times. The statement gets them as one text, with
    /// commas between, each once, in the order of the header. The default stands alone.
    Choices,
    /// Texts in which `*` stands for anything and `?` for one character; may be given several times.
    /// The statement gets one regular expression for all of them, for use with `~`, or NULL.
    Globs,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A time, or an age before now.
    Timestamp,
    /// A duration such as `30s`; the statement gets its seconds as a float.
    Duration,
    /// The length of a bucket: a duration, or months such as `1mo`. The statement gets the text, for `bucket_start`.
    Bucket,
    /// A time zone; the statement gets the text.
    Zone,
    /// A file of unit prices; the statement gets them as a list of structs, for `unnest`.
    Rates,
}

impl Kind {
    /// The name in a header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Choices => "choices",
            Self::Globs => "globs",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Bucket => "bucket",
            Self::Zone => "zone",
            Self::Rates => "rates",
        }
    }

    /// What a value looks like, for a person.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Choices => "A,B",
            Self::Globs => "GLOB",
            Self::Integer => "N",
            Self::Float => "NUMBER",
            Self::Boolean => "true|false",
            Self::Timestamp => "TIME",
            Self::Duration => "DURATION",
            Self::Bucket => "15m|1h|1d|1w|1mo",
            Self::Zone => "ZONE",
            Self::Rates => "FILE",
        }
    }

    /// The type in SQL that a placeholder is cast to, so that a plan can be made before there is a value.
    pub(super) fn sql_type(self) -> SqlType {
        match self {
            Self::Text | Self::Choices | Self::Globs | Self::Bucket | Self::Zone => {
                SqlType::Varchar(None)
            }
            Self::Integer => SqlType::BigInt(None),
            Self::Float | Self::Duration => {
                SqlType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None)
            }
            Self::Boolean => SqlType::Boolean,
            Self::Timestamp => SqlType::Timestamp(Some(6), TimezoneInfo::WithTimeZone),
            Self::Rates => rates::sql_type(),
        }
    }

    fn null(self) -> ScalarValue {
        match self {
            Self::Text | Self::Choices | Self::Globs | Self::Bucket | Self::Zone => {
                ScalarValue::Utf8(None)
            }
            Self::Integer => ScalarValue::Int64(None),
            Self::Float | Self::Duration => ScalarValue::Float64(None),
            Self::Boolean => ScalarValue::Boolean(None),
            Self::Timestamp => ScalarValue::TimestampMicrosecond(None, Some("UTC".into())),
            Self::Rates => rates::null(),
        }
    }

    /// Reads a value.
    fn read(self, text: &str, now: Timestamp) -> Result<ScalarValue, String> {
        Ok(match self {
            Self::Text | Self::Choices | Self::Rates => ScalarValue::from(text),
            Self::Bucket => Width::read(text).map(|_| ScalarValue::from(text))?,
            Self::Zone => read_zone(text).map(|_| ScalarValue::from(text.trim()))?,
            Self::Globs => ScalarValue::from(regular_expression(&[text])),
            Self::Integer => {
                let number: i64 =
                    text.trim().parse().map_err(|_| "it is not a whole number".to_owned())?;
                ScalarValue::from(number)
            }
            Self::Float => {
                let number: f64 =
                    text.trim().parse().map_err(|_| "it is not a number".to_owned())?;
                ScalarValue::from(number)
            }
            Self::Boolean => ScalarValue::from(read_boolean(text)?),
            Self::Timestamp => {
                let time = times::parse_time(text, now).map_err(|error| error.to_string())?;
                ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), Some("UTC".into()))
            }
            Self::Duration => {
                let duration = times::parse_duration(text).map_err(|error| error.to_string())?;
                ScalarValue::from(duration.as_secs_f64())
            }
        })
    }
}

fn read_boolean(text: &str) -> Result<bool, String> {
    match text.trim() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("it is neither `true` nor `false`".to_owned()),
    }
}

/// A parameter of a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name, without the `$`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The value where none is given; NULL where there is none.
    pub default: Option<String>,
    /// What it does, for a person.
    pub help: String,
    /// The only values that it may have; empty for any. One that ends in `*` stands for all that begin so.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether a value must be given.
    #[serde(default)]
    pub required: bool,
}

impl Parameter {
    /// Whether the choices, if there are any, have a text.
    pub(super) fn admits(&self, text: &str) -> bool {
        let admits = |choice: &String| match choice.strip_suffix('*') {
            Some(begin) => text.len() > begin.len() && text.starts_with(begin),
            None => choice == text,
        };
        self.choices.is_empty() || self.choices.iter().any(admits)
    }

    /// What a value looks like, for a person.
    #[must_use]
    pub fn example(&self) -> String {
        match self.kind {
            _ if self.choices.is_empty() => self.kind.example().to_owned(),
            Kind::Choices => format!("{},...", self.choices.join("|")),
            _ => self.choices.join("|"),
        }
    }

    /// The value that the statement gets.
    pub(super) fn value(
        &self,
        query: &str,
        given: &[String],
        now: Timestamp,
    ) -> Result<ScalarValue, Error> {
        let invalid = |value: &str, reason: String| Error::InvalidParameter {
            name: self.name.clone(),
            value: value.to_owned(),
            reason,
        };
        let texts: Vec<&str> = match given {
            [] => self.default.iter().map(String::as_str).collect(),
            given if self.kind == Kind::Choices => {
                given.iter().flat_map(|text| text.split(',')).map(str::trim).collect()
            }
            given => given.iter().map(String::as_str).collect(),
        };
        for text in &texts {
            if !self.admits(text) {
                return Err(invalid(text, format!("choose {}", self.choices.join(", "))));
            }
        }
        match texts.as_slice() {
            [] if self.required => {
                let (query, name) = (query.to_owned(), self.name.clone());
                Err(Error::MissingParameter { query, name, kind: self.kind })
            }
            [] => Ok(self.kind.null()),
            globs if self.kind == Kind::Globs => Ok(ScalarValue::from(regular_expression(globs))),
            chosen if self.kind == Kind::Choices => {
                self.listed(chosen).map(ScalarValue::from).map_err(|text| {
                    invalid(text, "it stands alone, and others were given with it".to_owned())
                })
            }
            [path] if self.kind == Kind::Rates => rates::read(Path::new(path)),
            [text] => self.kind.read(text, now).map_err(|reason| invalid(text, reason)),
            [.., last] => Err(invalid(last, "it was given a value already".to_owned())),
        }
    }

    /// What was chosen as one text, or the choice that would have to stand alone.
    fn listed<'a>(&self, chosen: &[&'a str]) -> Result<String, &'a str> {
        let alone = chosen.iter().find(|text| self.default.as_deref() == Some(**text));
        if let (Some(alone), false) = (alone, chosen.len() == 1) {
            return Err(alone);
        }
        let listed = self.choices.iter().filter(|choice| chosen.contains(&choice.as_str()));
        Ok(listed.map(String::as_str).collect::<Vec<_>>().join(","))
    }
}

/// Names that many queries share, and that the command line has short forms for. A header takes them by
/// name alone, and ad-hoc SQL may use them without a header.
pub(super) fn shared(name: &str) -> Option<Parameter> {
    let (kind, default, choices, help): (_, _, &[&str], _) = match name {
        "from" => (Kind::Timestamp, None, &[], "Only what happened at this time or later."),
        "to" => (Kind::Timestamp, None, &[], "Only what happened before this time."),
        "stage" => (Kind::Globs, None, &[], "Only these stages: an ARN or a glob of names."),
        "session" => (Kind::Globs, None, &[], "Only these sessions."),
        "bucket" => (Kind::Bucket, None, &[], "The length of a bucket of time."),
        "by" => (Kind::Text, None, &[], "What to group by."),
        "tz" => (
            Kind::Zone,
            None,
            &[],
            "The time zone of buckets; UTC without it. A day has 23 or 25 hours where the clocks change.",
        ),
        "limit" => (Kind::Integer, None, &[], "At most so many rows."),
        "replicas" => (
            Kind::Text,
            Some("exclude"),
            &["exclude", "include", "only"],
            "Whether participants that are replicas count (subscriptions always do).",
        ),
        "open" => (
            Kind::Text,
            Some("clip"),
            &["clip", "exclude", "only"],
            "What has not ended: cut where the evidence ends, left out, or alone.",
        ),
        _ => return None,
    };
    Some(Parameter {
        name: name.to_owned(),
        kind,
        default: default.map(str::to_owned),
        help: help.to_owned(),
        choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        required: false,
    })
}

/// What was given on the command line: values by name, and the time that ages refer to.
#[derive(Clone, Debug)]
pub struct Arguments {
    now: Timestamp,
    values: BTreeMap<String, Vec<String>>,
}

impl Arguments {
    /// No values.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now, values: BTreeMap::new() }
    }

    /// Adds a value; a parameter that takes several is given them one by one.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a value.
    pub fn push(&mut self, name: &str, value: &str) {
        self.values.entry(name.to_owned()).or_default().push(value.to_owned());
    }

    /// Those of the values that something takes.
    #[must_use]
    pub fn only(&self, is_taken: impl Fn(&str) -> bool) -> Self {
        let taken = self.values.iter().filter(|(name, _)| is_taken(name));
        let values = taken.map(|(name, values)| (name.clone(), values.clone())).collect();
        Self { now: self.now, values }
    }

    /// The same values, where ages refer to another time.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The time that ages refer to.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes the only value of a name out.
    pub(super) fn take_one(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(mut values) = self.values.remove(name) else { return Ok(None) };
        let last = values.pop();
        match (values.is_empty(), last) {
            (true, last) => Ok(last),
            (false, last) => Err(Error::InvalidParameter {
                name: name.to_owned(),
                value: last.unwrap_or_default(),
                reason: "it was given a value already".to_owned(),
            }),
        }
    }

    pub(super) fn given(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Refuses values for names that the query does not take.
    pub(super) fn refuse_others(&self, query: &str, taken: &[String]) -> Result<(), Error> {
        match self.values.keys().find(|name| !taken.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Error::UnknownParameter {
                query: query.to_owned(),
                name: name.clone(),
                nearest: nearest(name, taken.iter().map(String::as_str)),
                taken: taken.to_vec(),
            }),
        }
    }
}

/// One anchored regular expression that any of the globs fits. A glob without wildcards stays a plain
/// alternative, which the engine turns into an equality.
fn regular_expression(globs: &[&str]) -> String {
    let alternatives: Vec<String> = globs.iter().map(|glob| glob_expression(glob)).collect();
    format!("^({})$", alternatives.join("|"))
}

/// Space around a glob is none of it: a shell that reads an id off a line of CSV has the line's end with it.
fn glob_expression(glob: &str) -> String {
    let mut expression = String::with_capacity(glob.len());
    for c in glob.trim().chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            // An escaped angle bracket is the edge of a word.
            c if c.is_ascii_punctuation() && !"_/:<>".contains(c) => expression.extend(['\\', c]),
            c => expression.push(c),
        }
    }
    expression
}
