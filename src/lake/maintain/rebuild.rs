//! Deriving intervals again: those that an older rule wrote, and those of sessions whose end became known later.
//!
//! Day by day, from the events and participants that the lake holds: the new intervals take the place of the old ones in
//! one commit, and a commit to `sessions` says by which rule they are and moves the snapshot. A run that dies between the
//! two leaves sessions that are still due and readers that stand on the old intervals; the same command again ends
//! right. In memory are the participants of one session, and the events of one of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Exclusive;
use super::exclusive::newest_versions;
use super::people::{People, session_of};
use super::register_rows::rewrite_register_with;
use super::sessions::{SessionStream, drain};
use crate::intervals::{self, Publishers};
use crate::lake::batch::{
    Collection, EventRow, IntervalBatch, ROWS_MAX, SessionRow, participants_from_batch,
};
use crate::lake::delta::{self, CommitNote, FileWriter, Tables};
use crate::lake::partition::Partition;
use crate::lake::publish::drop_sessions;
use crate::lake::register;
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};
use crate::model::{Event, Participant, ParticipantId, SessionKey};

/// The version of the result as JSON.
pub const REBUILT_VERSION: u32 = 1;

/// Sessions that are named where they could not be derived; the rest is counted.
const NAMED_MAX: usize = 1_000;

/// What deriving again did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct Rebuilt {
    /// The version of this shape.
    pub version: u32,
    /// The version of the rule.
    pub rule: i32,
    /// Sessions whose intervals were derived again, or are to be.
    pub sessions: u64,
    /// Their participants.
    pub participants: u64,
    /// Their events.
    pub events: u64,
    /// Their intervals; none where nothing was derived yet.
    pub intervals: Option<u64>,
    /// Sessions whose intervals are by this rule already.
    pub up_to_date: u64,
    /// Sessions whose rows are not whole: their intervals stay as they are.
    pub sessions_left: u64,
    /// The first of these.
    pub left: Vec<LeftAlone>,
}

/// A session that can't be derived from what the lake holds of it.
#[derive(Clone, Debug, Serialize)]
pub struct LeftAlone {
    /// Its stage.
    pub stage_arn: String,
    /// The session.
    pub session_id: String,
    /// What is wrong with its rows.
    pub message: String,
}

impl Rebuilt {
    fn nothing() -> Self {
        Self {
            version: REBUILT_VERSION,
            rule: intervals::RULE,
            sessions: 0,
            participants: 0,
            events: 0,
            intervals: None,
            up_to_date: 0,
            sessions_left: 0,
            left: Vec::new(),
        }
    }

    fn count(&mut self, row: &SessionRow) {
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        self.sessions += 1;
        self.participants += number(row.participants_n);
        self.events += number(row.events_n);
    }

    fn leave(&mut self, session: &SessionKey, message: String) {
        self.sessions_left += 1;
        if self.left.len() < NAMED_MAX {
            self.left.push(LeftAlone {
                stage_arn: session.stage_arn.to_string(),
                session_id: session.session_id.to_string(),
                message,
            });
        }
    }
}

/// Whether a session has intervals that today's rule did not write.
fn is_due(row: &SessionRow) -> bool {
    has_rows(row) && row.intervals_rule.is_none_or(|rule| rule < intervals::RULE)
}

fn has_rows(row: &SessionRow) -> bool {
    row.collection != Collection::Listed && row.pruned_at.is_none()
}

/// What deriving again would do now.
///
/// # Errors
/// Where there is no lake, or `sessions` can't be read.
pub async fn plan(lake: &Lake) -> Result<Rebuilt, LakeError> {
    let mut planned = Rebuilt::nothing();
    register::visit_partitions(lake.tables(), days(lake).await?, |row| {
        if is_due(&row) {
            planned.count(&row);
        } else if has_rows(&row) {
            planned.up_to_date += 1;
        }
    })
    .await?;
    Ok(planned)
}

/// Derives again what is due in a lake that is held.
///
/// # Errors
/// Where a table can't be read or written; the same again finishes it.
pub async fn rebuild(lake: &Lake, held: &Exclusive) -> Result<Rebuilt, LakeError> {
    let mut rebuilt = Rebuilt { intervals: Some(0), ..Rebuilt::nothing() };
    for day in days(lake).await? {
        let mut due = BTreeMap::new();
        register::visit_partitions(lake.tables(), [day.clone()], |row| {
            if is_due(&row) {
                due.insert(row.key.clone(), row);
            } else if has_rows(&row) {
                rebuilt.up_to_date += 1;
            }
        })
        .await?;
        if !due.is_empty() {
            rebuild_day(lake, held, &day, due, &mut rebuilt).await?;
        }
    }
    Ok(rebuilt)
}

/// The days that the register knows sessions of.
async fn days(lake: &Lake) -> Result<Vec<Partition>, LakeError> {
    let opened = lake.tables().open(Table::Sessions, None).await?;
    Ok(delta::files_by_partition(Table::Sessions, &opened)?.into_keys().collect())
}

async fn rebuild_day(
    lake: &Lake,
    held: &Exclusive,
    day: &Partition,
    due: BTreeMap<SessionKey, SessionRow>,
    rebuilt: &mut Rebuilt,
) -> Result<(), LakeError> {
    let table = Table::Intervals;
    let opened = lake.tables().open(table, None).await?;
    let mut writer = FileWriter::new(table, &opened)?;
    let mut rows = DayRows::open(lake.tables(), day).await?;
    let mut done = BTreeSet::new();
    for (key, row) in &due {
        match rows.participants_of(row).await? {
            Ok(people) => {
                let written = rows.derive(row, &people, &mut writer, day).await?;
                rebuilt.intervals = rebuilt.intervals.map(|n| n + written);
                rebuilt.count(row);
                done.insert(key);
            }
            Err(message) => rebuilt.leave(key, message),
        }
    }
    if done.is_empty() {
        return Ok(());
    }
    writer.close_file().await?;
    drop_sessions(table, &opened, &mut writer, day, &done).await?;
    held.confirm().await?;
    if !writer.is_idle() {
        writer.commit(&opened, CommitNote::default()).await?;
    }
    let versions = newest_versions(lake).await?;
    let change = |row: SessionRow| {
        let is_done = done.contains(&row.key);
        SessionRow {
            intervals_rule: if is_done { Some(intervals::RULE) } else { row.intervals_rule },
            ..row
        }
    };
    held.confirm().await?;
    rewrite_register_with(lake, std::slice::from_ref(day), change, &versions).await
}

/// A day's rows that intervals follow from. Events are read twice.
struct DayRows {
    people: SessionStream,
    observed: SessionStream,
    derived: SessionStream,
}

/// The participants of a session, and who of them published when.
struct Participants {
    by_id: BTreeMap<ParticipantId, Participant>,
    publishers: Publishers,
}

impl DayRows {
    async fn open(tables: &Tables, day: &Partition) -> Result<Self, LakeError> {
        Ok(Self {
            people: stream(tables, Table::Participants, day).await?,
            observed: stream(tables, Table::Events, day).await?,
            derived: stream(tables, Table::Events, day).await?,
        })
    }

    /// Who was in a session; or why its rows are not all there, or not where they belong. Sessions must be asked for
    /// in their order.
    async fn participants_of(
        &mut self,
        row: &SessionRow,
    ) -> Result<Result<Participants, String>, LakeError> {
        for stream in [&mut self.people, &mut self.observed, &mut self.derived] {
            stream.skip_to(&row.key).await?;
        }
        let session = session_of(row);
        let mut by_id = BTreeMap::new();
        let people = drain(&mut self.people, &row.key, participants_from_batch).await?;
        let people_n = people.len();
        for (_, person) in people {
            by_id.insert(person.participant.participant_id.clone(), person.participant);
        }
        if by_id.len() != people_n || row.participants_n != i64::try_from(people_n).ok() {
            return Ok(Err("its participants are not those that `sessions` counts".to_owned()));
        }
        let mut publishers = Publishers::default();
        let (mut last, mut events_n) = (None, 0_i64);
        let mut observed = People::of(&mut self.observed, &row.key);
        while let Some((id, events)) = observed.next().await? {
            let Some(participant) = by_id.get(&id).filter(|_| last.as_ref() < Some(&id)) else {
                return Ok(Err(format!("the events of participant `{id}` are out of place")));
            };
            events_n += i64::try_from(events.len()).unwrap_or(i64::MAX);
            publishers.observe(&session, participant, &without_occurrence(events));
            last = Some(id);
        }
        if row.events_n != Some(events_n) {
            return Ok(Err("its events are not those that `sessions` counts".to_owned()));
        }
        Ok(Ok(Participants { by_id, publishers }))
    }

    /// Writes the intervals of a session; gives their number.
    async fn derive(
        &mut self,
        row: &SessionRow,
        participants: &Participants,
        writer: &mut FileWriter,
        day: &Partition,
    ) -> Result<u64, LakeError> {
        let session = session_of(row);
        let (mut batch, mut rows_n) = (IntervalBatch::default(), 0);
        let mut people = People::of(&mut self.derived, &row.key);
        while let Some((id, events)) = people.next().await? {
            let Some(participant) = participants.by_id.get(&id) else { continue };
            let events = without_occurrence(events);
            for interval in
                intervals::derive(&session, participant, &events, &participants.publishers)
            {
                batch.push(&row.key, &interval);
                rows_n += 1;
            }
            if batch.len() >= ROWS_MAX {
                writer.write(day, batch.finish()).await?;
            }
        }
        writer.write(day, batch.finish()).await?;
        Ok(rows_n)
    }
}

async fn stream(
    tables: &Tables,
    table: Table,
    day: &Partition,
) -> Result<SessionStream, LakeError> {
    let opened = tables.open(table, None).await?;
    let files = delta::partition_files(table, &opened, day)?;
    SessionStream::open(table, &opened, &files).await
}

fn without_occurrence(rows: Vec<EventRow>) -> Vec<Event> {
    rows.into_iter().map(|row| row.event).collect()
}
