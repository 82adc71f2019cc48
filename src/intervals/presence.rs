//! Being on the stage: JOINED to LEFT. One key for each participant.
//!
//! LEFT is this kind's own stop, so it closes with the reason EXPLICIT. Someone whose JOINED is missing
//! (a viewer who outlived the session before, an event that was lost) was there all the same, if an
//! event tells of what only someone present can do: the interval then has a synthetic start.
//! Replicas are not known to join: without a JOINED they are present while they publish.

use super::RESOLUTION;
use super::ends::{End, interval, mark};
use super::person::{Dated, Person};
use super::spans::spans;
use super::ties::{Mark, Role, groups};
use crate::model::{Anomaly, EndReason, EventName, Interval, IntervalKind, Timestamp};

/// The participant's PRESENCE intervals, in order of time.
pub(super) fn intervals(person: &Person<'_>, publish: &[Interval]) -> Vec<Interval> {
    if person.joins.is_empty() && person.is_replica() {
        return publish.iter().map(presence_of_replica).collect();
    }
    let mut marks = person.marks(&EventName::Joined, &EventName::Left);
    if person.joins.is_empty() {
        marks.extend(synthetic_start(person));
    }
    // LEFT stands among the marks already; it must not close a second time.
    spans(&groups(marks, &[]))
        .iter()
        .map(|span| {
            let end = End::of(span, person);
            let mut interval = interval(person, IntervalKind::Presence, span, end);
            interval.replica = person.is_replica() || span.replica();
            if interval.synthetic_start {
                mark(&mut interval, Anomaly::LeftWithoutJoin);
            }
            // In a session that goes on, nobody is late in leaving.
            if interval.end_reason == EndReason::SessionEnd {
                mark(&mut interval, Anomaly::JoinWithoutLeft);
            }
            interval
        })
        .collect()
}

/// A replica's publishing as its presence: the same times and reason, but no JOINED to count. Of the
/// anomalies only those stay that the times have; those of publish events are told once, there.
fn presence_of_replica(publish: &Interval) -> Interval {
    let of_times = |anomaly: &Anomaly| {
        matches!(
            anomaly,
            Anomaly::ZeroLength | Anomaly::EventOutsideSession | Anomaly::NegativeClamped
        )
    };
    let mut presence = publish.clone();
    presence.kind = IntervalKind::Presence;
    presence.synthetic_start = true;
    presence.starts_n = 0;
    presence.anomalies.retain(of_times);
    presence
}

/// The start of a presence without a JOINED: when the listing says that the participant first joined,
/// within the session, and no later than the first event that proves presence. Events that prove none
/// don't count: an attempt to join may have failed long before another succeeded.
fn synthetic_start(person: &Person<'_>) -> Option<Mark> {
    let proofs = || person.events.iter().filter(|dated| proves_presence(dated.name));
    let first = proofs().map(|dated| dated.time).min()?;
    let joined = person.participant.first_join_time.unwrap_or(first);
    Some(Mark {
        time: joined.max(person.session.start).min(first),
        role: Role::SyntheticStart,
        replica: proofs().any(says_replica),
    })
}

/// Whether an event says that its participant is a replica. A subscribe event speaks of the remote, and
/// of whom an unknown one speaks nobody knows.
pub(super) fn says_replica(dated: &Dated<'_>) -> bool {
    let of_another = matches!(
        dated.name,
        EventName::SubscribeStarted
            | EventName::SubscribeStopped
            | EventName::SubscribeError
            | EventName::Other(_)
    );
    dated.event.replica && !of_another
}

fn proves_presence(name: &EventName) -> bool {
    match name {
        EventName::Joined
        | EventName::Left
        | EventName::PublishStarted
        | EventName::PublishStopped
        | EventName::PublishError
        | EventName::SubscribeStarted
        | EventName::SubscribeStopped
        | EventName::SubscribeError
        | EventName::ReplicationStarted
        | EventName::ReplicationStopped
        | EventName::TokenExchanged => true,
        EventName::JoinError | EventName::Other(_) => false,
    }
}

/// Marks media that no presence holds, give or take the resolution of the times.
pub(super) fn mark_media_outside(presence: &[Interval], media: &mut [Interval]) {
    for interval in media {
        let begun = presence.partition_point(|p| p.start <= interval.start + RESOLUTION);
        let within = begun > 0 && interval.end <= reach(&presence[begun - 1]);
        if !within {
            mark(interval, Anomaly::MediaOutsideJoin);
        }
    }
}

/// Until when a presence can hold media. One that no LEFT ended isn't known to have ended at all.
fn reach(presence: &Interval) -> Timestamp {
    match presence.end_reason {
        EndReason::SessionEnd | EndReason::Open => Timestamp::MAX_UTC,
        EndReason::Explicit | EndReason::Left | EndReason::RemoteGone => presence.end + RESOLUTION,
    }
}
