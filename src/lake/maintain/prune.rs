//! Deleting the rows of old sessions. Their rows in `sessions` stay, so that nobody fetches them again.
//!
//! First `sessions` says that they are pruned, then their rows go, table by table, then `sessions` names the new
//! versions. A run that dies in between leaves sessions that are said to be pruned and still have some rows; the
//! same command again finishes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Exclusive;
use super::exclusive::move_snapshot;
use super::register_rows::rewrite_register;
use crate::lake::batch::{Collection, SessionRow};
use crate::lake::delta::{self, CommitNote, FileWriter};
use crate::lake::partition::Partition;
use crate::lake::publish::drop_sessions;
use crate::lake::register;
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};
use crate::model::{SessionKey, Timestamp};

/// The version of the result as JSON.
pub const PRUNED_VERSION: u32 = 1;

/// What pruning does, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct Pruned {
    /// The version of this shape.
    pub version: u32,
    /// Sessions that began before this.
    pub before: Timestamp,
    /// Sessions whose rows go.
    pub sessions: u64,
    /// Their participants.
    pub participants: u64,
    /// Their events.
    pub events: u64,
    /// Sessions that began before, and stay because they are not collected yet.
    pub sessions_left: u64,
}

impl Pruned {
    fn count(&mut self, row: &SessionRow) {
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        if row.start_time >= self.before || row.pruned_at.is_some() {
            return;
        }
        if is_due(row, self.before) {
            self.sessions += 1;
            self.participants += number(row.participants_n);
            self.events += number(row.events_n);
        } else {
            self.sessions_left += 1;
        }
    }
}

/// Whether a session's rows are to go, or should have gone already.
fn is_due(row: &SessionRow, before: Timestamp) -> bool {
    row.collection != Collection::Listed && row.start_time < before
}

/// What pruning would do now.
///
/// # Errors
/// Where there is no lake, or `sessions` can't be read.
pub async fn plan(lake: &Lake, before: Timestamp) -> Result<Pruned, LakeError> {
    let mut pruned = Pruned {
        version: PRUNED_VERSION,
        before,
        sessions: 0,
        participants: 0,
        events: 0,
        sessions_left: 0,
    };
    for partition in days_before(lake, before).await? {
        register::visit_partitions(lake.tables(), [partition], |row| pruned.count(&row)).await?;
    }
    Ok(pruned)
}

/// Deletes the rows of sessions that began before a moment from a lake that is held.
///
/// # Errors
/// Where a table can't be read or written; the same again finishes it.
pub async fn prune(
    lake: &Lake,
    held: &Exclusive,
    before: Timestamp,
    now: Timestamp,
) -> Result<Pruned, LakeError> {
    let pruned = plan(lake, before).await?;
    let days = days_before(lake, before).await?;
    held.confirm().await?;
    rewrite_register(lake, &days, |row| SessionRow {
        pruned_at: row.pruned_at.or_else(|| is_due(&row, before).then_some(now)),
        ..row
    })
    .await?;
    let mut outdated: BTreeMap<Partition, BTreeSet<SessionKey>> = BTreeMap::new();
    for partition in days {
        let keys = outdated.entry(partition.clone()).or_default();
        register::visit_partitions(lake.tables(), [partition], |row| {
            if is_due(&row, before) {
                keys.insert(row.key);
            }
        })
        .await?;
    }
    for table in Table::DATA {
        held.confirm().await?;
        drop_rows(lake, table, &outdated).await?;
    }
    held.confirm().await?;
    move_snapshot(lake).await?;
    Ok(pruned)
}

/// The partitions of `sessions` that may hold sessions from before a moment.
async fn days_before(lake: &Lake, before: Timestamp) -> Result<Vec<Partition>, LakeError> {
    let opened = lake.tables().open(Table::Sessions, None).await?;
    let days = delta::files_by_partition(Table::Sessions, &opened)?.into_keys();
    Ok(days.filter(|day| day.date.is_some_and(|date| date <= before.date_naive())).collect())
}

async fn drop_rows(
    lake: &Lake,
    table: Table,
    outdated: &BTreeMap<Partition, BTreeSet<SessionKey>>,
) -> Result<(), LakeError> {
    let opened = lake.tables().open(table, None).await?;
    let mut writer = FileWriter::new(table, &opened)?;
    for (partition, keys) in outdated {
        let keys: BTreeSet<&SessionKey> = keys.iter().collect();
        drop_sessions(table, &opened, &mut writer, partition, &keys).await?;
    }
    if writer.is_idle() {
        return Ok(());
    }
    writer.commit(&opened, CommitNote::default()).await?;
    Ok(())
}
