//! What people do on a stage: come, watch, publish, fail, lose the connection, come back, go.
//!
//! What they really did comes first, as stays; the events follow from the stays, and only then some of them
//! get lost. So the truth knows what the service forgot.

mod cast;
mod host;
mod production;
mod story;
mod viewer;

pub(super) use production::{Ingest, Plan, Production};
pub(super) use story::{start_event, stop_event};
pub(super) use viewer::{Viewer, watch};

use cast::Device;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::model::{ErrorCode, EventName, Timestamp};

/// What all people of a session have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    /// The first second of the session.
    pub(super) from: Timestamp,
    /// The second at which everyone is out, or the present of a live session.
    pub(super) until: Timestamp,
    /// The session goes on: who is there in the end stays.
    pub(super) live: bool,
    /// Who could be watched, and when.
    pub(super) publications: Vec<Publication>,
    /// How people behave.
    pub(super) habits: Habits,
    /// What went wrong for several people.
    pub(super) incident: Option<Incident>,
}

impl Scene {
    pub(super) fn seconds(&self) -> i64 {
        (self.until - self.from).num_seconds()
    }
}

/// A time at which a publisher could be watched.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    /// The publisher that a subscription names.
    pub(super) participant_id: Arc<str>,
    /// The publisher is a replica here.
    pub(super) replica: bool,
    /// From when.
    pub(super) from: Timestamp,
    /// Until when; `None` where it goes on.
    pub(super) to: Option<Timestamp>,
}

/// How people behave and what the service loses, as shares of the chances that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Habits {
    /// Visits that are interrupted and taken up again.
    pub(super) rejoin: f64,
    /// LEFT events that are lost.
    pub(super) lost_left: f64,
    /// Other stops that are lost.
    pub(super) lost_stop: f64,
    /// People without a user id.
    pub(super) anonymous: f64,
    /// Everyone comes in the first tenth and stays until the last.
    pub(super) whole_show: bool,
    /// No two events of a participant share a second.
    pub(super) distinct_seconds: bool,
}

impl Habits {
    /// People and networks as they are.
    pub(super) const ORDINARY: Self = Self {
        rejoin: 0.12,
        lost_left: 0.02,
        lost_stop: 0.04,
        anonymous: 0.08,
        whole_show: false,
        distinct_seconds: false,
    };
    /// Nothing is lost, and no two events of a participant share a second.
    pub(super) const CLEAN: Self = Self {
        rejoin: 0.12,
        lost_left: 0.0,
        lost_stop: 0.0,
        anonymous: 0.0,
        whole_show: false,
        distinct_seconds: true,
    };
    /// Everyone is there for all of it, and nothing is lost.
    pub(super) const DEVOTED: Self = Self {
        rejoin: 0.0,
        lost_left: 0.0,
        lost_stop: 0.0,
        anonymous: 0.02,
        whole_show: true,
        distinct_seconds: false,
    };
}

/// Something that went wrong for several people of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incident {
    /// What failed.
    pub(super) name: EventName,
    /// Why.
    pub(super) code: ErrorCode,
}

/// A moment some seconds later.
pub(super) fn later(moment: Timestamp, seconds: i64) -> Timestamp {
    moment + TimeDelta::seconds(seconds)
}
