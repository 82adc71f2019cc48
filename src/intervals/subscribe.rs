//! Watching: SUBSCRIBE_STARTED to SUBSCRIBE_STOPPED, one key for each remote participant.
//!
//! LEFT names no remote, so the subscriber's LEFT closes every key. Nobody promises a stop when the
//! publisher goes away; without one a subscription lasts no longer than the publishing that it watched.
//!
//! Events that name no remote share a key of their own, so that their starts are counted as well.

use std::collections::BTreeMap;

use super::ends::{End, interval, mark};
use super::person::Person;
use super::publishers::Publishers;
use super::spans::{Span, spans};
use super::ties::{Mark, Role, groups};
use crate::model::{
    Anomaly, EndReason, EventName, Interval, IntervalKind, ParticipantId, Timestamp,
};

/// The participant's SUBSCRIBE intervals, by remote and then in order of time.
pub(super) fn intervals(person: &Person<'_>, publishers: &Publishers) -> Vec<Interval> {
    let mut intervals = Vec::new();
    for (remote, marks) in marks_by_remote(person) {
        let unknown = !remote.is_some_and(|id| publishers.exists(id));
        let remote_is_replica = remote.is_some_and(|id| publishers.is_replica(id));
        let gone = |start| publishers.gone(remote?, start);
        for span in spans(&groups(marks, &person.lefts)) {
            for (part, end) in End::parts(span, person, |part| remote_gone(part, gone)) {
                let mut interval = interval(person, IntervalKind::Subscribe, &part, end);
                interval.remote_participant_id = remote.cloned();
                interval.replica = remote_is_replica || part.replica();
                if unknown {
                    mark(&mut interval, Anomaly::RemoteUnknown);
                }
                intervals.push(interval);
            }
        }
    }
    intervals
}

fn marks_by_remote<'a>(person: &Person<'a>) -> BTreeMap<Option<&'a ParticipantId>, Vec<Mark>> {
    let mut keys = BTreeMap::<_, Vec<Mark>>::new();
    for dated in &person.events {
        let role = match dated.name {
            EventName::SubscribeStarted => Role::Start,
            EventName::SubscribeStopped => Role::Stop,
            _ => continue,
        };
        let remote = dated.event.remote_participant_id.as_ref();
        keys.entry(remote).or_default().push(dated.mark(role));
    }
    keys
}

/// The end that the publisher's going gives to a span, where it comes before what closed it. A stop of
/// its own stands: the service says that it lasted until then.
///
/// Never before the start: times of different rows disagree by a second, which is no oddity of the
/// data, so the end counts as clamped only in that the interval has zero length.
fn remote_gone(span: &Span<'_>, gone: impl Fn(Timestamp) -> Option<Timestamp>) -> Option<End> {
    let time = gone(span.start())?.max(span.start());
    let earliest = match span.close() {
        Some((_, EndReason::Explicit)) => false,
        Some((close, _)) => time < close,
        None => true,
    };
    earliest.then(|| End::at(time, EndReason::RemoteGone))
}
