//! What all kinds of interval share: the participant, its session, and the instants of its events.

use super::Session;
use super::ties::{Mark, Role};
use super::users::UserHistory;
use crate::model::{Event, EventName, Participant, ReplicationType, Timestamp};

/// An event that has both a time and a name; others are no evidence of anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dated<'a> {
    pub(super) time: Timestamp,
    pub(super) name: &'a EventName,
    pub(super) event: &'a Event,
}

impl Dated<'_> {
    /// The event's row in the groups of its key.
    pub(super) fn mark(&self, role: Role) -> Mark {
        Mark { time: self.time, role, replica: self.event.replica }
    }
}

/// A participant with its events, read once.
#[derive(Debug)]
pub(super) struct Person<'a> {
    pub(super) session: &'a Session,
    pub(super) participant: &'a Participant,
    /// In no order.
    pub(super) events: Vec<Dated<'a>>,
    /// When it joined, ascending.
    pub(super) joins: Vec<Timestamp>,
    /// When it left, ascending.
    pub(super) lefts: Vec<Timestamp>,
    /// The user as of any moment.
    pub(super) users: UserHistory<'a>,
    /// It published at least once, by the listing or by its events.
    pub(super) publisher: bool,
}

impl<'a> Person<'a> {
    pub(super) fn new(
        session: &'a Session,
        participant: &'a Participant,
        events: &'a [Event],
    ) -> Self {
        let events = events
            .iter()
            .filter_map(|event| {
                Some(Dated { time: event.time?, name: event.name.as_ref()?, event })
            })
            .collect::<Vec<_>>();
        let published = events.iter().any(|dated| *dated.name == EventName::PublishStarted);
        Self {
            session,
            participant,
            joins: instants(&events, &EventName::Joined),
            lefts: instants(&events, &EventName::Left),
            users: UserHistory::new(participant, &events),
            publisher: participant.published || published,
            events,
        }
    }

    /// The listing says that it is a replica.
    pub(super) fn is_replica(&self) -> bool {
        self.participant.replication_type == Some(ReplicationType::Replica)
    }

    /// Until when its state is known in a session without an end.
    pub(super) fn known_until(&self) -> Timestamp {
        let last_event = self.events.iter().map(|dated| dated.time).max();
        last_event.map_or(self.session.as_of, |last| last.max(self.session.as_of))
    }

    /// Rows of a kind that has one key for each participant.
    pub(super) fn marks(&self, start: &EventName, stop: &EventName) -> Vec<Mark> {
        let role = |name: &EventName| match name {
            name if name == start => Some(Role::Start),
            name if name == stop => Some(Role::Stop),
            _ => None,
        };
        self.events.iter().filter_map(|dated| Some(dated.mark(role(dated.name)?))).collect()
    }
}

/// The instants at which events of a name lie, ascending, each once.
pub(super) fn instants(events: &[Dated<'_>], name: &EventName) -> Vec<Timestamp> {
    let mut times = events
        .iter()
        .filter(|dated| dated.name == name)
        .map(|dated| dated.time)
        .collect::<Vec<_>>();
    times.sort_unstable();
    times.dedup();
    times
}
