//! From what someone did to the events that the service remembers of it.

use std::collections::BTreeSet;

use super::{Habits, Publication, later};
use crate::model::{EventName, IntervalKind, Timestamp};
use crate::sim::draw::{self, Dice};
use crate::sim::world::{Event, Life, Stay};

/// What someone did, in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    distinct_seconds: bool,
    taken: BTreeSet<Timestamp>,
    stays: Vec<Stay>,
    moments: Vec<Event>,
}

impl Story {
    pub(super) fn new(habits: &Habits) -> Self {
        Self { distinct_seconds: habits.distinct_seconds, ..Self::default() }
    }

    pub(super) fn stays(&self) -> &[Stay] {
        &self.stays
    }

    /// Adds what lasted, unless nothing is left of it. Where seconds must differ, it gives way to what was
    /// there before by shrinking, so what is added later stays inside what was added earlier.
    pub(super) fn stay(&mut self, mut stay: Stay) {
        if self.distinct_seconds {
            while self.taken.contains(&stay.from) {
                stay.from = later(stay.from, 1);
            }
            while stay.to.is_some_and(|to| self.taken.contains(&to)) {
                stay.to = stay.to.map(|to| later(to, -1));
            }
        }
        if stay.to.is_some_and(|to| to <= stay.from) {
            return;
        }
        self.taken.insert(stay.from);
        self.taken.extend(stay.to);
        self.stays.push(stay);
    }

    /// Adds what happened in a moment.
    pub(super) fn moment(&mut self, mut event: Event) {
        if let Some(mut time) = event.time {
            while self.distinct_seconds && self.taken.contains(&time) {
                time = later(time, 1);
            }
            self.taken.insert(time);
            event.time = Some(time);
        }
        self.moments.push(event);
    }

    /// Watches what is published while being there, each publication once per visit.
    pub(super) fn subscribe(&mut self, publications: &[Publication], but_not: Option<&str>) {
        let visits: Vec<Stay> =
            self.stays.iter().filter(|stay| stay.kind == IntervalKind::Presence).cloned().collect();
        for visit in &visits {
            for publication in publications {
                if Some(&*publication.participant_id) == but_not {
                    continue;
                }
                let from = visit.from.max(publication.from);
                let to = earlier_end(visit.to, publication.to);
                if to.is_some_and(|to| to <= from) {
                    continue;
                }
                self.stay(Stay {
                    remote_participant_id: Some(publication.participant_id.clone()),
                    replica: publication.replica,
                    ..Stay::new(IntervalKind::Subscribe, from, to)
                });
            }
        }
    }

    /// The life that the service remembers: events in the order in which they happened, some stops lost.
    pub(super) fn tell(self, habits: &Habits, dice: &mut Dice) -> Life {
        let mut events = self.moments;
        for stay in &self.stays {
            events.push(start_event(stay));
            let lost = if stay.kind == IntervalKind::Presence {
                habits.lost_left
            } else {
                habits.lost_stop
            };
            let is_lost = draw::chance(dice, lost);
            if let Some(to) = stay.to.filter(|_| !is_lost) {
                events.push(stop_event(stay, to));
            }
        }
        events.sort_by_key(|event| (event.time, event.name.as_ref().map(EventName::rank)));
        let mut stays = self.stays;
        stays.sort_by_key(|stay| (stay.from, stay.kind));
        Life { events, stays }
    }
}

/// The earlier of two ends, of which `None` is never.
pub(super) fn earlier_end(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What the service remembers of a beginning.
pub(in crate::sim) fn start_event(stay: &Stay) -> Event {
    let name = match stay.kind {
        IntervalKind::Presence => EventName::Joined,
        IntervalKind::Publish => EventName::PublishStarted,
        IntervalKind::Subscribe => EventName::SubscribeStarted,
        IntervalKind::Replication => EventName::ReplicationStarted,
    };
    event_of(stay, name, stay.from)
}

/// What the service remembers of an end.
pub(in crate::sim) fn stop_event(stay: &Stay, to: Timestamp) -> Event {
    let name = match stay.kind {
        IntervalKind::Presence => EventName::Left,
        IntervalKind::Publish => EventName::PublishStopped,
        IntervalKind::Subscribe => EventName::SubscribeStopped,
        IntervalKind::Replication => EventName::ReplicationStopped,
    };
    event_of(stay, name, to)
}

fn event_of(stay: &Stay, name: EventName, time: Timestamp) -> Event {
    let media = matches!(stay.kind, IntervalKind::Publish | IntervalKind::Subscribe);
    let (stage, session) = stay.destination.clone().unzip();
    Event {
        remote_participant_id: stay.remote_participant_id.clone(),
        replica: media.then_some(stay.replica),
        destination_stage_arn: stage,
        destination_session_id: session,
        ..Event::new(name, time)
    }
}
