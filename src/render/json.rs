//! JSON: every column in every object, NULL as null, times as RFC 3339, maps as objects, what is no number as null.

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;

use super::cells::TIME_FORMAT;
use super::sanitize::sanitize_json;
use super::{Fault, Options, Out, Sink};

/// Objects, in an array or one in each line.
pub(super) struct Json<'a> {
    out: Out<'a>,
    terminal: bool,
    array: bool,
    started: bool,
}

impl<'a> Json<'a> {
    pub(super) fn array(options: &Options, out: Out<'a>) -> Self {
        Self { out, terminal: options.terminal, array: true, started: false }
    }

    pub(super) fn lines(options: &Options, out: Out<'a>) -> Self {
        Self { array: false, ..Self::array(options, out) }
    }
}

impl Sink for Json<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        let mut writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_timestamp_format(TIME_FORMAT.to_owned())
            .build::<_, LineDelimited>(&mut bytes);
        writer.write(batch)?;
        writer.finish()?;
        drop(writer);
        let text = String::from_utf8_lossy(&bytes);
        let text = if self.terminal { sanitize_json(&text) } else { text.clone() };
        if !self.array {
            self.out.write_all(text.as_bytes())?;
            return Ok(());
        }
        // JSON has no line break within a text: a line is a row.
        for line in text.lines() {
            self.out.write_all(if self.started { b",\n" } else { b"[\n" })?;
            self.out.write_all(line.as_bytes())?;
            self.started = true;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        if self.array {
            self.out.write_all(if self.started { b"\n]\n" } else { b"[]\n" })?;
        }
        Ok(self.out.flush()?)
    }
}
