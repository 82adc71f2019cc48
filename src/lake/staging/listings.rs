//! Listings of the sessions of stages, on their way to the tables `stages` and `sessions`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::super::batch::{BatchError, Columns, Maps, RowWriter, RowsBuilder, Text};
use super::super::tables::{text_map, timestamp};
use super::StagingError;
use super::stream::{CHECKSUM, FORMAT, FORMAT_VERSION, RECORD, Reader, Slot, Stream};
use crate::model::{SessionId, Stage, StageArn, StageSession, Timestamp};

const SESSIONS: &str = "SESSIONS";

/// Sessions of one stage, as a listing showed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The stage as it was then.
    pub stage: Stage,
    /// When it was read.
    pub listed_at: Timestamp,
    /// In the order of the answer.
    pub sessions: Vec<StageSession>,
}

impl Listing {
    /// Like a session's record: the first row says what it is, then one row for each session.
    pub(super) fn to_batch(&self) -> RecordBatch {
        let mut rows = RowsBuilder::new(Arc::new(Schema::new(data_fields())));
        let mut row = rows.row();
        row.text(SESSIONS).time(self.listed_at);
        write_stage(&mut row, &self.stage);
        row.nulls();
        for session in &self.sessions {
            let mut row = rows.row();
            row.text(None).time(None);
            row.text(None).text(None).text(None).text_map(None);
            row.text(session.session_id.as_str())
                .time(session.start_time)
                .time(session.end_time)
                .end();
        }
        rows.finish()
    }

    /// The listing of a batch; `None` for a kind that this version does not know.
    fn from_batch(batch: &RecordBatch) -> Result<Option<Self>, BatchError> {
        let columns = Columns::from(batch);
        if columns.text(RECORD)?.some(0)? != SESSIONS {
            return Ok(None);
        }
        Ok(Some(Self {
            stage: StageColumns::new(&columns)?.get(0)?,
            listed_at: columns.time("at")?.some(0)?,
            sessions: sessions_of(&columns, 1..batch.num_rows())?,
        }))
    }
}

fn write_stage(row: &mut RowWriter<'_>, stage: &Stage) {
    row.text(stage.arn.as_str())
        .text(stage.name.as_deref())
        .text(stage.active_session_id.as_ref().map(SessionId::as_str))
        .text_map(stage.tags.as_ref());
}

struct StageColumns {
    arn: Text,
    name: Text,
    active_session_id: Text,
    tags: Maps,
}

impl StageColumns {
    fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            arn: columns.text("stage_arn")?,
            name: columns.text("name")?,
            active_session_id: columns.text("active_session_id")?,
            tags: columns.text_map("tags")?,
        })
    }

    fn get(&self, row: usize) -> Result<Stage, BatchError> {
        Ok(Stage {
            arn: self.arn.parse(row, StageArn::parse)?,
            name: self.name.owned(row),
            active_session_id: self.active_session_id.parse_optional(row, SessionId::new)?,
            tags: self.tags.get(row),
        })
    }
}

fn sessions_of(
    columns: &Columns,
    rows: std::ops::Range<usize>,
) -> Result<Vec<StageSession>, BatchError> {
    let session_id = columns.text("session_id")?;
    let start_time = columns.time("start_time")?;
    let end_time = columns.time("end_time")?;
    rows.map(|row| {
        Ok(StageSession {
            session_id: session_id.parse(row, SessionId::new)?,
            start_time: start_time.get(row)?,
            end_time: end_time.get(row)?,
        })
    })
    .collect()
}

fn data_fields() -> Vec<Field> {
    vec![
        Field::new(RECORD, DataType::Utf8, true),
        Field::new("at", timestamp(), true),
        Field::new("stage_arn", DataType::Utf8, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("active_session_id", DataType::Utf8, true),
        Field::new("tags", text_map(), true),
        Field::new("session_id", DataType::Utf8, true),
        Field::new("start_time", timestamp(), true),
        Field::new("end_time", timestamp(), true),
    ]
}

/// The schema of a file of listings.
pub(super) fn listings_schema() -> SchemaRef {
    let mut fields = data_fields();
    fields.insert(1, Field::new(CHECKSUM, DataType::Int64, true));
    let metadata = HashMap::from([(FORMAT.to_owned(), FORMAT_VERSION.to_string())]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// A file of listings that nothing is added to any more: to be put into the tables, then removed.
#[derive(Debug)]
pub struct ListingsFile {
    stream: Stream,
    slots: Vec<Slot>,
}

impl ListingsFile {
    pub(super) fn new(stream: Stream, slots: Vec<Slot>) -> Self {
        Self { stream, slots }
    }

    pub(super) fn durable(&self) -> (PathBuf, u64) {
        self.stream.durable()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.stream.path().to_owned()
    }

    /// Listings in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The listings in the order in which they were read, one at a time.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be opened; so does each item where it can't be read.
    pub fn listings(
        &self,
    ) -> Result<impl Iterator<Item = Result<Listing, StagingError>>, StagingError> {
        let mut reader = Reader::open(&self.stream)?;
        let slots = self.slots.iter().copied();
        Ok(slots.filter_map(move |slot| {
            let batch = match reader.read(slot) {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let path = || reader.path().to_owned();
            Listing::from_batch(&batch)
                .map_err(|source| StagingError::Record {
                    path: path(),
                    offset: slot.offset,
                    source,
                })
                .transpose()
        }))
    }
}
