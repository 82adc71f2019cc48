//! How sessions become visible: whole, in every table, once.
//!
//! A publication is a batch of sessions of one scope, made from staged records alone. It has a number, which every table
//! keeps as the version of the application's transaction: a table that has the number is not written again. The
//! commit to `sessions` comes last and names the versions of the other tables that go with it. So a run
//! that dies anywhere leaves something that the next one can finish without a call, and doing it twice is doing it once.

mod record;
mod rows;
mod take_back;

use std::collections::BTreeSet;
use std::time::Duration;

pub use record::Publication;
pub(super) use rows::drop_sessions;
use take_back::take_back;

use super::batch::{Collection, SessionRow};
use super::delta::{self, CommitNote, FileWriter, Tables};
use super::held::commit_under;
use super::inflight::{self, At, InFlight};
use super::lock::{Lock, LockError};
use super::partition::Partition;
use super::place::Place;
use super::register::{self, Change, Versions};
use super::tables::Table;
use super::{Held, LakeError};
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
pub async fn publish(held: &Held, sessions: Vec<SessionRow>) -> Result<Published, LakeError> {
    let turn = Turn::take(held).await?;
    let published = turn.publish(sessions).await;
    turn.release().await;
    published
}

/// Finishes the publication that a run of this scope began and did not end, if there is one.
///
/// # Errors
/// Where the lake can't be written.
pub async fn resume(held: &Held) -> Result<Published, LakeError> {
    let turn = Turn::take(held).await?;
    let published = turn.finish().await;
    turn.release().await;
    published
}

/// Puts what was learned about sessions into the register. Gives the bytes of new files.
///
/// # Errors
/// Where the lake can't be written.
pub async fn register_changes(held: &Held, changes: Vec<Change>) -> Result<u64, LakeError> {
    if changes.is_empty() {
        return Ok(0);
    }
    let turn = Turn::take(held).await?;
    let tables = held.lake.tables();
    let commit = || register::commit_changes(tables, &held.scope, changes.clone(), None);
    let committed = turn.commit(commit).await;
    turn.release().await;
    committed
}

/// The turn to write to the register. Every commit to `sessions` names the versions of the data tables, so no two
/// may be made at once, and none while a publication that was begun is not finished.
struct Turn<'a> {
    held: &'a Held,
    lock: Lock,
}

/// How often the turn is given back for another scope's holder to finish what it began, and for how long each time.
/// In a bucket a holder that is dead holds its scope for minutes.
fn patience(place: &Place) -> (u32, Duration) {
    match place {
        Place::Folder(_) => (120, Duration::from_millis(500)),
        Place::Bucket(_) => (50, Duration::from_secs(5)),
    }
}

impl<'a> Turn<'a> {
    async fn take(held: &'a Held) -> Result<Self, LakeError> {
        let clock = SystemClock::shared();
        let (rounds, pause) = patience(held.lake.place());
        for round in 0..=rounds {
            let lock = Lock::publish(held.lake.place(), &application(&held.scope)).await?;
            match finish_others(held, &lock).await {
                Ok(()) => return Ok(Self { held, lock }),
                // The other is alive and about to take its turn.
                Err(LakeError::Lock(LockError::Held { .. })) if round < rounds => {
                    lock.release().await;
                    clock.sleep(pause).await;
                }
                Err(error) => {
                    lock.release().await;
                    return Err(error);
                }
            }
        }
        unreachable!("the last round returns")
    }

    async fn release(self) {
        self.lock.release().await;
    }

    /// Does what ends in a commit, while both the scope and the turn are ours.
    async fn commit<T, W: Future<Output = Result<T, LakeError>>>(
        &self,
        work: impl Fn() -> W,
    ) -> Result<T, LakeError> {
        commit_under(&[&self.held.lock, &self.lock], work).await
    }

    async fn publish(&self, sessions: Vec<SessionRow>) -> Result<Published, LakeError> {
        let mut published = self.finish().await?;
        if !sessions.is_empty() {
            let number = next_number(self.held.lake.tables(), &self.held.scope).await?;
            let sessions = sessions.into_iter().map(|row| numbered(row, number)).collect();
            let publication = Publication { number, sessions };
            self.held.confirm().await?;
            let record = publication.write(self.held).await?;
            published += self.complete(&publication).await?;
            self.forget(record).await?;
        }
        Ok(published)
    }

    /// Finishes what was begun. Of several records the newest counts: who wrote it had seen to the others, or their writer
    /// had lost the scope by then.
    async fn finish(&self) -> Result<Published, LakeError> {
        let mut records = Publication::read(&self.held.in_flight()).await?.into_iter();
        let mut published = Published::default();
        if let Some((publication, record)) = records.next() {
            published = match self.complete(&publication).await {
                Err(error @ LakeError::StagedMissing { .. }) => {
                    take_back(self.held, &publication, error).await?;
                    Published::default()
                }
                completed => completed?,
            };
            self.forget(record).await?;
        }
        for (publication, record) in records {
            self.let_go(&publication).await?;
            self.forget(record).await?;
        }
        Ok(published)
    }

    /// Commits to every table that has not got the number, then lets the staged copies go.
    async fn complete(&self, publication: &Publication) -> Result<Published, LakeError> {
        let mut published = commit_tables(self.held, &self.lock, publication).await?;
        let done = self.let_go(publication).await?;
        for row in publication.sessions.iter().filter(|row| done.contains(&row.key)) {
            published.sessions += 1;
            published.participants += count(row.participants_n);
            published.events += count(row.events_n);
        }
        Ok(published)
    }

    /// Lets the staged copies go of the sessions that are done by a publication, and says which they are.
    async fn let_go(&self, publication: &Publication) -> Result<BTreeSet<SessionKey>, LakeError> {
        let done = published_sessions(self.held, publication).await?;
        self.held.staging.remove(done.iter().cloned().collect()).await?;
        Ok(done)
    }

    async fn forget(&self, record: At) -> Result<(), LakeError> {
        self.held.confirm().await?;
        self.held.in_flight().remove(record).await
    }
}

/// Another scope's run may have died within its publication: its tables would be ahead of `sessions`, and the versions
/// that our commit names would show a part of it. So it is finished first; its staged copies are left to its next run.
async fn finish_others(own: &Held, turn: &Lock) -> Result<(), LakeError> {
    for scope in inflight::scopes(own.lake.place()).await? {
        if scope == own.scope || !is_underway(own, &scope).await? {
            continue;
        }
        // Whoever holds that scope will finish; until then nothing fits together.
        let lock = Lock::scope(own.lake.place(), &scope, &application(&own.scope)).await?;
        let other = Held::open(&own.lake, &scope, lock).await?;
        let finished = finish_other(&other, turn).await;
        other.release().await;
        finished?;
    }
    Ok(())
}

/// Whether `sessions` lacks a publication that was begun. Its record may be there for a while after its last commit.
async fn is_underway(own: &Held, scope: &Scope) -> Result<bool, LakeError> {
    let (place, tables) = (own.lake.place(), own.lake.tables());
    let newest = Publication::read(&InFlight::of(place, scope)).await?.into_iter().next();
    let Some((publication, _)) = newest else { return Ok(false) };
    let opened = tables.open(Table::Sessions, None).await?;
    let number = delta::transaction_number(Table::Sessions, &opened, &application(scope)).await?;
    Ok(number < publication.number)
}

async fn finish_other(other: &Held, turn: &Lock) -> Result<(), LakeError> {
    let newest = Publication::read(&other.in_flight()).await?.into_iter().next();
    let Some((publication, record)) = newest else { return Ok(()) };
    match commit_tables(other, turn, &publication).await {
        Err(error @ LakeError::StagedMissing { .. }) => {
            take_back(other, &publication, error).await?;
            other.confirm().await?;
            other.in_flight().remove(record).await
        }
        committed => committed.map(drop),
    }
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

fn count(n: Option<i64>) -> u64 {
    n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

async fn commit_tables(
    held: &Held,
    turn: &Lock,
    publication: &Publication,
) -> Result<Published, LakeError> {
    let (tables, scope) = (held.lake.tables(), &held.scope);
    let mut published = Published::default();
    let registered = tables.open(Table::Sessions, None).await?;
    let number =
        delta::transaction_number(Table::Sessions, &registered, &application(scope)).await?;
    if number >= publication.number {
        return Ok(published);
    }
    let locks = [&*held.lock, turn];
    let replaced = replaced_sessions(tables, scope, publication).await?;
    let mut versions = Versions::new();
    for table in Table::DATA {
        let commit = || commit_table(table, held, publication, &replaced);
        let committed = commit_under(&locks, commit).await?;
        versions.insert(table, committed.version);
        published.bytes_written += committed.bytes_written;
        published.replicas += committed.replicas;
    }
    let register = || {
        let changes = publication.sessions.iter().cloned().map(Change::Done).collect();
        let note = (application(scope), publication.number, versions.clone());
        register::commit_changes(tables, scope, changes, Some(note))
    };
    published.bytes_written += commit_under(&locks, register).await?;
    Ok(published)
}

/// The sessions of a publication that are done by it. Not those of a record that a holder wrote after it had lost the
/// scope: their number went to another publication, and what is staged of them is needed.
async fn published_sessions(
    held: &Held,
    publication: &Publication,
) -> Result<BTreeSet<SessionKey>, LakeError> {
    registered(held.lake.tables(), &held.scope, publication, |row| {
        row.publication == Some(publication.number)
    })
    .await
}

/// Sessions whose rows are in the lake already, from an earlier collection that this one replaces.
async fn replaced_sessions(
    tables: &Tables,
    scope: &Scope,
    publication: &Publication,
) -> Result<BTreeSet<SessionKey>, LakeError> {
    registered(tables, scope, publication, |row| row.collection != Collection::Listed).await
}

/// The sessions of a publication whose rows in the register are such.
async fn registered(
    tables: &Tables,
    scope: &Scope,
    publication: &Publication,
    is_such: impl Fn(&SessionRow) -> bool,
) -> Result<BTreeSet<SessionKey>, LakeError> {
    let ours: BTreeSet<&SessionKey> = publication.sessions.iter().map(|row| &row.key).collect();
    let partitions = publication
        .by_date()
        .into_keys()
        .map(|date| Partition { scope: scope.clone(), date: Some(date) });
    let mut found = BTreeSet::new();
    register::visit_partitions(tables, partitions, |row| {
        if ours.contains(&row.key) && is_such(&row) {
            found.insert(row.key);
        }
    })
    .await?;
    Ok(found)
}

struct Committed {
    version: u64,
    bytes_written: u64,
    replicas: u64,
}

async fn commit_table(
    table: Table,
    held: &Held,
    publication: &Publication,
    replaced: &BTreeSet<SessionKey>,
) -> Result<Committed, LakeError> {
    let Held { lake, scope, staging, .. } = held;
    let tables = lake.tables();
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
