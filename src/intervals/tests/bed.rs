//! A session in a line of text for each participant, and its intervals as lines of text.
//!
//! An event is a letter, seconds since the session's start, and what it is about:
//!
//! ```text
//! J0 L9     JOINED, LEFT              R0:x r9:x    REPLICATION_STARTED, _STOPPED, to stage x
//! P0 p9     PUBLISH_STARTED, _STOPPED R0:x/s       the same, to session s there
//! S0:b s9:b SUBSCRIBE_STARTED, _STOPPED of b       T5:u>v   TOKEN_EXCHANGED, user u for v
//! E5 F5 G5  PUBLISH_ERROR, SUBSCRIBE_ERROR, JOIN_ERROR      X5  a name that nobody knows
//! ```
//!
//! `*` at the end is the replica flag. An interval is `P 0-9 explicit`, with `:b` for its remote or
//! destination, `x2` for other than one start, and its oddities after a `!`.

use std::time::Duration;

use chrono::TimeDelta;

use crate::intervals::{Publishers, Session, derive, derive_session};
use crate::model::{
    Event, EventName, ExchangedToken, Interval, IntervalKind, Participant, ParticipantId,
    ReplicationType, StageArn, Timestamp,
};

/// Seconds since the start of the sessions of these tests.
pub(super) fn at(seconds: f64) -> Timestamp {
    let distance = TimeDelta::from_std(Duration::from_secs_f64(seconds.abs())).unwrap();
    let start = Timestamp::from_timestamp_secs(1_800_000_000).unwrap();
    if seconds < 0.0 { start - distance } else { start + distance }
}

pub(super) fn stage(name: &str) -> String {
    format!("arn:aws:ivs:us-east-1:111122223333:stage/{name}")
}

/// A session with its participants.
#[derive(Clone, Debug)]
pub(super) struct Bed {
    pub(super) session: Session,
    pub(super) people: Vec<(Participant, Vec<Event>)>,
}

/// A session from 0 s to 100 s.
pub(super) fn ended() -> Bed {
    let session = Session {
        stage_arn: StageArn::parse(&stage("home")).unwrap(),
        start: at(0.0),
        end: Some(at(100.0)),
        as_of: at(1000.0),
    };
    Bed { session, people: Vec::new() }
}

/// A session that goes on, listed at that second.
pub(super) fn live(as_of: f64) -> Bed {
    let mut bed = ended();
    bed.session.end = None;
    bed.session.as_of = at(as_of);
    bed
}

impl Bed {
    /// Adds a participant with its events.
    pub(super) fn who(mut self, id: &str, events: &str) -> Self {
        self.people.push((participant(id), parse(events)));
        self
    }

    /// Adds one that the listing calls a replica.
    pub(super) fn replica(self, id: &str, events: &str) -> Self {
        self.who(id, events).with(|who| who.replication_type = Some(ReplicationType::Replica))
    }

    /// Changes the participant that was added last.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Participant)) -> Self {
        change(&mut self.people.last_mut().unwrap().0);
        self
    }

    /// The intervals of a participant, as derived in two passes.
    pub(super) fn intervals_of(&self, id: &str) -> Vec<Interval> {
        let mut publishers = Publishers::default();
        for (participant, events) in &self.people {
            publishers.observe(&self.session, participant, events);
        }
        let (participant, events) =
            self.people.iter().find(|(who, _)| who.participant_id.as_str() == id).unwrap();
        derive(&self.session, participant, events, &publishers)
    }

    /// Holds the participant's intervals against lines, for the rows as they stand, turned and reversed,
    /// and for the people in either order.
    #[track_caller]
    pub(super) fn check(&self, id: &str, expected: &[&str]) -> &Self {
        let mut bed = self.clone();
        for turn in 0..4 {
            let lines = bed.intervals_of(id).iter().map(line).collect::<Vec<_>>();
            assert_eq!(lines, expected, "rows in order number {turn}");
            let whole = derive_session(&bed.session, &bed.people);
            let own = whole.iter().filter(|interval| interval.participant_id.as_str() == id);
            assert_eq!(own.map(line).collect::<Vec<_>>(), expected, "the session at once");
            bed.people.reverse();
            for (_, events) in &mut bed.people {
                let turned = turn.min(events.len());
                events.rotate_left(turned);
                events.reverse();
            }
        }
        self
    }
}

/// Holds the intervals of one participant, alone in a session of 100 s, against lines.
#[track_caller]
pub(super) fn check(events: &str, expected: &[&str]) {
    ended().who("a", events).check("a", expected);
}

pub(super) fn participant(id: &str) -> Participant {
    Participant {
        participant_id: ParticipantId::new(id).unwrap(),
        user_id: None,
        state: None,
        first_join_time: None,
        published: false,
        recording_state: None,
        replication_type: None,
        replication_state: None,
        source_stage_arn: None,
        source_session_id: None,
        redundant_ingest: false,
        ingest_configuration_arn: None,
    }
}

pub(super) fn parse(events: &str) -> Vec<Event> {
    events.split_whitespace().map(event).collect()
}

/// An event of a name at a time, and nothing else.
pub(super) fn blank_event(name: EventName, time: Timestamp) -> Event {
    Event {
        time: Some(time),
        name: Some(name),
        remote_participant_id: None,
        error_code: None,
        destination_stage_arn: None,
        destination_session_id: None,
        replica: false,
        previous_token: None,
        new_token: None,
        position: 0,
    }
}

fn event(text: &str) -> Event {
    let (text, replica) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
    let (head, about) = text.split_once(':').map_or((text, None), |(h, a)| (h, Some(a)));
    let (letter, seconds) = head.split_at(1);
    let mut event = blank_event(name(letter), at(seconds.parse().unwrap()));
    event.replica = replica;
    match (letter, about) {
        (_, None) => {}
        ("S" | "s" | "F", Some(id)) => {
            event.remote_participant_id = Some(ParticipantId::new(id).unwrap());
        }
        ("R" | "r", Some(destination)) => {
            let (to, session) =
                destination.split_once('/').map_or((destination, None), |(t, s)| (t, Some(s)));
            event.destination_stage_arn = Some(stage(to));
            event.destination_session_id = session.map(str::to_owned);
        }
        ("T", Some(users)) => {
            let (previous, new) = users.split_once('>').unwrap();
            (event.previous_token, event.new_token) = (token(previous), token(new));
        }
        other => panic!("no such event: {other:?}"),
    }
    event
}

/// `u` is a token of that user, `u@9` one that expires at 9 s, `-` one of nobody, `` no token.
fn token(text: &str) -> Option<ExchangedToken> {
    let (user, expires) = text.split_once('@').map_or((text, None), |(u, e)| (u, Some(e)));
    let user_id = (user != "-").then(|| user.to_owned());
    let expiration_time = expires.map(|seconds| at(seconds.parse().unwrap()));
    (!text.is_empty()).then(|| ExchangedToken {
        user_id,
        expiration_time,
        ..ExchangedToken::default()
    })
}

fn name(letter: &str) -> EventName {
    match letter {
        "J" => EventName::Joined,
        "L" => EventName::Left,
        "P" => EventName::PublishStarted,
        "p" => EventName::PublishStopped,
        "S" => EventName::SubscribeStarted,
        "s" => EventName::SubscribeStopped,
        "R" => EventName::ReplicationStarted,
        "r" => EventName::ReplicationStopped,
        "E" => EventName::PublishError,
        "F" => EventName::SubscribeError,
        "G" => EventName::JoinError,
        "T" => EventName::TokenExchanged,
        "X" => EventName::from("MOOD_CHANGED"),
        other => panic!("no such event: {other}"),
    }
}

pub(super) fn line(interval: &Interval) -> String {
    let kind = match interval.kind {
        IntervalKind::Presence => "J",
        IntervalKind::Publish => "P",
        IntervalKind::Subscribe => "S",
        IntervalKind::Replication => "R",
    };
    let remote = interval.remote_participant_id.as_ref().map(ParticipantId::as_str);
    let destination = interval.destination_stage_arn.as_deref().map(short_stage);
    let about = remote.map(str::to_owned).or(destination).map(|about| format!(":{about}"));
    let session = interval.destination_session_id.as_ref().map(|id| format!("/{id}"));
    let anomalies = interval.anomalies.iter().map(|anomaly| anomaly.as_str()).collect::<Vec<_>>();
    let count = (interval.starts_n != 1).then(|| format!("x{}", interval.starts_n));
    let odd = (!anomalies.is_empty()).then(|| format!("!{}", anomalies.join(",")));
    let parts = [
        Some(format!("{kind}{}{}", about.unwrap_or_default(), session.unwrap_or_default())),
        Some(format!("{}-{}", seconds(interval.start), seconds(interval.end))),
        Some(interval.end_reason.as_str().to_lowercase()),
        count,
        interval.synthetic_start.then(|| "synthetic".to_owned()),
        interval.replica.then(|| "replica".to_owned()),
        odd,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn short_stage(arn: &str) -> String {
    arn.rsplit('/').next().unwrap().to_owned()
}

fn seconds(time: Timestamp) -> f64 {
    (time - at(0.0)).as_seconds_f64()
}
