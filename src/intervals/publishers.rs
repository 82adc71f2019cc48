//! What the intervals of one participant need to know of the others: who exists, who is a replica,
//! and from when to when each published.

use std::collections::HashMap;

use super::person::Person;
use super::presence::says_replica;
use super::publish::publish_groups;
use super::spans::spans;
use super::{RESOLUTION, Session};
use crate::model::{Event, Participant, ParticipantId, Timestamp};

/// The participants of one session, as far as those who watch them care. A few dozen bytes for each.
#[derive(Clone, Debug, Default)]
pub struct Publishers {
    by_id: HashMap<ParticipantId, Publisher>,
}

#[derive(Clone, Debug)]
struct Publisher {
    replica: bool,
    /// In order of time.
    published: Box<[Published]>,
}

/// One stretch of publishing.
#[derive(Clone, Copy, Debug)]
struct Published {
    start: Timestamp,
    /// Where a stop or LEFT closed it. What merely was cut, at the session's end or where the knowledge
    /// ends, says nothing of those who watched.
    end: Option<Timestamp>,
}

impl Publishers {
    /// Takes note of a participant, in any order; of one whose events were not fetched, too. Seen
    /// again, it replaces what was known of it.
    pub fn observe(&mut self, session: &Session, participant: &Participant, events: &[Event]) {
        let person = Person::new(session, participant, events);
        let published = spans(&publish_groups(&person))
            .iter()
            .map(|span| Published { start: span.start(), end: span.close().map(|(time, _)| time) })
            .collect();
        let replica = person.is_replica() || person.events.iter().any(says_replica);
        self.by_id.insert(participant.participant_id.clone(), Publisher { replica, published });
    }

    /// Whether the session has such a participant.
    pub(super) fn exists(&self, id: &ParticipantId) -> bool {
        self.by_id.contains_key(id)
    }

    /// Whether that participant is a replica.
    pub(super) fn is_replica(&self, id: &ParticipantId) -> bool {
        self.by_id.get(id).is_some_and(|publisher| publisher.replica)
    }

    /// When the publishing ended that holds a subscription's start, give or take the resolution of the
    /// times. `None` where none holds it, or it has no end of its own.
    ///
    /// Of several the one that starts last: a subscription follows the publishing that it waited for.
    /// It is the only one to look at, because stretches of one participant don't overlap.
    pub(super) fn gone(&self, id: &ParticipantId, start: Timestamp) -> Option<Timestamp> {
        let published = &self.by_id.get(id)?.published;
        let begun = published.partition_point(|stretch| stretch.start <= start + RESOLUTION);
        let end = published[..begun].last()?.end?;
        (start <= end + RESOLUTION).then_some(end)
    }
}
