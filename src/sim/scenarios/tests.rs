//! Tests of the worlds: how large they are, what they hold, and that they are made the same again.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::{ErrorCode, EventName, IntervalKind};
use crate::sim::world::{Event, Life, Participant, Session};

fn world(scenario: Scenario, seed: u64) -> World {
    World::generate(&Config { seed, scenario, ..Config::default() })
}

fn people(world: &World) -> impl Iterator<Item = (&Session, &Participant)> {
    let sessions = world.stages.iter().flat_map(|stage| stage.sessions.iter());
    sessions.flat_map(|session| session.participants.iter().map(move |it| (session, it)))
}

fn lives(world: &World) -> impl Iterator<Item = Life> {
    people(world).map(|(session, participant)| session.life(participant).into_owned())
}

fn sessions_n(world: &World) -> usize {
    world.stages.iter().map(|stage| stage.sessions.len()).sum()
}

fn document(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.clone().truth().write(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for scenario in [Scenario::Demo, Scenario::Small, Scenario::Traps, Scenario::Clean] {
        assert!(document(&world(scenario, 4)) == document(&world(scenario, 4)), "{scenario}");
    }
    assert!(document(&world(Scenario::Small, 4)) != document(&world(Scenario::Small, 5)));
}

#[test]
fn worlds_are_as_large_as_they_say() {
    for (scenario, stages, sessions, participants) in [
        (Scenario::Demo, 12..13, 50..70, 1_300..1_800),
        (Scenario::Small, 3..4, 4..12, 30..150),
        (Scenario::Week, 30..31, 350..450, 13_000..17_500),
        (Scenario::Busy, 8..9, 40..41, 20_000..20_001),
        (Scenario::Day, 120..121, 240..241, 40_000..55_000),
        (Scenario::Empty, 0..1, 0..1, 0..1),
    ] {
        let world = world(scenario, 1);
        assert!(stages.contains(&world.stages.len()), "{scenario}");
        assert!(sessions.contains(&sessions_n(&world)), "{scenario}: {}", sessions_n(&world));
        let people_n = people(&world).count();
        assert!(participants.contains(&people_n), "{scenario}: {people_n}");
    }
}

#[test]
fn the_huge_session_has_a_million_events() {
    let world = world(Scenario::Huge, 1);
    assert_eq!((sessions_n(&world), people(&world).count()), (1, 25_000));
    // All publishers, and viewers enough to tell that each has as many.
    let lives: Vec<usize> = people(&world)
        .filter(|(_, it)| it.published == Some(true))
        .chain(people(&world).take(500))
        .map(|(session, it)| session.life(it).events.len())
        .collect();
    assert_eq!(lives, vec![40; 512]);
}

#[test]
fn the_busy_day_has_about_eight_events_each() {
    let world = world(Scenario::Busy, 1);
    let events: usize =
        people(&world).take(2_000).map(|(session, it)| session.life(it).events.len()).sum();
    assert!((14_000..19_000).contains(&events), "{events}");
}

#[test]
fn days_of_one_seed_have_the_same_stages_and_different_sessions() {
    let day = |days_later: i64| {
        let now = Config::default().start() + chrono::TimeDelta::days(days_later);
        World::generate(&Config { scenario: Scenario::Day, now: Some(now), ..Config::default() })
    };
    let (one, other) = (day(0), day(1));
    let arns =
        |world: &World| world.stages.iter().map(|it| it.arn().to_owned()).collect::<Vec<_>>();
    assert_eq!(arns(&one), arns(&other));
    let sessions = |world: &World| {
        let sessions = world.stages.iter().flat_map(|stage| stage.sessions.iter());
        sessions.map(|it| (it.id().unwrap().to_owned(), it.start_time)).collect::<BTreeSet<_>>()
    };
    assert!(sessions(&one).is_disjoint(&sessions(&other)));
    let dates: BTreeSet<_> =
        sessions(&one).iter().map(|(_, start)| start.unwrap().date_naive().to_string()).collect();
    assert_eq!(dates.into_iter().collect::<Vec<_>>(), ["2026-11-13", "2026-11-14"]);
}

#[test]
fn every_event_and_every_code_occurs() {
    for (scenario, seed) in
        [(Scenario::Demo, 1), (Scenario::Demo, 2), (Scenario::Demo, 3), (Scenario::Traps, 1)]
    {
        let world = world(scenario, seed);
        let events: Vec<Event> = lives(&world).flat_map(|life| life.events).collect();
        for name in EventName::KNOWN {
            assert!(
                events.iter().any(|it| it.name.as_ref() == Some(name)),
                "{scenario} {seed} {name}"
            );
        }
        for code in ErrorCode::KNOWN {
            assert!(
                events.iter().any(|it| it.error_code.as_ref() == Some(code)),
                "{scenario} {seed} {code}"
            );
        }
    }
}

#[test]
fn the_demo_replicates_both_ways() {
    let world = world(Scenario::Demo, 1);
    let pairs: BTreeSet<(&str, &str)> = world
        .replicas
        .iter()
        .map(|it| (it.source_session_id.as_str(), it.destination_session_id.as_str()))
        .collect();
    assert!(!pairs.is_empty());
    for replica in world.replicas.iter() {
        let (source, target) = (&*replica.source_session_id, &*replica.destination_session_id);
        assert!(pairs.contains(&(target, source)));
        let there = world.session(&replica.destination_stage_arn, target).unwrap();
        let copy = there.participants.find(&replica.participant_id).unwrap();
        assert_eq!(copy.source_session_id.as_deref(), Some(source));
        let watched = there.participants.iter().any(|it| {
            let life = there.life(it);
            life.events.iter().any(|event| {
                event.replica == Some(true)
                    && event.remote_participant_id.as_deref() == Some(&*replica.participant_id)
            })
        });
        assert!(watched, "nobody watches {}", replica.participant_id);
    }
}

#[test]
fn nothing_is_odd_in_the_clean_world() {
    let world = world(Scenario::Clean, 1);
    assert!(people(&world).count() > 300);
    for (session, participant) in people(&world) {
        assert!(session.end_time.unwrap() + chrono::TimeDelta::days(1) < world.now);
        let life = session.life(participant);
        let times: BTreeSet<_> = life.events.iter().map(|event| event.time.unwrap()).collect();
        assert_eq!(times.len(), life.events.len(), "distinct seconds of {:?}", participant.id());
        assert!(session.start_time.unwrap() <= *times.first().unwrap());
        assert!(session.end_time.unwrap() >= *times.last().unwrap());
        for stay in &life.stays {
            let edges = [Some(stay.from), stay.to];
            assert!(edges.iter().all(|edge| edge.is_some_and(|edge| times.contains(&edge))));
        }
    }
}

/// What the events of the clean world say without any cleverness is what people did.
#[test]
fn clean_events_pair_into_what_people_did() {
    let world = world(Scenario::Clean, 2);
    for life in lives(&world) {
        let mut open: BTreeMap<(IntervalKind, Option<&str>), crate::model::Timestamp> =
            BTreeMap::new();
        let mut paired = 0;
        for event in &life.events {
            let (kind, starts) = match event.name.as_ref().unwrap() {
                EventName::Joined => (IntervalKind::Presence, true),
                EventName::Left => (IntervalKind::Presence, false),
                EventName::PublishStarted => (IntervalKind::Publish, true),
                EventName::PublishStopped => (IntervalKind::Publish, false),
                EventName::SubscribeStarted => (IntervalKind::Subscribe, true),
                EventName::SubscribeStopped => (IntervalKind::Subscribe, false),
                EventName::ReplicationStarted => (IntervalKind::Replication, true),
                EventName::ReplicationStopped => (IntervalKind::Replication, false),
                _ => continue,
            };
            let key = (kind, event.remote_participant_id.as_deref());
            if starts {
                assert_eq!(open.insert(key, event.time.unwrap()), None);
                continue;
            }
            let from = open.remove(&key).unwrap();
            paired += 1;
            assert!(life.stays.iter().any(|stay| {
                stay.kind == kind
                    && stay.from == from
                    && stay.to == event.time
                    && stay.remote_participant_id.as_deref() == key.1
            }));
        }
        assert_eq!((open.len(), paired), (0, life.stays.len()));
    }
}

#[test]
fn people_are_on_stage_while_they_publish_and_watch() {
    for life in lives(&world(Scenario::Demo, 1)) {
        let visits: Vec<_> =
            life.stays.iter().filter(|stay| stay.kind == IntervalKind::Presence).collect();
        for stay in &life.stays {
            let media = matches!(stay.kind, IntervalKind::Publish | IntervalKind::Subscribe);
            if !media || visits.is_empty() {
                continue;
            }
            assert!(visits.iter().any(|visit| {
                visit.from <= stay.from
                    && (visit.to.is_none() || stay.to.is_some_and(|to| Some(to) <= visit.to))
            }));
        }
    }
}

#[test]
fn what_the_demo_shows_has_happened() {
    let world = world(Scenario::Demo, 1);
    let live: Vec<&Session> = world
        .stages
        .iter()
        .flat_map(|stage| stage.sessions.iter())
        .filter(|session| session.end_time.is_none())
        .collect();
    assert!(!live.is_empty());
    assert!(live.iter().all(|session| {
        session
            .participants
            .iter()
            .any(|it| it.state == Some(crate::model::ParticipantState::Connected))
    }));
    for life in lives(&world) {
        assert!(life.events.iter().all(|event| event.time.unwrap() <= world.now));
    }
}

#[test]
fn ids_keep_to_the_services_patterns_except_in_the_malformed_world() {
    for scenario in [Scenario::Demo, Scenario::Traps, Scenario::Small] {
        let world = world(scenario, 1);
        for stage in world.stages.iter() {
            assert!(crate::model::StageArn::parse(stage.arn()).is_ok());
        }
        for (session, participant) in people(&world) {
            assert_eq!(session.id().unwrap().len(), 16, "{scenario}");
            let id = participant.id().unwrap();
            assert!(!id.is_empty() && id.len() <= 64, "{id}");
        }
    }
    let malformed = world(Scenario::Malformed, 1);
    assert!(people(&malformed).any(|(_, participant)| participant.id().is_none()));
    assert!(malformed.stages.iter().any(|stage| stage.sessions.iter().any(|it| it.id().is_none())));
}

#[test]
fn the_account_keeps_its_leading_zero() {
    let account_id = Some("012345678901".to_owned());
    let region = "eu-west-1".to_owned();
    let config = Config { account_id, region, scenario: Scenario::Small, ..Config::default() };
    let world = World::generate(&config);
    let prefix = "arn:aws:ivs:eu-west-1:012345678901:stage/";
    assert!(world.stages.iter().all(|stage| stage.arn().starts_with(prefix)));
}
