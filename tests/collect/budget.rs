//! Calls are the currency: exactly those of collector.md's table.

use std::collections::BTreeMap;

use ivsight::sim::Scenario;

use crate::support::{TestBed, asked, budget, counts};

#[test]
fn a_first_run_costs_the_table_and_a_second_one_its_first_two_rows() {
    let bed = TestBed::of(Scenario::Small);
    bed.collect(&[]).exits(0);
    assert_eq!(counts(&bed.server.calls()), budget(&bed.settled(), "published"));
    let again = bed.collect_anew(&[]).exits(0);
    let stages_n = bed.settled().truth.stages.len();
    let expected = BTreeMap::from([("ListStages", 1), ("ListStageSessions", stages_n)]);
    assert_eq!(counts(&bed.server.calls()), expected);
    assert_eq!(again.scope()["sessions"], 0);
}

#[test]
fn details_are_read_of_whom_they_are_asked_for() {
    for details in ["all", "none"] {
        let bed = TestBed::of(Scenario::Small);
        bed.collect(&["--details", details]).exits(0);
        assert_eq!(counts(&bed.server.calls()), budget(&bed.settled(), details), "{details}");
        let status = if details == "all" { "FETCHED" } else { "NOT_ASKED" };
        let rows = bed.lake().rows("participants");
        assert!(!rows.is_empty() && rows.iter().all(|row| row["details_status"] == status));
    }
}

#[test]
fn stages_that_are_named_are_not_listed() {
    let bed = TestBed::of(Scenario::Small);
    let settled = bed.settled();
    let stage = settled.truth.stages.iter().find(|stage| !stage.sessions.is_empty()).unwrap();
    bed.collect(&["--stage", stage.arn()]).exits(0);
    let calls = bed.server.calls();
    let counts_by = counts(&calls);
    assert!(!counts_by.contains_key("ListStages"));
    assert_eq!((counts_by["GetStage"], counts_by["ListStageSessions"]), (1, 1));
    assert!(calls.log.iter().all(|call| call.stage_arn == stage.arn()));
    assert_eq!(bed.lake().rows("sessions").len(), stage.sessions.len());
}

#[test]
fn a_session_that_is_named_with_its_stage_is_asked_for_alone() {
    let bed = TestBed::of(Scenario::Small);
    let settled = bed.settled();
    let (stage, session) = settled.complete().next().unwrap();
    let id = session.id().unwrap();
    bed.collect(&["--stage", stage.arn(), "--session", id]).exits(0);
    let calls = bed.server.calls();
    let counts_by = counts(&calls);
    assert!(!counts_by.contains_key("ListStages") && !counts_by.contains_key("ListStageSessions"));
    assert_eq!((counts_by["GetStage"], counts_by["GetStageSession"]), (1, 1));
    assert_eq!(asked(&calls, "ListParticipantEvents").count(), counts_by["ListParticipantEvents"]);
    assert!(calls.log.iter().all(|call| call.session_id.is_empty() || call.session_id == id));
    assert_eq!(bed.lake().rows("sessions").len(), 1);
    // The others are known and left alone, and come with a run without filters.
    bed.collect(&[]).exits(0);
    super::truth::assert_truth(&bed);
}

#[test]
fn filters_decide_what_is_fetched_and_not_what_is_recorded() {
    let bed = TestBed::of(Scenario::Small);
    let ran = bed.collect(&["--stage", "battle-arena-*", "--to", "2026-11-14"]).exits(0);
    let lake = bed.lake();
    let settled = bed.settled();
    assert_eq!(lake.rows("stages").len(), settled.truth.stages.len());
    let rows = lake.rows("sessions");
    let arenas = settled.all().filter(|(stage, _)| {
        stage.name.as_deref().is_some_and(|name| name.starts_with("battle-arena-"))
    });
    assert_eq!(rows.len(), arenas.count());
    let done = |row: &&serde_json::Value| row["collection"] == "COMPLETE";
    assert!(rows.iter().filter(done).all(|row| row["date"].as_str().unwrap() < "2026-11-14"));
    assert_eq!(rows.iter().filter(done).count() as u64, ran.scope()["sessions"].as_u64().unwrap());
    assert!(rows.iter().any(|row| row["collection"] == "LISTED"));
    bed.collect(&[]).exits(0);
    super::truth::assert_truth(&bed);
}

#[test]
fn a_tag_that_no_stage_carries_costs_one_call() {
    let bed = TestBed::of(Scenario::Small);
    bed.collect(&["--tag", "team=nobody"]).exits(0);
    assert_eq!(counts(&bed.server.calls()), BTreeMap::from([("ListStages", 1)]));
}
