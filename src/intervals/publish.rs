//! Publishing: PUBLISH_STARTED to PUBLISH_STOPPED, or to LEFT. One key for each participant.

use super::RESOLUTION;
use super::ends::{End, interval, mark};
use super::person::{Person, instants};
use super::spans::{Span, spans};
use super::ties::{Group, groups};
use crate::model::{Anomaly, EventName, Interval, IntervalKind, Timestamp};

/// The groups of the participant's publishing, for [`spans`].
pub(super) fn publish_groups(person: &Person<'_>) -> Vec<Group> {
    let marks = person.marks(&EventName::PublishStarted, &EventName::PublishStopped);
    groups(marks, &person.lefts)
}

/// The participant's PUBLISH intervals, in order of time.
pub(super) fn intervals(person: &Person<'_>) -> Vec<Interval> {
    let stops = instants(&person.events, &EventName::PublishStopped);
    spans(&publish_groups(person))
        .iter()
        .map(|span| {
            let end = End::of(span, person);
            let mut interval = interval(person, IntervalKind::Publish, span, end);
            interval.replica = person.is_replica() || span.replica();
            if rejoined_within(person, span, end.time, &stops) {
                mark(&mut interval, Anomaly::MediaAcrossRejoin);
            }
            interval
        })
        .collect()
}

/// Whether the participant joined again while it published, with neither a LEFT nor a stop to tell that
/// it had been away. Either would share the instant of the JOINED: at any other it would have closed
/// the interval, or have come with the start that goes on.
///
/// The first JOINED is no return, and one within the resolution of the start belongs to that start.
fn rejoined_within(
    person: &Person<'_>,
    span: &Span<'_>,
    end: Timestamp,
    stops: &[Timestamp],
) -> bool {
    let returns = person.joins.get(1..).unwrap_or_default();
    let after_start = returns.partition_point(|join| *join <= span.start() + RESOLUTION);
    returns[after_start..]
        .iter()
        .take_while(|join| **join <= end)
        .any(|join| stops.binary_search(join).is_err() && person.lefts.binary_search(join).is_err())
}
