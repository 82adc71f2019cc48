//! What can go wrong with a query, and what to do next.

use std::fmt;
use std::path::PathBuf;

use super::arguments::Kind;
use super::lexing::{Word, WordKind, words};
use super::rates;
use super::source::SourceError;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A place in a statement and the line it stands in, for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Where.
    pub position: Position,
    /// The whole line.
    pub line: String,
}

impl Excerpt {
    /// The line of `text` at a position that the parser or the planner told.
    pub(super) fn of(text: &str, position: Position) -> Option<Self> {
        let line = text.lines().nth(position.line.checked_sub(1)?)?;
        Some(Self { position, line: line.to_owned() })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.position.line.to_string();
        let indent: String = self
            .line
            .chars()
            .take(self.position.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        write!(f, "\n  {number} | {}\n  {:2$} | {indent}^", self.line, "", number.len())
    }
}

/// An optional excerpt, for use in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Option<Excerpt>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(excerpt) => write!(f, " at {}{excerpt}", excerpt.position),
            None => Ok(()),
        }
    }
}

/// What can go wrong with a query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no SQL.
    #[error("cannot read the SQL: {message}{place}")]
    Syntax {
        /// What the parser says.
        message: String,
        /// Where.
        place: Place,
    },
    /// The text holds no statement.
    #[error("there is no SQL statement in the text")]
    NoStatement,
    /// The text holds several where one is wanted.
    #[error("expected one SQL statement, found {found}")]
    SeveralStatements {
        /// How many.
        found: usize,
    },
    /// The statement would change something, or leave the lake.
    #[error("refused: {what}")]
    Refused {
        /// What it would do.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// No such table or view.
    #[error("there is no table `{name}`{place}")]
    UnknownTable {
        /// As it was written.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
        /// Where.
        place: Place,
    },
    /// No such column.
    #[error("there is no column `{name}`{place}")]
    UnknownColumn {
        /// As it was written.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
        /// Where.
        place: Place,
    },
    /// No such function.
    #[error("there is no function `{name}`{place}")]
    UnknownFunction {
        /// As it was written.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
        /// Where.
        place: Place,
    },
    /// The statement makes no sense: types, groups, ambiguous names.
    #[error("cannot plan the query: {message}{place}")]
    Invalid {
        /// Why.
        message: String,
        /// Where.
        place: Place,
    },
    /// A value was given for a parameter that the query does not take.
    #[error("{query} takes no parameter `{name}`")]
    UnknownParameter {
        /// What was asked, for a sentence: "the query `error-codes`" or "the statement".
        query: String,
        /// The parameter.
        name: String,
        /// The nearest that it takes.
        nearest: Option<String>,
        /// All that it takes.
        taken: Vec<String>,
    },
    /// A parameter without a default was given no value.
    #[error("{query} needs a value for the parameter `{name}`")]
    MissingParameter {
        /// What was asked.
        query: String,
        /// The parameter.
        name: String,
        /// What it would be.
        kind: Kind,
    },
    /// A file of unit prices is wrong.
    #[error("{}:{line}: {message}", file.display())]
    Rates {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The value of a parameter can't be read.
    #[error("the parameter `{name}` can't be `{value}`: {reason}")]
    InvalidParameter {
        /// The parameter.
        name: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No canned query of that name.
    #[error("there is no query `{name}`")]
    UnknownQuery {
        /// As it was written.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// A canned query can't be grouped in that way.
    #[error("the query `{query}` has no `--by {by}`")]
    UnknownGrouping {
        /// The query.
        query: String,
        /// As it was written.
        by: String,
        /// What it can be grouped by.
        choices: Vec<String>,
    },
    /// The header of a canned query is wrong, or does not fit its statement.
    #[error("{}:{line}: {message}", file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A file or folder of queries can't be read.
    #[error("cannot read `{}`", path.display())]
    ReadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine can't be set up: spill folder, memory.
    #[error("cannot set up the query engine: {message}")]
    Setup {
        /// Why.
        message: String,
    },
    /// The lake can't be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The memory, or the disk beneath it, is not enough.
    #[error("the query ran out of memory: {message}")]
    Exhausted {
        /// What was asked for, and what there was.
        message: String,
    },
    /// A file of the lake, or one that the statement names, can't be read.
    #[error("cannot read a file: {message}")]
    Unreadable {
        /// Which, and why.
        message: String,
    },
    /// It failed while it ran.
    #[error("the query failed: {message}")]
    Execution {
        /// Why.
        message: String,
    },
}

impl Error {
    /// The next step, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::NoStatement => Some("write a SELECT, or the name of a canned query".to_owned()),
            Self::SeveralStatements { .. } => {
                Some("run them one by one, or put them into a file and use `-f FILE`".to_owned())
            }
            Self::UnknownTable { nearest, .. } => {
                Some(did_you_mean(nearest.as_ref(), "`SHOW TABLES` lists what there is"))
            }
            Self::UnknownColumn { nearest, .. } => {
                Some(did_you_mean(nearest.as_ref(), "`DESCRIBE TABLE_NAME` lists the columns"))
            }
            Self::UnknownFunction { nearest, .. } => {
                Some(did_you_mean(nearest.as_ref(), "`SHOW FUNCTIONS` lists what there is"))
            }
            Self::UnknownQuery { nearest, .. } => {
                Some(did_you_mean(nearest.as_ref(), "`ivsight queries` lists what there is"))
            }
            Self::UnknownParameter { nearest, taken, .. } => {
                Some(did_you_mean(nearest.as_ref(), &takes(taken)))
            }
            Self::MissingParameter { name, kind: Kind::Rates, .. } => Some(format!(
                "add `--param {name}=FILE`, a list of your prices by the hour, such as\n{}",
                rates::EXAMPLE
            )),
            Self::MissingParameter { name, .. } => Some(format!("add `--param {name}=VALUE`")),
            Self::Rates { .. } => Some(format!("such a file looks like\n{}", rates::EXAMPLE)),
            Self::UnknownGrouping { choices, .. } => Some(takes_by(choices)),
            Self::Unreadable { .. } => Some(
                "restore the file from a backup; tables that it is no part of can still be asked"
                    .to_owned(),
            ),
            Self::Exhausted { .. } => Some(
                "allow more with `--memory-limit`, or narrow the period with `--from` and `--to`"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// The same, where the name stands in the text, if nobody else said where.
    pub(super) fn placed_in(mut self, text: &str) -> Self {
        if let Self::UnknownTable { name, place, .. } | Self::UnknownColumn { name, place, .. } =
            &mut self
            && place.0.is_none()
        {
            let bare = name.rsplit('.').next().unwrap_or(name);
            *place = Place(excerpt_of_name(text, bare));
        }
        self
    }

    /// Whether the request is at fault, not the lake or the machine: the exit code for usage.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoStatement
                | Self::SeveralStatements { .. }
                | Self::Refused { .. }
                | Self::UnknownParameter { .. }
                | Self::MissingParameter { .. }
                | Self::InvalidParameter { .. }
                | Self::Rates { .. }
                | Self::UnknownQuery { .. }
                | Self::UnknownGrouping { .. }
        )
    }
}

/// The last place of a name: what comes before a table's name is more often the same name in a list of columns.
fn excerpt_of_name(text: &str, name: &str) -> Option<Excerpt> {
    let is_name = |word: &&Word| {
        matches!(word.kind, WordKind::Name | WordKind::Quoted | WordKind::Text)
            && text[word.range.clone()].trim_matches(['"', '\'', '`']).eq_ignore_ascii_case(name)
    };
    let start = words(text).iter().rfind(is_name)?.range.start;
    let before = &text[..start];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Excerpt::of(text, Position { line, column })
}

fn did_you_mean(nearest: Option<&String>, otherwise: &str) -> String {
    nearest.map_or_else(|| otherwise.to_owned(), |name| format!("did you mean `{name}`?"))
}

fn takes(taken: &[String]) -> String {
    if taken.is_empty() {
        return "it takes no parameters".to_owned();
    }
    format!("it takes {}", quoted(taken))
}

fn takes_by(choices: &[String]) -> String {
    if choices.is_empty() {
        return "leave `--by` out".to_owned();
    }
    format!("it can be grouped by {}", quoted(choices))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name nearest to one that does not exist, if any is near enough to be what was meant.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (similarity(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Below this, a suggestion would puzzle more than help.
const NEAR_ENOUGH: f64 = 0.7;

/// Typing errors and words that begin alike: the better of the two measures.
fn similarity(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(a, b).max(strsim::jaro_winkler(a, b) - 0.1)
}
