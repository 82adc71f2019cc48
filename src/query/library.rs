//! The canned queries and the views: those in the program, and those of a folder of the user's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::arguments::{Arguments, Parameter};
use super::check::Check;
use super::error::{Error, nearest};
use super::header::{HeadedSql, Header, line_of};
use super::statement::{Script, Statement};
use crate::lake::tables::Table;

macro_rules! embedded {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$((concat!($folder, $name, ".sql"), include_str!(concat!("../../", $folder, $name, ".sql")))),*]
    };
}

/// Every file in `queries/`. A test compares this list with the folder.
const QUERIES: &[(&str, &str)] = embedded!(
    "queries/":
    "access-errors",
    "anomalies",
    "attendance",
    "audience",
    "churn",
    "completeness",
    "concurrency",
    "cost-estimate",
    "coverage",
    "durations",
    "error-codes",
    "failure-rates",
    "freshness",
    "funnel",
    "identity",
    "occupancy",
    "participant-hours",
    "promotions",
    "publish-startup",
    "publisher-tiers",
    "reconcile",
    "recording-coverage",
    "recovery",
    "replication-durations",
    "replication-edges",
    "replication-fanout",
    "replication-impact",
    "replication-pairs",
    "replication-requests",
    "retention",
    "session-health",
    "sessions",
    "slo",
    "subscribe-startup",
    "suspects",
    "timeline",
    "token-exchanges",
    "top",
    "waste",
);

/// Every file in `queries/views/`. A test compares this list with the folder.
const VIEWS: &[(&str, &str)] = embedded!(
    "queries/views/":
    "attempts",
    "changes",
    "connections",
    "dimensions",
    "error_events",
    "errors",
    "health",
    "levels",
    "person_errors",
    "persons",
    "presence",
    "publish_rights",
    "publishing",
    "replication",
    "replication_spans",
    "selected_sessions",
    "startups",
    "subscribe_startups",
    "subscriptions",
    "token_exchanges",
    "visits",
);

/// A query, or a view, with its header.
#[derive(Clone, Debug)]
pub struct Canned {
    file: PathBuf,
    header: Header,
    sql: String,
    pub(super) statement: Statement,
}

impl Canned {
    fn parse(file: &Path, text: &str) -> Result<Self, Error> {
        let HeadedSql { header, sql } = HeadedSql::parse(file, text)?;
        let statement = Script::parse(&sql).and_then(Script::single).map_err(|error| {
            let line = match &error {
                Error::Syntax { place, .. } => {
                    place.0.as_ref().map_or(1, |excerpt| excerpt.position.line)
                }
                _ => 1,
            };
            Error::Header { file: file.to_owned(), line, message: error.to_string() }
        })?;
        Ok(Self { file: file.to_owned(), header, sql, statement })
    }

    /// What it says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file, header and all.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.sql
    }

    /// The statement alone, for use in ad-hoc SQL.
    #[must_use]
    pub fn sql(&self) -> &str {
        let mut rest = self.sql.as_str();
        while rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        rest.trim()
    }

    /// Where it comes from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A parameter by its name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.header.params.iter().find(|parameter| parameter.name == name)
    }

    /// What makes its answer a bad one, where it has a verdict.
    #[must_use]
    pub fn check(&self) -> Option<&Check> {
        self.header.check.as_ref()
    }

    /// A fault of the file, at the first line that holds a word.
    pub(super) fn fault(&self, word: &str, message: String) -> Error {
        Error::Header { file: self.file.clone(), line: line_of(&self.sql, word), message }
    }
}

/// A file that is read when it is first asked for: a statement names few of them.
#[derive(Clone, Debug)]
struct Shelved {
    file: PathBuf,
    /// The text of an embedded file.
    text: &'static str,
    read: OnceLock<Canned>,
}

impl Shelved {
    fn embedded(file: &str, text: &'static str) -> Self {
        Self { file: file.into(), text, read: OnceLock::new() }
    }

    fn read(canned: Canned) -> Self {
        Self { file: canned.file.clone(), text: "", read: OnceLock::from(canned) }
    }

    fn canned(&self) -> &Canned {
        self.read.get_or_init(|| {
            Canned::parse(&self.file, self.text)
                .expect("every embedded file is read, and planned, by a test")
        })
    }
}

/// All queries and views.
#[derive(Clone, Debug, Default)]
pub struct Library {
    queries: BTreeMap<String, Shelved>,
    views: BTreeMap<String, Shelved>,
}

impl Library {
    /// Those that come with the program.
    #[must_use]
    pub fn embedded() -> Self {
        let shelf = |files: &[(&str, &'static str)]| {
            let shelved = files.iter().map(|(file, text)| {
                let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
                (name.into_owned(), Shelved::embedded(file, text))
            });
            shelved.collect()
        };
        Self { queries: shelf(QUERIES), views: shelf(VIEWS) }
    }

    /// Adds the `*.sql` of a folder, and those of its `views/`; one of the same name takes the place of ours.
    ///
    /// # Errors
    /// [`Error::ReadFile`] and [`Error::Header`], which names file and line.
    pub fn overlay(mut self, folder: &Path) -> Result<Self, Error> {
        let views = folder.join("views");
        if views.is_dir() {
            for file in sql_files(&views)? {
                self.add_view(&file, &read(&file)?)?;
            }
        }
        for file in sql_files(folder)? {
            self.add_query(&file, &read(&file)?)?;
        }
        Ok(self)
    }

    fn add_query(&mut self, file: &Path, text: &str) -> Result<(), Error> {
        let query = Canned::parse(file, text)?;
        self.queries.insert(query.header.name.clone(), Shelved::read(query));
        Ok(())
    }

    fn add_view(&mut self, file: &Path, text: &str) -> Result<(), Error> {
        let view = Canned::parse(file, text)?;
        if Table::ALL.iter().any(|table| table.name() == view.header.name) {
            let message = format!("a table of the lake is called `{}`", view.header.name);
            return Err(view.fault("name =", message));
        }
        self.views.insert(view.header.name.clone(), Shelved::read(view));
        Ok(())
    }

    /// The queries, by name.
    pub fn queries(&self) -> impl Iterator<Item = &Canned> {
        self.queries.values().map(Shelved::canned)
    }

    /// The views, by name.
    pub fn views(&self) -> impl Iterator<Item = &Canned> {
        self.views.values().map(Shelved::canned)
    }

    /// The names of the views, none of which need be read for it.
    pub fn view_names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    pub(super) fn view(&self, name: &str) -> Option<&Canned> {
        self.views.get(name).map(Shelved::canned)
    }

    /// A query by its name.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`] with the nearest name.
    pub fn find(&self, name: &str) -> Result<&Canned, Error> {
        self.queries.get(name).map(Shelved::canned).ok_or_else(|| Error::UnknownQuery {
            name: name.to_owned(),
            nearest: nearest(name, self.queries.keys().map(String::as_str)),
        })
    }

    /// A query or a view by its name, to be looked at.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`] with the nearest name.
    pub fn describe(&self, name: &str) -> Result<&Canned, Error> {
        self.find(name).or_else(|error| self.view(name).ok_or(error))
    }

    /// The query that answers a name and its arguments: another one where `--by` asks for a grouping that has
    /// columns of its own. That argument is used up.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`], [`Error::UnknownGrouping`].
    pub fn choose(&self, name: &str, arguments: &mut Arguments) -> Result<&Canned, Error> {
        let query = self.find(name)?;
        if query.header.by.is_empty() {
            return Ok(query);
        }
        let Some(by) = arguments.take_one("by")? else { return Ok(query) };
        match query.header.by.get(&by) {
            Some(other) => self.find(other),
            None => Err(Error::UnknownGrouping {
                query: name.to_owned(),
                by,
                choices: query.header.by.keys().cloned().collect(),
            }),
        }
    }
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::ReadFile { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file)
        .map_err(|source| Error::ReadFile { path: file.to_owned(), source })
}

#[cfg(test)]
#[path = "library/tests.rs"]
mod tests;
