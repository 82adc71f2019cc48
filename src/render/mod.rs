//! Rows to bytes: a table for people, or one of the formats that programs read.
//!
//! The boundary: it takes Arrow batches as they come, and a writer. It knows no SQL, no terminal and no file; what
//! it needs to know of them, it is told ([`Options`]). Memory is bounded, whatever the number of rows: it holds a
//! batch, and of a table as many rows as it takes to find the widths of the columns.

mod binary;
mod cells;
mod delimited;
mod json;
mod sanitize;
mod table;
mod vertical;

use std::io::{self, Write};
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use futures::{Stream, StreamExt};

pub use sanitize::sanitize;

/// A form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns side by side, fitted to a width.
    Table,
    /// A line for each value.
    Vertical,
    /// RFC 4180: lines end with CR LF. NULL is nothing, an empty text is `""`; lists and maps are JSON.
    Csv,
    /// Tabs between values; `\t`, `\n`, `\r`, `\\` stand for what they say, `\N` for NULL.
    Tsv,
    /// An array of objects.
    Json,
    /// An object in each line.
    Ndjson,
    /// A table for Markdown.
    Markdown,
    /// Parquet, with zstd.
    Parquet,
    /// The Arrow file format, also known as Feather 2.
    Arrow,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 9] = [
        Self::Table,
        Self::Vertical,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Ndjson,
        Self::Markdown,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Vertical => "vertical",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether it would garble a terminal.
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no format `{name}`: choose table, vertical, csv, tsv, json, ndjson, markdown, parquet or arrow"
)]
pub struct UnknownFormat {
    /// As it was written.
    pub name: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

/// How to write an answer.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The form.
    pub format: Format,
    /// A terminal reads it: control and bidirectional characters are escaped in every format of text.
    pub terminal: bool,
    /// Characters in a line of a table; `None`: as many as it takes.
    pub width: Option<usize>,
    /// Rows of a table that are shown; `None`: all.
    pub rows_max: Option<usize>,
}

impl Options {
    /// A format, with all rows, for a file.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, terminal: false, width: None, rows_max: None }
    }
}

/// Why an answer was not written to its end. `E` is the error of the rows themselves.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    /// The rows ended with an error.
    #[error(transparent)]
    Rows(E),
    /// The writer failed. [`io::ErrorKind::BrokenPipe`] is the reader's right.
    #[error("cannot write the result: {0}")]
    Write(#[source] io::Error),
    /// A column has a type that the format can't hold.
    #[error("cannot write the result as {}: {message}", format.name())]
    Encode {
        /// The format.
        format: Format,
        /// Why.
        message: String,
    },
}

impl<E: std::error::Error + 'static> Error<E> {
    /// Whether whoever read the output has gone.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Writes rows as they come; an error in the middle of them is an error here. Gives the number of rows.
///
/// # Errors
/// [`Error`], after which the output is not whole.
pub async fn render<E: std::error::Error + 'static>(
    schema: &SchemaRef,
    mut batches: impl Stream<Item = Result<RecordBatch, E>> + Unpin,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<u64, Error<E>> {
    let failed = |fault: Fault| fault.into_error(options.format);
    let schema = cells::output_schema(schema);
    let mut sink = open(&schema, options, out).map_err(failed)?;
    let mut rows_n = 0;
    while let Some(batch) = batches.next().await {
        let batch = cells::output_batch(&schema, &batch.map_err(Error::Rows)?)
            .map_err(|error| failed(error.into()))?;
        rows_n += batch.num_rows() as u64;
        sink.write(&batch).map_err(failed)?;
    }
    sink.finish().map_err(failed)?;
    Ok(rows_n)
}

/// One format at work.
trait Sink: Send {
    /// Takes some rows.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault>;
    /// Writes what is left, and flushes.
    fn finish(self: Box<Self>) -> Result<(), Fault>;
}

type Out<'a> = &'a mut (dyn Write + Send);

fn open<'a>(
    schema: &SchemaRef,
    options: &Options,
    out: Out<'a>,
) -> Result<Box<dyn Sink + 'a>, Fault> {
    Ok(match options.format {
        Format::Table => Box::new(table::Table::new(schema, options, out)),
        Format::Markdown => Box::new(delimited::Markdown::new(schema, options, out)?),
        Format::Vertical => Box::new(vertical::Vertical::new(schema, options, out)),
        Format::Csv => Box::new(delimited::Csv::new(schema, options, out)?),
        Format::Tsv => Box::new(delimited::Tsv::new(schema, options, out)?),
        Format::Json => Box::new(json::Json::array(options, out)),
        Format::Ndjson => Box::new(json::Json::lines(options, out)),
        Format::Parquet => Box::new(binary::Parquet::new(schema, out)?),
        Format::Arrow => Box::new(binary::Arrow::new(schema, out)?),
    })
}

/// What went wrong in a sink.
enum Fault {
    Write(io::Error),
    Encode(String),
}

impl Fault {
    fn into_error<E: std::error::Error + 'static>(self, format: Format) -> Error<E> {
        match self {
            Self::Write(error) => Error::Write(error),
            Self::Encode(message) => Error::Encode { format, message },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Write(error),
            other => Self::Encode(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
