//! What is final is read once; what is not is waited for; what goes on after all is read again.

use chrono::TimeDelta;
use ivsight::model::{ParticipantState, Timestamp};
use ivsight::sim::world::{Event, Stage};
use ivsight::sim::{Config, Scenario, World};
use serde_json::{Value, json};

use super::truth::{assert_truth, assert_unique};
use crate::support::{TestBed, asked, counts};

/// A world of one stage with one session of a few people, which ended some hours ago; its stage and session.
fn one_session(ended: TimeDelta) -> (TestBed, String, String) {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let mut world = World::generate(&config);
    let named = |stage: &&Stage| stage.name.as_deref() == Some("friday-night-live");
    let arn = world.stages.iter().find(named).unwrap().arn().to_owned();
    world.stages.retain(|stage| stage.arn() == arn);
    let stage = world.stage_mut(&arn).unwrap();
    let id = stage.sessions.iter().next().unwrap().id().unwrap().to_owned();
    stage.sessions.retain(|session| session.id() == Some(&id));
    let end = world.session_mut(&arn, &id).unwrap().end_time.unwrap();
    let bed = TestBed::serving(world, config);
    bed.server.set_now(end + ended);
    (bed, arn, id)
}

fn row(bed: &TestBed, arn: &str, id: &str) -> Value {
    bed.lake().session(arn, id).unwrap()
}

fn end_of(bed: &TestBed, arn: &str, id: &str) -> Option<Timestamp> {
    bed.server.truth().session(arn, id).unwrap().end_time
}

fn set_end(bed: &TestBed, arn: &str, id: &str, end: Option<Timestamp>) {
    bed.server.edit(|world| world.session_mut(arn, id).unwrap().end_time = end);
}

/// The calls that are made for a session.
fn session_calls(bed: &TestBed) -> usize {
    bed.server.calls().log.iter().filter(|call| !call.session_id.is_empty()).count()
}

#[test]
fn a_live_session_is_listed_and_left_alone_until_it_has_ended_and_settled() {
    let (bed, arn, id) = one_session(-TimeDelta::minutes(5));
    let end = end_of(&bed, &arn, &id);
    set_end(&bed, &arn, &id, None);
    let ran = bed.collect(&[]).exits(0);
    assert_eq!(ran.scope()["sessions_left"]["live"], 1);
    assert_eq!((session_calls(&bed), &row(&bed, &arn, &id)["end_time"]), (0, &Value::Null));
    set_end(&bed, &arn, &id, end);
    bed.server.set_now(end.unwrap() + TimeDelta::minutes(30));
    let ran = bed.collect(&[]).exits(0);
    assert_eq!(ran.scope()["sessions_left"]["unsettled"], 1);
    assert_eq!(session_calls(&bed), 0);
    assert!(row(&bed, &arn, &id)["end_time"].is_string());
    // Half an hour is enough for whoever says so.
    let ran = bed.collect(&["--settle", "20m"]).exits(0);
    assert_eq!(ran.scope()["sessions"], 1);
    bed.server.set_now(end.unwrap() + TimeDelta::hours(1));
    assert_truth(&bed);
}

#[test]
fn someone_still_connected_costs_one_listing_a_run_until_a_day_has_passed() {
    let (bed, arn, id) = one_session(TimeDelta::hours(3));
    bed.server.edit(|world| {
        let session = world.session_mut(&arn, &id).unwrap();
        let person = session.participants.iter_mut().next().unwrap();
        person.state = Some(ParticipantState::Connected);
    });
    for _ in 0..2 {
        let ran = bed.collect_anew(&[]).exits(0);
        assert_eq!(ran.scope()["sessions_left"]["unsettled"], 1);
        let calls = bed.server.calls();
        assert_eq!((counts(&calls)["ListParticipants"], session_calls(&bed)), (1, 1));
    }
    let end = end_of(&bed, &arn, &id).unwrap();
    bed.server.set_now(end + TimeDelta::hours(24));
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    assert_eq!(row(&bed, &arn, &id)["collection"], "COMPLETE");
}

#[test]
fn a_live_session_that_a_whole_listing_no_longer_shows_is_tried_at_once() {
    let (bed, arn, id) = one_session(TimeDelta::hours(2));
    set_end(&bed, &arn, &id, None);
    bed.collect(&[]).exits(0);
    let listed_at = row(&bed, &arn, &id)["listed_at"].clone();
    bed.server.edit(|world| world.stage_mut(&arn).unwrap().sessions.remove(&id)).unwrap();
    let failures = bed.collect_anew(&[]).exits(3).failures("EMPTY");
    assert_eq!(failures[0]["session_id"], json!(id));
    assert_eq!(asked(&bed.server.calls(), "ListParticipants").count(), 1);
    let after = row(&bed, &arn, &id);
    assert_eq!((&after["collection"], &after["attempts_n"]), (&json!("LISTED"), &json!(1)));
    assert_eq!(after["listed_at"], listed_at);
}

#[test]
fn a_done_session_that_goes_on_is_replaced_and_stands_once() {
    let (bed, arn, id) = one_session(TimeDelta::hours(3));
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    let later = end_of(&bed, &arn, &id).unwrap() + TimeDelta::hours(1);
    bed.server.edit(|world| {
        let session = world.session_mut(&arn, &id).unwrap();
        session.end_time = Some(later);
        let person = session.participants.iter().next().unwrap().id().unwrap().to_owned();
        let again = [("JOINED", 50), ("LEFT", 10)];
        let events =
            again.map(|(name, ago)| Event::new(name.into(), later - TimeDelta::minutes(ago)));
        session.edit_life(&person, |life| life.events.extend(events)).unwrap();
    });
    bed.server.set_now(later + TimeDelta::minutes(90));
    let ran = bed.collect_anew(&[]).exits(0);
    assert_eq!(ran.scope()["sessions"], 1);
    assert_truth(&bed);
    assert_unique(&bed.lake());
    bed.collect_anew(&[]).exits(0);
    assert_eq!(session_calls(&bed), 0);
}

#[test]
fn a_done_session_that_is_live_again_waits_for_its_new_end() {
    let (bed, arn, id) = one_session(TimeDelta::hours(3));
    bed.collect(&[]).exits(0);
    let end = end_of(&bed, &arn, &id).unwrap();
    set_end(&bed, &arn, &id, None);
    let ran = bed.collect_anew(&[]).exits(0);
    assert_eq!((&ran.scope()["sessions_left"]["live"], session_calls(&bed)), (&json!(1), 0));
    set_end(&bed, &arn, &id, Some(end + TimeDelta::hours(1)));
    assert_eq!(bed.collect_anew(&[]).exits(0).scope()["sessions"], 1);
    assert_truth(&bed);
    // An end that is no later opens nothing.
    set_end(&bed, &arn, &id, Some(end));
    bed.collect_anew(&[]).exits(0);
    assert_eq!(session_calls(&bed), 0);
}
