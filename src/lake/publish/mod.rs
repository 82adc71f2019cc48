//! How sessions become visible: whole, in every table, once.
//!
//! A publication is a batch of sessions of one scope, made from staged records alone. It has a number, which every table
//! keeps as the version of the application's transaction: a table that has the number is not written again. The
//! commit to `sessions` comes last and names the versions of the other tables that go with it. So a run
//! that dies anywhere leaves something that the next one can finish without a call, and doing it twice is doing it once.

mod record;
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use record::Publication;
pub(super) use record::scopes_in_flight;
pub(super) use rows::drop_sessions;

use super::LakeError;
use super::batch::{Collection, SessionRow};
use super::delta::{self, CommitNote, FileWriter, Tables};
use super::lock::{Lock, LockError};
use super::partition::Partition;
use super::register::{self, Change, Versions};
use super::staging::SharedStaging;
use super::tables::Table;
use crate::clock::SystemClock;
use crate::intervals;
use crate::model::{Scope, SessionKey};

/// What a publication wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Sessions that became visible.
    pub sessions: u64,
    /// Their participants.
    pub participants: u64,
    /// Their events.
    pub events: u64,
    /// Their replicas.
    pub replicas: u64,
    /// Bytes of new files.
    pub bytes_written: u64,
}

impl std::ops::AddAssign for Published {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.participants += other.participants;
        self.events += other.events;
        self.replicas += other.replicas;
        self.bytes_written += other.bytes_written;
    }
}

/// The application under which a scope's publications are numbered.
#[must_use]
pub fn application(scope: &Scope) -> String {
    format!("ivsight/{}/{}", scope.account_id, scope.region)
}

/// Publishes sessions that are staged whole. Waits for its turn among the scopes of the lake.
///
/// # Errors
/// Where the lake can't be written; nothing is lost then, and the next publication of the scope finishes this one.
pub async fn publish(
    tables: &Tables,
    lake: &Path,
    scope: &Scope,
    staging: &SharedStaging,
    sessions: Vec<SessionRow>,
) -> Result<Published, LakeError> {
    let turn = Turn::take(tables, lake, scope).await?;
    let mut published = finish(tables, &turn, scope, staging).await?;
    if !sessions.is_empty() {
        let number = next_number(tables, scope).await?;
        let sessions = sessions.into_iter().map(|row| numbered(row, number)).collect();
        let publication = Publication { number, sessions };
        publication.write(lake, scope)?;
        published += complete(tables, &turn, scope, staging, publication).await?;
    }
    Ok(published)
}

/// Finishes the publication that a run of this scope began and did not end, if there is one. The caller holds
/// the scope.
///
/// # Errors
/// Where the lake can't be written.
pub async fn resume(
    tables: &Tables,
    lake: &Path,
    scope: &Scope,
    staging: &SharedStaging,
) -> Result<Published, LakeError> {
    let turn = Turn::take(tables, lake, scope).await?;
    finish(tables, &turn, scope, staging).await
}

/// Puts what was learned about sessions into the register. Gives the bytes of new files.
///
/// # Errors
/// Where the lake can't be written.
pub async fn register_changes(
    tables: &Tables,
    lake: &Path,
    scope: &Scope,
    changes: Vec<Change>,
) -> Result<u64, LakeError> {
    if changes.is_empty() {
        return Ok(0);
    }
    let _turn = Turn::take(tables, lake, scope).await?;
    register::commit_changes(tables, scope, changes, None).await
}

/// The turn to write to the register. Every commit to `sessions` names the versions of the data tables, so no two
/// may be made at once, and none while a publication that was begun is not finished.
struct Turn {
    lake: PathBuf,
    _lock: Lock,
}

/// How often the turn is given back for another scope's holder to finish what it began.
const PATIENCE: u32 = 120;
/// How long each time.
const PATIENCE_STEP: Duration = Duration::from_millis(500);

impl Turn {
    async fn take(tables: &Tables, lake: &Path, scope: &Scope) -> Result<Self, LakeError> {
        let clock = SystemClock::shared();
        for patience in 0..=PATIENCE {
            let lock = Lock::publish(lake, &application(scope)).await?;
            match finish_others(tables, lake, scope).await {
                Ok(()) => return Ok(Self { lake: lake.to_owned(), _lock: lock }),
                // The other is alive and about to take its turn.
                Err(LakeError::Lock(LockError::Held { .. })) if patience < PATIENCE => {
                    drop(lock);
                    clock.sleep(PATIENCE_STEP).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the last round returns")
    }
}

async fn finish(
    tables: &Tables,
    turn: &Turn,
    scope: &Scope,
    staging: &SharedStaging,
) -> Result<Published, LakeError> {
    match Publication::read(&turn.lake, scope)? {
        Some(publication) => complete(tables, turn, scope, staging, publication).await,
        None => Ok(Published::default()),
    }
}

/// Another scope's run may have died within its publication: its tables would be ahead of `sessions`, and the versions
/// that our commit names would show a part of it. So it is finished first; its staged copies are left to its next run.
async fn finish_others(tables: &Tables, lake: &Path, own: &Scope) -> Result<(), LakeError> {
    for scope in record::scopes_with_publication(lake)? {
        if scope == *own {
            continue;
        }
        // Whoever holds that scope will finish; until then nothing fits together.
        let _scope = Lock::scope(lake, &scope, &application(own))?;
        if let Some(publication) = Publication::read(lake, &scope)? {
            let staging = SharedStaging::open(lake, &scope).await?;
            commit_tables(tables, &scope, &staging, &publication).await?;
        }
    }
    Ok(())
}

async fn next_number(tables: &Tables, scope: &Scope) -> Result<i64, LakeError> {
    let mut last = 0;
    for table in Table::DATA.into_iter().chain([Table::Sessions]) {
        let opened = tables.open(table, None).await?;
        last = last.max(delta::transaction_number(table, &opened, &application(scope)).await?);
    }
    Ok(last + 1)
}

fn numbered(row: SessionRow, number: i64) -> SessionRow {
    SessionRow { publication: Some(number), intervals_rule: Some(intervals::RULE), ..row }
}

/// Commits to every table that has not got the number, then lets the staged copies go.
async fn complete(
    tables: &Tables,
    turn: &Turn,
    scope: &Scope,
    staging: &SharedStaging,
    publication: Publication,
) -> Result<Published, LakeError> {
    let mut published = commit_tables(tables, scope, staging, &publication).await?;
    staging.remove(publication.sessions.iter().map(|row| row.key.clone()).collect()).await?;
    for row in &publication.sessions {
        published.sessions += 1;
        published.participants += count(row.participants_n);
        published.events += count(row.events_n);
    }
    Publication::remove(&turn.lake, scope)?;
    Ok(published)
}

fn count(n: Option<i64>) -> u64 {
    n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

async fn commit_tables(
    tables: &Tables,
    scope: &Scope,
    staging: &SharedStaging,
    publication: &Publication,
) -> Result<Published, LakeError> {
    let mut published = Published::default();
    let registered = tables.open(Table::Sessions, None).await?;
    let number =
        delta::transaction_number(Table::Sessions, &registered, &application(scope)).await?;
    if number >= publication.number {
        return Ok(published);
    }
    let replaced = replaced_sessions(tables, scope, publication).await?;
    let mut versions = Versions::new();
    for table in Table::DATA {
        let version = commit_table(table, tables, scope, staging, publication, &replaced).await?;
        versions.insert(table, version.version);
        published.bytes_written += version.bytes_written;
        published.replicas += version.replicas;
    }
    let changes = publication.sessions.iter().cloned().map(Change::Done).collect();
    let note = (application(scope), publication.number, versions);
    published.bytes_written += register::commit_changes(tables, scope, changes, Some(note)).await?;
    Ok(published)
}

/// Sessions whose rows are in the lake already, from an earlier collection that this one replaces.
async fn replaced_sessions(
    tables: &Tables,
    scope: &Scope,
    publication: &Publication,
) -> Result<BTreeSet<SessionKey>, LakeError> {
    let ours: BTreeSet<&SessionKey> = publication.sessions.iter().map(|row| &row.key).collect();
    let partitions = publication
        .by_date()
        .into_keys()
        .map(|date| Partition { scope: scope.clone(), date: Some(date) });
    let mut replaced = BTreeSet::new();
    register::visit_partitions(tables, partitions, |row| {
        if row.collection != Collection::Listed && ours.contains(&row.key) {
            replaced.insert(row.key);
        }
    })
    .await?;
    Ok(replaced)
}

struct Committed {
    version: u64,
    bytes_written: u64,
    replicas: u64,
}

async fn commit_table(
    table: Table,
    tables: &Tables,
    scope: &Scope,
    staging: &SharedStaging,
    publication: &Publication,
    replaced: &BTreeSet<SessionKey>,
) -> Result<Committed, LakeError> {
    let opened = tables.open(table, None).await?;
    let number = delta::transaction_number(table, &opened, &application(scope)).await?;
    if number >= publication.number {
        let version = opened.version().unwrap_or(0);
        return Ok(Committed { version, bytes_written: 0, replicas: 0 });
    }
    let mut writer = FileWriter::new(table, &opened)?;
    let mut rows_n = 0;
    for (date, sessions) in publication.by_date() {
        let partition = Partition { scope: scope.clone(), date: Some(date) };
        let outdated: BTreeSet<_> =
            sessions.iter().map(|row| &row.key).filter(|key| replaced.contains(key)).collect();
        rows::drop_sessions(table, &opened, &mut writer, &partition, &outdated).await?;
        for session in sessions {
            rows_n += rows::write_session(table, &mut writer, &partition, staging, session).await?;
        }
    }
    let note = CommitNote {
        transaction: Some((application(scope), publication.number)),
        metadata: Vec::new(),
    };
    let (version, bytes_written) = writer.commit(&opened, note).await?;
    let replicas = if table == Table::Replicas { rows_n } else { 0 };
    Ok(Committed { version, bytes_written, replicas })
}
