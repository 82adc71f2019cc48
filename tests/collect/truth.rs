//! What is in the lake is what the simulator made up, row by row.

use std::collections::BTreeSet;

use ivsight::model::EventName;
use ivsight::sim::{Config, Scenario};
use serde_json::{Value, json};

use crate::support::{Fate, LakeFiles, TestBed, assert_same, budget, counts, only, text};

/// Every table against the truth, and what must hold of any lake.
#[track_caller]
pub(crate) fn assert_truth(bed: &TestBed) {
    let (lake, settled) = (bed.lake(), bed.settled());
    assert_same("sessions", &lake.rows("sessions"), &settled.sessions());
    assert_same("participants", &lake.rows("participants"), &settled.participants());
    assert_same("events", &lake.rows("events"), &settled.events());
    assert_same("replicas", &lake.rows("replicas"), &settled.replicas());
    assert_unique(&lake);
}

/// No key stands twice in any table.
#[track_caller]
pub(crate) fn assert_unique(lake: &LakeFiles) {
    const SESSION: [&str; 2] = ["stage_arn", "session_id"];
    const PERSON: [&str; 3] = ["stage_arn", "session_id", "participant_id"];
    const EVENT: [&str; 13] = [
        "stage_arn",
        "session_id",
        "participant_id",
        "event_time",
        "name",
        "remote_participant_id",
        "error_code",
        "destination_stage_arn",
        "destination_session_id",
        "replica",
        "previous_token",
        "new_token",
        "occurrence",
    ];
    const REPLICA: [&str; 5] = [
        "source_stage_arn",
        "source_session_id",
        "participant_id",
        "destination_stage_arn",
        "destination_session_id",
    ];
    let keys: [(&str, &[&str]); 6] = [
        ("stages", &["stage_arn"]),
        ("sessions", &SESSION),
        ("participants", &PERSON),
        ("events", &EVENT),
        ("replicas", &REPLICA),
        ("runs", &["run_id"]),
    ];
    for (table, key) in keys {
        let rows = lake.rows(table);
        let distinct: BTreeSet<String> =
            rows.iter().map(|row| only(row, key).to_string()).collect();
        assert_eq!(rows.len(), distinct.len(), "`{table}` holds a key twice");
    }
}

#[test]
fn every_odd_shape_is_in_the_lake_as_the_service_told_it() {
    let bed = TestBed::of(Scenario::Traps);
    // One session shows nobody, another a participant that joined and has no events: both are reported.
    let ran = bed.collect(&[]).exits(3);
    assert_eq!(ran.failures("EMPTY").len(), 2);
    assert_eq!(counts(&bed.server.calls()), budget(&bed.settled(), "published"));
    assert_truth(&bed);
    assert_sorted(&bed.lake());
    let left = json!({"live": 1, "unsettled": 1, "waiting": 0, "failed": 2});
    assert_eq!(ran.scope()["sessions_left"], left);
    let lake = bed.lake();
    let find = |table: &str, participant: &str| -> Vec<Value> {
        lake.rows(table).into_iter().filter(|row| row["participant_id"] == participant).collect()
    };
    assert_eq!(find("participants", "unknownStates")[0]["state"], "HIBERNATING");
    assert!(find("events", "unknownName").iter().any(|event| event["name"] == "HAND_RAISED"));
    assert!(find("events", "unknownCode").iter().any(|event| event["error_code"] == "MOON_PHASE"));
    assert_eq!(find("participants", "emptyTexts")[0]["user_id"], Value::Null);
    let errors = find("events", "equalErrors");
    let errors = errors.iter().filter(|event| event["name"] == "PUBLISH_ERROR");
    assert_eq!(errors.map(|event| event["occurrence"].clone()).collect::<Vec<_>>(), [0, 1]);
    // The second page of events counts on, and each position is there once.
    let mut positions: Vec<i64> =
        find("events", "flapping").iter().map(|it| it["position"].as_i64().unwrap()).collect();
    positions.sort_unstable();
    assert_eq!(positions, (0..262).collect::<Vec<i64>>());
}

#[test]
fn a_believable_product_is_in_the_lake_row_by_row() {
    let bed = TestBed::of(Scenario::Demo);
    let scope = bed.collect(&[]).exits(0).scope();
    let settled = bed.settled();
    assert_truth(&bed);
    assert_eq!(counts(&bed.server.calls()), budget(&settled, "published"));
    assert!(settled.count(Fate::Live) > 0 && settled.count(Fate::Complete) > 30);
    assert_eq!(scope["sessions"], settled.count(Fate::Complete));
    assert_eq!(scope["sessions_left"]["live"], settled.count(Fate::Live));
    assert_eq!(scope["participants"], settled.participants().len());
    assert_eq!(scope["events"], settled.events().len());
    assert_eq!(scope["replicas"], settled.replicas().len());
}

#[test]
fn without_losses_the_intervals_are_what_people_did() {
    let bed = TestBed::of(Scenario::Clean);
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    let intervals = bed.lake().rows("intervals");
    // A replica comes without JOINED and LEFT: that it was there follows from its media, and was not made up.
    let (follows, intervals): (Vec<Value>, Vec<Value>) =
        intervals.into_iter().partition(|row| row["replica"] == true && row["kind"] == "PRESENCE");
    assert!(!follows.is_empty() && follows.iter().all(|row| row["synthetic_start"] == true));
    assert_same("intervals", &intervals, &bed.settled().intervals());
    let kinds: BTreeSet<String> = intervals.iter().map(|row| text(&row["kind"])).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    // Viewers of redundant streams know the publisher by an id of its own, which no listing shows.
    let people: BTreeSet<String> =
        bed.settled().participants().iter().map(|row| text(&row["participant_id"])).collect();
    for row in &intervals {
        let remote = &row["remote_participant_id"];
        let is_unknown = remote.as_str().is_some_and(|remote| !people.contains(remote));
        let expected = if is_unknown { json!(["remote_unknown"]) } else { json!([]) };
        assert_eq!(row["anomalies"], expected, "{row}");
    }
}

#[test]
fn leading_zeros_of_an_account_count() {
    let account_id = Some("000011112222".to_owned());
    let bed = TestBed::with(Config {
        account_id,
        scenario: Scenario::Small,
        tps: 0.0,
        ..Config::default()
    });
    let scope = bed.collect(&[]).exits(0).scope();
    assert_eq!(scope["account_id"], "000011112222");
    assert_truth(&bed);
    for table in ["stages", "sessions", "participants", "events", "intervals", "replicas", "runs"] {
        let rows = bed.lake().rows(table);
        assert!(!rows.is_empty() && rows.iter().all(|row| row["account_id"] == "000011112222"));
    }
    let sql = "SELECT DISTINCT account_id FROM events";
    assert_eq!(bed.query(&[sql]).exits(0).text(), "account_id\r\n000011112222\r\n");
}

/// The texts of a row in the order that lake.md gives; what is NULL comes last.
fn place(row: &Value, columns: &[&str]) -> Vec<(bool, String)> {
    let key = |name: &&str| match &row[*name] {
        Value::Null => (true, String::new()),
        Value::Number(number) => (false, format!("{number:0>12}")),
        // A second without a fraction comes before its fractions.
        value => (false, text(value).trim_end_matches('Z').to_owned()),
    };
    columns.iter().map(key).collect()
}

/// Files are sorted as lake.md says.
#[track_caller]
fn assert_sorted(lake: &LakeFiles) {
    let with_rank = |mut row: Value, column: &str| {
        let name = row[column].as_str().map(|name| EventName::from(name).rank());
        row["rank"] = json!(name.map(|rank| format!("{rank:02}")));
        row
    };
    let common = ["stage_arn", "session_id", "participant_id"];
    let events = ["event_time", "rank", "name", "remote_participant_id", "error_code"];
    let order: Vec<&str> = common.into_iter().chain(events).collect();
    for file in lake.files("events", u64::MAX) {
        let rows: Vec<Value> =
            file.rows(lake.path()).into_iter().map(|row| with_rank(row, "name")).collect();
        let mut pairs =
            rows.windows(2).map(|pair| [place(&pair[0], &order), place(&pair[1], &order)]);
        assert_eq!(pairs.find(|[one, next]| one > next), None, "{}", file.path().display());
    }
    for file in lake.files("participants", u64::MAX) {
        assert!(file.rows(lake.path()).is_sorted_by_key(|row| place(row, &common)));
    }
}
