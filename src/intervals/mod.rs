//! Events of a session to intervals: who was there, published, watched and was replicated, from when
//! to when, and why it ended.
//!
//! Pure: it knows the nouns of `model` and nothing else, and its answer depends on no order of rows.
//! Analysts count on that, because the service's times are mostly whole seconds and its order within
//! one means nothing. It also stays small: a session is derived participant by participant, and all
//! that one needs of the others is [`Publishers`].
//!
//! The rule in words, from the bottom up:
//!
//! - `ties`: the rows of one key and one instant are one group. A group opens, closes, or is a tie;
//!   what comes next decides a tie, and where nothing does, all stays as it was.
//! - `spans`: the groups in order of time, walked from closed to open and back. What opens and closes
//!   within one instant is kept as an interval of zero length, so that every start is counted once.
//! - `ends`: the earliest closer ends an interval: its own stop, the participant's LEFT, the watched
//!   publisher's end, in that order within one instant. Without any, the session's end, and without
//!   that, the last moment of which something is known.
//! - `presence`, `publish`, `subscribe`, `replication`: what keys, openers and closers are for each kind.
//! - `person`: what the kinds share: the participant's instants, and its user as of a moment.
//!
//! An event without a time or a name is ignored. What is odd about an interval is written on it
//! ([`crate::model::Anomaly`]); what makes no interval, such as a stop without a start, is not
//! seen here: reports count it from the events.

mod ends;
mod person;
mod presence;
mod publish;
mod publishers;
mod replication;
mod spans;
mod subscribe;
#[cfg(test)]
mod tests;
mod ties;
mod users;

pub use publishers::Publishers;

use chrono::TimeDelta;

use self::person::Person;
use crate::model::{Event, Interval, Participant, StageArn, Timestamp};

/// The version of the rule, written beside what it derived (`sessions.intervals_rule`).
pub const RULE: i32 = 1;

/// How far two times may lie apart that were one moment: the service's are whole seconds.
const RESOLUTION: TimeDelta = TimeDelta::seconds(1);

/// What the intervals of a session need to know of the session itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The stage, which tells a replication's mirror rows from its own.
    pub stage_arn: StageArn,
    /// When it started.
    pub start: Timestamp,
    /// When it ended; `None` while it is live.
    pub end: Option<Timestamp>,
    /// The moment as of which its participants were listed; what is open ends there.
    pub as_of: Timestamp,
}

/// The intervals of one participant, once [`Publishers`] has seen every participant of the session.
///
/// Sorted by kind, start, end, remote and destination. Empty where there are no events.
#[must_use]
pub fn derive(
    session: &Session,
    participant: &Participant,
    events: &[Event],
    publishers: &Publishers,
) -> Vec<Interval> {
    let person = Person::new(session, participant, events);
    let mut publish = publish::intervals(&person);
    let presence = presence::intervals(&person, &publish);
    let mut subscribe = subscribe::intervals(&person, publishers);
    let replication = replication::intervals(&person, &presence);
    presence::mark_media_outside(&presence, &mut publish);
    presence::mark_media_outside(&presence, &mut subscribe);

    let mut intervals = [presence, publish, subscribe, replication].concat();
    intervals.sort_by(|a, b| order(a).cmp(&order(b)));
    intervals
}

/// The intervals of a whole session at once, sorted by participant and then as [`derive`] does.
#[must_use]
pub fn derive_session(
    session: &Session,
    participants: &[(Participant, Vec<Event>)],
) -> Vec<Interval> {
    let mut publishers = Publishers::default();
    for (participant, events) in participants {
        publishers.observe(session, participant, events);
    }
    let mut intervals = participants
        .iter()
        .flat_map(|(participant, events)| derive(session, participant, events, &publishers))
        .collect::<Vec<_>>();
    // Stable: what derive has sorted stays so within a participant.
    intervals.sort_by(|a, b| a.participant_id.cmp(&b.participant_id));
    intervals
}

/// Where an interval stands among those of its participant. No two stand in one place: the intervals
/// of one key start at different moments.
fn order(interval: &Interval) -> impl Ord + '_ {
    (
        interval.kind,
        interval.start,
        interval.end,
        interval.remote_participant_id.as_ref(),
        interval.destination_stage_arn.as_deref(),
    )
}
