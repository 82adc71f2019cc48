//! Columns side by side, for people.
//!
//! The first rows decide how wide the columns are; later ones are cut to that. Where the columns do not fit the
//! width, the widest are cut first, but never a number or a time, which would read as another one; where that is
//! not enough, the last columns are left out, and counted below.

use std::mem;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::cells::{is_number, is_text, rows};
use super::{Fault, Options, Out, Sink, sanitize};

/// How NULL is shown, to tell it from an empty text.
pub(super) const NULL: &str = "NULL";

/// Rows that decide about widths.
const PREVIEW_ROWS: usize = 1_000;

/// The narrowest that a column is cut to.
const COLUMN_WIDTH_MIN: usize = 20;

/// Without a given width, texts longer than this are cut all the same: a line must stay a line.
const CELL_WIDTH_MAX: usize = 1_000;

/// Decimals of a number that has more: a table is for people, the other formats are exact.
const DECIMALS_MAX: usize = 4;

/// Numbers nearer to zero than this keep all their digits.
const ROUNDED_MIN: f64 = 0.001;

/// What stands between two columns.
const GAP: &str = " │ ";

/// A table for people.
pub(super) struct Table<'a> {
    out: Out<'a>,
    names: Vec<String>,
    numbers: Vec<bool>,
    texts: Vec<bool>,
    width: Option<usize>,
    rows_max: Option<usize>,
    rows_n: usize,
    preview: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(schema: &SchemaRef, options: &Options, out: Out<'a>) -> Self {
        let fields = schema.fields();
        Self {
            out,
            names: fields.iter().map(|field| sanitize(field.name()).into_owned()).collect(),
            numbers: fields.iter().map(|field| is_number(field)).collect(),
            texts: fields.iter().map(|field| is_text(field)).collect(),
            width: options.width,
            rows_max: options.rows_max,
            rows_n: 0,
            preview: Vec::new(),
            widths: None,
        }
    }

    /// Writes the header and the rows that have been waiting for it.
    fn begin(&mut self) -> Result<Vec<usize>, Fault> {
        let natural = natural_widths(&self.names, &self.preview);
        let widths = fit(&natural, &self.texts, self.width);
        let names = self.names.clone();
        self.line(&widths, &names)?;
        let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
        writeln!(self.out, "{}", rule.join("─┼─"))?;
        for row in mem::take(&mut self.preview) {
            self.line(&widths, &row)?;
        }
        Ok(widths)
    }

    fn line(&mut self, widths: &[usize], cells: &[String]) -> Result<(), Fault> {
        let mut line = String::new();
        for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            let cell = if self.texts[index] { cut(cell, width) } else { cell.clone() };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if self.numbers.get(index) == Some(&true) {
                line.push_str(&padding);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&padding);
            }
        }
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }
}

impl Sink for Table<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let room = self.rows_max.map_or(usize::MAX, |most| most.saturating_sub(self.rows_n));
        let shown = batch.slice(0, batch.num_rows().min(room));
        for row in rows(&shown)? {
            let row: Vec<String> = row
                .into_iter()
                .zip(&self.numbers)
                .map(|(value, &is_number)| match value {
                    None => NULL.to_owned(),
                    Some(value) if is_number => rounded(value),
                    Some(value) => sanitize(&value).into_owned(),
                })
                .collect();
            if let Some(widths) = self.widths.take() {
                self.line(&widths, &row)?;
                self.widths = Some(widths);
                continue;
            }
            self.preview.push(row);
            if self.preview.len() == PREVIEW_ROWS {
                self.widths = Some(self.begin()?);
            }
        }
        self.rows_n += batch.num_rows();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        let widths = match self.widths.take() {
            Some(widths) => widths,
            None => self.begin()?,
        };
        let mut notes = vec![match self.rows_max.filter(|&most| most < self.rows_n) {
            Some(most) => format!("{most} of {} rows shown", self.rows_n),
            None if self.rows_n == 1 => "1 row".to_owned(),
            None => format!("{} rows", self.rows_n),
        }];
        if widths.len() < self.names.len() {
            notes.push(format!(
                "{} of {} columns shown, the others in `--format vertical`",
                widths.len(),
                self.names.len()
            ));
        }
        writeln!(self.out, "({})", notes.join("; "))?;
        Ok(self.out.flush()?)
    }
}

fn rounded(number: String) -> String {
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match number.parse::<f64>() {
        Ok(value) if decimals > DECIMALS_MAX && value.abs() >= ROUNDED_MIN => {
            format!("{value:.DECIMALS_MAX$}")
        }
        _ => number,
    }
}

fn natural_widths(names: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    names
        .iter()
        .enumerate()
        .map(|(column, name)| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .chain([name.width()])
                .max()
                .unwrap_or(0)
                .min(CELL_WIDTH_MAX)
        })
        .collect()
}

/// The widths of the columns that are shown.
fn fit(natural: &[usize], texts: &[bool], width: Option<usize>) -> Vec<usize> {
    let Some(width) = width else { return natural.to_vec() };
    for shown in (1..=natural.len()).rev() {
        let room = width.saturating_sub(GAP.width() * (shown - 1));
        let columns = || natural.iter().copied().zip(texts.iter().copied()).take(shown);
        let total = |limit| columns().map(|column| limited(column, limit)).sum::<usize>();
        let widest = columns().map(|(width, _)| width).max().unwrap_or(0);
        // The first column is shown, whether it fits or not.
        let least = if shown == 1 { 1 } else { COLUMN_WIDTH_MIN };
        let limit = (least..=widest.max(least)).rev().find(|&limit| total(limit) <= room);
        if let Some(limit) = limit.or((shown == 1).then_some(least)) {
            return columns().map(|column| limited(column, limit)).collect();
        }
    }
    Vec::new()
}

fn limited((width, is_text): (usize, bool), limit: usize) -> usize {
    if is_text { width.min(limit) } else { width }
}

/// A text in no more than so many columns, with an ellipsis where it was cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}
