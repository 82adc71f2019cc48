//! CSV by RFC 4180, values between tabs, and tables for Markdown.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cells::{is_number, rows, shown};
use super::{Fault, Options, Out, Sink};

/// RFC 4180.
pub(super) struct Csv<'a> {
    out: Out<'a>,
    terminal: bool,
}

impl<'a> Csv<'a> {
    pub(super) fn new(schema: &SchemaRef, options: &Options, out: Out<'a>) -> Result<Self, Fault> {
        let mut csv = Self { out, terminal: options.terminal };
        let names = schema.fields().iter().map(|field| Some(field.name().clone())).collect();
        csv.line(names)?;
        Ok(csv)
    }

    fn line(&mut self, values: Vec<Option<String>>) -> Result<(), Fault> {
        let mut line = String::new();
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            let Some(value) = value else { continue };
            let value = shown(&value, self.terminal);
            // An empty text is quoted to tell it from NULL.
            if value.is_empty() || value.contains([',', '"', '\n', '\r']) {
                line.push('"');
                line.push_str(&value.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(&value);
            }
        }
        line.push_str("\r\n");
        self.out.write_all(line.as_bytes())?;
        Ok(())
    }
}

impl Sink for Csv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        rows(batch)?.try_for_each(|row| self.line(row))
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        Ok(self.out.flush()?)
    }
}

/// Values between tabs.
pub(super) struct Tsv<'a> {
    out: Out<'a>,
    terminal: bool,
}

impl<'a> Tsv<'a> {
    pub(super) fn new(schema: &SchemaRef, options: &Options, out: Out<'a>) -> Result<Self, Fault> {
        let mut tsv = Self { out, terminal: options.terminal };
        tsv.line(schema.fields().iter().map(|field| Some(field.name().clone())).collect())?;
        Ok(tsv)
    }

    fn line(&mut self, values: Vec<Option<String>>) -> Result<(), Fault> {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| match value {
                Some(value) => shown(&escape_tabs(&value), self.terminal).into_owned(),
                None => "\\N".to_owned(),
            })
            .collect();
        writeln!(self.out, "{}", values.join("\t"))?;
        Ok(())
    }
}

fn escape_tabs(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

impl Sink for Tsv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        rows(batch)?.try_for_each(|row| self.line(row))
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        Ok(self.out.flush()?)
    }
}

/// A table for Markdown.
pub(super) struct Markdown<'a> {
    out: Out<'a>,
    terminal: bool,
}

impl<'a> Markdown<'a> {
    pub(super) fn new(schema: &SchemaRef, options: &Options, out: Out<'a>) -> Result<Self, Fault> {
        let mut markdown = Self { out, terminal: options.terminal };
        markdown.line(schema.fields().iter().map(|field| Some(field.name().clone())).collect())?;
        let rule: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| if is_number(field) { "---:" } else { "---" })
            .collect();
        writeln!(markdown.out, "| {} |", rule.join(" | "))?;
        Ok(markdown)
    }

    fn line(&mut self, values: Vec<Option<String>>) -> Result<(), Fault> {
        let values: Vec<String> = values
            .into_iter()
            .map(|value| {
                let value = escape_markdown(&value.unwrap_or_default());
                shown(&value, self.terminal).into_owned()
            })
            .collect();
        writeln!(self.out, "| {} |", values.join(" | "))?;
        Ok(())
    }
}

/// Text stays text: no column, link, tag or line of its own.
fn escape_markdown(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

impl Sink for Markdown<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        rows(batch)?.try_for_each(|row| self.line(row))
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        Ok(self.out.flush()?)
    }
}
