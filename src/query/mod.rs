//! SQL over one snapshot of the lake, and the queries that come with the program.
//!
//! [`Engine`] runs statements over a [`Source`]; [`Library`] holds the canned queries and the views that they
//! share with ad-hoc SQL. Values reach a statement as bound parameters ([`Arguments`]), never as text.
//!
//! The boundary: it gives Arrow batches and typed errors. It writes nothing to a terminal, knows no command
//! line, and reads files only where the caller names them: a folder of queries, a list of prices.

mod arguments;
mod binding;
mod calendar;
mod catalog;
mod check;
mod coverage;
mod ddl;
mod engine;
mod error;
mod functions;
mod guard;
mod header;
mod kept;
mod lake_source;
mod lexing;
mod library;
mod markdown;
mod min_by;
mod opening;
mod options;
mod plain;
mod rates;
mod reading;
#[cfg(test)]
mod robustness;
mod run_join;
mod running;
mod source;
mod statement;
mod yielding;

pub use arguments::{Arguments, Kind, Parameter};
pub use check::{Alarm, Check};
pub use coverage::{Coverage, coverage};
pub use ddl::{Dialect, Unopenable, Untranslatable};
pub use engine::{Answer, Engine};
pub use error::{Error, Position};
pub use functions::{FUNCTIONS, Function};
pub use header::{Chart, ChartKind, ColumnKind, ColumnSpec, Header};
pub use lake_source::LakeSource;
pub use lexing::{Piece, Word, WordKind, command_amid, is_whole, pieces, words};
pub use library::{Canned, Library};
pub use options::Options;
pub use reading::{ReadSoFar, Reading};
pub use source::{MemorySource, Snapshot, Source, SourceError};
pub use statement::{Script, Statement};
