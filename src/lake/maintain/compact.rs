//! Few sorted files for past days, and nothing left that no snapshot of the last week needs.
//!
//! Rows stay what they are: files of a day are merged by session into ones of some 32 MiB, one commit for each table.
//! Until the commit to `sessions` at the end, readers stand on the versions from before; a run that dies in between
//! has cost nothing, because both versions hold the same rows.

use chrono::NaiveDate;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use serde::Serialize;

use super::exclusive::move_snapshot;
use super::sessions::SessionStream;
use super::{Exclusive, vacuum};
use crate::lake::delta::{self, CommitNote, FILE_BYTES, FileWriter};
use crate::lake::leftovers;
use crate::lake::partition::Partition;
use crate::lake::place::Place;
use crate::lake::register;
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};
use crate::model::Timestamp;

/// The version of the result as JSON.
pub const COMPACTED_VERSION: u32 = 1;

/// Files that are merged at once: each of them holds a row group in memory.
const MERGED_MAX: usize = 64;

/// Tables that are kept in few files and have no order that readers count on.
const UNSORTED: [Table; 3] = [Table::Stages, Table::Runs, Table::Sessions];

/// What compacting did.
#[derive(Clone, Debug, Serialize)]
pub struct Compacted {
    /// The version of this shape.
    pub version: u32,
    /// Each table.
    pub tables: Vec<CompactedTable>,
    /// Files deleted that a killed process had begun and never named.
    pub leftovers: u64,
}

/// What compacting did to a table.
#[derive(Clone, Debug, Serialize)]
pub struct CompactedTable {
    /// Its name.
    pub table: &'static str,
    /// Files that were replaced.
    pub files_removed: u64,
    /// Files that replaced them.
    pub files_added: u64,
    /// Bytes of the files that were replaced.
    pub bytes_removed: u64,
    /// Bytes of the files that replaced them.
    pub bytes_added: u64,
    /// Files that are not sorted by session, and were left as they are.
    pub files_unsorted: u64,
    /// Old files that were deleted.
    pub files_vacuumed: u64,
}

/// Compacts a lake that is held, and vacuums it. Days before that of `now` are past.
///
/// # Errors
/// Where a table can't be read or written; what was committed by then stays, and is harmless.
pub async fn compact(
    lake: &Lake,
    held: &Exclusive,
    now: Timestamp,
) -> Result<Compacted, LakeError> {
    let mut tables = Vec::new();
    for table in Table::DATA.into_iter().chain(UNSORTED) {
        tables.push(compact_table(lake, held, table, now.date_naive()).await?);
    }
    held.confirm().await?;
    move_snapshot(lake).await?;
    for compacted in &mut tables {
        let table = Table::ALL.into_iter().find(|table| table.name() == compacted.table);
        let table = table.expect("it was one of them");
        held.confirm().await?;
        compacted.files_vacuumed = vacuum::vacuum(lake, table, now).await?;
    }
    let leftovers = match lake.place() {
        Place::Folder(path) => leftovers::sweep(path, now - vacuum::WRITING_MAX)?,
        // An upload that was cut off never becomes an object; the bucket's lifecycle rule ends it.
        Place::Bucket(_) => 0,
    };
    Ok(Compacted { version: COMPACTED_VERSION, tables, leftovers })
}

async fn compact_table(
    lake: &Lake,
    held: &Exclusive,
    table: Table,
    today: NaiveDate,
) -> Result<CompactedTable, LakeError> {
    let opened = lake.tables().open(table, None).await?;
    let mut rewrite = Rewrite {
        table,
        opened: &opened,
        writer: FileWriter::rewriting(table, &opened)?,
        done: CompactedTable {
            table: table.name(),
            files_removed: 0,
            files_added: 0,
            bytes_removed: 0,
            bytes_added: 0,
            files_unsorted: 0,
            files_vacuumed: 0,
        },
    };
    for (partition, files) in delta::files_by_partition(table, &opened)? {
        let is_past = partition.date.is_none_or(|date| date < today);
        let small: Vec<_> = files.into_iter().filter(|file| file.size() < FILE_BYTES / 2).collect();
        if is_past {
            for files in small.chunks(MERGED_MAX).filter(|files| files.len() > 1) {
                rewrite.merge(&partition, files).await?;
            }
        }
    }
    held.confirm().await?;
    rewrite.commit().await
}

/// A commit under construction.
struct Rewrite<'a> {
    table: Table,
    opened: &'a DeltaTable,
    writer: FileWriter,
    done: CompactedTable,
}

impl Rewrite<'_> {
    async fn merge(
        &mut self,
        partition: &Partition,
        files: &[LogicalFileView],
    ) -> Result<(), LakeError> {
        let files = self.mergeable(files).await?;
        if files.len() < 2 {
            return Ok(());
        }
        if UNSORTED.contains(&self.table) {
            self.append(partition, &files).await?;
        } else {
            self.merge_sorted(partition, &files).await?;
        }
        self.close_file().await?;
        for file in &files {
            self.writer.remove(file);
            self.done.files_removed += 1;
            self.done.bytes_removed += u64::try_from(file.size()).unwrap_or(0);
        }
        Ok(())
    }

    /// Files that another engine has rewritten need not be sorted: those are left as they are.
    async fn mergeable(
        &mut self,
        files: &[LogicalFileView],
    ) -> Result<Vec<LogicalFileView>, LakeError> {
        if UNSORTED.contains(&self.table) {
            return Ok(files.to_vec());
        }
        let mut mergeable = Vec::with_capacity(files.len());
        for file in files {
            let one = std::slice::from_ref(file);
            let mut stream = SessionStream::open(self.table, self.opened, one).await?;
            while let Some(session) = stream.head().cloned() {
                while stream.take(&session).await?.is_some() {}
            }
            if stream.disordered().is_empty() {
                mergeable.push(file.clone());
            } else {
                self.done.files_unsorted += 1;
            }
        }
        Ok(mergeable)
    }

    async fn merge_sorted(
        &mut self,
        partition: &Partition,
        files: &[LogicalFileView],
    ) -> Result<(), LakeError> {
        let mut stream = SessionStream::open(self.table, self.opened, files).await?;
        while let Some(session) = stream.head().cloned() {
            while let Some(rows) = stream.take(&session).await? {
                self.writer.write(partition, rows).await?;
            }
            // A session lies whole in one file.
            if i64::try_from(self.writer.open_bytes()).unwrap_or(i64::MAX) >= FILE_BYTES {
                self.close_file().await?;
            }
        }
        Ok(())
    }

    /// The files one after the other, the oldest first.
    async fn append(
        &mut self,
        partition: &Partition,
        files: &[LogicalFileView],
    ) -> Result<(), LakeError> {
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|file| file.modification_time());
        for file in files {
            for rows in delta::read_file(self.table, self.opened, file).await? {
                self.writer.write(partition, rows).await?;
            }
        }
        Ok(())
    }

    async fn close_file(&mut self) -> Result<(), LakeError> {
        self.writer.close_file().await?;
        self.done.files_added = self.writer.files_n();
        Ok(())
    }

    async fn commit(mut self) -> Result<CompactedTable, LakeError> {
        if self.done.files_removed == 0 {
            return Ok(self.done);
        }
        let metadata = match self.table {
            // Every commit to the register names versions; the ones before still hold.
            Table::Sessions => register::versions_note(&register::versions(self.opened).await?),
            _ => Vec::new(),
        };
        let note = CommitNote { transaction: None, metadata };
        let (_, bytes_added) = self.writer.commit(self.opened, note).await?;
        self.done.bytes_added = bytes_added;
        Ok(self.done)
    }
}
