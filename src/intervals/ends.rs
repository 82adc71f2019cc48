//! How an interval ends, and the interval itself from a span and its end.

use chrono::TimeDelta;

use super::person::Person;
use super::spans::Span;
use crate::model::{Anomaly, EndReason, Interval, IntervalKind, Timestamp};

/// How far an interval may reach beyond its session before that is odd.
const SESSION_SLACK: TimeDelta = TimeDelta::seconds(300);

/// The end of an interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) time: Timestamp,
    pub(super) reason: EndReason,
    /// It would have lain before the start, and was moved there.
    pub(super) clamped: bool,
}

impl End {
    /// An end that an event gave, or that lies after the start for another reason.
    pub(super) fn at(time: Timestamp, reason: EndReason) -> Self {
        Self { time, reason, clamped: false }
    }

    /// The parts of a span, each with its end, where something beside the key's own groups may end it:
    /// `sooner` tells the end that comes before the span's own, if there is one.
    ///
    /// A start after such an end finds the interval closed, so it begins the next part. It would vanish
    /// in an interval that was over before it, otherwise: of a subscriber who follows a publisher through
    /// three publishings, and whose stops nobody sent, only the first would be seen.
    pub(super) fn parts<'g>(
        span: Span<'g>,
        person: &Person<'_>,
        sooner: impl Fn(&Span<'g>) -> Option<Self>,
    ) -> Vec<(Span<'g>, Self)> {
        let mut parts = Vec::new();
        let mut rest = Some(span);
        while let Some(part) = rest {
            let Some(end) = sooner(&part) else {
                parts.push((part, Self::of(&part, person)));
                break;
            };
            let (until, after) = part.split(end.time);
            parts.push((until, end));
            rest = after;
        }
        parts
    }

    /// The end of a span that only events of its own key, and LEFT, may close.
    pub(super) fn of(span: &Span<'_>, person: &Person<'_>) -> Self {
        match span.close() {
            Some((time, reason)) => Self::at(time, reason),
            None => Self::without_closer(person, span.start()),
        }
    }

    /// The end of what nothing closed: the session's end, else where the knowledge ends. That is the
    /// moment of the listing, or the participant's own last event if it came after: its events were
    /// read later, and at that event what was open still was. Events of others prove no such thing.
    pub(super) fn without_closer(person: &Person<'_>, start: Timestamp) -> Self {
        let (time, reason) = match person.session.end {
            Some(end) => (end, EndReason::SessionEnd),
            None => (person.known_until(), EndReason::Open),
        };
        Self { time: time.max(start), reason, clamped: time < start }
    }
}

/// The interval of a span. Key columns and the kind's own oddities are the caller's to add.
pub(super) fn interval(
    person: &Person<'_>,
    kind: IntervalKind,
    span: &Span<'_>,
    end: End,
) -> Interval {
    let start = span.start();
    let mut interval = Interval {
        participant_id: person.participant.participant_id.clone(),
        kind,
        remote_participant_id: None,
        destination_stage_arn: None,
        destination_session_id: None,
        replica: false,
        start,
        end: end.time,
        end_reason: end.reason,
        synthetic_start: span.synthetic_start(),
        starts_n: span.starts_n(),
        anomalies: span.anomalies().collect(),
        user_id: person.users.as_of(start).map(str::to_owned),
        publisher: person.publisher,
    };
    interval.anomalies.extend(end.clamped.then_some(Anomaly::NegativeClamped));
    let shape = shape_anomalies(person, &interval).collect::<Vec<_>>();
    interval.anomalies.extend(shape);
    settle(&mut interval.anomalies);
    interval
}

/// Oddities that start and end alone tell.
fn shape_anomalies(
    person: &Person<'_>,
    interval: &Interval,
) -> impl Iterator<Item = Anomaly> + use<> {
    let session = person.session;
    let early = interval.start < session.start - SESSION_SLACK;
    let late = session.end.is_some_and(|end| interval.end > end + SESSION_SLACK);
    let zero = (interval.start == interval.end).then_some(Anomaly::ZeroLength);
    zero.into_iter().chain((early || late).then_some(Anomaly::EventOutsideSession))
}

/// Adds an oddity, in its place and once.
pub(super) fn mark(interval: &mut Interval, anomaly: Anomaly) {
    interval.anomalies.push(anomaly);
    settle(&mut interval.anomalies);
}

fn settle(anomalies: &mut Vec<Anomaly>) {
    anomalies.sort_unstable();
    anomalies.dedup();
}
