//! Token exchanges and the quality of the data; verdicts for `--check`.

use super::*;
use lakes::at;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"))
}

#[tokio::test]
async fn what_an_exchange_changed_and_what_is_unknown() {
    let token = |capabilities: Value, attributes: Value, user: &str, expires: &str| json!({"capabilities": capabilities, "attributes": attributes, "user_id": user, "expiration_time": at(expires)});
    let publish = json!(["PUBLISH", "SUBSCRIBE"]);
    let lake = alpha()
        .event(p("a"), "10:05:00", "TOKEN_EXCHANGED", json!({
            "previous_token": token(json!(["SUBSCRIBE"]), json!({"role": "viewer", "plan": "x"}), "ann", "10:06:00"),
            "new_token": token(publish.clone(), json!({"role": "host", "plan": "x", "new": "1"}), "ann", "11:05:00"),
        }))
        .event(p("b"), "10:07:00", "TOKEN_EXCHANGED", json!({
            "previous_token": token(Value::Null, Value::Null, "bob", "10:06:59"),
            "new_token": token(publish, json!({"role": "host"}), "rob", "10:07:00"),
        }));
    let columns = [
        "person",
        "capabilities_added",
        "capabilities_removed",
        "user_changed",
        "attributes_changed_keys",
        "ttl_before_s",
        "ttl_after_s",
        "used_expired",
        "attributes_after",
    ];
    let found = report(lake, "token-exchanges", &[], &columns).await;
    let null = Value::Null;
    assert_eq!(
        found[0],
        [
            json!("ann"),
            json!(["PUBLISH"]),
            json!([]),
            json!(false),
            json!(["new", "role"]),
            json!(60.0),
            json!(3600.0),
            json!(false),
            null.clone(),
        ]
    );
    assert_eq!(
        found[1],
        [
            json!("rob"),
            null.clone(),
            null.clone(),
            json!(true),
            null.clone(),
            json!(-1.0),
            json!(0.0),
            json!(true),
            null,
        ]
    );
}

/// Whether a report over a lake raises the alarm.
async fn alarms(lake: Lake, name: &str, given: &[(&str, &str)]) -> bool {
    let engine = engine_over(lake.into_source());
    let library = Library::embedded();
    let query = library.find(name).unwrap();
    let answer = engine.run_canned(query, &arguments(given)).await.unwrap();
    let (answer, alarm) = query.check().unwrap().watch(answer);
    rows(answer).await;
    alarm.is_raised()
}

/// A stop after the LEFT, a stop out of nowhere, a name that is newer than we are, an event without a time, and a replication
/// to the stage itself, whose stop is nothing odd.
fn odd() -> Lake {
    alpha()
        .interval(
            p("a"),
            "PUBLISH",
            ["10:00:00", "10:10:00"],
            json!({"end_reason": "LEFT", "anomalies": ["double_start"]}),
        )
        .event(p("a"), "10:10:00", "PUBLISH_STOPPED", json!({}))
        .event(p("a"), "10:10:04", "PUBLISH_STOPPED", json!({}))
        .event(p("a"), "10:20:00", "PUBLISH_STOPPED", json!({}))
        .event(p("a"), "10:20:00", "SOMETHING_NEW", json!({}))
        .event(p("a"), "10:20:00", "PUBLISH_ERROR", json!({"error_code": "QUOTA_EXCEEDED"}))
        .event(p("b"), "10:20:00", "LEFT", json!({"event_time": null}))
        .event(
            p("b"),
            "10:20:00",
            "REPLICATION_STARTED",
            json!({"destination_stage_arn": lakes::arn("alpha")}),
        )
        .event(
            p("b"),
            "10:20:00",
            "REPLICATION_STOPPED",
            json!({"destination_stage_arn": lakes::arn("alpha")}),
        )
        .counted()
}

#[tokio::test]
async fn oddities_are_counted_by_kind() {
    let columns = ["kind", "severity", "n", "participants_n", "affected_h", "ok"];
    let found = report(odd(), "anomalies", &[], &columns).await;
    let row = |kind: &str, severity: &str, hours: Value, ok: bool| {
        vec![json!(kind), json!(severity), json!(1), json!(1), hours, json!(ok)]
    };
    assert_eq!(
        found,
        [
            row("untimed", "error", Value::Null, false),
            row("orphan_stop", "warning", Value::Null, true),
            row("unknown_enum", "warning", Value::Null, true),
            row("double_start", "benign", json!(600.0 / 3600.0), true),
            row("late_stop", "benign", Value::Null, true),
            row("repl_self", "benign", Value::Null, true),
        ]
    );
    assert!(alarms(odd(), "anomalies", &[]).await);
    assert!(!alarms(odd(), "anomalies", &[("max_per_1k", "1000")]).await);
}

#[tokio::test]
async fn a_stop_with_a_code_that_nobody_knows_is_judged_as_a_stop_as_well() {
    let newer = || json!({"error_code": "NEWER"});
    let lake = alpha()
        .interval(p("a"), "PUBLISH", ["10:00:00", "10:10:00"], json!({}))
        .event(p("a"), "10:10:00", "PUBLISH_STOPPED", newer())
        .event(p("a"), "10:30:00", "PUBLISH_STOPPED", newer())
        .event(p("a"), "10:40:00", "PUBLISH_ERROR", newer());
    let found = report(lake.counted(), "anomalies", &[], &["kind", "n", "per_1k_events"]).await;
    let expected = [
        [json!("unknown_enum"), json!(3), json!(1_000.0)],
        [json!("orphan_stop"), json!(1), json!(1_000.0 / 3.0)],
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_ended_long_ago_and_is_not_there_is_not_fresh() {
    let lake =
        || {
            alpha()
            .listed("beta", "st-2", "10:00:00", "LISTED")
            .participant("alpha", "st-1", "a", json!({
                "events_status": "FETCHED", "events_n": 7, "events_fetched_at": at("12:00:00"),
            }))
            .participant("alpha", "st-1", "b", json!({"events_status": "FAILED"}))
        };
    let columns =
        ["session", "ok", "missing", "stale_live", "fetched_n", "failed_n", "events_n", "lag_s"];
    // What a hand-made row says of listed_at and as_of: midnight.
    let given = [("as_of", "2026-11-20T12:00:00Z")];
    let found = report(lake(), "freshness", &given, &columns).await;
    let row = |session: &str, ok: bool, missing: bool, stale: bool, counts: [i64; 3]| {
        let mut row = vec![json!(session), json!(ok), json!(missing), json!(stale)];
        row.extend(counts.map(|n| json!(n)));
        row.push(json!(43200.0));
        row
    };
    assert_eq!(
        found,
        [row("st-1", true, false, false, [1, 1, 7]), row("st-2", true, true, false, [0, 0, 0])]
    );
    assert!(!alarms(lake(), "freshness", &given).await);
    let given = [("as_of", "2026-11-20T12:00:00Z"), ("max_lag", "11h")];
    assert!(alarms(lake(), "freshness", &given).await);
    let lost = alpha().listed("beta", "st-3", "10:00:00", "LOST");
    assert!(alarms(lost, "freshness", &[("as_of", "2026-11-20T12:00:00Z")]).await);
}

#[tokio::test]
async fn listings_events_and_intervals_are_compared() {
    let fetched = |more: Value| {
        let mut row = json!({"events_status": "FETCHED", "state": "DISCONNECTED", "replication_type": "NONE"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let lake = || {
        alpha()
            .participant(
                "alpha",
                "st-1",
                "a",
                fetched(json!({
                    "published": true, "first_join_time": at("10:00:01"), "events_n": 1,
                })),
            )
            .event(p("a"), "10:00:00", "JOINED", json!({}))
            .interval(p("a"), "PRESENCE", ["10:00:00", "10:30:00"], json!({}))
            .interval(p("a"), "PUBLISH", ["10:00:00", "10:30:00"], json!({}))
            // Said to have published and to be connected, without any sign of it; two events are missing.
            .participant(
                "alpha",
                "st-1",
                "b",
                fetched(json!({
                    "published": true, "state": "CONNECTED", "events_n": 2,
                })),
            )
    };
    let columns = ["check", "ok_n", "bad_n", "ok"];
    let found = report(lake(), "reconcile", &[], &columns).await;
    let row =
        |check: &str, ok: i64, bad: i64| vec![json!(check), json!(ok), json!(bad), json!(bad == 0)];
    assert_eq!(
        found,
        [
            row("connected", 1, 1),
            row("participant_events", 1, 1),
            row("published", 1, 1),
            row("first_join_time", 1, 0),
            row("replication_source", 2, 0),
            row("session_bounds", 2, 0),
        ]
    );
    assert!(alarms(lake(), "reconcile", &[]).await);
    assert!(!alarms(lake(), "reconcile", &[("max_bad", "0.5")]).await);
}
