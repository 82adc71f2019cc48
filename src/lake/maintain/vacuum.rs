//! Deleting files that no snapshot of the last seven days needs.
//!
//! A table's own versions of that time are spared by Delta's retention. What it can't know is that `sessions` may have
//! named a version that was superseded before: those are spared by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use deltalake_core::DeltaTable;
use deltalake_core::operations::vacuum::{Clock, VacuumMode};

use crate::lake::delta;
use crate::lake::register::{self, VERSIONS_KEY, versions_from_json, versions_note};
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};
use crate::model::Timestamp;

/// How long a snapshot can be read after a newer one has replaced it.
pub(super) const RETENTION: TimeDelta = TimeDelta::days(7);

/// How long a file may be written before it gets its name.
pub(super) const WRITING_MAX: TimeDelta = TimeDelta::hours(1);

/// Vacuums one table; gives the number of files that were deleted.
pub(super) async fn vacuum(lake: &Lake, table: Table, now: Timestamp) -> Result<u64, LakeError> {
    let opened = lake.tables().open(table, None).await?;
    let cutoff = now - RETENTION;
    let mut vacuum = opened
        .clone()
        .vacuum()
        .with_mode(VacuumMode::Full)
        .with_retention_period(RETENTION)
        .with_clock(Arc::new(At(now)));
    if table == Table::Sessions {
        let metadata = versions_note(&register::versions(&opened).await?);
        vacuum = vacuum.with_commit_properties(
            deltalake_core::kernel::transaction::CommitProperties::default()
                .with_metadata(metadata)
                .with_max_retries(0),
        );
    } else if Table::DATA.contains(&table) {
        let kept = named_and_superseded(lake, table, &opened, cutoff).await?;
        if !kept.is_empty() {
            vacuum = vacuum.with_keep_versions(&kept);
        }
    }
    let (_, metrics) = vacuum.await.map_err(|source| LakeError::commit(table, source))?;
    Ok(metrics.files_deleted.len() as u64)
}

/// Versions that a snapshot since the cutoff stands on, although the table had a newer one by then.
async fn named_and_superseded(
    lake: &Lake,
    table: Table,
    opened: &DeltaTable,
    cutoff: Timestamp,
) -> Result<Vec<u64>, LakeError> {
    let sessions = lake.tables().open(Table::Sessions, None).await?;
    let mut named = BTreeSet::new();
    for version in (0..=sessions.version().unwrap_or(0)).rev() {
        let note =
            delta::commit_metadata(Table::Sessions, &sessions, version, VERSIONS_KEY).await?;
        let versions = note.as_ref().and_then(versions_from_json);
        named.extend(versions.and_then(|versions| versions.get(&table).copied()));
        if is_before(Table::Sessions, &sessions, version, cutoff).await? && !named.is_empty() {
            break;
        }
    }
    let mut current_at_cutoff = opened.version().unwrap_or(0);
    while current_at_cutoff > 0 && !is_before(table, opened, current_at_cutoff, cutoff).await? {
        current_at_cutoff -= 1;
    }
    named.retain(|version| *version < current_at_cutoff);
    Ok(named.into_iter().collect())
}

/// Whether a version was committed before a moment, or so long ago that its commit is no longer kept.
async fn is_before(
    table: Table,
    opened: &DeltaTable,
    version: u64,
    moment: Timestamp,
) -> Result<bool, LakeError> {
    let time = delta::commit_metadata(table, opened, version, "timestamp").await?;
    let time = time.and_then(|time| time.as_i64());
    Ok(time.is_none_or(|time| time < moment.timestamp_millis()))
}

#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn current_timestamp_millis(&self) -> i64 {
        self.0.timestamp_millis()
    }
}
