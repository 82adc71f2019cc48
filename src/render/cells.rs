//! Arrow values as text, and the columns as every format wants them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::EncoderOptions;
use arrow::json::writer::make_encoder;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// RFC 3339 for times without a zone, which are UTC like all others.
pub(super) const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

/// The columns as they are written: names that differ from each other, and all times in UTC.
pub(super) fn output_schema(schema: &SchemaRef) -> SchemaRef {
    let mut names = HashSet::new();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut copy = 1;
            while !names.insert(name.clone()) {
                copy += 1;
                name = format!("{}_{copy}", field.name());
            }
            Field::new(name, in_utc(field.data_type()), field.is_nullable())
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn in_utc(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
        other => other.clone(),
    }
}

pub(super) fn output_batch(
    schema: &SchemaRef,
    batch: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| match field.data_type() {
            wanted if column.data_type() == wanted => Ok(Arc::clone(column)),
            wanted => cast(column, wanted),
        })
        .collect::<Result<_, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// The text of each value of a column.
pub(super) fn texts(
    field: &FieldRef,
    column: &ArrayRef,
) -> Result<Vec<Option<String>>, ArrowError> {
    if column.data_type().is_nested() {
        return json_texts(field, column);
    }
    let options = FormatOptions::new().with_timestamp_format(Some(TIME_FORMAT));
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    (0..column.len())
        .map(|row| {
            if is_null(column, row) {
                return Ok(None);
            }
            formatter.value(row).try_to_string().map(Some)
        })
        .collect()
}

fn json_texts(field: &FieldRef, column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let options = EncoderOptions::default()
        .with_explicit_nulls(true)
        .with_timestamp_format(TIME_FORMAT.to_owned());
    let mut encoder = make_encoder(field, column.as_ref(), &options)?;
    let mut bytes = Vec::new();
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        if encoder.is_null(row) {
            texts.push(None);
            continue;
        }
        bytes.clear();
        encoder.encode(row, &mut bytes);
        texts.push(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(texts)
}

/// Nulls of a dictionary may hide in its values.
fn is_null(column: &ArrayRef, row: usize) -> bool {
    match column.as_any_dictionary_opt() {
        Some(dictionary) => dictionary.logical_nulls().is_some_and(|nulls| nulls.is_null(row)),
        None => column.is_null(row) || column.data_type().is_null(),
    }
}

/// The texts of a batch, row by row.
pub(super) fn rows(
    batch: &RecordBatch,
) -> Result<impl Iterator<Item = Vec<Option<String>>> + use<>, ArrowError> {
    let schema = batch.schema();
    let mut columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| Ok(texts(field, column)?.into_iter()))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    Ok((0..batch.num_rows())
        .map(move |_| columns.iter_mut().map(|column| column.next().flatten()).collect()))
}

/// Whether values of the column line up at the right.
pub(super) fn is_number(field: &Field) -> bool {
    field.data_type().is_numeric()
}

/// Whether a value may be cut and still say what it says.
pub(super) fn is_text(field: &Field) -> bool {
    field.data_type().is_string() || field.data_type().is_nested()
}

/// A text as a terminal may have it, or as it is.
pub(super) fn shown(text: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { super::sanitize(text) } else { Cow::Borrowed(text) }
}
