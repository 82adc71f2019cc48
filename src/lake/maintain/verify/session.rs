//! One session that is done, against all of its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};

use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};

use super::{Streams, Verified};
use crate::intervals::{self, Publishers};
use crate::lake::LakeError;
use crate::lake::batch::order::sort_events;
use crate::lake::batch::{
    BatchError, Columns, EventRow, IntervalBatch, ROWS_MAX, SessionRow, data_schema,
    participants_from_batch,
};
use crate::lake::maintain::people::{People, session_of};
use crate::lake::maintain::sessions::drain;
use crate::lake::tables::Table;
use crate::model::{Event, Participant, ParticipantId};

/// The check of one session.
pub(super) struct SessionCheck<'a> {
    row: &'a SessionRow,
    verified: &'a mut Verified,
    people: BTreeMap<ParticipantId, (Participant, i64)>,
    publishers: Publishers,
    session: intervals::Session,
}

impl<'a> SessionCheck<'a> {
    pub(super) fn new(row: &'a SessionRow, verified: &'a mut Verified) -> Self {
        Self {
            row,
            verified,
            people: BTreeMap::new(),
            publishers: Publishers::default(),
            session: session_of(row),
        }
    }

    pub(super) async fn run(&mut self, streams: &mut Streams) -> Result<(), LakeError> {
        self.participants(streams).await?;
        self.events(streams).await?;
        self.intervals(streams).await?;
        self.replicas(streams).await
    }

    fn breach(&mut self, promise: &'static str, table: Table, message: impl Into<String>) {
        self.verified.of_session(promise, table, &self.row.key, message);
    }

    async fn participants(&mut self, streams: &mut Streams) -> Result<(), LakeError> {
        let table = Table::Participants;
        let mut last: Option<ParticipantId> = None;
        let rows = drain(&mut streams.people, &self.row.key, participants_from_batch).await?;
        self.verified.participants += rows.len() as u64;
        if self.row.participants_n != i64::try_from(rows.len()).ok() {
            let named = number(self.row.participants_n);
            let message = format!("`sessions` counts {named}, and there are {}", rows.len());
            self.breach("counts", table, message);
        }
        for (_, row) in rows {
            let id = row.participant.participant_id.clone();
            if last.as_ref().is_some_and(|last| *last > id) {
                self.breach("sorted", table, format!("participant `{id}` is out of order"));
            }
            if self.people.insert(id.clone(), (row.participant, row.events_n)).is_some() {
                self.breach("unique", table, format!("participant `{id}` has more than one row"));
            }
            last = Some(id);
        }
        Ok(())
    }

    /// Counts and order of the events, and who published when.
    async fn events(&mut self, streams: &mut Streams) -> Result<(), LakeError> {
        let table = Table::Events;
        let mut events_n = 0;
        let mut seen: BTreeSet<ParticipantId> = BTreeSet::new();
        let mut people = People::of(&mut streams.observed, &self.row.key);
        while let Some((id, rows)) = people.next().await? {
            events_n += rows.len();
            if seen.last().is_some_and(|last| *last >= id) {
                self.breach("sorted", table, format!("participant `{id}` is out of order"));
            }
            self.events_of(&id, rows);
            seen.insert(id);
        }
        let silent: Vec<_> =
            self.people.iter().filter(|(id, _)| !seen.contains(*id)).map(|(_, it)| it).collect();
        let mut uncounted = Vec::new();
        for (participant, counted) in silent {
            self.publishers.observe(&self.session, participant, &[]);
            if *counted != 0 {
                uncounted.push(format!(
                    "`participants` counts {counted} of participant `{}`, and there are none",
                    participant.participant_id
                ));
            }
        }
        for message in uncounted {
            self.breach("counts", table, message);
        }
        self.verified.events += events_n as u64;
        if self.row.events_n != i64::try_from(events_n).ok() {
            let named = number(self.row.events_n);
            let message = format!("`sessions` counts {named}, and there are {events_n}");
            self.breach("counts", table, message);
        }
        Ok(())
    }

    fn events_of(&mut self, id: &ParticipantId, rows: Vec<EventRow>) {
        let table = Table::Events;
        let (events, occurrences) = split(rows);
        let mut sorted = events.clone();
        if sort_events(&mut sorted) != occurrences || sorted != events {
            let message = format!("events of participant `{id}` are out of order or not unique");
            self.breach("sorted", table, message);
        }
        let Some((participant, counted)) = self.people.get(id) else {
            let message = format!("there are events of `{id}`, who is no participant");
            return self.breach("visible", table, message);
        };
        self.publishers.observe(&self.session, participant, &events);
        if *counted != i64::try_from(events.len()).unwrap_or(i64::MAX) {
            let message = format!(
                "`participants` counts {counted} of participant `{id}`, and there are {}",
                events.len()
            );
            self.breach("counts", table, message);
        }
    }

    /// What is stored is what the rule of today derives. What an older rule derived is `rebuild`'s business.
    async fn intervals(&mut self, streams: &mut Streams) -> Result<(), LakeError> {
        let table = Table::Intervals;
        let unfit =
            |source: arrow::error::ArrowError| LakeError::Shape { table, source: source.into() };
        let (mut fresh, mut stored) =
            (Digest::new().map_err(unfit)?, Digest::new().map_err(unfit)?);
        let mut batch = IntervalBatch::default();
        let mut people = People::of(&mut streams.derived, &self.row.key);
        while let Some((id, rows)) = people.next().await? {
            let Some((participant, _)) = self.people.get(&id) else { continue };
            let (events, _) = split(rows);
            for interval in intervals::derive(&self.session, participant, &events, &self.publishers)
            {
                batch.push(&self.row.key, &interval);
            }
            if batch.len() >= ROWS_MAX {
                fresh.add(&batch.finish()).map_err(unfit)?;
            }
        }
        fresh.add(&batch.finish()).map_err(unfit)?;
        while let Some(rows) = streams.intervals.take(&self.row.key).await? {
            stored.add(&rows).map_err(unfit)?;
        }
        if self.row.intervals_rule != Some(intervals::RULE) {
            return Ok(());
        }
        self.verified.intervals += fresh.rows_n;
        if fresh.finish() != stored.finish() {
            let message = format!(
                "{} are stored, and the {} that follow from events and participants are others",
                stored.rows_n, fresh.rows_n
            );
            self.breach("intervals", table, message);
        }
        Ok(())
    }

    async fn replicas(&mut self, streams: &mut Streams) -> Result<(), LakeError> {
        let table = Table::Replicas;
        let keys = drain(&mut streams.replicas, &self.row.key, replica_keys).await?;
        let mut seen = BTreeSet::new();
        let mut last = None;
        for key in keys {
            let id = key.0.clone();
            if last.as_ref().is_some_and(|last| *last > id) {
                self.breach("sorted", table, format!("participant `{id}` is out of order"));
            }
            if !seen.insert(key) {
                self.breach("unique", table, format!("a replica of `{id}` has more than one row"));
            }
            last = Some(id);
        }
        Ok(())
    }
}

fn number(n: Option<i64>) -> String {
    n.map_or_else(|| "none".to_owned(), |n| n.to_string())
}

fn split(rows: Vec<EventRow>) -> (Vec<Event>, Vec<i32>) {
    rows.into_iter().map(|row| (row.event, row.occurrence)).unzip()
}

/// What tells one replica of a session from another.
type ReplicaKey = (String, String, Option<String>);

fn replica_keys(batch: &RecordBatch) -> Result<Vec<ReplicaKey>, BatchError> {
    let columns = Columns::from(batch);
    let id = columns.text("participant_id")?;
    let (stage, session) =
        (columns.text("destination_stage_arn")?, columns.text("destination_session_id")?);
    (0..batch.num_rows())
        .map(|row| Ok((id.some(row)?.to_owned(), stage.some(row)?.to_owned(), session.owned(row))))
        .collect()
}

/// Rows of `intervals` boiled down to a number, in their order.
struct Digest {
    schema: SchemaRef,
    converter: RowConverter,
    hasher: DefaultHasher,
    rows_n: u64,
}

impl Digest {
    fn new() -> Result<Self, arrow::error::ArrowError> {
        let schema = data_schema(Table::Intervals);
        let fields = schema.fields().iter().map(|it| SortField::new(it.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        Ok(Self { schema, converter, hasher: DefaultHasher::new(), rows_n: 0 })
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), arrow::error::ArrowError> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let column = batch.column(batch.schema_ref().index_of(field.name())?);
            columns.push(cast(column, field.data_type())?);
        }
        for row in &self.converter.convert_columns(&columns)? {
            self.hasher.write(row.as_ref());
            self.rows_n += 1;
        }
        Ok(())
    }

    fn finish(&self) -> (u64, u64) {
        (self.rows_n, self.hasher.finish())
    }
}
