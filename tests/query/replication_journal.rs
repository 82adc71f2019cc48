//! The replication reports with a journal, and those that count replications at once and who saw them.

use super::*;
use lakes::{arn, at};

const HOST: [&str; 3] = ["home", "st-1", "host"];

fn to(stage: &str, session: &str, end_reason: &str) -> Value {
    json!({
        "destination_stage_arn": arn(stage), "destination_session_id": session, "end_reason": end_reason,
    })
}

fn sessions() -> Lake {
    Lake::default().session("home", "st-1", "10:00:00", Some("12:00:00")).session(
        "away",
        "st-2",
        "10:00:00",
        Some("12:00:00"),
    )
}

fn replicated(lake: Lake, span: [&str; 2]) -> Lake {
    lake.interval(HOST, "REPLICATION", span, to("away", "st-2", "EXPLICIT"))
}

fn published(lake: Lake, span: [&str; 2]) -> Lake {
    lake.interval(HOST, "PUBLISH", span, json!({}))
}

fn window(seconds: i32) -> Value {
    json!({ "reconnect_window_seconds": seconds })
}

/// Who ended a replication from 10:10:00 to 10:20:00 whose publisher was there until then or not.
async fn ended(published_until: &str, requests: impl Fn(Lake) -> Lake) -> Value {
    let lake = replicated(sessions(), ["10:10:00", "10:20:00"]);
    let lake = requests(published(lake, ["10:05:00", published_until]));
    let mut rows = report(lake, "replication-durations", &[], &["stopped_by"]).await;
    assert_eq!(rows.len(), 1);
    rows.remove(0).remove(0)
}

#[tokio::test]
async fn who_ended_a_replication_is_told_only_where_it_is_known() {
    let start =
        |seconds| move |lake: Lake| lake.request("away", "10:10:00", "START", window(seconds));
    let stop = |time: &'static str, outcome: &'static str| {
        move |lake: Lake| {
            start(60)(lake).request("away", time, "STOP", json!({ "outcome": outcome }))
        }
    };
    // Without a journal an end beside the publisher's proves nothing.
    assert_eq!(ended("10:20:00", |lake| lake).await, Value::Null);
    assert_eq!(ended("10:20:00", start(0)).await, "PUBLISHER_LEFT");
    assert_eq!(ended("10:19:00", start(60)).await, "WINDOW");
    // The publisher goes on: somebody else stopped it.
    assert_eq!(ended("10:30:00", start(60)).await, Value::Null);
    assert_eq!(ended("10:30:00", stop("10:20:00", "ACCEPTED")).await, "STOP");
    assert_eq!(ended("10:30:00", stop("10:19:58", "UNKNOWN")).await, "STOP");
    // A refused one, one to another stage, and one of another time did not end it.
    assert_eq!(ended("10:30:00", stop("10:20:00", "AccessDeniedException")).await, Value::Null);
    assert_eq!(ended("10:30:00", stop("10:25:00", "ACCEPTED")).await, Value::Null);
    let elsewhere = |lake: Lake| start(60)(lake).request("far", "10:20:00", "STOP", json!({}));
    assert_eq!(ended("10:30:00", elsewhere).await, Value::Null);
}

#[tokio::test]
async fn a_request_belongs_to_the_first_replication_that_follows_it() {
    let lake = replicated(sessions(), ["10:10:03", "10:10:20"]);
    let lake = replicated(lake, ["10:10:30", "10:11:00"])
        .request("away", "10:09:00", "START", json!({ "outcome": "ConflictException" }))
        .request("away", "10:10:01", "START", window(30));
    let columns = ["requested_at", "request_to_start_s", "reconnect_window_s"];
    let found = report(lake, "replication-durations", &[], &columns).await;
    let expected = [vec![json!(at("10:10:01")), json!(2.0), json!(30)], vec![Value::Null; 3]];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_request_without_effect_is_told_apart_from_one_that_nobody_has_seen_yet() {
    let lake = replicated(sessions(), ["10:10:01", "10:20:00"])
        .request("away", "10:10:00", "START", window(0))
        .request("far", "10:30:00", "START", window(0))
        .request("away", "10:19:59", "STOP", json!({}))
        .request("away", "13:00:00", "START", json!({ "outcome": "PENDING", "finished_at": null }))
        .request("away", "10:10:02", "START", json!({ "outcome": "ConflictException" }));
    let columns = ["action", "effect", "effect_after_s"];
    let found = report(lake, "replication-requests", &[], &columns).await;
    let expected = [
        json!(["START", "STARTED", 1.0]),
        json!(["START", "NONE", null]),
        json!(["STOP", "STOPPED", 1.0]),
        json!(["START", "NONE", null]),
        json!(["START", "UNKNOWN", null]),
    ];
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_goes_on_at_once_is_counted_in_each_bucket() {
    let mut lake = sessions();
    for (stage, span) in [
        ("r1", ["10:10:00", "10:40:00"]),
        ("r2", ["10:20:00", "10:30:00"]),
        // Begins in the second in which another ends.
        ("r3", ["10:30:00", "11:30:00"]),
    ] {
        lake = lake.interval(HOST, "REPLICATION", span, to(stage, "st-9", "EXPLICIT"));
    }
    lake = lake.request(
        "r4",
        "10:35:00",
        "START",
        json!({ "outcome": "ServiceQuotaExceededException" }),
    );
    let columns = ["bucket", "scope", "peak", "avg", "peak_at", "headroom", "refused_n"];
    let found = report(lake, "replication-fanout", &[("bucket", "1h")], &columns).await;
    let found: Vec<_> =
        found.into_iter().filter(|row| row[1] == "participant").map(Value::Array).collect();
    // 30 + 10 + 30 of 60 minutes; then 30.
    let expected = [
        json!([at("10:00:00"), "participant", 2, 70.0 / 60.0, at("10:20:00"), 3, 1]),
        json!([at("11:00:00"), "participant", 1, 0.5, at("11:00:00"), 4, 0]),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn without_a_journal_nothing_is_said_of_refusals() {
    let lake = replicated(sessions(), ["10:10:00", "10:20:00"]);
    let found = report(lake, "replication-fanout", &[], &["peak", "refused_n"]).await;
    assert_eq!(found, vec![vec![json!(1), Value::Null]; 3]);
}

#[tokio::test]
async fn a_battle_is_where_each_stage_is_replicated_to_the_other() {
    let back = ["away", "st-2", "rival"];
    let there = |lake: Lake, span| replicated(lake, span);
    let home =
        |lake: Lake, span| lake.interval(back, "REPLICATION", span, to("home", "st-1", "EXPLICIT"));
    // 10:05 to 10:10 and 10:15 to 10:20, of which two of the hosts overlap; then one way only.
    let lake = there(sessions(), ["10:00:00", "10:10:00"]);
    let lake = there(home(lake, ["10:05:00", "10:20:00"]), ["10:15:00", "10:30:00"]);
    let lake = there(lake, ["10:16:00", "10:18:00"]);
    let columns =
        ["stage_a", "stage_b", "matches_n", "overlap_s", "longest_s", "first_start", "last_end"];
    let found = report(lake, "replication-fanout", &[("by", "pair")], &columns).await;
    let expected = [json!(["away", "home", 2, 600.0, 300.0, at("10:05:00"), at("10:20:00")])];
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn impact_compares_the_replica_with_the_original() {
    let watches = |lake: Lake, [stage, session, who]: [&str; 3], span: [&str; 2], replica: bool| {
        let remote = json!({ "remote_participant_id": "host", "replica": replica });
        lake.interval([stage, session, who], "SUBSCRIBE", span, remote)
    };
    let lake = replicated(sessions(), ["10:10:00", "10:20:00"]);
    let lake = lake.interval(
        ["away", "st-2", "host"],
        "PUBLISH",
        ["10:10:02", "10:20:00"],
        json!({ "replica": true }),
    );
    let lake = watches(lake, ["away", "st-2", "ann"], ["10:10:03", "10:12:03"], true);
    let lake = watches(lake, ["away", "st-2", "ann"], ["10:13:00", "10:14:00"], true);
    // Of this one the first minute lies in the replication.
    let lake = watches(lake, ["home", "st-1", "bob"], ["10:19:00", "10:40:00"], false);
    let lake = watches(lake, ["home", "st-1", "cid"], ["10:30:00", "10:40:00"], false);
    let lake = lake.event(
        ["away", "st-2", "dan"],
        "10:11:00",
        "SUBSCRIBE_ERROR",
        json!({ "remote_participant_id": "host", "replica": true }),
    );
    let columns = [
        "start_lag_s",
        "replica_subscribers_n",
        "replica_subscriber_min",
        "native_subscribers_n",
        "native_subscriber_min",
        "audience_share",
        "replica_tried_n",
        "replica_failure_rate",
        "native_tried_n",
        "native_failure_rate",
        "low_n",
        "requested_at",
    ];
    let found = report(lake, "replication-impact", &[], &columns).await;
    let expected = json!([2.0, 1, 3.0, 1, 1.0, 0.75, 2, 0.5, 1, 0.0, true, null]);
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn wilson_bounds_are_those_of_the_book() {
    let lake = replicated(sessions(), ["10:10:00", "10:20:00"]);
    let remote = json!({ "remote_participant_id": "host" });
    let mut lake = lake;
    for number in 0..10 {
        let id = format!("viewer{number}");
        lake = lake.interval(
            ["home", "st-1", &id],
            "SUBSCRIBE",
            ["10:12:00", "10:13:00"],
            remote.clone(),
        );
        if number < 2 {
            lake = lake.event(["home", "st-1", &id], "10:11:00", "SUBSCRIBE_ERROR", remote.clone());
        }
    }
    let found = report(
        lake,
        "replication-impact",
        &[],
        &["native_failure_rate", "native_ci_lo", "native_ci_hi"],
    )
    .await;
    // 2 of 10 at 95 %: 0.0567 to 0.5098.
    for (value, expected) in found[0].iter().zip([0.2, 0.0567, 0.5098]) {
        assert!((value.as_f64().unwrap() - expected).abs() < 1e-4, "{found:?}");
    }
}

#[tokio::test]
async fn where_the_destination_is_not_in_the_lake_its_figures_are_not_known() {
    let lake = Lake::default()
        .session("home", "st-1", "10:00:00", Some("12:00:00"))
        .listed("away", "st-2", "10:00:00", "LISTED");
    let lake = replicated(lake, ["10:10:00", "10:20:00"]);
    let columns = ["start_lag_s", "replica_subscribers_n", "audience_share", "replica_tried_n"];
    assert_eq!(report(lake, "replication-impact", &[], &columns).await, [vec![Value::Null; 4]]);
}
