//! The record of a run that is under way, so that the next one can say of it that it was killed.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LakeError;
use super::batch::{RunRow, RunStatus};
use super::staging::SharedStaging;
use super::store::sync_path;
use crate::model::{Scope, Timestamp};

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
    pub fn begin(&self, lake: &Path, scope: &Scope) -> Result<(), LakeError> {
        let path = record(lake, scope);
        let aside = path.with_extension("tmp");
        let write = || {
            let folder = SharedStaging::folder(lake, scope);
            std::fs::create_dir_all(&folder)?;
            let mut file = std::fs::File::create(&aside)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            std::fs::rename(&aside, &path)?;
            sync_path(&folder)
        };
        write().map_err(|source| LakeError::Io { action: "write", path: path.clone(), source })
    }

    /// The run that was begun in this scope and not ended. A record that can't be read is one that was being written.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn left_behind(lake: &Path, scope: &Scope) -> Result<Option<Self>, LakeError> {
        let path = record(lake, scope);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LakeError::Io { action: "read", path, source }),
        }
    }

    /// Removes the record: the run has its row in `runs`.
    ///
    /// # Errors
    /// Where it can't be removed.
    pub fn end(lake: &Path, scope: &Scope) -> Result<(), LakeError> {
        let path = record(lake, scope);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LakeError::Io { action: "remove", path, source: error })
            }
            _ => Ok(()),
        }
    }

    /// The row of a run that was killed: all that is known of it. It ended some time before `now`.
    #[must_use]
    pub fn killed(self, now: Timestamp) -> RunRow {
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

fn record(lake: &Path, scope: &Scope) -> PathBuf {
    SharedStaging::folder(lake, scope).join("run.json")
}
