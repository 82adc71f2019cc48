//! `intervals`: model values to rows.

use arrow::record_batch::RecordBatch;

use super::super::tables::Table;
use super::{RowsBuilder, data_schema};
use crate::model::{Interval, ParticipantId, SessionKey};

/// Rows of `intervals` under construction.
#[derive(Debug)]
pub struct IntervalBatch(RowsBuilder);

impl Default for IntervalBatch {
    fn default() -> Self {
        Self(RowsBuilder::new(data_schema(Table::Intervals)))
    }
}

impl IntervalBatch {
    /// Adds an interval of a session.
    pub fn push(&mut self, session: &SessionKey, interval: &Interval) {
        let anomalies: Vec<&str> =
            interval.anomalies.iter().map(|anomaly| anomaly.as_str()).collect();
        self.0
            .row()
            .text(session.stage_arn.as_str())
            .text(session.session_id.as_str())
            .text(interval.participant_id.as_str())
            .text(interval.kind.as_str())
            .text(interval.remote_participant_id.as_ref().map(ParticipantId::as_str))
            .text(interval.destination_stage_arn.as_deref())
            .text(interval.destination_session_id.as_deref())
            .flag(interval.replica)
            .time(interval.start)
            .time(interval.end)
            .text(interval.end_reason.as_str())
            .flag(interval.synthetic_start)
            .int32(interval.starts_n)
            .texts(Some(&anomalies))
            .text(interval.user_id.as_deref())
            .flag(interval.publisher)
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
