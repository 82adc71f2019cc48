//! The summary, the plan, and the table `runs`.

use ivsight::sim::Scenario;
use serde_json::{Value, json};

use crate::support::{Fate, TestBed, asked, budget, counts, text};

fn keys(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[track_caller]
fn assert_has(value: &Value, wanted: &[&str]) {
    let keys = keys(value);
    for key in wanted {
        assert!(keys.iter().any(|it| it == key), "no `{key}` in {value:#}");
    }
}

#[test]
fn the_summary_has_every_key_and_the_truths_numbers() {
    let bed = TestBed::of(Scenario::Traps);
    let ran = bed.collect(&[]).exits(3);
    let (summary, scope) = (ran.json(), ran.scope());
    let totals = ["stages", "sessions", "participants", "events"];
    assert_has(&summary, &["version", "run_id", "status", "duration_s", "bytes_written", "scopes"]);
    assert_has(&summary, &totals);
    assert_has(&scope, &["account_id", "region", "status", "sessions_left", "given_up"]);
    assert_has(&scope, &["replicas", "calls", "failures"]);
    assert_has(&scope, &totals);
    assert_has(&scope["sessions_left"], &["live", "unsettled", "waiting", "failed"]);
    for failure in scope["failures"].as_array().unwrap() {
        assert_has(failure, &["stage_arn", "session_id", "participant_id", "operation"]);
        assert_has(failure, &["code", "message", "hint", "n"]);
    }
    let settled = bed.settled();
    assert_eq!(summary["version"], 1);
    assert_eq!(uuid::Uuid::parse_str(&text(&summary["run_id"])).unwrap().get_version_num(), 7);
    let numbers = json!({
        "stages": settled.truth.stages.len(), "sessions": settled.count(Fate::Complete),
        "participants": settled.participants().len(), "events": settled.events().len(),
    });
    for total in totals {
        assert_eq!((&summary[total], &scope[total]), (&numbers[total], &numbers[total]), "{total}");
    }
    let wanted = budget(&settled, "published");
    assert_eq!(keys(&scope["calls"]).len(), wanted.len());
    for (operation, calls_n) in wanted {
        let calls = &scope["calls"][operation];
        assert_has(calls, &["attempts", "ok", "retries", "throttles", "waited_s", "utilization"]);
        assert_eq!((&calls["attempts"], &calls["ok"]), (&json!(calls_n), &json!(calls_n)));
        assert_eq!((&calls["retries"], &calls["throttles"]), (&json!(0), &json!(0)));
    }
    assert_run_row(&bed, &summary, &scope);
}

/// The run's row says what its summary says.
fn assert_run_row(bed: &TestBed, summary: &Value, scope: &Value) {
    let rows = bed.lake().rows("runs");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    for key in ["status", "stages", "sessions", "participants", "events", "replicas", "given_up"] {
        assert_eq!(row[key], scope[key], "{key}");
    }
    assert_eq!(
        (&row["run_id"], &row["sessions_left"]),
        (&summary["run_id"], &scope["sessions_left"])
    );
    assert_eq!(row["version"], env!("CARGO_PKG_VERSION"));
    assert!(text(&row["started_at"]) <= text(&row["finished_at"]));
    assert_eq!(keys(&row["calls"]), keys(&scope["calls"]));
    assert_eq!(row["calls"]["ListParticipants"]["ok"], scope["calls"]["ListParticipants"]["ok"]);
    assert_eq!(row["failures"], scope["failures"]);
    // Times are the service's.
    assert!(text(&row["started_at"]).starts_with("2026-11-15T21:3"), "{row}");
}

#[test]
fn the_text_for_people_carries_the_same_facts() {
    let bed = TestBed::few();
    let url = bed.server.endpoint_url();
    let args =
        ["collect", "--lake", "lake", "--endpoint-url", &url, "--tps", "0", "--progress", "none"];
    let ran = bed.ivsight(&args).exits(0);
    let settled = bed.settled();
    let [sessions, people, events] =
        [settled.count(Fate::Complete), settled.participants().len(), settled.events().len()];
    let facts = format!(
        "complete: {sessions} sessions, {people} participants, {events} events from 3 stages"
    );
    assert!(ran.text().starts_with(&facts), "{}", ran.text());
    assert!(ran.text().contains("111122223333 us-west-2: complete"), "{}", ran.text());
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_dry_run_plans_what_a_run_does_and_writes_nothing() {
    let bed = TestBed::few();
    let plan = bed.collect(&["--dry-run"]).exits(0).json();
    assert!(!bed.lake_path().exists());
    let calls = bed.server.calls();
    assert_eq!(asked(&calls, "ListParticipantEvents").count(), 0);
    assert_eq!(asked(&calls, "GetParticipant").count(), 0);
    let listed = asked(&calls, "ListParticipants").count();
    let plan = plan["scopes"][0]["plan"].clone();
    let settled = bed.settled();
    let wanted = budget(&settled, "published");
    assert_eq!(plan["sessions"], settled.count(Fate::Complete));
    assert_eq!(plan["participants"], settled.participants().len());
    assert_eq!((&plan["participants_calls"], listed), (&json!(listed), wanted["ListParticipants"]));
    assert_eq!(plan["details_calls"], wanted["GetParticipant"]);
    assert_eq!(plan["events_calls"], settled.participants().len());
    let text = bed.ivsight(&[
        "collect",
        "--dry-run",
        "--lake",
        "lake",
        "--endpoint-url",
        &bed.server.endpoint_url(),
        "--tps",
        "0",
        "--progress",
        "none",
    ]);
    assert!(text.exits(0).text().contains("ListParticipantEvents: at least"));
    assert!(!bed.lake_path().exists());
}

#[test]
fn an_account_without_stages_writes_nothing_and_says_so() {
    let bed = TestBed::of(Scenario::Empty);
    let ran = bed.collect(&[]).exits(0);
    assert_eq!((&ran.json()["status"], &ran.json()["stages"]), (&json!("complete"), &json!(0)));
    assert!(!bed.lake_path().exists());
    assert_eq!(counts(&bed.server.calls()).len(), 1);
}

#[test]
fn a_run_that_may_not_list_stages_fails_with_the_way_out() {
    let bed = TestBed::few();
    bed.set_faults("deny=ListStages");
    let ran = bed.collect(&[]).exits(1);
    assert_eq!(ran.json()["status"], "failed");
    assert_eq!(ran.failures("AccessDeniedException")[0]["operation"], "ListStages");
    ran.says(&["error: cannot find the stages", "caused by: ", "schema --iam"]);
    assert!(!bed.lake_path().exists());
}

#[test]
fn a_killed_run_gets_its_row_from_the_next_one() {
    let bed = TestBed::few();
    bed.set_faults("slow=1,slow-ms=400");
    let mut run = bed.start_collect(&[]);
    let record = bed.lake_path().join("_inflight/111122223333/us-west-2/run.json");
    assert!(run.until(|| record.exists()));
    assert!(run.kill());
    let killed: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    bed.set_faults("");
    bed.collect(&[]).exits(0);
    let rows = bed.lake().rows("runs");
    let of = |status: &str| rows.iter().find(|row| row["status"] == status).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(of("killed")["run_id"], killed["run_id"]);
    assert_eq!(
        (&of("killed")["duration_s"], &of("killed")["events"]),
        (&Value::Null, &Value::Null)
    );
    assert_ne!(of("complete")["run_id"], killed["run_id"]);
    assert!(!record.exists());
}
