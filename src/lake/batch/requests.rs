//! `replication_requests`: rows to batches and back.

use arrow::record_batch::RecordBatch;

use super::super::tables::Table;
use super::rows::closed_enum;
use super::{BatchError, Columns, RowsBuilder, data_schema};
use crate::model::{ParticipantId, ReplicationRoute, StageArn, TextMap, Timestamp};

closed_enum! {
    /// What was asked for.
    ReplicationAction {
        /// To begin a replication.
        Start = "START",
        /// To end one.
        Stop = "STOP",
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call is about to be made, is under way, or its process died.
    Pending,
    /// The service accepted it.
    Accepted,
    /// The answer was lost.
    Unknown,
    /// The service, or what stands before it, refused; the error's code.
    Refused(String),
}

impl Outcome {
    /// The text in the lake.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Accepted => "ACCEPTED",
            Self::Unknown => "UNKNOWN",
            Self::Refused(code) => code,
        }
    }
}

impl From<&str> for Outcome {
    fn from(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "ACCEPTED" => Self::Accepted,
            "UNKNOWN" => Self::Unknown,
            code => Self::Refused(code.to_owned()),
        }
    }
}

/// A row of `replication_requests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationRequestRow {
    /// The request (UUIDv7).
    pub request_id: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the answer came.
    pub finished_at: Option<Timestamp>,
    /// User and host.
    pub requested_by: Option<String>,
    /// What was asked for.
    pub action: ReplicationAction,
    /// Who, from where to where.
    pub route: ReplicationRoute,
    /// How long a reconnect keeps it going, in seconds; none of a stop.
    pub reconnect_window_seconds: Option<i32>,
    /// Attributes set on the replica.
    pub attributes: Option<TextMap>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the service said.
    pub message: Option<String>,
}

/// One batch of the rows, in their order.
#[must_use]
pub fn replication_requests_to_batch(requests: &[ReplicationRequestRow]) -> RecordBatch {
    let mut rows = RowsBuilder::new(data_schema(Table::ReplicationRequests));
    for request in requests {
        rows.row()
            .text(request.request_id.as_str())
            .time(request.requested_at)
            .time(request.finished_at)
            .text(request.requested_by.as_deref())
            .text(request.action.as_str())
            .text(request.route.source_stage_arn.as_str())
            .text(request.route.destination_stage_arn.as_str())
            .text(request.route.participant_id.as_str())
            .int32(request.reconnect_window_seconds)
            .text_map(request.attributes.as_ref())
            .text(request.outcome.as_str())
            .text(request.message.as_deref())
            .end();
    }
    rows.finish()
}

/// Rows of `replication_requests`, in the order of the batch.
///
/// # Errors
/// [`BatchError`] where the batch is none of `replication_requests`.
pub fn replication_requests_from_batch(
    batch: &RecordBatch,
) -> Result<Vec<ReplicationRequestRow>, BatchError> {
    let columns = Columns::from(batch);
    let request_id = columns.text("request_id")?;
    let requested_at = columns.time("requested_at")?;
    let finished_at = columns.time("finished_at")?;
    let requested_by = columns.text("requested_by")?;
    let action = columns.text("action")?;
    let source_stage_arn = columns.text("source_stage_arn")?;
    let destination_stage_arn = columns.text("destination_stage_arn")?;
    let participant_id = columns.text("participant_id")?;
    let reconnect_window_seconds = columns.int32("reconnect_window_seconds")?;
    let attributes = columns.text_map("attributes")?;
    let outcome = columns.text("outcome")?;
    let message = columns.text("message")?;
    (0..batch.num_rows())
        .map(|row| {
            Ok(ReplicationRequestRow {
                request_id: request_id.some(row)?.to_owned(),
                requested_at: requested_at.some(row)?,
                finished_at: finished_at.get(row)?,
                requested_by: requested_by.owned(row),
                action: action.parse(row, |text| ReplicationAction::parse(text).ok_or(()))?,
                route: ReplicationRoute {
                    source_stage_arn: source_stage_arn.parse(row, StageArn::parse)?,
                    destination_stage_arn: destination_stage_arn.parse(row, StageArn::parse)?,
                    participant_id: participant_id.parse(row, ParticipantId::new)?,
                },
                reconnect_window_seconds: reconnect_window_seconds.number(row),
                attributes: attributes.get(row),
                outcome: Outcome::from(outcome.some(row)?),
                message: message.owned(row),
            })
        })
        .collect()
}
