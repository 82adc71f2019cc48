//! One session's staged file: its index in memory, and a view that reads what the index points at.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::super::batch::BatchError;
use super::record::{Record, session_fields};
use super::stream::{Encoder, FORMAT, FORMAT_VERSION, Reader, Slot, Stream};
use super::{Appended, StagingError};
use crate::model::{
    DetailsPolicy, Event, Participant, ParticipantDetails, ParticipantId, Replica, SessionId,
    SessionKey, StageArn, Timestamp,
};

/// What is staged of a session, by its index alone.
#[derive(Clone, Debug, Default)]
pub struct StagedSession {
    listing: Option<(Slot, StagedListing)>,
    participants: BTreeMap<ParticipantId, Parts>,
}

/// What is known of a staged listing without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedListing {
    /// When it was begun.
    pub as_of: Timestamp,
    /// When the session had ended, as it was known then.
    pub end_time: Option<Timestamp>,
    /// Whose details are wanted.
    pub details: DetailsPolicy,
    /// Participants in it.
    pub participants_n: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    listed: bool,
    details: Option<Slot>,
    events: Option<(Slot, u32)>,
    replicas: Option<Slot>,
}

impl StagedSession {
    /// The listing of its participants, where it is staged.
    #[must_use]
    pub fn listing(&self) -> Option<StagedListing> {
        self.listing.map(|(_, listing)| listing)
    }

    /// The participants that the listing shows, in the order of their ids.
    pub fn listed(&self) -> impl Iterator<Item = &ParticipantId> {
        self.participants.iter().filter(|(_, parts)| parts.listed).map(|(id, _)| id)
    }

    /// Everyone of whom something is staged, listed or not, in the order of their ids.
    pub fn participants(&self) -> impl Iterator<Item = &ParticipantId> {
        self.participants.keys()
    }

    /// How many events are staged of a participant; `None` where they were not fetched.
    #[must_use]
    pub fn events_n(&self, participant_id: &ParticipantId) -> Option<usize> {
        let (_, events_n) = self.participants.get(participant_id)?.events?;
        Some(events_n as usize)
    }

    /// Events that are staged of all participants together.
    #[must_use]
    pub fn events_total_n(&self) -> usize {
        self.participants.values().filter_map(|parts| parts.events).map(|(_, n)| n as usize).sum()
    }

    /// Whether a participant's details are staged.
    #[must_use]
    pub fn has_details(&self, participant_id: &ParticipantId) -> bool {
        self.participants.get(participant_id).is_some_and(|parts| parts.details.is_some())
    }

    /// Whether a participant's replicas are staged.
    #[must_use]
    pub fn has_replicas(&self, participant_id: &ParticipantId) -> bool {
        self.participants.get(participant_id).is_some_and(|parts| parts.replicas.is_some())
    }

    /// Refuses an answer that is shorter than the one that is staged.
    fn admit(&self, record: &Record) -> Appended {
        let staged_n = match record {
            Record::Listing { .. } => self.listing().map(|listing| listing.participants_n),
            Record::Events { participant_id, .. } => self.events_n(participant_id),
            Record::Details { .. } | Record::Replicas { .. } => None,
        };
        match staged_n {
            Some(staged_n) if staged_n > record.items_n() => {
                Appended::Shrunk { staged_n, answered_n: record.items_n() }
            }
            _ => Appended::Kept,
        }
    }

    fn insert(&mut self, record: &Record, slot: Slot) {
        match record {
            Record::Listing { as_of, end_time, details, participants } => {
                let listing = StagedListing {
                    as_of: *as_of,
                    end_time: *end_time,
                    details: *details,
                    participants_n: participants.len(),
                };
                self.listing = Some((slot, listing));
                self.list(participants);
            }
            Record::Details { participant_id, .. } => {
                self.parts(participant_id).details = Some(slot);
            }
            Record::Events { participant_id, events, .. } => {
                // The length of a record is below 4 GiB, and so is the number of its rows.
                let events_n = u32::try_from(events.len()).unwrap_or(u32::MAX);
                self.parts(participant_id).events = Some((slot, events_n));
            }
            Record::Replicas { participant_id, .. } => {
                self.parts(participant_id).replicas = Some(slot);
            }
        }
    }

    /// Takes these, and no others, as listed. All are put in anew: who is added one by one leaves half of a map's
    /// memory unused, and there may be tens of thousands.
    fn list(&mut self, participants: &[Participant]) {
        let mut before = std::mem::take(&mut self.participants);
        for parts in before.values_mut() {
            parts.listed = false;
        }
        let listed = participants.iter().map(|participant| {
            let parts = before.remove(&participant.participant_id).unwrap_or_default();
            (participant.participant_id.clone(), Parts { listed: true, ..parts })
        });
        self.participants = listed.collect();
        self.participants.append(&mut before);
    }

    fn parts(&mut self, participant_id: &ParticipantId) -> &mut Parts {
        self.participants.entry(participant_id.clone()).or_default()
    }
}

/// The file of a session.
#[derive(Debug)]
pub(super) struct SessionFile {
    pub(super) stream: Stream,
    pub(super) index: Arc<StagedSession>,
}

impl SessionFile {
    pub(super) fn create(path: PathBuf, key: &SessionKey) -> Result<Self, StagingError> {
        let stream = Stream::create(path, session_schema(key))?;
        Ok(Self { stream, index: Arc::default() })
    }

    /// Reads a file's index.
    pub(super) fn load(stream: Stream, slots: &[Slot]) -> Result<(SessionKey, Self), StagingError> {
        let foreign = || StagingError::Foreign { path: stream.path().to_owned() };
        let key = session_key(stream.schema()).ok_or_else(foreign)?;
        let mut reader = Reader::open(&stream)?;
        let mut index = StagedSession::default();
        for slot in slots {
            if let Some(record) = read(&mut reader, *slot)?
                && index.admit(&record) == Appended::Kept
            {
                index.insert(&record, *slot);
            }
        }
        Ok((key, Self { stream, index: Arc::new(index) }))
    }

    pub(super) fn append(
        &mut self,
        record: &Record,
        encoder: &mut Encoder,
    ) -> Result<Appended, StagingError> {
        let admitted = self.index.admit(record);
        if admitted == Appended::Kept {
            let slot = self.stream.append(&record.to_batch(), encoder)?;
            Arc::make_mut(&mut self.index).insert(record, slot);
        }
        Ok(admitted)
    }

    pub(super) fn view(&self) -> Result<SessionView, StagingError> {
        Ok(SessionView { index: Arc::clone(&self.index), reader: Reader::open(&self.stream)? })
    }
}

/// What is staged of a session at one moment, read one record at a time.
#[derive(Debug)]
pub struct SessionView {
    index: Arc<StagedSession>,
    reader: Reader,
}

impl SessionView {
    /// What there is to read.
    #[must_use]
    pub fn index(&self) -> &Arc<StagedSession> {
        &self.index
    }

    /// Who is in the whole listing.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be read.
    pub fn listing(&mut self) -> Result<Option<Vec<Participant>>, StagingError> {
        let Some((slot, _)) = self.index.listing else { return Ok(None) };
        match self.record(slot, "LISTING")? {
            Record::Listing { participants, .. } => Ok(Some(participants)),
            other => Err(self.mistaken(slot, &other)),
        }
    }

    /// A participant's events, and when they were fetched.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be read.
    pub fn events(
        &mut self,
        participant_id: &ParticipantId,
    ) -> Result<Option<(Timestamp, Vec<Event>)>, StagingError> {
        let Some((slot, _)) = self.parts(participant_id).events else { return Ok(None) };
        match self.record(slot, "EVENTS")? {
            Record::Events { fetched_at, events, .. } => Ok(Some((fetched_at, events))),
            other => Err(self.mistaken(slot, &other)),
        }
    }

    /// A participant's details.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be read.
    pub fn details(
        &mut self,
        participant_id: &ParticipantId,
    ) -> Result<Option<ParticipantDetails>, StagingError> {
        let Some(slot) = self.parts(participant_id).details else { return Ok(None) };
        match self.record(slot, "DETAILS")? {
            Record::Details { details, .. } => Ok(Some(details)),
            other => Err(self.mistaken(slot, &other)),
        }
    }

    /// A participant's replicas, and when they were listed.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be read.
    pub fn replicas(
        &mut self,
        participant_id: &ParticipantId,
    ) -> Result<Option<(Timestamp, Vec<Replica>)>, StagingError> {
        let Some(slot) = self.parts(participant_id).replicas else { return Ok(None) };
        match self.record(slot, "REPLICAS")? {
            Record::Replicas { listed_at, replicas, .. } => Ok(Some((listed_at, replicas))),
            other => Err(self.mistaken(slot, &other)),
        }
    }

    fn parts(&self, participant_id: &ParticipantId) -> Parts {
        self.index.participants.get(participant_id).copied().unwrap_or_default()
    }

    fn record(&mut self, slot: Slot, expected: &str) -> Result<Record, StagingError> {
        read(&mut self.reader, slot)?.ok_or_else(|| self.malformed(slot, expected.to_owned()))
    }

    /// The file was changed behind the index.
    fn mistaken(&self, slot: Slot, found: &Record) -> StagingError {
        self.malformed(slot, format!("{} items of another kind", found.items_n()))
    }

    fn malformed(&self, slot: Slot, value: String) -> StagingError {
        let source = BatchError::Value { column: super::stream::RECORD.to_owned(), value };
        StagingError::Record { path: self.reader.path().to_owned(), offset: slot.offset, source }
    }
}

fn read(reader: &mut Reader, slot: Slot) -> Result<Option<Record>, StagingError> {
    let batch = reader.read(slot)?;
    Record::from_batch(&batch).map_err(|source| StagingError::Record {
        path: reader.path().to_owned(),
        offset: slot.offset,
        source,
    })
}

fn session_schema(key: &SessionKey) -> SchemaRef {
    let metadata = HashMap::from([
        (FORMAT.to_owned(), FORMAT_VERSION.to_string()),
        ("stage_arn".to_owned(), key.stage_arn.to_string()),
        ("session_id".to_owned(), key.session_id.to_string()),
    ]);
    Arc::new(Schema::new_with_metadata(session_fields(), metadata))
}

fn session_key(schema: &SchemaRef) -> Option<SessionKey> {
    let text = |name| schema.metadata().get(name).map(String::as_str);
    Some(SessionKey {
        stage_arn: StageArn::parse(text("stage_arn")?).ok()?,
        session_id: SessionId::new(text("session_id")?).ok()?,
    })
}
