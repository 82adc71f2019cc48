//! Statements that open the lake in another engine: its tables, and the shared views where the engine can.
//!
//! Everything is read-only there: nothing is written to the lake, and each engine keeps to its own catalog.

mod translate;

use std::fmt::Write;

use self::translate::translate;
use super::library::{Canned, Library};
use crate::lake::tables::Table;

/// An engine that reads Delta tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB with its delta extension.
    DuckDb,
    /// Spark with Delta Lake.
    Spark,
    /// Amazon Athena, engine 3.
    Athena,
    /// Trino with its Delta Lake connector, in a catalog called `delta`.
    Trino,
    /// ClickHouse, or chDB.
    ClickHouse,
}

/// What an engine can't open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopenable {
    /// A folder, where the engine reads object stores alone.
    #[error("{engine} can't read the folder `{location}`")]
    Folder {
        /// The engine.
        engine: &'static str,
        /// The lake.
        location: String,
    },
}

/// What an engine can't run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be written for {engine}: {reason}")]
pub struct Untranslatable {
    name: String,
    engine: &'static str,
    reason: String,
}

impl Dialect {
    /// Every engine.
    pub const ALL: [Self; 5] =
        [Self::DuckDb, Self::Spark, Self::Athena, Self::Trino, Self::ClickHouse];

    /// The engine's own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "DuckDB",
            Self::Spark => "Spark",
            Self::Athena => "Athena",
            Self::Trino => "Trino",
            Self::ClickHouse => "ClickHouse",
        }
    }

    /// The statements that open a lake: an absolute path, or an URL such as `s3://bucket/prefix`.
    ///
    /// # Errors
    /// [`Unopenable`] where the engine has no way to the lake.
    pub fn statements(self, location: &str, library: &Library) -> Result<String, Unopenable> {
        let location = location.trim_end_matches('/');
        if self == Self::Athena && !location.starts_with("s3://") {
            return Err(Unopenable::Folder { engine: self.name(), location: location.to_owned() });
        }
        let mut text = format!("-- The lake at {} in {}.\n", in_comment(location), self.name());
        text.push_str(self.preamble(location));
        for table in Table::ALL {
            let place = format!("{location}/{}", table.name());
            line(&mut text, &format!("\n-- {}", table.doc()));
            line(&mut text, &self.table(table, &place));
        }
        for view in ordered_views(library) {
            self.view(&mut text, view);
        }
        Ok(text)
    }

    /// The statement of a canned query with the defaults of its parameters, over the tables and views of
    /// [`Dialect::statements`].
    ///
    /// # Errors
    /// Why the engine can't have it.
    pub fn query(self, canned: &Canned, library: &Library) -> Result<String, Untranslatable> {
        let refused = |reason| Untranslatable {
            name: canned.header().name.clone(),
            engine: self.name(),
            reason,
        };
        for view in ordered_views(library) {
            let name = &view.header().name;
            if canned.header().uses.contains(name) {
                translate(view, self).map_err(|reason| {
                    refused(format!("it stands on the view `{name}`, and {reason}"))
                })?;
            }
        }
        translate(canned, self).map_err(refused)
    }

    /// What comes first: extensions, a schema, UTC as the time zone.
    fn preamble(self, location: &str) -> &'static str {
        match self {
            Self::DuckDb if location.starts_with("s3://") => {
                "INSTALL delta;\nLOAD delta;\nINSTALL httpfs;\nLOAD httpfs;\n\
                 CREATE SECRET IF NOT EXISTS ivsight (TYPE s3, PROVIDER credential_chain);\n\
                 SET TimeZone = 'UTC';\n"
            }
            Self::DuckDb => "INSTALL delta;\nLOAD delta;\nSET TimeZone = 'UTC';\n",
            Self::Spark => {
                "-- Spark writes S3 as s3a://; Delta Lake's extension and catalog must be configured.\n\
                 SET TIME ZONE 'UTC';\nCREATE SCHEMA IF NOT EXISTS ivsight;\nUSE ivsight;\n"
            }
            Self::Athena => {
                "-- One statement at a time; Athena's time zone is UTC. Its columns come from the tables' own logs.\n\
                 CREATE SCHEMA IF NOT EXISTS ivsight;\n"
            }
            Self::Trino => {
                "-- The catalog `delta` needs delta.register-table-procedure.enabled=true.\n\
                 SET TIME ZONE 'UTC';\nCREATE SCHEMA IF NOT EXISTS delta.ivsight;\n"
            }
            Self::ClickHouse => {
                "SET session_timezone = 'UTC';\nCREATE DATABASE IF NOT EXISTS ivsight;\nUSE ivsight;\n"
            }
        }
    }

    fn table(self, table: Table, place: &str) -> String {
        let (name, quoted) = (table.name(), self.text(place));
        match self {
            Self::DuckDb => {
                let mut text = format!(
                    "CREATE OR REPLACE VIEW {name} AS\nSELECT {}\nFROM delta_scan({quoted});\n",
                    column_names(table)
                );
                let table_doc = self.text(table.doc());
                line(&mut text, &format!("COMMENT ON VIEW {name} IS {table_doc};"));
                for column in table.columns() {
                    let doc = self.text(column.doc);
                    line(&mut text, &format!("COMMENT ON COLUMN {name}.{} IS {doc};", column.name));
                }
                text.trim_end().to_owned()
            }
            Self::Spark => {
                let place = place.replacen("s3://", "s3a://", 1).replace('`', "``");
                let columns: Vec<String> = table
                    .columns()
                    .iter()
                    .map(|column| format!("  {} COMMENT {}", column.name, self.text(column.doc)))
                    .collect();
                format!(
                    "CREATE OR REPLACE VIEW {name} (\n{}\n)\nCOMMENT {}\nAS SELECT {}\nFROM delta.`{place}`;",
                    columns.join(",\n"),
                    self.text(table.doc()),
                    column_names(table),
                )
            }
            Self::Athena => format!(
                "{}CREATE EXTERNAL TABLE ivsight.{name}\nLOCATION {}\nTBLPROPERTIES ('table_type' = 'DELTA');",
                column_comments(table),
                self.text(&format!("{place}/")),
            ),
            Self::Trino => {
                let url = if place.starts_with("s3://") {
                    quoted
                } else {
                    self.text(&format!("local://{place}"))
                };
                format!(
                    "{}CALL delta.system.register_table(\n  schema_name => 'ivsight', table_name => '{name}',\n  table_location => {url});",
                    column_comments(table),
                )
            }
            Self::ClickHouse => {
                let engine = match place.strip_prefix("s3://") {
                    Some(_) => format!("DeltaLake({quoted})"),
                    None => format!("DeltaLakeLocal({quoted})"),
                };
                format!(
                    "{}CREATE TABLE IF NOT EXISTS {name} ENGINE = {engine}\nCOMMENT {};",
                    column_comments(table),
                    self.text(table.doc()),
                )
            }
        }
    }

    /// A view, or why it is left out.
    fn view(self, text: &mut String, view: &Canned) {
        let header = view.header();
        line(text, &format!("\n-- {}", header.question));
        match translate(view, self) {
            Ok(sql) => line(text, &format!("CREATE OR REPLACE VIEW {} AS\n{sql};", header.name)),
            Err(reason) => line(text, &format!("-- `{}` is left out: {reason}.", header.name)),
        }
    }

    /// A text in quotation marks.
    fn text(self, text: &str) -> String {
        let escaped = match self {
            Self::Spark | Self::ClickHouse => text.replace('\\', "\\\\").replace('\'', "\\'"),
            Self::DuckDb | Self::Athena | Self::Trino => text.replace('\'', "''"),
        };
        format!("'{escaped}'")
    }
}

fn column_names(table: Table) -> String {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
    names.join(", ")
}

/// The columns for a reader, where the statement can't name them.
fn column_comments(table: Table) -> String {
    table.columns().iter().fold(String::new(), |mut text, column| {
        line(&mut text, &format!("--   {}: {}", column.name, column.doc));
        text
    })
}

/// A path may hold an end of line; a comment must not.
fn in_comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes all that is written to it");
}

/// The views so that each comes after those that it stands on.
fn ordered_views(library: &Library) -> Vec<&Canned> {
    let mut left: Vec<&Canned> = library.views().collect();
    let mut ordered: Vec<&Canned> = Vec::new();
    while !left.is_empty() {
        let waits = |view: &&Canned, left: &[&Canned]| {
            let uses = &view.header().uses;
            left.iter().any(|other| uses.contains(&other.header().name))
        };
        let (waiting, ready): (Vec<_>, Vec<_>) = {
            let all = left.clone();
            left.into_iter().partition(|view| waits(view, &all))
        };
        // A circle is refused when a view is planned; here it must not go on for ever.
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        left = waiting;
    }
    ordered
}

#[cfg(test)]
mod tests;
