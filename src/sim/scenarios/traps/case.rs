//! A participant written down by hand, in seconds from the start of the session.

use chrono::TimeDelta;

use crate::model::{ErrorCode, EventName, IntervalKind, Timestamp};
use crate::sim::world::{Event, Life, Participant, Stay};

/// What the service forgot of something that lasted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Nothing,
    Start,
    Stop,
}

/// A participant in the making.
pub(super) struct Case {
    base: Timestamp,
    participant: Participant,
    life: Life,
}

impl Case {
    pub(super) fn new(base: Timestamp, id: &str) -> Self {
        let mut participant = Participant::new(Some(id));
        participant.user_id = Some(format!("user-{id}"));
        Self { base, participant, life: Life::default() }
    }

    fn at(&self, second: i64) -> Timestamp {
        self.base + TimeDelta::seconds(second)
    }

    /// On the stage from one second to another.
    pub(super) fn there(self, from: i64, to: i64) -> Self {
        self.presence(from, Some(to), Lost::Nothing)
    }

    /// The same, of which the service forgot something.
    pub(super) fn presence(mut self, from: i64, to: Option<i64>, lost: Lost) -> Self {
        let first = self.participant.first_join_time;
        let joined = self.at(from);
        self.participant.first_join_time = Some(first.map_or(joined, |first| first.min(joined)));
        self.lasts(IntervalKind::Presence, (from, to), lost, |event| event)
    }

    /// Publishing from one second to another.
    pub(super) fn publishes(mut self, from: i64, to: Option<i64>, lost: Lost) -> Self {
        self.participant.published = Some(true);
        self.lasts(IntervalKind::Publish, (from, to), lost, |event| Event {
            replica: Some(false),
            ..event
        })
    }

    /// Watching someone from one second to another.
    pub(super) fn watches(mut self, remote: &str, from: i64, to: i64, lost: Lost) -> Self {
        self = self.lasts(IntervalKind::Subscribe, (from, Some(to)), lost, |event| {
            event.about(remote, false)
        });
        if let Some(stay) = self.life.stays.last_mut() {
            stay.remote_participant_id = Some(remote.into());
        }
        self
    }

    /// Replicated to a stage and a session.
    pub(super) fn replicated(
        mut self,
        target: (&str, &str),
        from: i64,
        to: Option<i64>,
        lost: Lost,
    ) -> Self {
        self = self.lasts(IntervalKind::Replication, (from, to), lost, |event| {
            event.towards(target.0, target.1)
        });
        if let Some(stay) = self.life.stays.last_mut() {
            stay.destination = Some((target.0.into(), target.1.into()));
        }
        self
    }

    fn lasts(
        mut self,
        kind: IntervalKind,
        (from, to): (i64, Option<i64>),
        lost: Lost,
        dress: impl Fn(Event) -> Event,
    ) -> Self {
        let (start, stop) = match kind {
            IntervalKind::Presence => (EventName::Joined, EventName::Left),
            IntervalKind::Publish => (EventName::PublishStarted, EventName::PublishStopped),
            IntervalKind::Subscribe => (EventName::SubscribeStarted, EventName::SubscribeStopped),
            IntervalKind::Replication => {
                (EventName::ReplicationStarted, EventName::ReplicationStopped)
            }
        };
        let (from, to) = (self.at(from), to.map(|to| self.at(to)));
        self.life.stays.push(Stay::new(kind, from, to));
        if lost != Lost::Start {
            self.life.events.push(dress(Event::new(start, from)));
        }
        if let Some(to) = to.filter(|_| lost != Lost::Stop) {
            self.life.events.push(dress(Event::new(stop, to)));
        }
        self
    }

    /// An event that follows from nothing.
    pub(super) fn event(self, second: i64, name: EventName) -> Self {
        self.odd(second, name, |event| event)
    }

    /// An event that follows from nothing, with something odd about it.
    pub(super) fn odd(
        mut self,
        second: i64,
        name: EventName,
        dress: impl FnOnce(Event) -> Event,
    ) -> Self {
        self.life.events.push(dress(Event::new(name, self.at(second))));
        self
    }

    /// A failed attempt.
    pub(super) fn fails(mut self, second: i64, name: EventName, code: ErrorCode) -> Self {
        self.life.events.push(Event::error(name, code, self.at(second)));
        self
    }

    /// Changes what the listing tells.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Participant)) -> Self {
        change(&mut self.participant);
        self
    }

    /// The participant, with the events in the order of their times.
    pub(super) fn done(mut self) -> Participant {
        self.life.events.sort_by_key(|event| event.time);
        self.participant.with_life(self.life)
    }
}
