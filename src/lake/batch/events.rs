//! `events`: model values to rows and back.

use arrow::array::{Array, StructArray};
use arrow::record_batch::RecordBatch;

use super::super::tables::{Table, exchanged_token};
use super::read::{Flag, Int32, Maps, Text, Texts, Time};
use super::{BatchError, Columns, KeyColumns, RowWriter, RowsBuilder, data_schema};
use crate::model::{ErrorCode, Event, EventName, ExchangedToken, ParticipantId, SessionKey};

/// Rows of `events` under construction.
#[derive(Debug)]
pub struct EventBatch(RowsBuilder);

impl Default for EventBatch {
    fn default() -> Self {
        Self(RowsBuilder::new(data_schema(Table::Events)))
    }
}

impl EventBatch {
    /// Adds an event of a participant; `occurrence` counts otherwise equal events (see [`super::order`]).
    pub fn push(
        &mut self,
        session: &SessionKey,
        participant_id: &ParticipantId,
        event: &Event,
        occurrence: i32,
    ) {
        let mut row = self.0.row();
        row.text(session.stage_arn.as_str())
            .text(session.session_id.as_str())
            .text(participant_id.as_str());
        write_event(&mut row, event);
        row.int32(occurrence).int32(event.position).end();
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> RecordBatch {
        self.0.finish()
    }
}

/// Writes what the service tells of an event: `event_time` to `new_token`.
pub(in crate::lake) fn write_event(row: &mut RowWriter<'_>, event: &Event) {
    row.time(event.time)
        .text(event.name.as_ref().map(EventName::as_str))
        .text(event.remote_participant_id.as_ref().map(ParticipantId::as_str))
        .text(event.error_code.as_ref().map(ErrorCode::as_str))
        .text(event.destination_stage_arn.as_deref())
        .text(event.destination_session_id.as_deref())
        .flag(event.replica)
        .token(event.previous_token.as_ref())
        .token(event.new_token.as_ref());
}

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Stage and session.
    pub session: SessionKey,
    /// Whose event it is.
    pub participant_id: ParticipantId,
    /// The event.
    pub event: Event,
    /// 0, 1, ... among otherwise equal events.
    pub occurrence: i32,
}

/// Rows of `events`, in the order of the batch.
///
/// # Errors
/// [`BatchError`] where the batch is none of `events`.
pub fn events_from_batch(batch: &RecordBatch) -> Result<Vec<EventRow>, BatchError> {
    let columns = Columns::from(batch);
    let mut keys = KeyColumns::new(&columns)?;
    let events = EventColumns::new(&columns)?;
    let occurrence = columns.int32("occurrence")?;
    (0..batch.num_rows())
        .map(|row| {
            Ok(EventRow {
                session: keys.session(row)?,
                participant_id: keys.participant(row)?,
                event: events.get(row)?,
                occurrence: occurrence.some_number(row)?,
            })
        })
        .collect()
}

/// The columns of the service's fields of an event, and `position`.
#[derive(Debug)]
pub(in crate::lake) struct EventColumns {
    time: Time,
    name: Text,
    remote_participant_id: Text,
    error_code: Text,
    destination_stage_arn: Text,
    destination_session_id: Text,
    replica: Flag,
    previous_token: TokenColumns,
    new_token: TokenColumns,
    position: Int32,
}

impl EventColumns {
    pub(in crate::lake) fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            time: columns.time("event_time")?,
            name: columns.text("name")?,
            remote_participant_id: columns.text("remote_participant_id")?,
            error_code: columns.text("error_code")?,
            destination_stage_arn: columns.text("destination_stage_arn")?,
            destination_session_id: columns.text("destination_session_id")?,
            replica: columns.flag("replica")?,
            previous_token: TokenColumns::new(columns, "previous_token")?,
            new_token: TokenColumns::new(columns, "new_token")?,
            position: columns.int32("position")?,
        })
    }

    pub(in crate::lake) fn get(&self, row: usize) -> Result<Event, BatchError> {
        Ok(Event {
            time: self.time.get(row)?,
            name: self.name.open(row),
            remote_participant_id: self
                .remote_participant_id
                .parse_optional(row, ParticipantId::new)?,
            error_code: self.error_code.open(row),
            destination_stage_arn: self.destination_stage_arn.owned(row),
            destination_session_id: self.destination_session_id.owned(row),
            replica: self.replica.some(row)?,
            previous_token: self.previous_token.get(row)?,
            new_token: self.new_token.get(row)?,
            position: self.position.some_number(row)?,
        })
    }
}

#[derive(Debug)]
struct TokenColumns {
    token: StructArray,
    capabilities: Texts,
    attributes: Maps,
    user_id: Text,
    expiration_time: Time,
}

impl TokenColumns {
    fn new(columns: &Columns, name: &'static str) -> Result<Self, BatchError> {
        let (fields, token) = columns.nested(name, &exchanged_token())?;
        Ok(Self {
            token,
            capabilities: fields.texts("capabilities")?,
            attributes: fields.text_map("attributes")?,
            user_id: fields.text("user_id")?,
            expiration_time: fields.time("expiration_time")?,
        })
    }

    fn get(&self, row: usize) -> Result<Option<ExchangedToken>, BatchError> {
        if !self.token.is_valid(row) {
            return Ok(None);
        }
        Ok(Some(ExchangedToken {
            capabilities: self.capabilities.get(row),
            attributes: self.attributes.get(row),
            user_id: self.user_id.owned(row),
            expiration_time: self.expiration_time.get(row)?,
        }))
    }
}
