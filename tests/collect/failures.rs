//! What fails is known by name, and holds up nothing else.

use chrono::TimeDelta;
use ivsight::sim::{Config, Scenario, World};
use serde_json::{Value, json};

use super::truth::{assert_truth, assert_unique};
use crate::support::{Ran, TestBed, asked, assert_same, text};

/// The rows of `sessions` of one stage.
fn sessions_of(bed: &TestBed, stage_arn: &str) -> Vec<Value> {
    let rows = bed.lake().rows("sessions");
    rows.into_iter().filter(|row| row["stage_arn"] == stage_arn).collect()
}

fn arn_of(bed: &TestBed, name: &str) -> String {
    let truth = bed.server.truth();
    let stage = truth.stages.iter().find(|stage| stage.name.as_deref() == Some(name));
    stage.unwrap().arn().to_owned()
}

/// Every stage but one is whole in the lake.
#[track_caller]
fn assert_whole_without(bed: &TestBed, stage_arn: &str) {
    for (table, expected) in
        [("participants", bed.settled().participants()), ("events", bed.settled().events())]
    {
        let expected: Vec<Value> =
            expected.into_iter().filter(|row| row["stage_arn"] != stage_arn).collect();
        assert!(!expected.is_empty());
        assert_same(table, &bed.lake().rows(table), &expected);
    }
}

/// The fault is over: the rest comes, and all is as if nothing had happened.
#[track_caller]
fn assert_heals(bed: &TestBed) -> Ran {
    bed.set_faults("");
    let ran = bed.collect_anew(&[]).exits(0);
    assert_truth(bed);
    assert_eq!(ran.scope()["sessions_left"]["failed"], 0);
    ran
}

#[test]
fn a_denied_stage_is_named_with_the_way_out_and_the_others_are_whole() {
    let bed = TestBed::few();
    bed.set_faults("deny=friday-night-live");
    let ran = bed.collect(&[]).exits(3);
    let denied = arn_of(&bed, "friday-night-live");
    let failures = ran.failures("AccessDeniedException");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["stage_arn"], denied);
    assert_eq!(failures[0]["operation"], "ListStageSessions");
    assert!(text(&failures[0]["hint"]).contains("schema --iam"), "{failures:?}");
    assert!(text(&failures[0]["message"]).contains("not authorized"), "{failures:?}");
    assert_eq!(
        (ran.json()["status"].as_str(), ran.scope()["status"].as_str()),
        (Some("partial"), Some("partial"))
    );
    assert_whole_without(&bed, &denied);
    assert_heals(&bed);
}

#[test]
fn denied_events_hold_sessions_back_and_are_counted() {
    let bed = TestBed::few();
    bed.set_faults("deny=ListParticipantEvents");
    let ran = bed.collect(&[]).exits(3);
    let complete: Vec<_> = bed.settled().complete().map(|(_, it)| it.participants.len()).collect();
    let failures = ran.failures("AccessDeniedException");
    assert_eq!(failures.len(), complete.len());
    let times: u64 = failures.iter().map(|failure| failure["n"].as_u64().unwrap()).sum();
    assert_eq!(times, complete.iter().sum::<usize>() as u64);
    assert_eq!(ran.scope()["sessions_left"]["failed"], complete.len());
    let rows = bed.lake().rows("sessions");
    for row in &rows {
        // It is not the session's own failure, so it counts nothing towards giving up.
        assert_eq!((&row["collection"], &row["attempts_n"]), (&json!("LISTED"), &json!(0)));
        assert_eq!(row["failing_since"], Value::Null);
        assert!(text(&row["last_error"]).contains("AccessDenied"), "{row}");
    }
    assert!(bed.lake().rows("events").is_empty());
    assert_heals(&bed);
    let calls = bed.server.calls();
    assert_eq!(asked(&calls, "ListParticipants").count(), 0, "they were staged");
    assert_eq!(asked(&calls, "GetParticipant").count(), 0, "they were staged");
    for row in bed.lake().rows("sessions") {
        assert_eq!((&row["failing_since"], &row["last_error"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_session_that_shows_nobody_is_tried_again_in_each_run_and_then_comes() {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let mut world = World::generate(&config);
    let arn = world.stages.iter().next().unwrap().arn().to_owned();
    let stage = world.stage_mut(&arn).unwrap();
    let id = stage.sessions.iter().next().unwrap().id().unwrap().to_owned();
    let session = world.session_mut(&arn, &id).unwrap();
    let people = session.forget_participants(usize::MAX);
    let bed = TestBed::serving(world, config);
    for attempt in 1..=2 {
        let ran = bed.collect(&[]).exits(3);
        let failures = ran.failures("EMPTY");
        assert_eq!(failures.len(), 1);
        assert_eq!((&failures[0]["session_id"], &failures[0]["n"]), (&json!(id), &json!(1)));
        let row = bed.lake().session(&arn, &id).unwrap();
        assert_eq!((&row["collection"], &row["attempts_n"]), (&json!("LISTED"), &json!(attempt)));
        assert!(row["failing_since"].is_string() && text(&row["last_error"]).contains("EMPTY"));
    }
    bed.server.edit(|world| world.session_mut(&arn, &id).unwrap().participants.extend(people));
    assert_heals(&bed);
    let row = bed.lake().session(&arn, &id).unwrap();
    assert_eq!((&row["attempts_n"], &row["failing_since"]), (&json!(0), &Value::Null));
}

#[test]
fn a_participant_without_the_events_it_must_have_holds_its_session_back() {
    let bed = TestBed::few();
    let (arn, id, person) = {
        let settled = bed.settled();
        let (stage, session) = settled.complete().next().unwrap();
        let joined = session.participants.iter().find(|it| it.first_join_time.is_some()).unwrap();
        let own = |text: &str| text.to_owned();
        (own(stage.arn()), own(session.id().unwrap()), own(joined.id().unwrap()))
    };
    let mut events = Vec::new();
    let swap = |events: &mut Vec<_>| {
        bed.server.edit(|world| {
            let session = world.session_mut(&arn, &id).unwrap();
            session.edit_life(&person, |life| std::mem::swap(&mut life.events, events)).unwrap();
        });
    };
    swap(&mut events);
    let failures = bed.collect(&[]).exits(3).failures("EMPTY");
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["participant_id"], json!(person));
    assert_eq!(failures[0]["operation"], "ListParticipantEvents");
    assert_eq!(bed.lake().session(&arn, &id).unwrap()["collection"], "LISTED");
    swap(&mut events);
    assert_heals(&bed);
    // Everyone else's events were staged: one call gets the missing ones.
    assert_eq!(asked(&bed.server.calls(), "ListParticipantEvents").count(), 1);
}

#[test]
fn a_repeated_token_is_an_error_and_never_a_silent_end() {
    let bed = TestBed::of(Scenario::Traps);
    bed.set_faults("repeat-token=1");
    let ran = bed.collect(&[]).exits(3);
    let scope = ran.scope();
    let failures = scope["failures"].as_array().unwrap();
    let many = failures
        .iter()
        .find(|it| it["session_id"] == "st-manyxxxxxxxxx" && it["operation"] == "ListParticipants");
    let many = many.unwrap_or_else(|| panic!("{failures:#?}"));
    assert!(text(&many["message"]).contains("token"), "{many}");
    let arn = text(&many["stage_arn"]);
    let row = bed.lake().session(&arn, "st-manyxxxxxxxxx").unwrap();
    assert_eq!((&row["collection"], &row["attempts_n"]), (&json!("LISTED"), &json!(1)));
    assert_eq!(
        bed.lake().rows("events").iter().filter(|it| it["participant_id"] == "flapping").count(),
        0
    );
    bed.set_faults("");
    bed.collect(&[]).exits(3);
    assert_truth(&bed);
}

#[test]
fn what_breaks_the_services_model_is_told_and_changes_nothing_else() {
    let bed = TestBed::of(Scenario::Malformed);
    let ran = bed.collect(&[]).exits(0);
    assert_eq!(ran.json()["status"], "complete");
    let failures = ran.failures("MALFORMED");
    let operations: Vec<String> = failures.iter().map(|it| text(&it["operation"])).collect();
    for operation in ["ListStages", "ListStageSessions", "ListParticipants"] {
        assert!(operations.iter().any(|it| it == operation), "{operation} of {operations:?}");
    }
    let lake = bed.lake();
    assert_unique(&lake);
    let is_bad = |row: &&Value| row["stage_arn"].as_str().unwrap().contains("not-a-stage");
    assert_eq!(lake.rows("stages").iter().filter(is_bad).count(), 0);
    let people = lake.rows("participants");
    assert!(people.iter().any(|row| row["participant_id"] == "wellFormed"));
    assert!(lake.rows("stages").iter().all(|row| row["account_id"] == "111122223333"));
}

#[test]
fn a_stage_that_vanishes_while_it_is_read_leaves_the_others_whole() {
    let bed = TestBed::few();
    let gone = arn_of(&bed, "friday-night-live");
    bed.set_faults("vanish=friday-night-live");
    let ran = bed.collect(&[]);
    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    assert_whole_without_rows_of(&bed, &gone);
    let rows = sessions_of(&bed, &gone);
    let listed = rows.iter().filter(|row| row["collection"] == "LISTED").count();
    assert_eq!(ran.code == Some(3), listed > 0, "{rows:#?}");
    let named = ran.failures("ResourceNotFoundException");
    assert!(named.len() >= listed.min(1), "{named:?}");
}

/// The other stages are whole; of this one there may be something, and then whole sessions.
fn assert_whole_without_rows_of(bed: &TestBed, stage_arn: &str) {
    let of_others = |rows: Vec<Value>| -> Vec<Value> {
        rows.into_iter().filter(|row| row["stage_arn"] != stage_arn).collect()
    };
    let lake = bed.lake();
    assert_same("events", &of_others(lake.rows("events")), &of_others(bed.settled().events()));
}

#[test]
fn a_stage_that_was_deleted_is_listed_once_more_and_then_left_alone() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let before = bed.lake().rows("events");
    let gone = arn_of(&bed, "friday-night-live");
    bed.server.edit(|world| world.stages.remove(&gone)).unwrap();
    bed.collect_anew(&[]).exits(0);
    let of_gone = || bed.server.calls().log.into_iter().filter(|it| it.stage_arn == gone).count();
    assert_eq!(of_gone(), 1);
    let row = |lake: Vec<Value>| lake.into_iter().find(|row| row["stage_arn"] == gone).unwrap();
    let gone_at = text(&row(bed.lake().rows("stages"))["gone_at"]);
    bed.collect_anew(&[]).exits(0);
    assert_eq!(of_gone(), 0);
    assert_eq!(text(&row(bed.lake().rows("stages"))["gone_at"]), gone_at);
    assert_eq!(bed.lake().rows("events").len(), before.len());
}

#[test]
fn an_answer_that_shrank_never_replaces_the_longer_one() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let rows_n = bed.lake().rows("participants").len();
    let (arn, id) = {
        let settled = bed.settled();
        let (stage, session) = settled.complete().max_by_key(|it| it.1.participants.len()).unwrap();
        (stage.arn().to_owned(), session.id().unwrap().to_owned())
    };
    bed.server.edit(|world| {
        let session = world.session_mut(&arn, &id).unwrap();
        session.forget_participants(3);
        session.end_time = session.end_time.map(|end| end + TimeDelta::seconds(1));
    });
    let ran = bed.collect(&[]);
    assert_eq!(bed.lake().rows("participants").len(), rows_n);
    assert_eq!(ran.failures("SHRUNK").len(), 1, "{ran:?}");
}
