//! A scope of a lake in the hands of one who may write to it.

use std::sync::Arc;

use super::batch::{RunRow, runs_to_batch};
use super::delta::{self, CommitNote, FileWriter};
use super::inflight::InFlight;
use super::lock::{Lock, LockError};
use super::partition::Partition;
use super::staging::SharedStaging;
use super::tables::Table;
use super::{Lake, LakeError};
use crate::model::Scope;

/// Times that a commit is begun anew because another's came between.
const COMMIT_ATTEMPTS_MAX: u32 = 5;

/// A scope that is held, and what is staged of it. Clones share it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The lake.
    pub lake: Lake,
    /// The scope.
    pub scope: Scope,
    /// What says that it is ours.
    pub lock: Arc<Lock>,
    /// What is staged of it.
    pub staging: SharedStaging,
}

impl Held {
    /// Opens what is staged of a scope that was taken. The lock is released where that fails.
    pub(super) async fn open(lake: &Lake, scope: &Scope, lock: Lock) -> Result<Self, LakeError> {
        let lock = Arc::new(lock);
        match SharedStaging::open(lake.place(), scope, &lock).await {
            Ok(staging) => Ok(Self { lake: lake.clone(), scope: scope.clone(), lock, staging }),
            Err(error) => {
                lock.release().await;
                Err(error)
            }
        }
    }

    /// What this scope has in flight beside sessions.
    pub(super) fn in_flight(&self) -> InFlight<'_> {
        InFlight::of(self.lake.place(), &self.scope)
    }

    /// Does what ends in a commit, again where the commit of another writer came between, and only while the scope
    /// is held.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where the scope is not held any more, and whatever `work` says.
    pub async fn commit<T, W: Future<Output = Result<T, LakeError>>>(
        &self,
        work: impl Fn() -> W,
    ) -> Result<T, LakeError> {
        let locks = [&*self.lock];
        commit_under(&locks, work).await
    }

    /// Adds a run to `runs`; gives the bytes of the new file. A run that has its row gets no second one: it may have
    /// died between the commit and the removal of its record.
    ///
    /// # Errors
    /// Where the table can't be written.
    pub async fn append_run(&self, run: RunRow) -> Result<u64, LakeError> {
        self.commit(|| self.add_run(run.clone())).await
    }

    async fn add_run(&self, run: RunRow) -> Result<u64, LakeError> {
        let (table, scope) = (Table::Runs, &self.scope);
        let opened = self.lake.tables().open(table, None).await?;
        let transaction = (format!("ivsight/{scope}/runs"), run.started_at.timestamp_micros());
        if delta::transaction_number(table, &opened, &transaction.0).await? == transaction.1 {
            return Ok(0);
        }
        let batch = runs_to_batch(&[run])
            .map_err(|error| LakeError::Shape { table, source: error.into() })?;
        let partition = Partition { scope: scope.clone(), date: None };
        let mut writer = FileWriter::new(table, &opened)?;
        writer.write(&partition, batch).await?;
        let note = CommitNote { transaction: Some(transaction), metadata: Vec::new() };
        let (_, bytes_written) = writer.commit(&opened, note).await?;
        Ok(bytes_written)
    }

    /// Makes sure that the scope is still held.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where it is not.
    pub async fn confirm(&self) -> Result<(), LockError> {
        self.lock.confirm().await
    }

    /// Lets the scope go, so that the next one need not wait.
    pub async fn release(&self) {
        self.lock.release().await;
    }
}

/// Does what ends in a commit while all of these locks are held, again where the commit of another writer came between.
pub(super) async fn commit_under<T, W: Future<Output = Result<T, LakeError>>>(
    locks: &[&Lock],
    work: impl Fn() -> W,
) -> Result<T, LakeError> {
    let mut attempts = 1;
    loop {
        for lock in locks {
            lock.confirm().await?;
        }
        match work().await {
            Err(LakeError::Outrun { .. }) if attempts < COMMIT_ATTEMPTS_MAX => attempts += 1,
            done => return done,
        }
    }
}
