//! A line for each value: for rows that are wider than any screen.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::cells::rows;
use super::{Fault, Options, Out, Sink, sanitize};

/// `name │ value`, with a rule before each row.
pub(super) struct Vertical<'a> {
    out: Out<'a>,
    names: Vec<String>,
    name_width: usize,
    rows_max: Option<usize>,
    rows_n: usize,
}

impl<'a> Vertical<'a> {
    pub(super) fn new(schema: &SchemaRef, options: &Options, out: Out<'a>) -> Self {
        let names: Vec<String> =
            schema.fields().iter().map(|field| sanitize(field.name()).into_owned()).collect();
        let name_width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        Self { out, names, name_width, rows_max: options.rows_max, rows_n: 0 }
    }
}

impl Sink for Vertical<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let room = self.rows_max.map_or(usize::MAX, |most| most.saturating_sub(self.rows_n));
        let shown = batch.slice(0, batch.num_rows().min(room));
        for (index, row) in rows(&shown)?.enumerate() {
            writeln!(self.out, "── row {} ──", self.rows_n + index + 1)?;
            for (name, value) in self.names.iter().zip(row) {
                let value = value.unwrap_or_else(|| super::table::NULL.to_owned());
                let padding = self.name_width - name.width();
                // A line is a value: what would break it is escaped, whoever reads it.
                writeln!(self.out, "{name}{:padding$} │ {}", "", sanitize(&value))?;
            }
        }
        self.rows_n += batch.num_rows();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        match self.rows_max.filter(|&most| most < self.rows_n) {
            Some(most) => writeln!(self.out, "{most} of {} rows shown", self.rows_n)?,
            None if self.rows_n == 0 => writeln!(self.out, "{}\n(no rows)", self.names.join("\n"))?,
            None => {}
        }
        Ok(self.out.flush()?)
    }
}
