//! Ties, lost stops, re-joins: sequences of legal events that are easily paired wrongly.

use super::case::{Case, Lost};
use super::{World, session};
use crate::model::{ErrorCode, EventName, Timestamp};
use crate::sim::world::{Event, Participant, Stage};

const HOST: &str = "hostAnna";

pub(super) fn fill(world: &mut World, base: Timestamp) {
    let mut stage = Stage::new(&world.arn("stage/TrapSequences"), Some("trap-sequences"));
    let mut ties_session = session("ties", base, 900);
    ties_session.participants.extend(ties(base));
    stage.sessions.insert(ties_session);
    let next = base + chrono::TimeDelta::hours(2);
    let mut losses_session = session("losses", next, 900);
    losses_session.participants.extend(losses(next));
    stage.sessions.insert(losses_session);
    let last = base + chrono::TimeDelta::hours(4);
    let mut errors_session = session("errors", last, 900);
    errors_session.participants.extend(errors(last));
    stage.sessions.insert(errors_session);
    world.stages.insert(stage);
}

fn host(base: Timestamp) -> Participant {
    Case::new(base, HOST).there(0, 800).publishes(0, Some(800), Lost::Nothing).done()
}

/// Several events in one second. Whole seconds hide what came first.
fn ties(base: Timestamp) -> Vec<Participant> {
    let case = |id| Case::new(base, id);
    vec![
        host(base),
        case("tieRestart")
            .there(0, 60)
            .publishes(10, Some(30), Lost::Nothing)
            .publishes(30, Some(50), Lost::Nothing)
            .done(),
        case("tieFlash").there(0, 60).publishes(40, Some(40), Lost::Nothing).done(),
        case("tieRestartLostStop")
            .there(0, 90)
            .publishes(5, Some(50), Lost::Nothing)
            .publishes(50, Some(90), Lost::Stop)
            .done(),
        // The stop of the first publication arrives with the second visit.
        case("tieLookahead")
            .there(0, 100)
            .there(102, 200)
            .publishes(5, Some(100), Lost::Stop)
            .event(102, EventName::PublishStopped)
            .publishes(102, Some(200), Lost::Nothing)
            .done(),
        case("tieAmbiguous")
            .there(0, 120)
            .publishes(20, Some(70), Lost::Nothing)
            .publishes(70, Some(120), Lost::Stop)
            .done(),
        case("tieRejoin").there(0, 60).there(60, 120).watches(HOST, 2, 60, Lost::Nothing).done(),
        case("tieEverything")
            .there(30, 300)
            .publishes(30, Some(300), Lost::Nothing)
            .watches(HOST, 30, 300, Lost::Nothing)
            .done(),
        case("tieVisit").there(33, 33).done(),
    ]
}

/// Starts and stops that the service forgot, or tells twice, or late.
fn losses(base: Timestamp) -> Vec<Participant> {
    let case = |id| Case::new(base, id);
    vec![
        host(base),
        case("lostPublishStop").there(0, 100).publishes(10, Some(100), Lost::Stop).done(),
        case("lostLeft")
            .presence(0, Some(100), Lost::Stop)
            .publishes(5, Some(90), Lost::Nothing)
            .done(),
        case("lostEverything")
            .presence(0, Some(100), Lost::Stop)
            .publishes(5, Some(100), Lost::Stop)
            .watches(HOST, 6, 100, Lost::Stop)
            .done(),
        case("lostJoined")
            .presence(20, Some(100), Lost::Start)
            .watches(HOST, 21, 99, Lost::Nothing)
            .done(),
        case("lostJoinedAndFirstJoin")
            .presence(20, Some(100), Lost::Start)
            .with(|participant| participant.first_join_time = None)
            .done(),
        case("lostPublishStart").there(0, 100).publishes(10, Some(50), Lost::Start).done(),
        case("doubleJoined").there(0, 100).event(30, EventName::Joined).done(),
        case("doublePublishStart")
            .there(0, 100)
            .publishes(10, Some(80), Lost::Nothing)
            .event(40, EventName::PublishStarted)
            .done(),
        case("lateStop")
            .there(0, 100)
            .publishes(10, Some(100), Lost::Stop)
            .event(130, EventName::PublishStopped)
            .done(),
        case("rejoinThrice")
            .there(0, 50)
            .there(60, 90)
            .there(200, 260)
            .watches(HOST, 61, 90, Lost::Stop)
            .done(),
        case("mediaAcrossRejoin")
            .presence(0, Some(50), Lost::Stop)
            .there(60, 200)
            .publishes(5, Some(200), Lost::Nothing)
            .done(),
        case("mediaOutsideJoin").there(100, 200).publishes(20, Some(40), Lost::Nothing).done(),
        case("remoteGone").there(0, 890).watches(HOST, 2, 800, Lost::Stop).done(),
        case("leftAfterTheEnd").there(0, 1_300).watches(HOST, 3, 800, Lost::Nothing).done(),
        case("beforeTheStart").there(-700, 100).done(),
        case("noEvents").with(|participant| participant.first_join_time = Some(base)).done(),
        case("noEventsNoJoin").done(),
    ]
}

/// Failures: one of each code, retries, and people who never got in.
fn errors(base: Timestamp) -> Vec<Participant> {
    let case = |id| Case::new(base, id);
    let every = ErrorCode::KNOWN
        .iter()
        .zip(0..)
        .fold(case("everyCode").there(0, 300), |case, (code, number)| {
            case.fails(10 + number * 5, error_name(code), code.clone())
        });
    let storm = (0..40).fold(case("retryStorm").there(0, 500), |case, number| {
        case.fails(20 + number / 2, EventName::PublishError, ErrorCode::BitrateExceeded)
    });
    vec![
        host(base),
        every.done(),
        storm.done(),
        case("joinErrorOnly").fails(5, EventName::JoinError, ErrorCode::QuotaExceeded).done(),
        case("joinErrorThenJoined")
            .fails(5, EventName::JoinError, ErrorCode::InternalServerException)
            .there(9, 200)
            .done(),
        case("equalErrors")
            .there(0, 100)
            .fails(7, EventName::PublishError, ErrorCode::InvalidInput)
            .fails(7, EventName::PublishError, ErrorCode::InvalidInput)
            .done(),
        case("subscribeErrors")
            .there(0, 300)
            .odd(5, EventName::SubscribeError, |event| {
                Event { error_code: Some(ErrorCode::PublisherNotFound), ..event }
                    .about("neverThere", false)
            })
            .watches(HOST, 9, 300, Lost::Nothing)
            .done(),
        case("errorWithoutCode").there(0, 100).event(4, EventName::PublishError).done(),
        case("errorInMidStream")
            .there(0, 300)
            .publishes(5, Some(200), Lost::Nothing)
            .fails(200, EventName::PublishError, ErrorCode::StreamDurationExceeded)
            .done(),
    ]
}

fn error_name(code: &ErrorCode) -> EventName {
    match code {
        ErrorCode::PublisherNotFound => EventName::SubscribeError,
        ErrorCode::QuotaExceeded => EventName::JoinError,
        _ => EventName::PublishError,
    }
}
