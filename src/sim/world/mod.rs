//! The world that is told of: stages, their sessions, who was there and what happened to them.
//!
//! Plain values, open to a test that changes them. What the service leaves out is `None`, what it gives as
//! an empty text is `Some("")`: both occur, and the wire tells them apart. Each list keeps its items in the
//! order in which the service answers, which is no order at all (see [`Listing`]).

mod edit;
mod event;
mod listing;
mod participant;
mod replication;

pub use edit::NoSuchItem;
pub use event::{Event, TokenState};
pub use listing::{Listed, Listing};
pub use participant::{Details, Life, Participant, Stay};
use replication::Watch;
pub(super) use replication::{Objection, Route};

use std::borrow::Cow;

use super::behaviour::{self, Scene};
use super::config::{Config, Scenario};
use super::scenarios;
use crate::model::{ReplicationState, TextMap, Timestamp};

/// One account in one region.
#[derive(Clone, Debug)]
pub struct World {
    /// What it was drawn from.
    pub seed: u64,
    /// What it was drawn as.
    pub scenario: Scenario,
    /// Whose stages these are.
    pub account_id: String,
    /// Where they are.
    pub region: String,
    /// When the snapshot was taken that the listings show.
    pub now: Timestamp,
    /// The stages.
    pub stages: Listing<Stage>,
    /// Who was replicated to where.
    pub replicas: Listing<Replica>,
}

impl World {
    /// Makes a world; the same configuration always makes the same one.
    #[must_use]
    pub fn generate(config: &Config) -> Self {
        scenarios::generate(config)
    }

    pub(super) fn empty(config: &Config) -> Self {
        Self {
            seed: config.seed,
            scenario: config.scenario,
            account_id: config.account().to_owned(),
            region: config.region.clone(),
            now: config.start(),
            stages: Listing::default(),
            replicas: Listing::default(),
        }
    }

    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:ivs:{}:{}:{resource}", self.region, self.account_id)
    }

    /// The session of a stage.
    #[must_use]
    pub fn session(&self, stage_arn: &str, session_id: &str) -> Option<&Session> {
        self.stages.find(stage_arn)?.sessions.find(session_id)
    }
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    arn: String,
    /// Its name.
    pub name: Option<String>,
    /// Its tags.
    pub tags: TextMap,
    /// The bucket that its publishers are recorded to.
    pub recording_bucket: Option<String>,
    /// Its sessions.
    pub sessions: Listing<Session>,
}

impl Stage {
    /// A stage without sessions.
    #[must_use]
    pub fn new(arn: &str, name: Option<&str>) -> Self {
        Self {
            arn: arn.to_owned(),
            name: name.map(str::to_owned),
            tags: TextMap::new(),
            recording_bucket: None,
            sessions: Listing::default(),
        }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The session that has begun and not ended; of several the one that began last.
    #[must_use]
    pub fn active_session_id(&self) -> Option<&str> {
        self.sessions
            .iter()
            .filter(|session| session.end_time.is_none() && session.start_time.is_some())
            .max_by_key(|session| session.start_time)
            .and_then(Session::id)
    }
}

impl Listed for Stage {
    fn listing_key(&self) -> &str {
        &self.arn
    }
}

/// A session of a stage.
#[derive(Clone, Debug)]
pub struct Session {
    id: Option<String>,
    /// When the first participant joined.
    pub start_time: Option<Timestamp>,
    /// When it ended; `None` while it is live.
    pub end_time: Option<Timestamp>,
    /// Who was there.
    pub participants: Listing<Participant>,
    scene: Scene,
}

impl Session {
    /// A session without participants. Only a malformed world has one without an id.
    #[must_use]
    pub fn new(
        id: Option<&str>,
        start_time: Option<Timestamp>,
        end_time: Option<Timestamp>,
    ) -> Self {
        Self {
            id: id.map(str::to_owned),
            start_time,
            end_time,
            participants: Listing::default(),
            scene: Scene::default(),
        }
    }

    pub(super) fn with_scene(mut self, scene: Scene) -> Self {
        self.scene = scene;
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What happened to a participant of this session. Of the many it is told anew at each asking, so that a
    /// session of a million events takes the room of its participants alone.
    #[must_use]
    pub fn life<'a>(&self, participant: &'a Participant) -> Cow<'a, Life> {
        match participant.fate() {
            participant::Fate::Told(life) => Cow::Borrowed(life),
            participant::Fate::Viewer(viewer) => Cow::Owned(behaviour::watch(&self.scene, *viewer)),
        }
    }
}

impl Listed for Session {
    fn listing_key(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}

/// A participant who was replicated to another stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    key: String,
    /// The stage it publishes on.
    pub source_stage_arn: String,
    /// The session there.
    pub source_session_id: String,
    /// The participant, whose id is the same on both sides.
    pub participant_id: String,
    /// The stage it is replicated to.
    pub destination_stage_arn: String,
    /// The session there.
    pub destination_session_id: String,
    /// Whether it goes on.
    pub state: ReplicationState,
    /// Of one that was begun by a call: what may end it.
    watch: Option<Watch>,
}

impl Replica {
    /// A replication from `(stage, session)` to `(stage, session)`.
    #[must_use]
    pub fn new(
        participant_id: &str,
        source: (&str, &str),
        destination: (&str, &str),
        state: ReplicationState,
    ) -> Self {
        Self {
            key: [participant_id, source.0, source.1, destination.0, destination.1].join(" "),
            source_stage_arn: source.0.to_owned(),
            source_session_id: source.1.to_owned(),
            participant_id: participant_id.to_owned(),
            destination_stage_arn: destination.0.to_owned(),
            destination_session_id: destination.1.to_owned(),
            state,
            watch: None,
        }
    }
}

impl Listed for Replica {
    fn listing_key(&self) -> &str {
        &self.key
    }
}
