//! Replication seen from both sides, and streams that viewers know by another id.

use chrono::TimeDelta;

use super::case::{Case, Lost};
use super::{World, session, session_id};
use crate::model::EventName;
use crate::model::{ReplicationState, ReplicationType, Timestamp};
use crate::sim::world::{Event, Participant, Replica, Stage};

/// More than a page of replicas, which holds 50.
const TOURS: usize = 60;

pub(super) fn fill(world: &mut World, base: Timestamp) {
    let (home, away) = (world.arn("stage/TrapHome"), world.arn("stage/TrapAway"));
    let ids = (session_id("home"), session_id("away"));
    let target = (away.as_str(), ids.1.as_str());
    let mut home_session = session("home", base, 900);
    home_session.participants.extend(sources(base, &home, target));
    home_session.participants.extend(redundant(world, base));
    let mut away_session = session("away", base, 900);
    away_session.participants.extend(replicas(base, &home, &ids.0));
    let mut stage = Stage::new(&home, Some("trap-home"));
    stage.sessions.insert(home_session);
    world.stages.insert(stage);
    let mut stage = Stage::new(&away, Some("trap-away"));
    stage.sessions.insert(away_session);
    world.stages.insert(stage);
    let source = (home.as_str(), ids.0.as_str());
    for (id, state) in [
        ("versus", ReplicationState::Stopped),
        ("reconnects", ReplicationState::Stopped),
        ("lostReplicationStop", ReplicationState::Active),
    ] {
        world.replicas.insert(Replica::new(id, source, target, state));
    }
    for number in 0..TOURS {
        let destination = world.arn(&format!("stage/TrapTour{number}"));
        let session = session_id(&format!("tour{number}"));
        world.replicas.insert(Replica::new(
            "touring",
            source,
            (&destination, &session),
            ReplicationState::Stopped,
        ));
    }
}

fn is_source(participant: &mut Participant) {
    participant.replication_type = Some(ReplicationType::Source);
    participant.replication_state = Some(ReplicationState::Stopped);
    participant.source_stage_arn = Some(String::new());
    participant.source_session_id = Some(String::new());
}

fn sources(base: Timestamp, home: &str, target: (&str, &str)) -> Vec<Participant> {
    let case = |id| Case::new(base, id).with(is_source);
    vec![
        case("versus")
            .there(0, 600)
            .publishes(0, Some(600), Lost::Nothing)
            .replicated(target, 60, Some(540), Lost::Nothing)
            .done(),
        // Gone for a minute, inside the reconnect window: one replication, two publications.
        case("reconnects")
            .there(0, 200)
            .there(260, 600)
            .publishes(0, Some(200), Lost::Nothing)
            .publishes(261, Some(600), Lost::Nothing)
            .replicated(target, 30, Some(600), Lost::Nothing)
            .done(),
        // Disconnected, while its replication is still called active.
        case("lostReplicationStop")
            .there(0, 400)
            .publishes(0, Some(400), Lost::Nothing)
            .replicated(target, 100, Some(400), Lost::Stop)
            .with(|participant| participant.replication_state = Some(ReplicationState::Active))
            .done(),
        case("noDestinationSession")
            .there(0, 400)
            .publishes(0, Some(400), Lost::Nothing)
            .odd(50, EventName::ReplicationStarted, |event| Event {
                destination_stage_arn: Some(target.0.into()),
                ..event
            })
            .done(),
        // A row that points at its own stage.
        case("mirror")
            .there(0, 400)
            .publishes(0, Some(400), Lost::Nothing)
            .odd(50, EventName::ReplicationStarted, |event| event.towards(home, target.1))
            .done(),
        case("touring").there(0, 700).publishes(0, Some(700), Lost::Nothing).done(),
    ]
}

fn replicas(base: Timestamp, home: &str, home_session: &str) -> Vec<Participant> {
    let replica = |id: &str, from: i64, to: i64| {
        let time = |second| base + TimeDelta::seconds(second);
        Case::new(base, id)
            .publishes(from, Some(to), Lost::Start)
            .odd(from, EventName::PublishStarted, |event| Event { replica: Some(true), ..event })
            .with(|participant| {
                participant.first_join_time = Some(time(from));
                participant.replication_type = Some(ReplicationType::Replica);
                participant.replication_state = Some(ReplicationState::Stopped);
                participant.source_stage_arn = Some(home.to_owned());
                participant.source_session_id = Some(home_session.to_owned());
            })
    };
    vec![
        replica("versus", 60, 540).done(),
        // One that the service lets join and leave like anyone.
        replica("reconnects", 30, 200).there(30, 200).done(),
        Case::new(base, "watchesReplica")
            .there(0, 600)
            .odd(61, EventName::SubscribeStarted, |event| event.about("versus", true))
            .odd(540, EventName::SubscribeStopped, |event| event.about("versus", true))
            .done(),
    ]
}

/// Two streams of one publisher, and a viewer who knows it by an id that nobody has.
fn redundant(world: &World, base: Timestamp) -> Vec<Participant> {
    let configuration = world.arn("ingest-configuration/TrapIngest");
    let stream = |id: &str, from: i64, to: i64| {
        Case::new(base, id)
            .there(from, to)
            .publishes(from, Some(to), Lost::Nothing)
            .with(|participant| {
                participant.user_id = Some("studio".to_owned());
                participant.redundant_ingest = Some(true);
                participant.ingest_configuration_arn = Some(configuration.clone());
                participant.details.protocol = Some("RTMPS".to_owned());
            })
            .done()
    };
    vec![
        stream("redundantA", 0, 500),
        stream("redundantB", 2, 700),
        Case::new(base, "watchesVirtual")
            .there(5, 690)
            .watches("virtualStudio", 6, 690, Lost::Nothing)
            .done(),
    ]
}
