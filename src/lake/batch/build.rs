//! Arrow columns under construction, filled row by row in the order of the schema.

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames,
    NullBufferBuilder, StringBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

use crate::model::{ExchangedToken, TextMap, Timestamp};

/// Rows of one schema under construction.
#[derive(Debug)]
pub(in crate::lake) struct RowsBuilder {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    len: usize,
}

impl RowsBuilder {
    pub(in crate::lake) fn new(schema: SchemaRef) -> Self {
        let columns = builders(schema.fields());
        Self { schema, columns, len: 0 }
    }

    pub(in crate::lake) fn len(&self) -> usize {
        self.len
    }

    /// Begins a row; every column is to be written, in the order of the schema, before [`RowWriter::end`].
    pub(in crate::lake) fn row(&mut self) -> RowWriter<'_> {
        self.len += 1;
        RowWriter { columns: self.columns.iter_mut() }
    }

    /// The rows so far; the builder is empty afterwards.
    pub(in crate::lake) fn finish(&mut self) -> RecordBatch {
        self.len = 0;
        let arrays = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .expect("builders are made from the schema and filled a row at a time")
    }
}

/// One row being written.
#[derive(Debug)]
pub(in crate::lake) struct RowWriter<'a> {
    columns: std::slice::IterMut<'a, ColumnBuilder>,
}

/// Writers that differ in nothing but the type of the value and of the column.
macro_rules! scalar {
    ($name:ident, $value:ty, $variant:ident, $convert:expr) => {
        pub(in crate::lake) fn $name<'v>(&mut self, value: impl Into<Option<$value>>) -> &mut Self
        where
            $value: 'v,
        {
            let value: Option<$value> = value.into();
            match self.next() {
                ColumnBuilder::$variant(builder) => builder.append_option(value.map($convert)),
                other => other.refuse(stringify!($name)),
            }
            self
        }
    };
}

impl RowWriter<'_> {
    scalar!(text, &'v str, Text, |text| text);
    scalar!(time, Timestamp, Time, |time| time.timestamp_micros());
    scalar!(flag, bool, Flag, |flag| flag);
    scalar!(int32, i32, Int32, |number| number);
    scalar!(int64, i64, Int64, |number| number);

    /// An empty map is NULL.
    pub(in crate::lake) fn text_map(&mut self, map: Option<&TextMap>) -> &mut Self {
        match self.next() {
            ColumnBuilder::TextMap(builder) => append_map(builder, map),
            other => other.refuse("text_map"),
        }
        self
    }

    /// An empty list is a list.
    pub(in crate::lake) fn texts<T: AsRef<str>>(&mut self, texts: Option<&[T]>) -> &mut Self {
        match self.next() {
            ColumnBuilder::Texts(builder) => append_list(builder, texts),
            other => other.refuse("texts"),
        }
        self
    }

    pub(in crate::lake) fn token(&mut self, token: Option<&ExchangedToken>) -> &mut Self {
        let ColumnBuilder::Struct { columns, validity, .. } = self.next() else {
            panic!("the column is no token");
        };
        validity.append(token.is_some());
        let mut row = RowWriter { columns: columns.iter_mut() };
        row.texts(token.and_then(|token| token.capabilities.as_deref()))
            .text_map(token.and_then(|token| token.attributes.as_ref()))
            .text(token.and_then(|token| token.user_id.as_deref()))
            .time(token.and_then(|token| token.expiration_time))
            .end();
        self
    }

    /// Leaves the columns that remain NULL.
    pub(in crate::lake) fn nulls(&mut self) {
        self.columns.by_ref().for_each(ColumnBuilder::append_null);
    }

    /// Ends the row.
    pub(in crate::lake) fn end(&mut self) {
        assert!(self.columns.next().is_none(), "a row has a value for each column");
    }

    fn next(&mut self) -> &mut ColumnBuilder {
        self.columns.next().expect("a row has no more values than columns")
    }
}

#[derive(Debug)]
enum ColumnBuilder {
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    Flag(BooleanBuilder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    TextMap(Box<TextMapBuilder>),
    Texts(Box<ListBuilder<StringBuilder>>),
    Struct { fields: Fields, columns: Vec<ColumnBuilder>, validity: NullBufferBuilder },
}

type TextMapBuilder = MapBuilder<StringBuilder, StringBuilder>;

fn builders(fields: &Fields) -> Vec<ColumnBuilder> {
    fields.iter().map(|field| ColumnBuilder::new(field)).collect()
}

impl ColumnBuilder {
    fn new(field: &Field) -> Self {
        match field.data_type() {
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
                Self::Time(TimestampMicrosecondBuilder::new().with_timezone(Arc::clone(zone)))
            }
            DataType::Boolean => Self::Flag(BooleanBuilder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Map(entries, _) => Self::TextMap(Box::new(map_builder(entries))),
            DataType::List(element) => Self::Texts(Box::new(
                ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(element)),
            )),
            DataType::Struct(fields) => Self::Struct {
                fields: fields.clone(),
                columns: builders(fields),
                validity: NullBufferBuilder::new(0),
            },
            other => panic!("no builder for column `{}` of type {other}", field.name()),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Flag(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::TextMap(builder) => append_map(builder, None),
            Self::Texts(builder) => append_list::<&str>(builder, None),
            Self::Struct { columns, validity, .. } => {
                validity.append_null();
                columns.iter_mut().for_each(Self::append_null);
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Flag(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::TextMap(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
            Self::Struct { fields, columns, validity } => Arc::new(StructArray::new(
                fields.clone(),
                columns.iter_mut().map(Self::finish).collect(),
                validity.finish(),
            )),
        }
    }

    /// The order of the writing calls and that of the schema have parted: a fault of the program, not of the data.
    fn refuse(&self, call: &str) {
        panic!("`{call}` was called for a column of another type: {self:?}");
    }
}

fn map_builder(entries: &Field) -> TextMapBuilder {
    let DataType::Struct(fields) = entries.data_type() else {
        panic!("the entries of a map are structs");
    };
    let names = MapFieldNames {
        entry: entries.name().clone(),
        key: fields[0].name().clone(),
        value: fields[1].name().clone(),
    };
    MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
        .with_keys_field(Arc::clone(&fields[0]))
        .with_values_field(Arc::clone(&fields[1]))
}

fn append_map(builder: &mut TextMapBuilder, map: Option<&TextMap>) {
    let map = map.filter(|map| !map.is_empty());
    for (key, value) in map.into_iter().flatten() {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(map.is_some()).expect("each key has its value");
}

fn append_list<T: AsRef<str>>(builder: &mut ListBuilder<StringBuilder>, texts: Option<&[T]>) {
    for text in texts.unwrap_or_default() {
        builder.values().append_value(text);
    }
    builder.append(texts.is_some());
}
