//! What fails for days is given up with what there is; what is fetched again replaces what was there; what has a
//! deadline goes on in the next run.

use chrono::TimeDelta;
use ivsight::sim::{Config, Scenario};
use serde_json::{Value, json};

use super::truth::{assert_truth, assert_unique};
use crate::support::{TestBed, asked, counts};

/// Runs once a day for as long as it takes to give up; the last run's answer.
fn fail_for_days(bed: &TestBed) -> crate::support::Ran {
    for run in 1..5 {
        let ran = bed.collect(&[]).exits(3);
        assert_eq!(ran.scope()["given_up"], 0, "run {run}");
        bed.server.set_now(bed.server.now() + TimeDelta::hours(24));
    }
    bed.collect(&[])
}

/// The sessions with a collection, by their ids.
fn collected(bed: &TestBed, collection: &str) -> Vec<Value> {
    let sessions = bed.lake().rows("sessions");
    sessions.into_iter().filter(|row| row["collection"] == collection).collect()
}

#[test]
fn an_answer_that_stays_empty_is_believed_in_the_end() {
    let bed = TestBed::of(Scenario::Traps);
    let ran = fail_for_days(&bed);
    assert_eq!(ran.scope()["given_up"], 0);
    assert_eq!(ran.failures("EMPTY").len(), 2);
    let row = |id: &str| {
        let sessions = bed.lake().rows("sessions");
        sessions.into_iter().find(|row| row["session_id"] == id).unwrap()
    };
    let nobody = row("st-nobodyxxxxxxx");
    assert_eq!((&nobody["collection"], &nobody["participants_n"]), (&json!("COMPLETE"), &json!(0)));
    assert_eq!(row("st-lossesxxxxxxx")["collection"], "COMPLETE");
    let ran = bed.collect_anew(&[]).exits(0);
    assert_eq!(ran.scope()["sessions_left"]["failed"], 0);
}

#[test]
fn what_can_not_be_had_is_incomplete_or_lost_and_marked() {
    let bed = TestBed::of(Scenario::Traps);
    bed.set_faults("repeat-token=1");
    let ran = fail_for_days(&bed).exits(3);
    let (incomplete, lost) = (collected(&bed, "INCOMPLETE"), collected(&bed, "LOST"));
    assert_eq!(ran.scope()["given_up"], json!(incomplete.len() + lost.len()));
    assert_eq!((incomplete.len(), lost.len()), (1, 1), "{incomplete:#?} {lost:#?}");
    assert!(incomplete[0]["last_error"].as_str().unwrap().starts_with("RepeatedToken"));
    let participants = bed.lake().rows("participants");
    let of_it: Vec<_> = participants
        .iter()
        .filter(|row| row["session_id"] == incomplete[0]["session_id"])
        .collect();
    let has_failed = |row: &&&Value| {
        ["events_status", "details_status", "replicas_status"].iter().any(|s| row[*s] == "FAILED")
    };
    let failed = of_it.iter().filter(has_failed).count();
    assert!(failed > 0 && failed < of_it.len(), "{failed} of {}", of_it.len());
    assert_unique(&bed.lake());
    // Only `--refetch` tries again.
    bed.set_faults("");
    bed.collect_anew(&[]).exits(0);
    assert_eq!(asked(&bed.server.calls(), "ListParticipantEvents").count(), 0);
    bed.collect(&["--refetch"]).exits(3);
    assert_eq!(collected(&bed, "INCOMPLETE").len() + collected(&bed, "LOST").len(), 0);
    assert_unique(&bed.lake());
}

#[test]
fn what_is_fetched_again_replaces_what_was_there() {
    let bed = TestBed::of(Scenario::Small);
    bed.collect(&[]).exits(0);
    let first = counts(&bed.server.calls())["ListParticipantEvents"];
    let ran = bed.collect_anew(&["--refetch"]).exits(0);
    assert_eq!(counts(&bed.server.calls())["ListParticipantEvents"], first);
    assert!(ran.scope()["sessions"].as_u64().unwrap() > 0);
    assert_truth(&bed);
    assert_unique(&bed.lake());
}

#[test]
fn a_deadline_stops_cleanly_and_the_next_run_goes_on() {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let bed = TestBed::with(config);
    let ran = bed.collect(&["--tps", "10", "--deadline", "2s"]).exits(4);
    assert_eq!(ran.json()["status"], "deadline");
    assert!(ran.scope()["sessions_left"]["waiting"].as_u64().unwrap() > 0);
    bed.collect(&[]).exits(0);
    // Nothing that was whole is asked for twice.
    let calls = bed.server.calls();
    let mut events: Vec<_> = asked(&calls, "ListParticipantEvents").collect();
    let asked_n = events.len();
    events
        .sort_by_key(|call| (&call.stage_arn, &call.session_id, &call.participant_id, &call.token));
    events.dedup();
    assert_eq!(events.len(), asked_n);
    assert_truth(&bed);
}

#[test]
fn the_oldest_go_first_where_that_is_asked_for() {
    let bed = TestBed::of(Scenario::Clean);
    bed.collect(&["--order", "oldest", "--tps", "10"]).exits(0);
    let truth = bed.server.truth();
    let ends: Vec<_> = asked(&bed.server.calls(), "ListParticipants")
        .map(|call| truth.session(&call.stage_arn, &call.session_id).unwrap().end_time.unwrap())
        .collect();
    // The first ones were taken before all were known; a few are under way at once.
    let known = &ends[ends.len() / 2..];
    let turns = known.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(turns <= known.len() / 3, "{known:?}");
}
