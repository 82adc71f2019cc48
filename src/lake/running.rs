//! The record of a run that is under way, so that the next one can say of it that it was killed.

use serde::{Deserialize, Serialize};

use super::batch::{RunRow, RunStatus};
use super::inflight::{InFlight, Name};
use super::{Held, LakeError};
use crate::model::Timestamp;

const NAME: Name = Name { stem: "run", extension: "json" };

/// A run that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The run.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The version of the program.
    pub version: String,
}

impl Running {
    /// Writes the record.
    ///
    /// # Errors
    /// Where it can't be written.
    pub async fn begin(&self, held: &Held) -> Result<(), LakeError> {
        let bytes = serde_json::to_vec(self).expect("texts make JSON");
        held.in_flight().write(NAME, held.lock.generation(), bytes).await
    }

    /// Runs that were begun in this scope and not ended get their rows in `runs`, as killed some time before `now`.
    /// A record that can't be read is one that was being written. Gives the bytes of new files.
    ///
    /// # Errors
    /// Where the records can't be read or removed, or the table can't be written.
    pub async fn bury(held: &Held, now: Timestamp) -> Result<u64, LakeError> {
        let mut bytes_written = 0;
        // The oldest first.
        for record in held.in_flight().read(NAME).await?.into_iter().rev() {
            if let Ok(run) = serde_json::from_slice::<Self>(&record.bytes) {
                bytes_written += held.append_run(run.killed(now)).await?;
            }
            held.in_flight().remove(record.at).await?;
        }
        Ok(bytes_written)
    }

    /// Removes the record: the run has its row in `runs`.
    ///
    /// # Errors
    /// Where it can't be removed.
    pub async fn end(held: &Held) -> Result<(), LakeError> {
        let in_flight: InFlight<'_> = held.in_flight();
        in_flight.remove(in_flight.at(NAME, held.lock.generation())).await
    }

    /// The row of a run that was killed: all that is known of it. It ended some time before `now`.
    #[must_use]
    fn killed(self, now: Timestamp) -> RunRow {
        RunRow {
            run_id: self.run_id,
            started_at: self.started_at,
            finished_at: now,
            status: RunStatus::Killed,
            version: self.version,
            duration_s: None,
            bytes_written: None,
            stages: None,
            sessions: None,
            sessions_left: None,
            given_up: None,
            participants: None,
            events: None,
            replicas: None,
            calls: std::collections::BTreeMap::new(),
            failures: Vec::new(),
        }
    }
}
