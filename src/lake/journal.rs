//! The journal: who asked for which replication, and what became of it.
//!
//! A request is in the table before its call is made, and is replaced in one commit when the answer is there, so
//! that `request_id` is unique for every reader at every moment. No collector's lock is needed. Requests take turns
//! for the moment of a commit, since Delta refuses one that meets the replacement of another; with what takes no
//! turn, such as compaction, a commit that is refused is begun anew.

use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;

use super::batch::{
    ReplicationRequestRow, replication_requests_from_batch, replication_requests_to_batch,
};
use super::delta::{self, CommitNote, FileWriter};
use super::held::commit_under;
use super::lock::Lock;
use super::partition::Partition;
use super::tables::Table;
use super::{Lake, LakeError};
use crate::model::Scope;

const TABLE: Table = Table::ReplicationRequests;

/// A request that is in the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    scope: Scope,
    /// The file that it was written to.
    path: Option<String>,
}

impl Lake {
    /// Writes a request into the journal; its scope is that of the source.
    ///
    /// # Errors
    /// [`LakeError`] where the lake can't be made or written, or simulated and real data would meet.
    pub async fn journal(&self, request: &ReplicationRequestRow) -> Result<Entry, LakeError> {
        let scope = request.route.source_stage_arn.scope().clone();
        let holder = holder(request);
        self.prepare(&scope, &holder).await?;
        let turn = Lock::journal(self.place(), &holder).await?;
        let added = commit_under(&[&turn], || self.add_request(&scope, request)).await;
        turn.release().await;
        Ok(Entry { path: added?, scope })
    }

    /// Gives the file that the request was written to.
    async fn add_request(
        &self,
        scope: &Scope,
        request: &ReplicationRequestRow,
    ) -> Result<Option<String>, LakeError> {
        let opened = self.tables().open(TABLE, None).await?;
        let mut writer = FileWriter::new(TABLE, &opened)?;
        let partition = Partition { scope: scope.clone(), date: None };
        let batch = replication_requests_to_batch(std::slice::from_ref(request));
        writer.write(&partition, batch).await?;
        writer.close_file().await?;
        let path = writer.paths().next().map(str::to_owned);
        writer.commit(&opened, CommitNote::default()).await?;
        Ok(path)
    }

    /// Replaces a request in the journal by what is known of it now.
    ///
    /// # Errors
    /// [`LakeError`] where the table can't be read or written.
    pub async fn journal_outcome(
        &self,
        entry: &Entry,
        request: &ReplicationRequestRow,
    ) -> Result<(), LakeError> {
        let turn = Lock::journal(self.place(), &holder(request)).await?;
        let replace = || self.replace_request(entry, request);
        let replaced = commit_under(&[&turn], replace).await;
        turn.release().await;
        replaced
    }

    async fn replace_request(
        &self,
        entry: &Entry,
        request: &ReplicationRequestRow,
    ) -> Result<(), LakeError> {
        let opened = self.tables().open(TABLE, None).await?;
        let partition = Partition { scope: entry.scope.clone(), date: None };
        let mut files = delta::partition_files(TABLE, &opened, &partition)?;
        // Its own file first; unless it was compacted meanwhile, no other is read.
        files.sort_by_key(|file| Some(&*file.path()) != entry.path.as_deref());
        let mut writer = FileWriter::new(TABLE, &opened)?;
        let mut rows = vec![request.clone()];
        for file in &files {
            let found = read(&opened, file).await?;
            if found.iter().any(|row| row.request_id == request.request_id) {
                let others = found.into_iter().filter(|row| row.request_id != request.request_id);
                rows.extend(others);
                writer.remove(file);
                break;
            }
        }
        rows.sort_by(|one, other| one.request_id.cmp(&other.request_id));
        writer.write(&partition, replication_requests_to_batch(&rows)).await?;
        writer.commit(&opened, CommitNote::default()).await?;
        Ok(())
    }

    /// The requests of a scope, by their ids, which are in the order in which they were asked.
    ///
    /// # Errors
    /// [`LakeError`] where the table can't be read.
    pub async fn replication_requests(
        &self,
        scope: &Scope,
    ) -> Result<Vec<ReplicationRequestRow>, LakeError> {
        let opened = self.tables().open(TABLE, None).await?;
        let partition = Partition { scope: scope.clone(), date: None };
        let mut rows = Vec::new();
        for file in delta::partition_files(TABLE, &opened, &partition)? {
            rows.extend(read(&opened, &file).await?);
        }
        rows.sort_by(|one, other| one.request_id.cmp(&other.request_id));
        Ok(rows)
    }
}

fn holder(request: &ReplicationRequestRow) -> String {
    format!("replication request {}", request.request_id)
}

async fn read(
    opened: &DeltaTable,
    file: &LogicalFileView,
) -> Result<Vec<ReplicationRequestRow>, LakeError> {
    let mut rows = Vec::new();
    for batch in delta::read_file(TABLE, opened, file).await? {
        let found = replication_requests_from_batch(&batch)
            .map_err(|error| LakeError::Shape { table: TABLE, source: error.into() })?;
        rows.extend(found);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
