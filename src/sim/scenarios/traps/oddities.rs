//! Sessions and fields of odd shape: absent, empty, unknown, many, none.

use chrono::TimeDelta;

use super::case::{Case, Lost};
use super::{World, session, session_id};
use crate::model::{
    ErrorCode, EventName, ParticipantState, RecordingState, ReplicationType, Timestamp,
};
use crate::sim::world::{Event, Participant, Session, Stage, TokenState};

pub(super) fn fill(world: &mut World, base: Timestamp) {
    let now = world.now;
    let mut unnamed = Stage::new(&world.arn("stage/TrapUnnamed"), None);
    unnamed.sessions.extend(odd_sessions(base, now));
    world.stages.insert(unnamed);

    let mut stage = Stage::new(&world.arn("stage/TrapFields"), Some("trap-fields"));
    let mut fields = session("fields", base, 900);
    fields.participants.extend(odd_fields(base));
    stage.sessions.insert(fields);
    let mut many = session("many", base + TimeDelta::hours(1), 3_000);
    many.participants.extend(many_people(base + TimeDelta::hours(1)));
    stage.sessions.insert(many);
    world.stages.insert(stage);

    // A stage that was never used; and its name is another's, too.
    world.stages.insert(Stage::new(&world.arn("stage/TrapUnused"), Some("trap-fields")));
}

fn odd_sessions(base: Timestamp, now: Timestamp) -> Vec<Session> {
    let hour = |n| base + TimeDelta::hours(n);
    let person = |at, id: &str| Case::new(at, id).there(1, 200).done();
    let mut live =
        Session::new(Some(&session_id("live")), Some(now - TimeDelta::minutes(20)), None);
    let opened = now - TimeDelta::seconds(1_199);
    live.participants.extend([
        Case::new(opened, "liveHost")
            .presence(0, None, Lost::Nothing)
            .publishes(0, None, Lost::Nothing)
            .with(|participant| participant.state = Some(ParticipantState::Connected))
            .done(),
        Case::new(opened, "liveGone").there(5, 100).done(),
    ]);
    let mut connected = session("connected", base, 600);
    connected.participants.extend([
        person(base, "sameId"),
        Case::new(base, "stillConnected")
            .presence(1, Some(700), Lost::Stop)
            .with(|participant| participant.state = Some(ParticipantState::Connected))
            .done(),
    ]);
    // The same session id as on another stage, and the same participant id as in another session.
    let mut namesake = session("ties", hour(1), 600);
    namesake.participants.insert(person(hour(1), "sameId"));
    let mut no_start = Session::new(Some(&session_id("nostart")), None, Some(hour(3)));
    no_start.participants.insert(Case::new(hour(3), "beforeNoStart").there(-90, -10).done());
    let fraction = hour(5) + TimeDelta::microseconds(123_456);
    let mut subsecond = Session::new(Some(&session_id("subsecond")), Some(fraction), Some(hour(6)));
    subsecond.participants.insert(person(hour(5), "subsecondPerson"));
    let mut recent = session("recent", now - TimeDelta::hours(1), 3_400);
    recent.participants.insert(person(now - TimeDelta::hours(1), "recentPerson"));
    vec![live, connected, namesake, no_start, session("nobody", hour(4), 60), subsecond, recent]
}

fn odd_fields(base: Timestamp) -> Vec<Participant> {
    let case = |id| Case::new(base, id);
    vec![
        case("unknownName").there(0, 100).event(9, EventName::Other("HAND_RAISED".into())).done(),
        case("unknownCode")
            .there(0, 100)
            .fails(9, EventName::PublishError, ErrorCode::Other("MOON_PHASE".into()))
            .done(),
        case("unknownStates").there(0, 100).with(unknown_states).done(),
        case("noTime")
            .there(0, 100)
            .odd(9, EventName::PublishError, |e| Event { time: None, ..e })
            .done(),
        case("noName")
            .there(0, 100)
            .odd(9, EventName::Joined, |e| Event { name: None, ..e })
            .done(),
        case("noFields").odd(9, EventName::Joined, |_| Event::default()).done(),
        case("emptyTexts")
            .there(0, 100)
            .odd(9, EventName::PublishError, |event| Event {
                error_code: Some(ErrorCode::Other(String::new())),
                remote_participant_id: Some("".into()),
                destination_stage_arn: Some("".into()),
                destination_session_id: Some("".into()),
                ..event
            })
            .with(empty_texts)
            .done(),
        case("absentFields").there(0, 100).with(absent_fields).done(),
        case("fraction")
            .there(0, 100)
            .odd(9, EventName::PublishError, |event| Event {
                time: Some(base + TimeDelta::microseconds(9_123_456)),
                ..event
            })
            .done(),
        exchanged(base),
        renamed(base),
    ]
}

fn unknown_states(participant: &mut Participant) {
    participant.state = Some(ParticipantState::Other("HIBERNATING".into()));
    participant.recording_state = Some(RecordingState::Other("REWINDING".into()));
    participant.replication_type = Some(ReplicationType::Other("ECHO".into()));
    participant.details.protocol = Some("SRT".into());
}

fn empty_texts(participant: &mut Participant) {
    participant.user_id = Some(String::new());
    participant.source_stage_arn = Some(String::new());
    participant.source_session_id = Some(String::new());
    participant.ingest_configuration_arn = Some(String::new());
    for text in [
        &mut participant.details.isp_name,
        &mut participant.details.os_name,
        &mut participant.details.sdk_version,
        &mut participant.details.browser_name,
        &mut participant.details.recording_s3_prefix,
    ] {
        *text = Some(String::new());
    }
}

fn absent_fields(participant: &mut Participant) {
    participant.user_id = None;
    participant.state = None;
    participant.published = None;
    participant.first_join_time = None;
}

fn token(user_id: &str, capabilities: &[&str]) -> TokenState {
    TokenState {
        capabilities: Some(capabilities.iter().map(|&text| text.to_owned()).collect()),
        user_id: Some(user_id.to_owned()),
        ..TokenState::default()
    }
}

/// Brought up on stage and sent back: the capability goes, and with it the publication.
fn exchanged(base: Timestamp) -> Participant {
    let pair = |speaks: bool| {
        let (one, two) = (token("eve", &["SUBSCRIBE"]), token("eve", &["SUBSCRIBE", "PUBLISH"]));
        Some(Box::new(if speaks { (one, two) } else { (two, one) }))
    };
    Case::new(base, "exchanged")
        .there(0, 300)
        .publishes(21, Some(80), Lost::Nothing)
        .odd(20, EventName::TokenExchanged, |event| Event { exchange: pair(true), ..event })
        .odd(80, EventName::TokenExchanged, |event| Event { exchange: pair(false), ..event })
        .odd(90, EventName::TokenExchanged, |event| Event {
            exchange: Some(Box::new((TokenState::default(), TokenState::default()))),
            ..event
        })
        .done()
}

/// The listing tells the newest user id; the events tell who it was before.
fn renamed(base: Timestamp) -> Participant {
    Case::new(base, "renamed")
        .there(0, 300)
        .odd(100, EventName::TokenExchanged, |event| Event {
            exchange: Some(Box::new((token("before", &[]), token("after", &[])))),
            ..event
        })
        .with(|participant| participant.user_id = Some("after".into()))
        .done()
}

/// More participants than a page holds, and one with more events than two pages hold.
fn many_people(base: Timestamp) -> Vec<Participant> {
    let flapping = (0..130).fold(Case::new(base, "flapping").there(0, 2_900), |case, number| {
        case.publishes(10 + number * 20, Some(15 + number * 20), Lost::Nothing)
    });
    let viewers = (0..129).map(|number| {
        Case::new(base, &format!("viewer{number}"))
            .there(number, 2_800)
            .watches("flapping", 10 + number * 20, 15 + number * 20, Lost::Nothing)
            .done()
    });
    viewers.chain([flapping.done()]).collect()
}
