//! `participants` and `replicas`: model values to rows and back.

use arrow::record_batch::RecordBatch;

use super::super::tables::Table;
use super::read::{Flag, Maps, Text, Time};
use super::{
    BatchError, Columns, FetchStatus, KeyColumns, ParticipantRow, ReplicaRow, RowWriter,
    RowsBuilder, data_schema,
};
use crate::model::{
    Participant, ParticipantDetails, ParticipantId, ParticipantState, RecordingState, Replica,
    ReplicationState, ReplicationType, SessionId, SessionKey, StageArn,
};

/// Rows of `participants` under construction.
#[derive(Debug)]
pub struct ParticipantBatch(RowsBuilder);

impl Default for ParticipantBatch {
    fn default() -> Self {
        Self(RowsBuilder::new(data_schema(Table::Participants)))
    }
}

impl ParticipantBatch {
    /// Adds a participant of a session.
    pub fn push(&mut self, session: &SessionKey, participant: &ParticipantRow) {
        let mut row = self.0.row();
        row.text(session.stage_arn.as_str()).text(session.session_id.as_str());
        write_participant(&mut row, &participant.participant);
        write_details(&mut row, participant.details.as_ref());
        row.text(participant.details_status.as_str())
            .text(participant.events_status.as_str())
            .text(participant.replicas_status.as_str())
            .int64(participant.events_n)
            .time(participant.events_fetched_at)
            .end();
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

/// Writes the listing's summary: `participant_id` to `ingest_configuration_arn`.
pub(in crate::lake) fn write_participant(row: &mut RowWriter<'_>, participant: &Participant) {
    row.text(participant.participant_id.as_str())
        .text(participant.user_id.as_deref())
        .text(participant.state.as_ref().map(ParticipantState::as_str))
        .time(participant.first_join_time)
        .flag(participant.published)
        .text(participant.recording_state.as_ref().map(RecordingState::as_str))
        .text(participant.replication_type.as_ref().map(ReplicationType::as_str))
        .text(participant.replication_state.as_ref().map(ReplicationState::as_str))
        .text(participant.source_stage_arn.as_deref())
        .text(participant.source_session_id.as_ref().map(SessionId::as_str))
        .flag(participant.redundant_ingest)
        .text(participant.ingest_configuration_arn.as_deref());
}

/// Writes what GetParticipant told: `attributes` to `recording_s3_prefix`.
pub(in crate::lake) fn write_details(
    row: &mut RowWriter<'_>,
    details: Option<&ParticipantDetails>,
) {
    let nothing = ParticipantDetails::default();
    let details = details.unwrap_or(&nothing);
    row.text_map(details.attributes.as_ref())
        .text(details.isp_name.as_deref())
        .text(details.os_name.as_deref())
        .text(details.os_version.as_deref())
        .text(details.browser_name.as_deref())
        .text(details.browser_version.as_deref())
        .text(details.sdk_version.as_deref())
        .text(details.protocol.as_deref())
        .text(details.recording_s3_bucket_name.as_deref())
        .text(details.recording_s3_prefix.as_deref());
}

/// Rows of `participants` with their sessions, in the order of the batch.
///
/// # Errors
/// [`BatchError`] where the batch is none of `participants`.
pub fn participants_from_batch(
    batch: &RecordBatch,
) -> Result<Vec<(SessionKey, ParticipantRow)>, BatchError> {
    let columns = Columns::from(batch);
    let mut keys = KeyColumns::new(&columns)?;
    let participants = ParticipantColumns::new(&columns)?;
    let details = DetailsColumns::new(&columns)?;
    let statuses =
        ["details_status", "events_status", "replicas_status"].map(|name| columns.text(name));
    let [details_status, events_status, replicas_status] = statuses;
    let (details_status, events_status, replicas_status) =
        (details_status?, events_status?, replicas_status?);
    let events_n = columns.int64("events_n")?;
    let events_fetched_at = columns.time("events_fetched_at")?;
    let status = |text: &str| FetchStatus::parse(text).ok_or(());
    (0..batch.num_rows())
        .map(|row| {
            let details_status = details_status.parse(row, status)?;
            let participant = ParticipantRow {
                participant: participants.get(row)?,
                details: match details_status {
                    FetchStatus::Fetched => Some(details.get(row)),
                    FetchStatus::Failed | FetchStatus::NotAsked => None,
                },
                details_status,
                events_status: events_status.parse(row, status)?,
                replicas_status: replicas_status.parse(row, status)?,
                events_n: events_n.some_number(row)?,
                events_fetched_at: events_fetched_at.get(row)?,
            };
            Ok((keys.session(row)?, participant))
        })
        .collect()
}

/// The columns of the listing's summary.
#[derive(Debug)]
pub(in crate::lake) struct ParticipantColumns {
    participant_id: Text,
    user_id: Text,
    state: Text,
    first_join_time: Time,
    published: Flag,
    recording_state: Text,
    replication_type: Text,
    replication_state: Text,
    source_stage_arn: Text,
    source_session_id: Text,
    redundant_ingest: Flag,
    ingest_configuration_arn: Text,
}

impl ParticipantColumns {
    pub(in crate::lake) fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            participant_id: columns.text("participant_id")?,
            user_id: columns.text("user_id")?,
            state: columns.text("state")?,
            first_join_time: columns.time("first_join_time")?,
            published: columns.flag("published")?,
            recording_state: columns.text("recording_state")?,
            replication_type: columns.text("replication_type")?,
            replication_state: columns.text("replication_state")?,
            source_stage_arn: columns.text("source_stage_arn")?,
            source_session_id: columns.text("source_session_id")?,
            redundant_ingest: columns.flag("redundant_ingest")?,
            ingest_configuration_arn: columns.text("ingest_configuration_arn")?,
        })
    }

    pub(in crate::lake) fn get(&self, row: usize) -> Result<Participant, BatchError> {
        Ok(Participant {
            participant_id: self.participant_id.parse(row, ParticipantId::new)?,
            user_id: self.user_id.owned(row),
            state: self.state.open(row),
            first_join_time: self.first_join_time.get(row)?,
            published: self.published.some(row)?,
            recording_state: self.recording_state.open(row),
            replication_type: self.replication_type.open(row),
            replication_state: self.replication_state.open(row),
            source_stage_arn: self.source_stage_arn.owned(row),
            source_session_id: self.source_session_id.parse_optional(row, SessionId::new)?,
            redundant_ingest: self.redundant_ingest.some(row)?,
            ingest_configuration_arn: self.ingest_configuration_arn.owned(row),
        })
    }
}

/// The columns of GetParticipant.
#[derive(Debug)]
pub(in crate::lake) struct DetailsColumns {
    attributes: Maps,
    isp_name: Text,
    os_name: Text,
    os_version: Text,
    browser_name: Text,
    browser_version: Text,
    sdk_version: Text,
    protocol: Text,
    recording_s3_bucket_name: Text,
    recording_s3_prefix: Text,
}

impl DetailsColumns {
    pub(in crate::lake) fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            attributes: columns.text_map("attributes")?,
            isp_name: columns.text("isp_name")?,
            os_name: columns.text("os_name")?,
            os_version: columns.text("os_version")?,
            browser_name: columns.text("browser_name")?,
            browser_version: columns.text("browser_version")?,
            sdk_version: columns.text("sdk_version")?,
            protocol: columns.text("protocol")?,
            recording_s3_bucket_name: columns.text("recording_s3_bucket_name")?,
            recording_s3_prefix: columns.text("recording_s3_prefix")?,
        })
    }

    pub(in crate::lake) fn get(&self, row: usize) -> ParticipantDetails {
        ParticipantDetails {
            attributes: self.attributes.get(row),
            isp_name: self.isp_name.owned(row),
            os_name: self.os_name.owned(row),
            os_version: self.os_version.owned(row),
            browser_name: self.browser_name.owned(row),
            browser_version: self.browser_version.owned(row),
            sdk_version: self.sdk_version.owned(row),
            protocol: self.protocol.owned(row),
            recording_s3_bucket_name: self.recording_s3_bucket_name.owned(row),
            recording_s3_prefix: self.recording_s3_prefix.owned(row),
        }
    }
}

/// Rows of `replicas` under construction.
#[derive(Debug)]
pub struct ReplicaBatch(RowsBuilder);

impl Default for ReplicaBatch {
    fn default() -> Self {
        Self(RowsBuilder::new(data_schema(Table::Replicas)))
    }
}

impl ReplicaBatch {
    /// Adds a replication.
    pub fn push(&mut self, replica: &ReplicaRow) {
        let mut row = self.0.row();
        write_replica(&mut row, &replica.replica);
        row.time(replica.listed_at).end();
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

/// Writes what the service tells of a replication: `source_stage_arn` to `replication_state`.
pub(in crate::lake) fn write_replica(row: &mut RowWriter<'_>, replica: &Replica) {
    row.text(replica.source_stage_arn.as_str())
        .text(replica.source_session_id.as_str())
        .text(replica.participant_id.as_str())
        .text(replica.destination_stage_arn.as_str())
        .text(replica.destination_session_id.as_ref().map(SessionId::as_str))
        .text(replica.replication_state.as_ref().map(ReplicationState::as_str));
}

/// Rows of `replicas` in the order of the batch, without when they were listed.
///
/// # Errors
/// [`BatchError`] where the batch is none of `replicas`.
pub fn replicas_from_batch(batch: &RecordBatch) -> Result<Vec<Replica>, BatchError> {
    let replicas = ReplicaColumns::new(&Columns::from(batch))?;
    (0..batch.num_rows()).map(|row| replicas.get(row)).collect()
}

/// The columns of the service's fields of a replication.
#[derive(Debug)]
pub(in crate::lake) struct ReplicaColumns {
    source_stage_arn: Text,
    source_session_id: Text,
    participant_id: Text,
    destination_stage_arn: Text,
    destination_session_id: Text,
    replication_state: Text,
}

impl ReplicaColumns {
    pub(in crate::lake) fn new(columns: &Columns) -> Result<Self, BatchError> {
        Ok(Self {
            source_stage_arn: columns.text("source_stage_arn")?,
            source_session_id: columns.text("source_session_id")?,
            participant_id: columns.text("participant_id")?,
            destination_stage_arn: columns.text("destination_stage_arn")?,
            destination_session_id: columns.text("destination_session_id")?,
            replication_state: columns.text("replication_state")?,
        })
    }

    pub(in crate::lake) fn get(&self, row: usize) -> Result<Replica, BatchError> {
        Ok(Replica {
            source_stage_arn: self.source_stage_arn.parse(row, StageArn::parse)?,
            source_session_id: self.source_session_id.parse(row, SessionId::new)?,
            participant_id: self.participant_id.parse(row, ParticipantId::new)?,
            destination_stage_arn: self.destination_stage_arn.some(row)?.to_owned(),
            destination_session_id: self
                .destination_session_id
                .parse_optional(row, SessionId::new)?,
            replication_state: self.replication_state.open(row),
        })
    }
}
