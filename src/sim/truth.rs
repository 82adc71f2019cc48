//! What a world was made from, as a document that every report can be checked against.
//!
//! Written participant by participant: a session of a million events needs no more room than one person's.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use super::SimError;
use super::world::{Details, Event, Participant, Replica, Session, Stage, Stay, TokenState, World};
use crate::model::{
    ErrorCode, EventName, ParticipantState, RecordingState, ReplicationState, ReplicationType,
};

/// A world that nobody changes any more.
#[derive(Clone, Debug)]
pub struct Truth(Arc<World>);

impl Truth {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self(world)
    }

    /// Writes it as one JSON document.
    ///
    /// # Errors
    /// [`SimError::WriteTruth`] where the writer fails.
    pub fn write(&self, writer: impl Write) -> Result<(), SimError> {
        write_world(&self.0, writer)
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// [`SimError::CreateTruth`] and [`SimError::WriteTruth`].
    pub fn write_to(&self, path: &Path) -> Result<(), SimError> {
        self.0.write_truth(path)
    }
}

impl Deref for Truth {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl World {
    /// The world as the truth.
    #[must_use]
    pub fn truth(self) -> Truth {
        Truth::new(Arc::new(self))
    }

    /// Writes the truth to a file as one JSON document.
    ///
    /// # Errors
    /// [`SimError::CreateTruth`] and [`SimError::WriteTruth`].
    pub fn write_truth(&self, path: &Path) -> Result<(), SimError> {
        let file = File::create(path)
            .map_err(|source| SimError::CreateTruth { path: path.to_owned(), source })?;
        write_world(self, BufWriter::new(file))
    }
}

fn write_world(world: &World, mut writer: impl Write) -> Result<(), SimError> {
    serde_json::to_writer(&mut writer, world)
        .map_err(|source| SimError::WriteTruth { source: source.into() })?;
    writer.flush().map_err(|source| SimError::WriteTruth { source })
}

impl Serialize for World {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut world = serializer.serialize_struct("World", 7)?;
        world.serialize_field("seed", &self.seed)?;
        world.serialize_field("scenario", self.scenario.as_str())?;
        world.serialize_field("account_id", &self.account_id)?;
        world.serialize_field("region", &self.region)?;
        world.serialize_field("now", &self.now)?;
        world.serialize_field("stages", &Each(|| self.stages.iter()))?;
        world.serialize_field("replicas", &Each(|| self.replicas.iter()))?;
        world.end()
    }
}

/// Items that are made while they are written.
struct Each<F>(F);

impl<I, F> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stage = serializer.serialize_struct("Stage", 5)?;
        stage.serialize_field("arn", self.arn())?;
        stage.serialize_field("name", &self.name)?;
        stage.serialize_field("active_session_id", &self.active_session_id())?;
        stage.serialize_field("tags", &self.tags)?;
        stage.serialize_field("sessions", &Each(|| self.sessions.iter()))?;
        stage.end()
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let people = || self.participants.iter().map(|participant| Person(self, participant));
        let mut session = serializer.serialize_struct("Session", 4)?;
        session.serialize_field("session_id", &self.id())?;
        session.serialize_field("start_time", &self.start_time)?;
        session.serialize_field("end_time", &self.end_time)?;
        session.serialize_field("participants", &Each(people))?;
        session.end()
    }
}

/// A participant with what happened to it.
struct Person<'a>(&'a Session, &'a Participant);

impl Serialize for Person<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(session, it) = self;
        let life = session.life(it);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("participant_id", &it.id())?;
        map.serialize_entry("user_id", &it.user_id)?;
        map.serialize_entry("state", &it.state.as_ref().map(ParticipantState::as_str))?;
        map.serialize_entry("first_join_time", &it.first_join_time)?;
        map.serialize_entry("published", &it.published)?;
        let recording = it.recording_state.as_ref().map(RecordingState::as_str);
        map.serialize_entry("recording_state", &recording)?;
        let kind = it.replication_type.as_ref().map(ReplicationType::as_str);
        map.serialize_entry("replication_type", &kind)?;
        let state = it.replication_state.as_ref().map(ReplicationState::as_str);
        map.serialize_entry("replication_state", &state)?;
        map.serialize_entry("source_stage_arn", &it.source_stage_arn)?;
        map.serialize_entry("source_session_id", &it.source_session_id)?;
        map.serialize_entry("redundant_ingest", &it.redundant_ingest)?;
        map.serialize_entry("ingest_configuration_arn", &it.ingest_configuration_arn)?;
        map.serialize_entry("details", &it.details)?;
        map.serialize_entry("events", &life.events)?;
        map.serialize_entry("intervals", &life.stays)?;
        map.end()
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut details = serializer.serialize_struct("Details", 10)?;
        details.serialize_field("attributes", &self.attributes)?;
        details.serialize_field("isp_name", &self.isp_name)?;
        details.serialize_field("os_name", &self.os_name)?;
        details.serialize_field("os_version", &self.os_version)?;
        details.serialize_field("browser_name", &self.browser_name)?;
        details.serialize_field("browser_version", &self.browser_version)?;
        details.serialize_field("sdk_version", &self.sdk_version)?;
        details.serialize_field("protocol", &self.protocol)?;
        details.serialize_field("recording_s3_bucket_name", &self.recording_s3_bucket_name)?;
        details.serialize_field("recording_s3_prefix", &self.recording_s3_prefix)?;
        details.end()
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exchange = self.exchange.as_deref();
        let mut event = serializer.serialize_struct("Event", 9)?;
        event.serialize_field("name", &self.name.as_ref().map(EventName::as_str))?;
        event.serialize_field("event_time", &self.time)?;
        event.serialize_field("remote_participant_id", &self.remote_participant_id.as_deref())?;
        event.serialize_field("error_code", &self.error_code.as_ref().map(ErrorCode::as_str))?;
        event.serialize_field("destination_stage_arn", &self.destination_stage_arn.as_deref())?;
        event.serialize_field("destination_session_id", &self.destination_session_id.as_deref())?;
        event.serialize_field("replica", &self.replica)?;
        event.serialize_field("previous_token", &exchange.map(|(previous, _)| previous))?;
        event.serialize_field("new_token", &exchange.map(|(_, new)| new))?;
        event.end()
    }
}

impl Serialize for TokenState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut token = serializer.serialize_struct("TokenState", 4)?;
        token.serialize_field("capabilities", &self.capabilities)?;
        token.serialize_field("attributes", &self.attributes)?;
        token.serialize_field("user_id", &self.user_id)?;
        token.serialize_field("expiration_time", &self.expiration_time)?;
        token.end()
    }
}

impl Serialize for Stay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stay = serializer.serialize_struct("Stay", 7)?;
        let (stage, session) =
            self.destination.as_ref().map(|(stage, session)| (&**stage, &**session)).unzip();
        stay.serialize_field("kind", self.kind.as_str())?;
        stay.serialize_field("start", &self.from)?;
        stay.serialize_field("end", &self.to)?;
        stay.serialize_field("remote_participant_id", &self.remote_participant_id.as_deref())?;
        stay.serialize_field("destination_stage_arn", &stage)?;
        stay.serialize_field("destination_session_id", &session)?;
        stay.serialize_field("replica", &self.replica)?;
        stay.end()
    }
}

impl Serialize for Replica {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut replica = serializer.serialize_struct("Replica", 6)?;
        replica.serialize_field("source_stage_arn", &self.source_stage_arn)?;
        replica.serialize_field("source_session_id", &self.source_session_id)?;
        replica.serialize_field("participant_id", &self.participant_id)?;
        replica.serialize_field("destination_stage_arn", &self.destination_stage_arn)?;
        replica.serialize_field("destination_session_id", &self.destination_session_id)?;
        replica.serialize_field("replication_state", self.state.as_str())?;
        replica.end()
    }
}
