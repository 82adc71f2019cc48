//! `sessions` and `stages`: rows to batches and back.

use arrow::record_batch::RecordBatch;

use super::super::tables::Table;
use super::{BatchError, Collection, Columns, RowsBuilder, SessionRow, StageRow, data_schema};
use crate::model::{SessionId, SessionKey, Stage, StageArn};

/// One batch of the rows, in their order.
#[must_use]
pub fn sessions_to_batch(sessions: &[SessionRow]) -> RecordBatch {
    let mut rows = RowsBuilder::new(data_schema(Table::Sessions));
    for session in sessions {
        rows.row()
            .text(session.key.stage_arn.as_str())
            .text(session.key.session_id.as_str())
            .text(session.stage_name.as_deref())
            .text_map(session.stage_tags.as_ref())
            .time(session.start_time)
            .flag(session.start_synthetic)
            .time(session.end_time)
            .text(session.collection.as_str())
            .time(session.listed_at)
            .time(session.as_of)
            .time(session.failing_since)
            .int32(session.attempts_n)
            .text(session.last_error.as_deref())
            .int64(session.participants_n)
            .int64(session.events_n)
            .int64(session.publication)
            .int32(session.intervals_rule)
            .time(session.pruned_at)
            .text(session.run_id.as_str())
            .end();
    }
    rows.finish()
}

/// Rows of `sessions`, in the order of the batch.
///
/// # Errors
/// [`BatchError`] where the batch is none of `sessions`.
pub fn sessions_from_batch(batch: &RecordBatch) -> Result<Vec<SessionRow>, BatchError> {
    let columns = Columns::from(batch);
    let stage_arn = columns.text("stage_arn")?;
    let session_id = columns.text("session_id")?;
    let stage_name = columns.text("stage_name")?;
    let stage_tags = columns.text_map("stage_tags")?;
    let start_time = columns.time("start_time")?;
    let start_synthetic = columns.flag("start_synthetic")?;
    let end_time = columns.time("end_time")?;
    let collection = columns.text("collection")?;
    let listed_at = columns.time("listed_at")?;
    let as_of = columns.time("as_of")?;
    let failing_since = columns.time("failing_since")?;
    let attempts_n = columns.int32("attempts_n")?;
    let last_error = columns.text("last_error")?;
    let participants_n = columns.int64("participants_n")?;
    let events_n = columns.int64("events_n")?;
    let publication = columns.int64("publication")?;
    let intervals_rule = columns.int32("intervals_rule")?;
    let pruned_at = columns.time("pruned_at")?;
    let run_id = columns.text("run_id")?;
    (0..batch.num_rows())
        .map(|row| {
            Ok(SessionRow {
                key: SessionKey {
                    stage_arn: stage_arn.parse(row, StageArn::parse)?,
                    session_id: session_id.parse(row, SessionId::new)?,
                },
                stage_name: stage_name.owned(row),
                stage_tags: stage_tags.get(row),
                start_time: start_time.some(row)?,
                start_synthetic: start_synthetic.some(row)?,
                end_time: end_time.get(row)?,
                collection: collection.parse(row, |text| Collection::parse(text).ok_or(()))?,
                listed_at: listed_at.some(row)?,
                as_of: as_of.get(row)?,
                failing_since: failing_since.get(row)?,
                attempts_n: attempts_n.some_number(row)?,
                last_error: last_error.owned(row),
                participants_n: participants_n.number(row),
                events_n: events_n.number(row),
                publication: publication.number(row),
                intervals_rule: intervals_rule.number(row),
                pruned_at: pruned_at.get(row)?,
                run_id: run_id.some(row)?.to_owned(),
            })
        })
        .collect()
}

/// One batch of the rows, in their order.
#[must_use]
pub fn stages_to_batch(stages: &[StageRow]) -> RecordBatch {
    let mut rows = RowsBuilder::new(data_schema(Table::Stages));
    for row in stages {
        rows.row()
            .text(row.stage.arn.as_str())
            .text(row.stage.name.as_deref())
            .text(row.stage.active_session_id.as_ref().map(SessionId::as_str))
            .text_map(row.stage.tags.as_ref())
            .time(row.first_seen_at)
            .time(row.last_seen_at)
            .time(row.gone_at)
            .end();
    }
    rows.finish()
}

/// Rows of `stages`, in the order of the batch.
///
/// # Errors
/// [`BatchError`] where the batch is none of `stages`.
pub fn stages_from_batch(batch: &RecordBatch) -> Result<Vec<StageRow>, BatchError> {
    let columns = Columns::from(batch);
    let stage_arn = columns.text("stage_arn")?;
    let name = columns.text("name")?;
    let active_session_id = columns.text("active_session_id")?;
    let tags = columns.text_map("tags")?;
    let first_seen_at = columns.time("first_seen_at")?;
    let last_seen_at = columns.time("last_seen_at")?;
    let gone_at = columns.time("gone_at")?;
    (0..batch.num_rows())
        .map(|row| {
            Ok(StageRow {
                stage: Stage {
                    arn: stage_arn.parse(row, StageArn::parse)?,
                    name: name.owned(row),
                    active_session_id: active_session_id.parse_optional(row, SessionId::new)?,
                    tags: tags.get(row),
                },
                first_seen_at: first_seen_at.some(row)?,
                last_seen_at: last_seen_at.some(row)?,
                gone_at: gone_at.get(row)?,
            })
        })
        .collect()
}
