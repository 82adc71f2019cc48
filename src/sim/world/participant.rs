//! A participant, and what really happened to it.

use std::sync::Arc;

use super::{Event, Listed};
use crate::model::{
    IntervalKind, ParticipantState, RecordingState, ReplicationState, ReplicationType, TextMap,
    Timestamp,
};
use crate::sim::behaviour::Viewer;

/// A participant of a session.
#[derive(Clone, Debug)]
pub struct Participant {
    id: Option<String>,
    /// The customer's name for the person.
    pub user_id: Option<String>,
    /// Connected or not.
    pub state: Option<ParticipantState>,
    /// When it first joined.
    pub first_join_time: Option<Timestamp>,
    /// Whether it ever published.
    pub published: Option<bool>,
    /// How its recording stands.
    pub recording_state: Option<RecordingState>,
    /// Replicated, a replica, or neither.
    pub replication_type: Option<ReplicationType>,
    /// Whether its replication goes on.
    pub replication_state: Option<ReplicationState>,
    /// The stage that a replica comes from.
    pub source_stage_arn: Option<String>,
    /// The session that a replica comes from.
    pub source_session_id: Option<String>,
    /// One of several physical streams of one publisher.
    pub redundant_ingest: Option<bool>,
    /// The ingest configuration that it streams through.
    pub ingest_configuration_arn: Option<String>,
    /// What only GetParticipant tells.
    pub details: Details,
    fate: Fate,
}

impl Participant {
    /// A participant who has gone and to whom nothing happened. Only a malformed world has one without an id.
    #[must_use]
    pub fn new(id: Option<&str>) -> Self {
        Self {
            id: id.map(str::to_owned),
            user_id: None,
            state: Some(ParticipantState::Disconnected),
            first_join_time: None,
            published: Some(false),
            recording_state: None,
            replication_type: None,
            replication_state: None,
            source_stage_arn: None,
            source_session_id: None,
            redundant_ingest: None,
            ingest_configuration_arn: None,
            details: Details::default(),
            fate: Fate::Told(Life::default()),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The same with another life.
    #[must_use]
    pub fn with_life(mut self, life: Life) -> Self {
        self.fate = Fate::Told(life);
        self
    }

    pub(in crate::sim) fn watching(mut self, viewer: Viewer) -> Self {
        self.fate = Fate::Viewer(viewer);
        self
    }

    pub(super) fn fate(&self) -> &Fate {
        &self.fate
    }
}

impl Listed for Participant {
    fn listing_key(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}

/// What only GetParticipant tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The application's own attributes.
    pub attributes: Option<TextMap>,
    /// The internet service provider.
    pub isp_name: Option<String>,
    /// The operating system.
    pub os_name: Option<String>,
    /// Its version.
    pub os_version: Option<String>,
    /// The browser.
    pub browser_name: Option<String>,
    /// Its version.
    pub browser_version: Option<String>,
    /// The version of the IVS SDK.
    pub sdk_version: Option<String>,
    /// How its media come.
    pub protocol: Option<String>,
    /// Where it was recorded to.
    pub recording_s3_bucket_name: Option<String>,
    /// The prefix there.
    pub recording_s3_prefix: Option<String>,
}

/// What happened to a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// What the service remembers, in the order in which it happened.
    pub events: Vec<Event>,
    /// What it really did, also where the service lost the end of it.
    pub stays: Vec<Stay>,
}

/// Something that really lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// What.
    pub kind: IntervalKind,
    /// From when, inclusive.
    pub from: Timestamp,
    /// Until when, exclusive; `None` where it still lasts.
    pub to: Option<Timestamp>,
    /// The publisher that was watched.
    pub remote_participant_id: Option<Arc<str>>,
    /// Where a replication went: the stage and the session.
    pub destination: Option<(Arc<str>, Arc<str>)>,
    /// Whether the participant (of a subscription the remote) is a replica.
    pub replica: bool,
}

impl Stay {
    /// Something that lasted.
    #[must_use]
    pub fn new(kind: IntervalKind, from: Timestamp, to: Option<Timestamp>) -> Self {
        Self { kind, from, to, remote_participant_id: None, destination: None, replica: false }
    }
}

/// Where a life comes from.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It is written down.
    Told(Life),
    /// It follows from the session's scene and from a seed.
    Viewer(Viewer),
}
