//! The engine's errors in plain sentences.
//!
//! DataFusion wraps its errors in contexts, backtraces and diagnostics; what a person needs of them is what was
//! wrong, where in the text, and what was meant instead.

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

use super::error::{Error, Excerpt, Place, Position, nearest};
use super::source::SourceError;

/// What went wrong while the statement was parsed or planned.
pub(super) fn planning(error: DataFusionError, sql: &str) -> Error {
    Translation { sql, position: None, running: false }.translate(error)
}

/// What went wrong while it ran.
pub(super) fn running(error: DataFusionError) -> Error {
    Translation { sql: "", position: None, running: true }.translate(error)
}

struct Translation<'a> {
    sql: &'a str,
    position: Option<Position>,
    running: bool,
}

impl Translation<'_> {
    fn translate(mut self, error: DataFusionError) -> Error {
        match error {
            DataFusionError::Diagnostic(diagnostic, inner) => {
                let start = diagnostic.span.map(|span| span.start);
                if let Some(start) = start
                    && let (Ok(line), Ok(column)) =
                        (usize::try_from(start.line), usize::try_from(start.column))
                    && line > 0
                {
                    self.position = Some(Position { line, column });
                }
                self.translate(*inner)
            }
            DataFusionError::Context(_, inner) => self.translate(*inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                self.translate(errors.swap_remove(0))
            }
            DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
                Ok(inner) => self.translate(inner),
                Err(inner) => self.by_reference(&inner),
            },
            DataFusionError::External(inner) => self.external(inner),
            DataFusionError::ArrowError(inner, _) => match *inner {
                ArrowError::ExternalError(inner) => self.external(inner),
                other => self.arrow(&other),
            },
            DataFusionError::SQL(inner, _) => syntax(&inner, self.sql),
            DataFusionError::SchemaError(inner, _) => self.schema(&inner),
            DataFusionError::Plan(message) => self.plan(&message),
            other => self.by_reference(&other),
        }
    }

    fn by_reference(&self, error: &DataFusionError) -> Error {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                self.by_reference(inner)
            }
            DataFusionError::Shared(inner) => self.by_reference(inner),
            DataFusionError::ResourcesExhausted(message) => {
                Error::Exhausted { message: sentence(message) }
            }
            DataFusionError::Plan(message) => self.plan(message),
            DataFusionError::SchemaError(inner, _) => self.schema(inner),
            DataFusionError::NotImplemented(message) => {
                self.failed(&format!("not supported: {message}"))
            }
            DataFusionError::ArrowError(inner, _) => self.arrow(inner),
            DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => {
                let message = error.message();
                match of_a_filter(&message) {
                    Some(fault) => self.failed(fault),
                    None => unreadable(&message),
                }
            }
            other => self.failed(&other.message()),
        }
    }

    fn arrow(&self, error: &ArrowError) -> Error {
        match error {
            ArrowError::ParquetError(message) => match of_a_filter(message) {
                Some(fault) => self.failed(fault),
                None => unreadable(message),
            },
            other => self.failed(&other.to_string()),
        }
    }

    fn external(self, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let error = match error.downcast::<SourceError>() {
            Ok(source) => return Error::Source(*source),
            Err(error) => error,
        };
        let error = match error.downcast::<Error>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let error = match error.downcast::<ArrowError>() {
            Ok(inner) => return self.translate(DataFusionError::ArrowError(inner, None)),
            Err(error) => error,
        };
        match error.downcast::<DataFusionError>() {
            Ok(inner) => self.translate(*inner),
            Err(error) => self.failed(&chain(&*error)),
        }
    }

    fn schema(&self, error: &SchemaError) -> Error {
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => Error::UnknownColumn {
                name: field.flat_name(),
                nearest: nearest(&field.name, valid_fields.iter().map(|valid| valid.name.as_str())),
                place: self.place(),
            },
            other => self.failed(&other.to_string()),
        }
    }

    fn plan(&self, message: &str) -> Error {
        if let Some(name) = between(message, "Invalid function '", "'") {
            let name = name.to_owned();
            return Error::UnknownFunction { name, nearest: None, place: self.place() };
        }
        if let Some(column) = between(message, "expanding wildcard, column \"", "\" must appear") {
            return self.failed(&format!(
                "`{column}` must stand in GROUP BY, or in an aggregate function"
            ));
        }
        if let Some(name) = between(message, "unction '", "' failed to match any signature") {
            return self.failed(&format!("`{name}` does not take values of these types"));
        }
        if let Some(name) = between(message, "table '", "' not found") {
            let name = name.rsplit('.').next().unwrap_or(name).to_owned();
            return Error::UnknownTable { name, nearest: None, place: Place::default() };
        }
        self.failed(message)
    }

    fn failed(&self, message: &str) -> Error {
        let message = sentence(message);
        if self.running {
            Error::Execution { message }
        } else {
            Error::Invalid { message, place: self.place() }
        }
    }

    fn place(&self) -> Place {
        Place(self.position.and_then(|position| Excerpt::of(self.sql, position)))
    }
}

/// What a filter said that was run while a file was read: the file is not at fault. The reader keeps it as debug text.
fn of_a_filter(message: &str) -> Option<&str> {
    let (_, fault) = message.split_once("Error evaluating filter predicate: ")?;
    let fault = fault.split_once("Error(\"").map_or(fault, |(_, inner)| inner);
    Some(fault.split_once("\")").map_or(fault, |(inner, _)| inner))
}

fn unreadable(message: &str) -> Error {
    Error::Unreadable { message: sentence(message) }
}

fn syntax(error: &ParserError, sql: &str) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply",
    };
    let (message, position) = match text.strip_suffix(", found: EOF") {
        Some(expected) => (format!("{expected}, found: the end of the text"), end_of(sql)),
        None => split_position(text),
    };
    let place = Place(position.and_then(|position| Excerpt::of(sql, position)));
    Error::Syntax { message: sentence(&message), place }
}

/// The parser ends its messages with ` at Line: 1, Column: 8`.
fn split_position(text: &str) -> (String, Option<Position>) {
    let Some((message, position)) = text.rsplit_once(" at Line: ") else {
        return (text.to_owned(), None);
    };
    let mut numbers = position
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().ok());
    let position = match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(line), Some(column)) if line > 0 => Some(Position { line, column }),
        _ => None,
    };
    (message.to_owned(), position)
}

/// Behind the last character that is no space.
fn end_of(sql: &str) -> Option<Position> {
    let text = sql.trim_end();
    let last = text.lines().last()?;
    Some(Position { line: text.lines().count(), column: last.chars().count() + 1 })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Phrases that the engine puts around what it has to say.
const PREFIXES: [&str; 10] = [
    "Error during planning: ",
    "Execution error: ",
    "Arrow error: ",
    "External error: ",
    "Schema error: ",
    "Internal error: ",
    "This feature is not implemented: ",
    "Parser error: ",
    "Cast error: ",
    "Compute error: ",
];

/// The first line of a message in the form that ours have: lower case, no final period, no request to file a bug.
fn sentence(message: &str) -> String {
    let mut text = message.trim();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text = text.split("This issue was likely caused by a bug").next().unwrap_or(text);
    // What follows repeats the sentence for each type that would have done.
    let text = text.split(", errors: ").next().unwrap_or(text);
    // What the parser of statements shows of its own tree.
    let text = text.split(" Substring {").next().unwrap_or(text);
    let mut lines = text.lines();
    let text = match (lines.next(), lines.next_back()) {
        // A list that ends with its point: regular expressions show theirs so.
        (Some(first), Some(last)) if first.ends_with(':') => {
            last.strip_prefix("error: ").unwrap_or(last)
        }
        (first, _) => first.unwrap_or(text),
    };
    let text = text.trim().trim_end_matches('.');
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain([second]).chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
