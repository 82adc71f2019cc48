//! Columns of a batch by name, in the type that the rows are made from.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

use super::super::tables::{list_of, text_map, timestamp};
use super::BatchError;
use crate::model::{ParticipantId, SessionId, SessionKey, StageArn, TextMap, Timestamp};

/// The columns of a batch, or of a struct within one.
#[derive(Debug)]
pub(in crate::lake) struct Columns {
    fields: Fields,
    arrays: Vec<ArrayRef>,
    rows: usize,
}

impl From<&RecordBatch> for Columns {
    fn from(batch: &RecordBatch) -> Self {
        Self {
            fields: batch.schema_ref().fields().clone(),
            arrays: batch.columns().to_vec(),
            rows: batch.num_rows(),
        }
    }
}

impl Columns {
    pub(in crate::lake) fn text(&self, name: &'static str) -> Result<Text, BatchError> {
        let array = self.cast(name, &DataType::Utf8)?.as_string::<i32>().clone();
        Ok(Column { name, present: self.find(name).is_some(), array })
    }

    pub(in crate::lake) fn time(&self, name: &'static str) -> Result<Time, BatchError> {
        self.primitive(name, &timestamp())
    }

    pub(in crate::lake) fn flag(&self, name: &'static str) -> Result<Flag, BatchError> {
        let array = self.cast(name, &DataType::Boolean)?.as_boolean().clone();
        Ok(Column { name, present: self.find(name).is_some(), array })
    }

    pub(in crate::lake) fn int32(&self, name: &'static str) -> Result<Int32, BatchError> {
        self.primitive(name, &DataType::Int32)
    }

    pub(in crate::lake) fn int64(&self, name: &'static str) -> Result<Int64, BatchError> {
        self.primitive(name, &DataType::Int64)
    }

    pub(in crate::lake) fn texts(&self, name: &'static str) -> Result<Texts, BatchError> {
        let array = self.cast(name, &list_of(DataType::Utf8))?.as_list::<i32>().clone();
        Ok(Column { name, present: self.find(name).is_some(), array })
    }

    pub(in crate::lake) fn text_map(&self, name: &'static str) -> Result<Maps, BatchError> {
        let array = match self.find(name) {
            Some(array) if matches!(array.data_type(), DataType::Map(..)) => array.as_map().clone(),
            // Nothing but a map can be read as one; a cast says so in its own words.
            _ => self.cast(name, &text_map())?.as_map().clone(),
        };
        let keys = utf8(name, array.keys())?;
        let values = utf8(name, array.values())?;
        Ok(Maps { array, keys, values })
    }

    /// The columns of a struct, and which rows have one.
    pub(in crate::lake) fn nested(
        &self,
        name: &'static str,
        data_type: &DataType,
    ) -> Result<(Columns, StructArray), BatchError> {
        let array = match self.find(name) {
            Some(array) if matches!(array.data_type(), DataType::Struct(_)) => Arc::clone(array),
            _ => self.cast(name, data_type)?,
        };
        let array = array.as_struct().clone();
        let columns = Columns {
            fields: array.fields().clone(),
            arrays: array.columns().to_vec(),
            rows: self.rows,
        };
        Ok((columns, array))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        name: &'static str,
        data_type: &DataType,
    ) -> Result<Column<PrimitiveArray<T>>, BatchError> {
        let array = self.cast(name, data_type)?.as_primitive::<T>().clone();
        Ok(Column { name, present: self.find(name).is_some(), array })
    }

    /// A column that is not there is one of NULLs: files from before it was thought of have none.
    fn cast(&self, name: &'static str, data_type: &DataType) -> Result<ArrayRef, BatchError> {
        match self.find(name) {
            Some(array) => cast(array, data_type)
                .map_err(|source| BatchError::ColumnType { column: name.to_owned(), source }),
            None => Ok(new_null_array(data_type, self.rows)),
        }
    }

    fn find(&self, name: &str) -> Option<&ArrayRef> {
        self.fields.find(name).map(|(index, _)| &self.arrays[index])
    }
}

fn utf8(name: &'static str, array: &ArrayRef) -> Result<StringArray, BatchError> {
    cast(array, &DataType::Utf8)
        .map(|array| array.as_string::<i32>().clone())
        .map_err(|source| BatchError::ColumnType { column: name.to_owned(), source })
}

/// A column whose type is known.
#[derive(Debug)]
pub(in crate::lake) struct Column<A> {
    name: &'static str,
    present: bool,
    array: A,
}

pub(in crate::lake) type Text = Column<StringArray>;
pub(in crate::lake) type Time = Column<PrimitiveArray<TimestampMicrosecondType>>;
pub(in crate::lake) type Flag = Column<BooleanArray>;
pub(in crate::lake) type Int32 = Column<PrimitiveArray<Int32Type>>;
pub(in crate::lake) type Int64 = Column<PrimitiveArray<Int64Type>>;
pub(in crate::lake) type Texts = Column<ListArray>;

impl<A> Column<A> {
    fn required<T>(&self, row: usize, value: Option<T>) -> Result<T, BatchError> {
        value.ok_or_else(|| {
            let column = self.name.to_owned();
            if self.present {
                BatchError::Null { column, row }
            } else {
                BatchError::MissingColumn { column }
            }
        })
    }
}

impl Column<StringArray> {
    pub(in crate::lake) fn get(&self, row: usize) -> Option<&str> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    pub(in crate::lake) fn owned(&self, row: usize) -> Option<String> {
        self.get(row).map(str::to_owned)
    }

    pub(in crate::lake) fn some(&self, row: usize) -> Result<&str, BatchError> {
        self.required(row, self.get(row))
    }

    /// The value as an open enum of the service.
    pub(in crate::lake) fn open<'a, T: From<&'a str>>(&'a self, row: usize) -> Option<T> {
        self.get(row).map(T::from)
    }

    /// The value as something that is parsed; what does not parse is an error with the value in it.
    pub(in crate::lake) fn parse<T, E>(
        &self,
        row: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, BatchError> {
        let text = self.some(row)?;
        parse(text).map_err(|_| self.refuse(text))
    }

    /// Like [`Self::parse`], for a column that may be NULL.
    pub(in crate::lake) fn parse_optional<T, E>(
        &self,
        row: usize,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BatchError> {
        self.get(row).map(|text| parse(text).map_err(|_| self.refuse(text))).transpose()
    }

    fn refuse(&self, text: &str) -> BatchError {
        BatchError::Value { column: self.name.to_owned(), value: text.to_owned() }
    }
}

impl Time {
    pub(in crate::lake) fn get(&self, row: usize) -> Result<Option<Timestamp>, BatchError> {
        if !self.array.is_valid(row) {
            return Ok(None);
        }
        let micros = self.array.value(row);
        let time = Timestamp::from_timestamp_micros(micros);
        time.map(Some).ok_or_else(|| BatchError::Value {
            column: self.name.to_owned(),
            value: micros.to_string(),
        })
    }

    pub(in crate::lake) fn some(&self, row: usize) -> Result<Timestamp, BatchError> {
        let time = self.get(row)?;
        self.required(row, time)
    }
}

impl Flag {
    pub(in crate::lake) fn some(&self, row: usize) -> Result<bool, BatchError> {
        self.required(row, self.array.is_valid(row).then(|| self.array.value(row)))
    }
}

impl<T: ArrowPrimitiveType<Native: Into<i64>>> Column<PrimitiveArray<T>> {
    pub(in crate::lake) fn number(&self, row: usize) -> Option<T::Native> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    pub(in crate::lake) fn some_number(&self, row: usize) -> Result<T::Native, BatchError> {
        self.required(row, self.number(row))
    }
}

impl Texts {
    pub(in crate::lake) fn get(&self, row: usize) -> Option<Vec<String>> {
        self.array.is_valid(row).then(|| {
            let texts = self.array.value(row);
            texts.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
        })
    }
}

/// A column of maps.
#[derive(Debug)]
pub(in crate::lake) struct Maps {
    array: MapArray,
    keys: StringArray,
    values: StringArray,
}

impl Maps {
    pub(in crate::lake) fn get(&self, row: usize) -> Option<TextMap> {
        if !self.array.is_valid(row) {
            return None;
        }
        let offsets = self.array.value_offsets();
        let range = offset(offsets[row])..offset(offsets[row + 1]);
        let text = |array: &StringArray, index: usize| {
            if array.is_valid(index) { array.value(index).to_owned() } else { String::new() }
        };
        Some(range.map(|i| (text(&self.keys, i), text(&self.values, i))).collect())
    }
}

fn offset(offset: i32) -> usize {
    usize::try_from(offset).expect("Arrow's offsets are never negative")
}

/// `stage_arn`, `session_id` and `participant_id`: the same for many rows in a row, so each is made once.
#[derive(Debug)]
pub(in crate::lake) struct KeyColumns {
    stage_arn: Text,
    session_id: Text,
    participant_id: Text,
    session: Option<SessionKey>,
    participant: Option<ParticipantId>,
}

impl KeyColumns {
    pub(in crate::lake) fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            stage_arn: columns.text("stage_arn")?,
            session_id: columns.text("session_id")?,
            participant_id: columns.text("participant_id")?,
            session: None,
            participant: None,
        })
    }

    pub(in crate::lake) fn session(&mut self, row: usize) -> Result<SessionKey, BatchError> {
        let (arn, id) = (self.stage_arn.some(row)?, self.session_id.some(row)?);
        let last = self
            .session
            .take()
            .filter(|last| last.stage_arn.as_str() == arn && last.session_id.as_str() == id);
        let key = match last {
            Some(key) => key,
            None => SessionKey {
                stage_arn: self.stage_arn.parse(row, StageArn::parse)?,
                session_id: self.session_id.parse(row, SessionId::new)?,
            },
        };
        self.session = Some(key.clone());
        Ok(key)
    }

    pub(in crate::lake) fn participant(&mut self, row: usize) -> Result<ParticipantId, BatchError> {
        let id = self.participant_id.some(row)?;
        let last = self.participant.take().filter(|last| last.as_str() == id);
        let participant_id = match last {
            Some(participant_id) => participant_id,
            None => self.participant_id.parse(row, ParticipantId::new)?,
        };
        self.participant = Some(participant_id.clone());
        Ok(participant_id)
    }
}
