//! What a world's people did, and what follows from it: counted second by second, without intervals, sweeps or SQL.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::{EventName, IntervalKind, ReplicationType};
use ivsight::sim::world::Event;

use crate::support::Settled;

/// From a second until another, without that one.
pub(super) type Span = (i64, i64);

/// A participant of a session that is over.
pub(super) struct Person {
    pub(super) stage_arn: String,
    pub(super) stage: String,
    pub(super) session: String,
    pub(super) id: String,
    pub(super) user: String,
    pub(super) replica: bool,
    pub(super) present: Vec<Span>,
    pub(super) published: Vec<Span>,
    /// Whom it watched, whether that is a replica, and when.
    pub(super) watched: Vec<(String, bool, Span)>,
    /// To which stage.
    pub(super) replicated: Vec<(String, Span)>,
    pub(super) events: Vec<Event>,
}

impl Person {
    /// Its errors of a name, by second.
    pub(super) fn errors(&self, name: &EventName) -> Vec<i64> {
        let of_name = self.events.iter().filter(|event| event.name.as_ref() == Some(name));
        of_name.map(|event| event.time.unwrap().timestamp()).collect()
    }

    /// Whether it published in that second.
    pub(super) fn publishes(&self, at: i64) -> bool {
        self.published.iter().any(|span| holds(*span, at))
    }

    /// Whether it watched anyone in that second.
    pub(super) fn watches(&self, at: i64) -> bool {
        self.watched.iter().any(|(_, _, span)| holds(*span, at))
    }
}

pub(super) fn holds((from, to): Span, at: i64) -> bool {
    from <= at && at < to
}

pub(super) fn length(spans: &[Span]) -> i64 {
    spans.iter().map(|(from, to)| to - from).sum()
}

/// The seconds in which any of these holds.
pub(super) fn seconds(spans: impl IntoIterator<Item = Span>) -> BTreeSet<i64> {
    spans.into_iter().flat_map(|(from, to)| from..to).collect()
}

/// How many hold in each second in which any does.
pub(super) fn levels(spans: impl IntoIterator<Item = Span>) -> BTreeMap<i64, i64> {
    let mut levels = BTreeMap::new();
    for at in spans.into_iter().flat_map(|(from, to)| from..to) {
        *levels.entry(at).or_insert(0) += 1;
    }
    levels
}

/// Everyone in the sessions that should be in the lake.
pub(super) fn people(settled: &Settled) -> Vec<Person> {
    let mut people = Vec::new();
    for (stage, session) in settled.complete() {
        for participant in session.participants.iter() {
            let life = session.life(participant);
            let spans = |kind: IntervalKind| {
                life.stays
                    .iter()
                    .filter(move |stay| stay.kind == kind)
                    .map(|stay| (stay, (stay.from.timestamp(), stay.to.unwrap().timestamp())))
            };
            let plain = |kind: IntervalKind| spans(kind).map(|(_, span)| span).collect::<Vec<_>>();
            let replica = participant.replication_type == Some(ReplicationType::Replica);
            let published = plain(IntervalKind::Publish);
            let present = if replica { published.clone() } else { plain(IntervalKind::Presence) };
            let id = participant.id().unwrap().to_owned();
            let user = participant.user_id.clone().filter(|user| !user.is_empty());
            people.push(Person {
                stage_arn: stage.arn().to_owned(),
                stage: stage.name.clone().unwrap(),
                session: session.id().unwrap().to_owned(),
                user: user.unwrap_or_else(|| id.clone()),
                id,
                replica,
                present,
                published,
                watched: spans(IntervalKind::Subscribe)
                    .map(|(stay, span)| {
                        let remote = stay.remote_participant_id.as_deref().unwrap_or_default();
                        (remote.to_owned(), stay.replica, span)
                    })
                    .collect(),
                replicated: spans(IntervalKind::Replication)
                    .map(|(stay, span)| (stay.destination.as_ref().unwrap().0.to_string(), span))
                    .collect(),
                events: life.events.clone(),
            });
        }
    }
    people
}

/// People by a key.
pub(super) fn by<K: Ord>(
    people: &[Person],
    key: impl Fn(&Person) -> K,
) -> BTreeMap<K, Vec<&Person>> {
    let mut groups: BTreeMap<K, Vec<&Person>> = BTreeMap::new();
    for person in people {
        groups.entry(key(person)).or_default().push(person);
    }
    groups
}
