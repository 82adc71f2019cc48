//! What goes wrong in the week. The simulator's clean world has nothing for many reports to count, so it is put in by
//! hand, each kind again and again; what follows from it is told by the events, as ever.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use ivsight::model::{ErrorCode, EventName, IntervalKind, ReplicationType, Timestamp};
use ivsight::sim::World;
use ivsight::sim::world::{Event, Life, Participant, Session, Stage, Stay};

/// A show without exchanges and replicas, whose sessions come again late at night a week later.
const POSTPONED: &str = "watch-party-lounge";
/// Shows that are on at the same time.
const TOGETHER: &str = "battle-arena";
/// Shows on one day, at different times.
const SAME_DAY: [&str; 2] = ["morning-coffee-talk", "friday-night-live"];

/// The end of a name that came with a token.
const RENAMED: &str = ".renamed";

/// How many were met so far, over all sessions.
#[derive(Default)]
struct Turns {
    sessions: usize,
    guests: usize,
    publishers: usize,
    viewers: usize,
}

/// Puts everything into the world that goes wrong in it.
pub(super) fn strike(world: &mut World) {
    let mut turns = Turns::default();
    for stage in world.stages.iter_mut() {
        let name = stage.name.clone().unwrap();
        for session in stage.sessions.iter_mut() {
            if name == POSTPONED {
                postpone(session, TimeDelta::days(7) + TimeDelta::hours(2));
            }
            guests(session, &mut turns);
            publishers(session, &mut turns);
            viewers(session, &mut turns);
            users(session, &name);
            turns.sessions += 1;
        }
        if name == SAME_DAY[0] {
            fail(stage);
        }
    }
}

fn seconds(number: i64) -> TimeDelta {
    TimeDelta::seconds(number)
}

/// The native participants of a kind.
fn ids(session: &Session, is_meant: impl Fn(&Participant) -> bool) -> Vec<String> {
    let native = |it: &&Participant| it.replication_type != Some(ReplicationType::Replica);
    let meant = session.participants.iter().filter(native).filter(|it| is_meant(it));
    meant.map(|it| it.id().unwrap().to_owned()).collect()
}

fn has_exchanged(session: &Session, participant: &Participant) -> bool {
    session.life(participant).events.iter().any(|event| event.exchange.is_some())
}

fn stays(life: &Life, kind: IntervalKind) -> Vec<Stay> {
    life.stays.iter().filter(|stay| stay.kind == kind).cloned().collect()
}

/// An error of somebody's own.
fn error(name: EventName, code: ErrorCode, time: Timestamp) -> Event {
    Event { replica: Some(false), ..Event::error(name, code, time) }
}

/// Moves all that happened in a session.
fn postpone(session: &mut Session, by: TimeDelta) {
    session.start_time = session.start_time.map(|time| time + by);
    session.end_time = session.end_time.map(|time| time + by);
    for id in ids(session, |_| true) {
        session
            .edit_life(&id, |life| {
                for event in &mut life.events {
                    event.time = event.time.map(|time| time + by);
                }
                for stay in &mut life.stays {
                    stay.from += by;
                    stay.to = stay.to.map(|time| time + by);
                }
            })
            .unwrap();
        let participant = session.participants.find_mut(&id).unwrap();
        participant.first_join_time = participant.first_join_time.map(|time| time + by);
    }
}

fn guests(session: &mut Session, turns: &mut Turns) {
    for id in ids(session, |it| has_exchanged(session, it)) {
        let number = turns.guests;
        turns.guests += 1;
        session.edit_life(&id, |life| promote(life, number)).unwrap();
        let changed = session.participants.find(&id).unwrap();
        let life = session.life(changed).into_owned();
        let last = life.events.iter().filter_map(|event| event.exchange.as_ref()).next_back();
        let user = last.and_then(|tokens| tokens.1.user_id.clone());
        let published = !stays(&life, IntervalKind::Publish).is_empty();
        let participant = session.participants.find_mut(&id).unwrap();
        participant.user_id = user;
        participant.published = Some(published);
    }
}

/// What comes of a promotion and of the demotion after it.
fn promote(life: &mut Life, number: usize) {
    let publish = stays(life, IntervalKind::Publish)[0].clone();
    let (from, to) = (publish.from, publish.to.unwrap());
    let [promotion, demotion] = &mut exchanges(life)[..] else { panic!("two exchanges") };
    match number % 7 {
        0 => demotion.time = Some(to),
        1 => promotion.time = Some(from),
        2 => demotion.time = Some(to - seconds(3)),
        3 => demotion.time = Some(to - seconds(9)),
        4 => {
            life.stays.retain(|stay| stay.kind != IntervalKind::Publish);
            life.events.retain(|event| !is_named(event, &PUBLISHING));
        }
        5 => renew(life, from),
        _ => {}
    }
    if number.is_multiple_of(2) {
        let demotion = exchanges(life).pop().unwrap();
        let until = demotion.time.unwrap() + seconds(90);
        demotion.exchange.as_mut().unwrap().1.expiration_time = Some(until);
    }
    life.events.sort_by_key(|event| event.time);
}

fn exchanges(life: &mut Life) -> Vec<&mut Event> {
    life.events.iter_mut().filter(|event| event.exchange.is_some()).collect()
}

const PUBLISHING: [EventName; 2] = [EventName::PublishStarted, EventName::PublishStopped];

fn is_named(event: &Event, names: &[EventName]) -> bool {
    event.name.as_ref().is_some_and(|name| names.contains(name))
}

/// Between the promotion and what came of it, another exchange, of which only the user is told: a new one. The token
/// before had expired.
fn renew(life: &mut Life, from: Timestamp) {
    let later = from + seconds(12);
    for stay in life.stays.iter_mut().filter(|stay| stay.kind == IntervalKind::Publish) {
        stay.from = later;
    }
    let started = |event: &&mut Event| is_named(event, &PUBLISHING[..1]);
    life.events.iter_mut().find(started).unwrap().time = Some(later);
    let at = from + seconds(5);
    let [promotion, demotion] = &mut exchanges(life)[..] else { panic!("two exchanges") };
    let promoted = &mut promotion.exchange.as_mut().unwrap().1;
    promoted.expiration_time = Some(at - seconds(2));
    let mut before = promoted.clone();
    before.capabilities = None;
    let mut after = before.clone();
    after.user_id = before.user_id.as_ref().map(|user| format!("{user}{RENAMED}"));
    after.expiration_time = Some(at + TimeDelta::hours(12));
    let tokens = demotion.exchange.as_mut().unwrap();
    tokens.0.user_id.clone_from(&after.user_id);
    tokens.1.user_id.clone_from(&after.user_id);
    tokens.0.expiration_time = after.expiration_time;
    life.events.push(Event {
        exchange: Some(Box::new((before, after))),
        ..Event::new(EventName::TokenExchanged, at)
    });
}

fn publishers(session: &mut Session, turns: &mut Turns) {
    for id in ids(session, |it| it.published == Some(true)) {
        turns.publishers += 1;
        let number = turns.publishers;
        session
            .edit_life(&id, |life| {
                if number.is_multiple_of(4) {
                    cut_off(life, if number.is_multiple_of(16) { 5 } else { 12 });
                }
                refuse(life, number);
                pester(life, number);
            })
            .unwrap();
    }
}

/// Errors of publishing: of every three publishers one while it is up, one before it starts, one after it stopped.
fn refuse(life: &mut Life, number: usize) {
    let first = &stays(life, IntervalKind::Publish)[0];
    let (from, to) = (first.from, first.to.unwrap());
    let mut fail = |code, time| life.events.push(error(EventName::PublishError, code, time));
    match number % 3 {
        0 => fail(ErrorCode::BitrateExceeded, from + seconds(7)),
        1 => {
            for before in [31, 30, 2] {
                fail(ErrorCode::QuotaExceeded, from - seconds(before));
            }
        }
        _ => fail(ErrorCode::InvalidInput, to + seconds(1)),
    }
}

/// The last publishing ends with the stay, without a stop of its own, so long after an error.
fn cut_off(life: &mut Life, after: i64) {
    let published = stays(life, IntervalKind::Publish).pop().unwrap();
    let stopped = published.to.unwrap();
    let holds = |stay: &&Stay| stay.from <= stopped && stopped <= stay.to.unwrap();
    let left = stays(life, IntervalKind::Presence).iter().find(holds).unwrap().to.unwrap();
    life.stays.iter_mut().find(|stay| **stay == published).unwrap().to = Some(left);
    let stop = |event: &Event| is_named(event, &PUBLISHING[1..]) && event.time == Some(stopped);
    life.events.retain(|event| !stop(event));
    let time = left - seconds(after);
    life.events.push(error(EventName::PublishError, ErrorCode::InternalServerException, time));
}

/// Errors by the handful: seconds before (or after) the first publishing.
fn pester(life: &mut Life, number: usize) {
    let (code, offsets): (ErrorCode, Vec<i64>) = match number % 7 {
        // Five within a minute, and five that are not.
        0 => (ErrorCode::InvalidStreamKey, (0..5).map(|n| 12 * n - 260).collect()),
        1 => (ErrorCode::ReuseOfStreamKey, (0..5).map(|n| 15 * n - 300).collect()),
        // Minutes that overlap, minutes that touch, and minutes apart.
        2 => (ErrorCode::QuotaExceeded, (0..12).map(|n| 60 + 7 * n).collect()),
        3 => (ErrorCode::InvalidProtocol, [[-240; 5], [-180; 5]].concat()),
        4 => (
            ErrorCode::InsufficientCapabilities,
            (-300..-295).chain(-200..-194).chain([-100]).collect(),
        ),
        _ => return,
    };
    let from = stays(life, IntervalKind::Publish)[0].from;
    for offset in offsets {
        let time = from + seconds(offset);
        life.events.push(error(EventName::PublishError, code.clone(), time));
    }
}

fn viewers(session: &mut Session, turns: &mut Turns) {
    let viewers = ids(session, |it| it.published != Some(true) && !has_exchanged(session, it));
    for id in viewers {
        let number = turns.viewers;
        turns.viewers += 1;
        let kind = match (number % 13, turns.sessions) {
            (_, session) if session % 3 == 0 && number.is_multiple_of(3) => 0,
            // Only some sessions fail someone.
            (6, session) if session % 4 != 1 => 12,
            (11, session) if session % 4 != 2 => 12,
            (kind, _) => kind,
        };
        let mut is_in = true;
        session
            .edit_life(&id, |life| {
                disturb(life, kind);
                is_in = !stays(life, IntervalKind::Presence).is_empty();
            })
            .unwrap();
        let participant = session.participants.find_mut(&id).unwrap();
        if !is_in {
            participant.first_join_time = None;
        }
        if number % 31 == 30 {
            participant.user_id = Some(String::new());
        }
    }
}

/// What a viewer meets.
fn disturb(life: &mut Life, kind: usize) {
    let stay = stays(life, IntervalKind::Presence)[0].clone();
    let (joined, length) = (stay.from, (stay.to.unwrap() - stay.from).num_seconds());
    let watched = stays(life, IntervalKind::Subscribe).first().cloned();
    let mut cut_at = |third: i64, gap| {
        if length > 300 {
            cut(life, joined + seconds(length / 3 * third), gap);
        }
    };
    match kind {
        // Away for as long as leaves it one visit, and for longer.
        0 => [(1, 5), (2, 60)].into_iter().for_each(|(third, gap)| cut_at(third, gap)),
        1 => [(1, 61), (2, 1)].into_iter().for_each(|(third, gap)| cut_at(third, gap)),
        2 => restart(life, joined + seconds(length / 2)),
        3 => life.events.push(Event::new(EventName::Joined, joined + seconds(length / 2))),
        4 => {
            for before in [20, 3] {
                let time = joined - seconds(before);
                let code = ErrorCode::InternalServerException;
                life.events.push(Event::error(EventName::JoinError, code, time));
            }
        }
        5 => {
            let time = joined + seconds(length / 2);
            let code = ErrorCode::InsufficientCapabilities;
            life.events.push(Event::error(EventName::JoinError, code, time));
        }
        6 => turn_away(life),
        _ => {
            if let Some(watched) = watched {
                misses(life, &watched, kind);
            }
        }
    }
}

/// What a viewer meets who wants to watch someone.
fn misses(life: &mut Life, watched: &Stay, kind: usize) {
    let remote = watched.remote_participant_id.clone().unwrap();
    let mut fail = |code: ErrorCode, offset: i64, remote: &str| {
        let error = Event::error(EventName::SubscribeError, code, watched.from + seconds(offset));
        life.events.push(error.about(remote, watched.replica));
    };
    match kind {
        7 => (1..9).for_each(|n| fail(ErrorCode::QuotaExceeded, 1 - 7 * n, &remote)),
        8 => fail(ErrorCode::PublisherNotFound, 5, "nobody"),
        9 => fail(ErrorCode::InternalServerException, 10, &remote),
        // Got in between two failures.
        10 => {
            fail(ErrorCode::InternalServerException, -3, &remote);
            fail(ErrorCode::InternalServerException, 13, &remote);
            cut(life, watched.from + seconds(5), 10);
        }
        // Never saw anyone.
        11 => {
            fail(ErrorCode::QuotaExceeded, 0, &remote);
            life.stays.retain(|stay| stay.kind != IntervalKind::Subscribe);
            tell_anew(life);
        }
        _ => {}
    }
}

/// Nobody lets them in.
fn turn_away(life: &mut Life) {
    let joined = stays(life, IntervalKind::Presence)[0].from;
    life.stays.clear();
    life.events = [0, 4, 9]
        .map(|after| {
            let time = joined + seconds(after);
            Event::error(EventName::JoinError, ErrorCode::QuotaExceeded, time)
        })
        .into();
}

/// Takes some seconds out of all that lasts.
fn cut(life: &mut Life, from: Timestamp, gap: i64) {
    let to = from + seconds(gap);
    let parts = life.stays.iter().flat_map(|stay| {
        let end = stay.to.unwrap();
        let before = Stay { to: Some(end.min(from)), ..stay.clone() };
        let after = Stay { from: stay.from.max(to), ..stay.clone() };
        [before, after]
    });
    life.stays = parts.filter(|stay| stay.from < stay.to.unwrap()).collect();
    tell_anew(life);
}

/// The events of coming, going and watching, as the stays have them.
fn tell_anew(life: &mut Life) {
    let told = [
        EventName::Joined,
        EventName::Left,
        EventName::SubscribeStarted,
        EventName::SubscribeStopped,
    ];
    life.events.retain(|event| !is_named(event, &told));
    for stay in &life.stays {
        let [start, stop] = match stay.kind {
            IntervalKind::Presence => [EventName::Joined, EventName::Left],
            IntervalKind::Subscribe => [EventName::SubscribeStarted, EventName::SubscribeStopped],
            IntervalKind::Publish | IntervalKind::Replication => continue,
        };
        for (name, time) in [(start, stay.from), (stop, stay.to.unwrap())] {
            let event = Event::new(name, time);
            let remote = stay.remote_participant_id.as_deref();
            life.events.push(match remote {
                Some(remote) => event.about(remote, stay.replica),
                None => event,
            });
        }
    }
    life.events.sort_by_key(|event| event.time);
}

/// Leaves and comes back within a second, and watches on.
fn restart(life: &mut Life, about: Timestamp) {
    let is_edge = |time| life.stays.iter().any(|stay| stay.from == time || stay.to == Some(time));
    let time = (0..60).map(|n| about + seconds(n)).find(|time| !is_edge(*time)).unwrap();
    life.events.push(Event::new(EventName::Left, time));
    life.events.push(Event::new(EventName::Joined, time));
    for stay in stays(life, IntervalKind::Subscribe) {
        if stay.from < time && time < stay.to.unwrap() {
            let remote = stay.remote_participant_id.as_deref().unwrap();
            let again = Event::new(EventName::SubscribeStarted, time);
            life.events.push(again.about(remote, stay.replica));
        }
    }
    life.events.sort_by_key(|event| event.time);
}

/// Some people are several participants.
fn users(session: &mut Session, stage: &str) {
    let published = |it: &Participant| it.published == Some(true) && !has_exchanged(session, it);
    let hosts = ids(session, published);
    let watch = |it: &Participant| it.published != Some(true) && !has_exchanged(session, it);
    let viewers = ids(session, watch);
    let mut name = |id: &String, user: &str| {
        session.participants.find_mut(id).unwrap().user_id = Some(user.to_owned());
    };
    if stage.starts_with(TOGETHER) {
        name(&viewers[0], "here.and.there");
    }
    if SAME_DAY.contains(&stage) {
        hosts.iter().take(2).for_each(|host| name(host, "many.devices"));
    }
    if let Some([first, second]) = ghosts(session, &viewers) {
        let user = session.participants.find(first).unwrap().user_id.clone();
        session.participants.find_mut(second).unwrap().user_id = user;
    }
}

/// Two who were there together for no longer than a minute.
fn ghosts<'a>(session: &Session, viewers: &'a [String]) -> Option<[&'a String; 2]> {
    let times = |id: &'a String| {
        let participant = session.participants.find(id).unwrap();
        let stays = stays(&session.life(participant), IntervalKind::Presence);
        let seconds = |stay: &Stay| stay.from.timestamp()..stay.to.unwrap().timestamp();
        let has_user = participant.user_id.as_ref().is_some_and(|user| !user.is_empty());
        has_user.then(|| (id, stays.iter().flat_map(seconds).collect::<BTreeSet<i64>>()))
    };
    let times: Vec<_> = viewers.iter().filter_map(times).collect();
    let mut pairs = times
        .iter()
        .enumerate()
        .flat_map(|(number, first)| times[number + 1..].iter().map(move |second| (first, second)));
    let found =
        pairs.find(|(first, second)| (1..=60).contains(&first.1.intersection(&second.1).count()));
    found.map(|(first, second)| [first.0, second.0])
}

/// A session in which nobody could publish, and one into which nobody came.
fn fail(stage: &mut Stage) {
    let last = stage.sessions.iter().filter_map(|session| session.end_time).max().unwrap();
    let stay = |life: &mut Life, from: Timestamp, length: i64| {
        let to = from + seconds(length);
        life.stays.push(Stay::new(IntervalKind::Presence, from, Some(to)));
        tell_anew(life);
    };
    let start = last + TimeDelta::hours(1);
    let at = |second| start + seconds(second);
    let mut rehearsal = Session::new(Some("st-rehearsal0001"), Some(start), Some(at(301)));
    let mut host = Life::default();
    stay(&mut host, at(0), 300);
    for second in [2, 20, 70] {
        let failure = error(EventName::PublishError, ErrorCode::InvalidAudioCodec, at(second));
        host.events.push(failure);
    }
    let mut viewer = Life::default();
    stay(&mut viewer, at(10), 200);
    rehearsal.participants.extend([("host", host), ("viewer", viewer)].map(|(name, life)| {
        let mut participant = Participant::new(Some(name)).with_life(life);
        participant.user_id = Some(format!("rehearsing.{name}"));
        participant.first_join_time = Some(at(0));
        participant
    }));
    let start = last + TimeDelta::hours(2);
    let end = start + seconds(60);
    let mut locked = Session::new(Some("st-lockeddoor001"), Some(start), Some(end));
    locked.participants.extend(["one", "two"].map(|name| {
        let code = ErrorCode::InsufficientCapabilities;
        let events = vec![Event::error(EventName::JoinError, code, start + seconds(5))];
        let mut participant =
            Participant::new(Some(name)).with_life(Life { events, stays: Vec::new() });
        participant.user_id = Some(format!("locked.{name}"));
        participant
    }));
    stage.sessions.extend([rehearsal, locked]);
}
