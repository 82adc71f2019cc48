//! Records of a session: model values to batches and back.
//!
//! The first row of a batch says what the record is (`record`), of which participant (`subject`) and as of when
//! (`at`), so that empty answers survive; then comes one row for each participant, event or replica, in the columns
//! that the lake's tables have for them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::super::batch::{
    BatchError, Columns, DetailsColumns, EventColumns, ParticipantColumns, ReplicaColumns,
    RowWriter, RowsBuilder, data_schema, write_details, write_event, write_participant,
    write_replica,
};
use super::super::tables::{Table, timestamp};
use super::stream::{CHECKSUM, RECORD};
use crate::model::{
    DetailsPolicy, Event, Participant, ParticipantDetails, ParticipantId, Replica, Timestamp,
};

const LISTING: &str = "LISTING";
const DETAILS: &str = "DETAILS";
const EVENTS: &str = "EVENTS";
const REPLICAS: &str = "REPLICAS";

/// A whole answer of the service about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "records are handed over one at a time")]
pub enum Record {
    /// The participants of a final session.
    Listing {
        /// When the listing was begun.
        as_of: Timestamp,
        /// When the session had ended, as it was known then.
        end_time: Option<Timestamp>,
        /// Whose details are wanted.
        details: DetailsPolicy,
        /// Each once.
        participants: Vec<Participant>,
    },
    /// What GetParticipant told.
    Details {
        /// Of whom.
        participant_id: ParticipantId,
        /// What.
        details: ParticipantDetails,
    },
    /// All events of a participant.
    Events {
        /// Whose.
        participant_id: ParticipantId,
        /// When the last page was read.
        fetched_at: Timestamp,
        /// In the order of the answer.
        events: Vec<Event>,
    },
    /// All replicas of a participant in this session.
    Replicas {
        /// Whose.
        participant_id: ParticipantId,
        /// When the listing was read.
        listed_at: Timestamp,
        /// In the order of the answer.
        replicas: Vec<Replica>,
    },
}

impl Record {
    /// Participants, events or replicas that it holds.
    pub(super) fn items_n(&self) -> usize {
        match self {
            Self::Listing { participants, .. } => participants.len(),
            Self::Details { .. } => 1,
            Self::Events { events, .. } => events.len(),
            Self::Replicas { replicas, .. } => replicas.len(),
        }
    }

    pub(super) fn to_batch(&self) -> RecordBatch {
        match self {
            Self::Listing { as_of, end_time, details, participants } => {
                let mut rows = RowsBuilder::new(schema_of(listing_fields()));
                let mut first = rows.row();
                first.text(LISTING).time(*as_of).text(None);
                first.time(*end_time).text(details.as_str()).nulls();
                for participant in participants {
                    let mut row = item(&mut rows);
                    row.time(None).text(None);
                    write_participant(&mut row, participant);
                }
                rows.finish()
            }
            Self::Details { participant_id, details } => {
                let mut rows = begin(details_fields(), DETAILS, Some(participant_id), None);
                write_details(&mut item(&mut rows), Some(details));
                rows.finish()
            }
            Self::Events { participant_id, fetched_at, events } => {
                let subject = Some(participant_id);
                let mut rows = begin(event_fields(), EVENTS, subject, Some(*fetched_at));
                for event in events {
                    let mut row = item(&mut rows);
                    write_event(&mut row, event);
                    row.int32(event.position).end();
                }
                rows.finish()
            }
            Self::Replicas { participant_id, listed_at, replicas } => {
                let subject = Some(participant_id);
                let mut rows = begin(replica_fields(), REPLICAS, subject, Some(*listed_at));
                for replica in replicas {
                    write_replica(&mut item(&mut rows), replica);
                }
                rows.finish()
            }
        }
    }

    /// The record of a batch; `None` for a kind that this version does not know.
    pub(super) fn from_batch(batch: &RecordBatch) -> Result<Option<Self>, BatchError> {
        let columns = Columns::from(batch);
        let kind = columns.text(RECORD)?;
        let subject = columns.text("subject")?;
        let participant_id = || subject.parse(0, ParticipantId::new);
        let at = columns.time("at")?;
        let items = 1..batch.num_rows();
        Ok(Some(match kind.some(0)? {
            LISTING => {
                let participants = ParticipantColumns::new(&columns)?;
                let details = columns.text("details")?;
                Self::Listing {
                    as_of: at.some(0)?,
                    end_time: columns.time("session_end_time")?.get(0)?,
                    details: details.parse(0, details_of)?,
                    participants: items
                        .map(|row| participants.get(row))
                        .collect::<Result<_, _>>()?,
                }
            }
            DETAILS => Self::Details {
                participant_id: participant_id()?,
                details: DetailsColumns::new(&columns)?.get(1),
            },
            EVENTS => {
                let events = EventColumns::new(&columns)?;
                Self::Events {
                    participant_id: participant_id()?,
                    fetched_at: at.some(0)?,
                    events: items.map(|row| events.get(row)).collect::<Result<_, _>>()?,
                }
            }
            REPLICAS => {
                let replicas = ReplicaColumns::new(&columns)?;
                Self::Replicas {
                    participant_id: participant_id()?,
                    listed_at: at.some(0)?,
                    replicas: items.map(|row| replicas.get(row)).collect::<Result<_, _>>()?,
                }
            }
            _ => return Ok(None),
        }))
    }
}

/// The columns of a session's file, each once.
pub(super) fn session_fields() -> Vec<Arc<Field>> {
    let mut fields = header_fields();
    fields.insert(1, Arc::new(Field::new(CHECKSUM, DataType::Int64, true)));
    for field in [listing_fields(), details_fields(), event_fields(), replica_fields()].concat() {
        if fields.iter().all(|known| known.name() != field.name()) {
            fields.push(field);
        }
    }
    fields
}

fn header_fields() -> Vec<Arc<Field>> {
    vec![
        Arc::new(Field::new(RECORD, DataType::Utf8, true)),
        Arc::new(Field::new("at", timestamp(), true)),
        Arc::new(Field::new("subject", DataType::Utf8, true)),
    ]
}

/// A batch that begins with the row that says what it is.
fn begin(
    fields: Vec<Arc<Field>>,
    kind: &str,
    subject: Option<&ParticipantId>,
    at: Option<Timestamp>,
) -> RowsBuilder {
    let mut rows = RowsBuilder::new(schema_of(fields));
    rows.row().text(kind).time(at).text(subject.map(ParticipantId::as_str)).nulls();
    rows
}

fn schema_of(fields: Vec<Arc<Field>>) -> SchemaRef {
    Arc::new(Schema::new([header_fields(), fields].concat()))
}

/// A row that stands in the columns of its kind.
fn item(rows: &mut RowsBuilder) -> RowWriter<'_> {
    let mut row = rows.row();
    row.text(None).time(None).text(None);
    row
}

fn listing_fields() -> Vec<Arc<Field>> {
    let mut fields = vec![
        Arc::new(Field::new("session_end_time", timestamp(), true)),
        Arc::new(Field::new("details", DataType::Utf8, true)),
    ];
    fields.extend(between(Table::Participants, "participant_id", "ingest_configuration_arn"));
    fields
}

fn details_of(text: &str) -> Result<DetailsPolicy, BatchError> {
    DetailsPolicy::ALL
        .into_iter()
        .find(|details| details.as_str() == text)
        .ok_or_else(|| BatchError::Value { column: "details".to_owned(), value: text.to_owned() })
}

fn details_fields() -> Vec<Arc<Field>> {
    between(Table::Participants, "attributes", "recording_s3_prefix")
}

fn event_fields() -> Vec<Arc<Field>> {
    let mut fields = between(Table::Events, "event_time", "new_token");
    fields.extend(between(Table::Events, "position", "position"));
    fields
}

fn replica_fields() -> Vec<Arc<Field>> {
    between(Table::Replicas, "source_stage_arn", "replication_state")
}

/// Columns of a table from one to another; here each of them may be NULL.
pub(super) fn between(table: Table, first: &str, last: &str) -> Vec<Arc<Field>> {
    let schema = data_schema(table);
    let at = |name| schema.index_of(name).expect("the column is one of the table's");
    schema.fields()[at(first)..=at(last)]
        .iter()
        .map(|field| Arc::new(field.as_ref().clone().with_nullable(true)))
        .collect()
}
