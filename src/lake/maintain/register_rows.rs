//! Changing rows of `sessions` that are there, in one commit that leaves the snapshot where it is.

use crate::lake::batch::{SessionRow, sessions_from_batch, sessions_to_batch};
use crate::lake::delta::{self, CommitNote, FileWriter};
use crate::lake::partition::Partition;
use crate::lake::register::{self, Versions, versions_note};
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};

use super::sessions::shape;

/// Applies a change to every row of some partitions; the commit names the versions that the one before named.
pub(super) async fn rewrite_register(
    lake: &Lake,
    days: &[Partition],
    change: impl Fn(SessionRow) -> SessionRow,
) -> Result<(), LakeError> {
    let opened = lake.tables().open(Table::Sessions, None).await?;
    let versions = register::versions(&opened).await?;
    rewrite_register_with(lake, days, change, &versions).await
}

/// The same, and the snapshot moves to these versions with it.
pub(super) async fn rewrite_register_with(
    lake: &Lake,
    days: &[Partition],
    change: impl Fn(SessionRow) -> SessionRow,
    versions: &Versions,
) -> Result<(), LakeError> {
    let table = Table::Sessions;
    let opened = lake.tables().open(table, None).await?;
    let mut writer = FileWriter::new(table, &opened)?;
    for day in days {
        let files = delta::partition_files(table, &opened, day)?;
        let (mut rows, mut is_different) = (Vec::new(), false);
        for file in &files {
            for batch in delta::read_file(table, &opened, file).await? {
                for row in sessions_from_batch(&batch).map_err(|error| shape(table, error))? {
                    let changed = change(row.clone());
                    is_different |= changed != row;
                    rows.push(changed);
                }
            }
        }
        if is_different {
            for file in &files {
                writer.remove(file);
            }
            rows.sort_by(|a, b| a.key.cmp(&b.key));
            writer.write(day, sessions_to_batch(&rows)).await?;
            writer.close_file().await?;
        }
    }
    if writer.is_idle() {
        return Ok(());
    }
    let note = CommitNote { transaction: None, metadata: versions_note(versions) };
    writer.commit(&opened, note).await?;
    Ok(())
}
