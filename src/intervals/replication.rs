//! Being replicated: REPLICATION_STARTED to REPLICATION_STOPPED, told by the source, one key for each
//! destination stage.
//!
//! LEFT is no closer here: within the reconnect window the replication goes on without the publisher,
//! and its stop tells when it really ended. Only where no stop follows, a publisher that left for good
//! ends it: the window adds 300 s at most, and nothing tells how much of it.
//!
//! A row that names the session's own stage as its destination is the destination's copy of a
//! replication, and is not counted. One that names none can't be such a copy for all we know; these
//! share a key of their own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::ends::{End, interval};
use super::person::{Dated, Person};
use super::spans::{Span, spans};
use super::ties::{Mark, Role, groups};
use crate::model::{EndReason, EventName, Interval, IntervalKind, Timestamp};

/// The rows of one destination stage.
#[derive(Default)]
struct Rows<'a> {
    marks: Vec<Mark>,
    /// The destination sessions that its starts name.
    sessions: Vec<(Timestamp, &'a str)>,
}

/// The participant's REPLICATION intervals, by destination and then in order of time.
pub(super) fn intervals(person: &Person<'_>, presence: &[Interval]) -> Vec<Interval> {
    let left_for_good = left_for_good(person, presence);
    let mut intervals = Vec::new();
    for (destination, rows) in rows_by_destination(person) {
        for span in spans(&groups(rows.marks, &[])) {
            for (part, end) in End::parts(span, person, |part| left(part, left_for_good)) {
                let mut interval = interval(person, IntervalKind::Replication, &part, end);
                interval.destination_stage_arn = destination.map(str::to_owned);
                interval.destination_session_id = session_named(&rows.sessions, &part);
                intervals.push(interval);
            }
        }
    }
    intervals
}

fn rows_by_destination<'a>(person: &Person<'a>) -> BTreeMap<Option<&'a str>, Rows<'a>> {
    let mut keys = BTreeMap::<_, Rows<'a>>::new();
    for dated in &person.events {
        let role = match dated.name {
            EventName::ReplicationStarted => Role::Start,
            EventName::ReplicationStopped => Role::Stop,
            _ => continue,
        };
        let destination = dated.event.destination_stage_arn.as_deref();
        if destination == Some(person.session.stage_arn.as_str()) {
            continue;
        }
        let rows = keys.entry(destination).or_default();
        rows.marks.push(dated.mark(role));
        if role == Role::Start {
            rows.sessions.extend(destination_session(dated));
        }
    }
    keys
}

fn destination_session<'a>(dated: &Dated<'a>) -> Option<(Timestamp, &'a str)> {
    Some((dated.time, dated.event.destination_session_id.as_deref()?))
}

/// The destination session that the first start of a span names; the later ones only where it names none.
fn session_named(sessions: &[(Timestamp, &str)], span: &Span<'_>) -> Option<String> {
    let until = span.groups[span.groups.len() - 1].time;
    let within = |time: Timestamp| span.start() <= time && time <= until;
    // The smallest of one instant, so that the order of rows doesn't matter.
    sessions.iter().filter(|(time, _)| within(*time)).min().map(|(_, id)| (*id).to_owned())
}

/// The end that leaving for good gives to a span that nothing stopped.
fn left(span: &Span<'_>, left_for_good: Option<Timestamp>) -> Option<End> {
    let left = left_for_good.filter(|left| !span.closed && span.start() < *left)?;
    Some(End::at(left, EndReason::Left))
}

/// The participant's last LEFT, where no JOINED follows it.
///
/// A JOINED in the same second may have come before or after. The participant's presence has settled
/// that by the rule for ties; asking it keeps the two from telling different stories.
fn left_for_good(person: &Person<'_>, presence: &[Interval]) -> Option<Timestamp> {
    let left = *person.lefts.last()?;
    let still_there = || {
        let last = presence.last().map(|interval| interval.end_reason);
        matches!(last, Some(EndReason::SessionEnd | EndReason::Open))
    };
    let joined_again = match person.joins.last().map(|join| join.cmp(&left)) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => still_there(),
        Some(Ordering::Less) | None => false,
    };
    (!joined_again).then_some(left)
}
