//! The rows of one session, for each of the data tables, from what is staged: participant by participant, so that
//! memory does not grow with the session.

use std::collections::BTreeSet;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use deltalake_core::DeltaTable;

use crate::intervals::{self, Publishers};
use crate::lake::LakeError;
use crate::lake::batch::order::sort_events;
use crate::lake::batch::{
    Columns, EventBatch, FetchStatus, IntervalBatch, ParticipantBatch, ParticipantRow, ROWS_MAX,
    ReplicaBatch, ReplicaRow, SessionRow,
};
use crate::lake::delta::{self, FileWriter};
use crate::lake::partition::Partition;
use crate::lake::staging::{SessionView, SharedStaging, StagingError};
use crate::lake::stream::FileRows;
use crate::lake::tables::Table;
use crate::model::{
    DetailsPolicy, Event, Participant, ParticipantDetails, Replica, SessionKey, Timestamp,
};

/// Writes one session's rows of one table; gives their number.
pub(super) async fn write_session(
    table: Table,
    writer: &mut FileWriter,
    partition: &Partition,
    staging: &SharedStaging,
    session: &SessionRow,
) -> Result<u64, LakeError> {
    let mut staged = Staged::open(staging, session)?;
    let mut sink = Sink { writer, partition, rows_n: 0 };
    match table {
        Table::Events => write_events(&mut staged, &mut sink).await?,
        Table::Intervals => write_intervals(&mut staged, &mut sink).await?,
        Table::Participants => write_participants(&mut staged, &mut sink).await?,
        Table::Replicas => write_replicas(&mut staged, &mut sink).await?,
        other => unreachable!("a publication does not write `{}` by session", other.name()),
    }
    Ok(sink.rows_n)
}

/// A session as it is staged: who was in it, in order, and a way to each one's records.
struct Staged<'a> {
    row: &'a SessionRow,
    /// None of a session of which nothing was staged, such as one that is given up.
    view: Option<SessionView>,
    participants: Vec<Participant>,
    /// Whose details were wanted.
    details: DetailsPolicy,
}

impl<'a> Staged<'a> {
    fn open(staging: &SharedStaging, row: &'a SessionRow) -> Result<Self, LakeError> {
        if !is_as_staged(staging, row) {
            return Err(LakeError::StagedMissing { key: row.key.clone() });
        }
        let index = staging.index(&row.key);
        let mut view = staging.view(&row.key)?;
        let listing = view.as_mut().map(SessionView::listing).transpose()?.flatten();
        let mut participants = listing.unwrap_or_default();
        participants.sort_by(|a, b| a.participant_id.cmp(&b.participant_id));
        let details = index.listing().map(|listing| listing.details).unwrap_or_default();
        Ok(Self { row, view, participants, details })
    }

    fn events(&mut self, at: usize) -> Result<Option<(Timestamp, Vec<Event>)>, StagingError> {
        let id = &self.participants[at].participant_id;
        self.view.as_mut().map_or(Ok(None), |view| view.events(id))
    }

    fn details(&mut self, at: usize) -> Result<Option<ParticipantDetails>, StagingError> {
        let id = &self.participants[at].participant_id;
        self.view.as_mut().map_or(Ok(None), |view| view.details(id))
    }

    fn replicas(&mut self, at: usize) -> Result<Option<(Timestamp, Vec<Replica>)>, StagingError> {
        let id = &self.participants[at].participant_id;
        self.view.as_mut().map_or(Ok(None), |view| view.replicas(id))
    }
}

/// Whether what is staged of a session is what its row counts.
fn is_as_staged(staging: &SharedStaging, row: &SessionRow) -> bool {
    let index = staging.index(&row.key);
    let listed_n = index.listing().map_or(0, |listing| listing.participants_n);
    let events_n: usize = index.listed().filter_map(|id| index.events_n(id)).sum();
    row.participants_n == i64::try_from(listed_n).ok()
        && row.events_n == i64::try_from(events_n).ok()
}

/// Where finished batches go.
struct Sink<'a> {
    writer: &'a mut FileWriter,
    partition: &'a Partition,
    rows_n: u64,
}

impl Sink<'_> {
    async fn write(&mut self, batch: RecordBatch) -> Result<(), LakeError> {
        self.rows_n += batch.num_rows() as u64;
        self.writer.write(self.partition, batch).await
    }
}

async fn write_events(staged: &mut Staged<'_>, sink: &mut Sink<'_>) -> Result<(), LakeError> {
    let mut rows = EventBatch::default();
    for at in 0..staged.participants.len() {
        let Some((_, mut events)) = staged.events(at)? else { continue };
        let id = &staged.participants[at].participant_id;
        let occurrences = sort_events(&mut events);
        for (event, occurrence) in events.iter().zip(occurrences) {
            rows.push(&staged.row.key, id, event, occurrence);
            if rows.len() >= ROWS_MAX {
                sink.write(rows.finish()).await?;
            }
        }
    }
    sink.write(rows.finish()).await
}

async fn write_intervals(staged: &mut Staged<'_>, sink: &mut Sink<'_>) -> Result<(), LakeError> {
    let session = intervals::Session {
        stage_arn: staged.row.key.stage_arn.clone(),
        start: staged.row.start_time,
        end: staged.row.end_time,
        as_of: staged.row.as_of.unwrap_or(staged.row.listed_at),
    };
    let mut publishers = Publishers::default();
    for at in 0..staged.participants.len() {
        let (_, events) = staged.events(at)?.unwrap_or_default();
        publishers.observe(&session, &staged.participants[at], &events);
    }
    let mut rows = IntervalBatch::default();
    for at in 0..staged.participants.len() {
        let Some((_, events)) = staged.events(at)? else { continue };
        for interval in intervals::derive(&session, &staged.participants[at], &events, &publishers)
        {
            rows.push(&staged.row.key, &interval);
            if rows.len() >= ROWS_MAX {
                sink.write(rows.finish()).await?;
            }
        }
    }
    sink.write(rows.finish()).await
}

async fn write_participants(staged: &mut Staged<'_>, sink: &mut Sink<'_>) -> Result<(), LakeError> {
    let mut rows = ParticipantBatch::default();
    for at in 0..staged.participants.len() {
        let row = participant_row(staged, at)?;
        rows.push(&staged.row.key, &row);
        if rows.len() >= ROWS_MAX {
            sink.write(rows.finish()).await?;
        }
    }
    sink.write(rows.finish()).await
}

fn participant_row(staged: &mut Staged<'_>, at: usize) -> Result<ParticipantRow, LakeError> {
    let events = staged.events(at)?;
    let details = staged.details(at)?;
    let replicas = staged.replicas(at)?;
    let participant = &staged.participants[at];
    Ok(ParticipantRow {
        participant: participant.clone(),
        // A session is published when it has all that was asked for, or is given up.
        details_status: status(details.is_some(), staged.details.wants(participant)),
        details,
        events_status: status(events.is_some(), true),
        replicas_status: status(replicas.is_some(), participant.is_source()),
        events_n: events
            .as_ref()
            .map_or(0, |(_, events)| i64::try_from(events.len()).unwrap_or(i64::MAX)),
        events_fetched_at: events.map(|(fetched_at, _)| fetched_at),
    })
}

fn status(is_staged: bool, is_wanted: bool) -> FetchStatus {
    match (is_staged, is_wanted) {
        (true, _) => FetchStatus::Fetched,
        (false, true) => FetchStatus::Failed,
        (false, false) => FetchStatus::NotAsked,
    }
}

async fn write_replicas(staged: &mut Staged<'_>, sink: &mut Sink<'_>) -> Result<(), LakeError> {
    let mut rows = ReplicaBatch::default();
    for at in 0..staged.participants.len() {
        let Some((listed_at, replicas)) = staged.replicas(at)? else { continue };
        let mut seen = BTreeSet::new();
        for replica in replicas {
            let session = replica.destination_session_id.clone();
            if seen.insert((replica.destination_stage_arn.clone(), session)) {
                rows.push(&ReplicaRow { replica, listed_at });
            }
        }
        if rows.len() >= ROWS_MAX {
            sink.write(rows.finish()).await?;
        }
    }
    sink.write(rows.finish()).await
}

/// Rewrites the files of a partition that hold rows of outdated sessions, without these rows. Files are read batch by
/// batch: those of a compacted day hold millions of rows.
pub(in crate::lake) async fn drop_sessions(
    table: Table,
    opened: &DeltaTable,
    writer: &mut FileWriter,
    partition: &Partition,
    outdated: &BTreeSet<&SessionKey>,
) -> Result<(), LakeError> {
    if outdated.is_empty() {
        return Ok(());
    }
    for file in delta::partition_files(table, opened, partition)? {
        let mut keys = FileRows::keys(table, opened, &file).await?;
        let mut holds_any = false;
        while let Some(rows) = keys.next().await? {
            let kept = kept(table, &rows, outdated)?;
            holds_any |= kept.true_count() < rows.num_rows();
            if holds_any {
                break;
            }
        }
        if !holds_any {
            continue;
        }
        writer.remove(&file);
        let mut all = FileRows::all(table, opened, &file).await?;
        while let Some(rows) = all.next().await? {
            let kept = kept(table, &rows, outdated)?;
            let rows = filter_record_batch(&rows, &kept)
                .map_err(|source| LakeError::Shape { table, source: source.into() })?;
            writer.write(partition, rows).await?;
        }
        // What follows is sorted by itself.
        writer.close_file().await?;
    }
    Ok(())
}

/// Which rows of a batch belong to other sessions than these.
fn kept(
    table: Table,
    batch: &RecordBatch,
    outdated: &BTreeSet<&SessionKey>,
) -> Result<BooleanArray, LakeError> {
    let keys: BTreeSet<(&str, &str)> =
        outdated.iter().map(|key| (key.stage_arn.as_str(), key.session_id.as_str())).collect();
    let columns = Columns::from(batch);
    let (stage, session) = table.session_names();
    let texts = columns.text(stage).and_then(|stages| Ok((stages, columns.text(session)?)));
    let (stages, sessions) =
        texts.map_err(|source| LakeError::Shape { table, source: source.into() })?;
    let is_kept = |row| match (stages.get(row), sessions.get(row)) {
        (Some(stage), Some(session)) => !keys.contains(&(stage, session)),
        _ => true,
    };
    Ok((0..batch.num_rows()).map(|row| Some(is_kept(row))).collect())
}
