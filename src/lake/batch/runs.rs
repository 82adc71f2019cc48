//! `runs`: one row for each run and scope. Few and deeply nested, so they go through Arrow's JSON decoder:
//! the names of the fields below are the names of the columns.

use std::collections::BTreeMap;

use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use serde::{Serialize, Serializer};

use super::super::tables::Table;
use super::rows::closed_enum;
use super::{BatchError, Columns, data_schema};
use crate::model::Timestamp;

closed_enum! {
    /// How a run ended.
    RunStatus {
        /// Everything that was asked for is done.
        Complete = "complete",
        /// Some of it failed.
        Partial = "partial",
        /// The time that it was given was up.
        Deadline = "deadline",
        /// It was told to stop.
        Interrupted = "interrupted",
        /// It could not go on.
        Failed = "failed",
        /// It died without a word; the next run wrote this.
        Killed = "killed",
    }
}

impl Serialize for RunStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A row of `runs`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or was found to have been killed.
    pub finished_at: Timestamp,
    /// How it ended.
    pub status: RunStatus,
    /// The version of the program.
    pub version: String,
    /// How long it took, in seconds.
    pub duration_s: Option<f64>,
    /// Bytes written to the lake.
    pub bytes_written: Option<i64>,
    /// Stages in scope.
    pub stages: Option<i64>,
    /// Sessions published.
    pub sessions: Option<i64>,
    /// Sessions that are not done.
    pub sessions_left: Option<SessionsLeft>,
    /// Sessions given up in this run.
    pub given_up: Option<i64>,
    /// Participants published.
    pub participants: Option<i64>,
    /// Events published.
    pub events: Option<i64>,
    /// Replicas published.
    pub replicas: Option<i64>,
    /// Calls, by operation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, OperationCalls>,
    /// What failed.
    pub failures: Vec<FailureRow>,
}

/// Sessions that are not done, by why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionsLeft {
    /// They go on.
    pub live: i64,
    /// They ended a moment ago.
    pub unsettled: i64,
    /// Their turn has not come.
    pub waiting: i64,
    /// Fetching them failed.
    pub failed: i64,
}

/// What one operation cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationCalls {
    /// Calls started.
    pub attempts: i64,
    /// Calls answered well.
    pub ok: i64,
    /// Calls that repeated a failed one.
    pub retries: i64,
    /// Calls that were throttled.
    pub throttles: i64,
    /// Time that calls waited for a permit, in seconds.
    pub waited_s: f64,
    /// Permits used of those there were, 0 to 1; not known of a single call.
    pub utilization: Option<f64>,
}

/// One kind of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FailureRow {
    /// The stage it happened to.
    pub stage_arn: Option<String>,
    /// Its session.
    pub session_id: Option<String>,
    /// The session's participant.
    pub participant_id: Option<String>,
    /// The operation that failed.
    pub operation: Option<String>,
    /// The error's code.
    pub code: Option<String>,
    /// The error's message.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How often.
    pub n: i64,
}

/// One batch of the rows, in their order.
///
/// # Errors
/// What Arrow says of a row that it can't decode.
pub fn runs_to_batch(runs: &[RunRow]) -> Result<RecordBatch, ArrowError> {
    let schema = data_schema(Table::Runs);
    let mut decoder =
        ReaderBuilder::new(schema.clone()).with_batch_size(runs.len().max(1)).build_decoder()?;
    decoder.serialize(runs)?;
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

/// How a run ended: the part of a row of `runs` that says whether the lake is kept up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunEnd {
    /// The run.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended.
    pub status: RunStatus,
}

/// How the runs of a batch ended, in its order.
///
/// # Errors
/// [`BatchError`] where the batch is none of `runs`.
pub fn run_ends_from_batch(batch: &RecordBatch) -> Result<Vec<RunEnd>, BatchError> {
    let columns = Columns::from(batch);
    let (run_id, status) = (columns.text("run_id")?, columns.text("status")?);
    let (started_at, finished_at) = (columns.time("started_at")?, columns.time("finished_at")?);
    (0..batch.num_rows())
        .map(|row| {
            Ok(RunEnd {
                run_id: run_id.some(row)?.to_owned(),
                started_at: started_at.some(row)?,
                finished_at: finished_at.some(row)?,
                status: status.parse(row, |text| RunStatus::parse(text).ok_or(()))?,
            })
        })
        .collect()
}
