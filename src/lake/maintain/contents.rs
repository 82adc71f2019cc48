//! What the lake holds of single sessions, chosen by chance, to be held against what the service says of them.
//!
//! One snapshot, read day by day. In memory are the participants of one session, and the events of one of them.

use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::people::People;
use super::sessions::{SessionStream, drain, shape};
use crate::lake::LakeError;
use crate::lake::batch::{
    Collection, ParticipantRow, SessionRow, participants_from_batch, replicas_from_batch,
    sessions_from_batch,
};
use crate::lake::delta;
use crate::lake::partition::Partition;
use crate::lake::snapshot::Snapshot;
use crate::lake::tables::Table;
use crate::model::{Replica, Scope, SessionKey};

/// Sessions by the partition that their rows lie in, each day's in order.
pub type Chosen = BTreeMap<Partition, BTreeMap<SessionKey, SessionRow>>;

/// A session and its lot.
struct Drawn(u64, SessionRow);

impl Drawn {
    fn rank(&self) -> (u64, &SessionKey) {
        (self.0, &self.1.key)
    }
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// Chooses at most `n` complete sessions of some scopes whose rows are there. Each draws a lot from the seed and its own
/// name, so that the choice owes nothing to the order of files.
///
/// # Errors
/// Where `sessions` can't be read.
pub async fn choose(
    snapshot: &Snapshot,
    scopes: &[Scope],
    n: usize,
    seed: u64,
) -> Result<Chosen, LakeError> {
    let table = Table::Sessions;
    let opened = snapshot.open(table).await?;
    let mut drawn = BinaryHeap::new();
    for (day, files) in delta::files_by_partition(table, &opened)? {
        for file in files.iter().filter(|_| scopes.contains(&day.scope)) {
            for batch in delta::read_file(table, &opened, file).await? {
                let rows = sessions_from_batch(&batch).map_err(|error| shape(table, error))?;
                for row in rows.into_iter().filter(is_comparable) {
                    drawn.push(Drawn(lot(seed, &row.key), row));
                    if drawn.len() > n {
                        drawn.pop();
                    }
                }
            }
        }
    }
    let mut chosen = Chosen::new();
    for Drawn(_, row) in drawn {
        let day = Partition { scope: row.key.stage_arn.scope().clone(), date: Some(row.date()) };
        chosen.entry(day).or_default().insert(row.key.clone(), row);
    }
    Ok(chosen)
}

fn is_comparable(row: &SessionRow) -> bool {
    row.collection == Collection::Complete && row.pruned_at.is_none()
}

fn lot(seed: u64, session: &SessionKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, session.stage_arn.as_str(), session.session_id.as_str()).hash(&mut hasher);
    hasher.finish()
}

/// The scopes of a region that the lake has sessions of.
///
/// # Errors
/// Where `sessions` can't be read.
pub async fn scopes_of(
    snapshot: &Snapshot,
    region: &crate::model::Region,
) -> Result<Vec<Scope>, LakeError> {
    let opened = snapshot.open(Table::Sessions).await?;
    let partitions = delta::files_by_partition(Table::Sessions, &opened)?.into_keys();
    let mut scopes: Vec<Scope> =
        partitions.map(|day| day.scope).filter(|scope| scope.region == *region).collect();
    scopes.dedup();
    Ok(scopes)
}

/// A day's rows. Sessions must be asked for in their order.
#[derive(Debug)]
pub struct Contents {
    people: SessionStream,
    events: SessionStream,
    replicas: SessionStream,
}

impl Contents {
    /// Opens a day.
    ///
    /// # Errors
    /// Where a table or a file can't be opened.
    pub async fn open(snapshot: &Snapshot, day: &Partition) -> Result<Self, LakeError> {
        Ok(Self {
            people: stream(snapshot, Table::Participants, day).await?,
            events: stream(snapshot, Table::Events, day).await?,
            replicas: stream(snapshot, Table::Replicas, day).await?,
        })
    }

    /// The participants of a session.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub async fn participants(
        &mut self,
        session: &SessionKey,
    ) -> Result<Vec<ParticipantRow>, LakeError> {
        self.people.skip_to(session).await?;
        let rows = drain(&mut self.people, session, participants_from_batch).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The replicas of a session.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub async fn replicas(&mut self, session: &SessionKey) -> Result<Vec<Replica>, LakeError> {
        self.replicas.skip_to(session).await?;
        Ok(drain(&mut self.replicas, session, replicas_from_batch).await?.into())
    }

    /// The events of a session, participant by participant.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub async fn events<'a>(
        &'a mut self,
        session: &'a SessionKey,
    ) -> Result<People<'a>, LakeError> {
        self.events.skip_to(session).await?;
        Ok(People::of(&mut self.events, session))
    }
}

async fn stream(
    snapshot: &Snapshot,
    table: Table,
    day: &Partition,
) -> Result<SessionStream, LakeError> {
    let opened = snapshot.open(table).await?;
    let files = delta::partition_files(table, &opened, day)?;
    SessionStream::open(table, &opened, &files).await
}
