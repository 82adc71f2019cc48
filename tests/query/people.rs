//! Sessions, concurrency, hours, attendance and audience over one session with the traps that concern them.

use super::*;
use lakes::at;

const ANN: [&str; 3] = ["alpha", "st-1", "a"];
const ANN_AGAIN: [&str; 3] = ["alpha", "st-1", "a2"];
const BOB: [&str; 3] = ["alpha", "st-1", "b"];
const VIEWER: [&str; 3] = ["alpha", "st-1", "v"];
const REPLICA: [&str; 3] = ["alpha", "st-1", "r"];

fn user(name: &str) -> Value {
    json!({"user_id": name, "publisher": true})
}

fn remote(id: &str) -> Value {
    json!({"remote_participant_id": id})
}

/// 10:00 to 11:00. Ann comes back with a second token while her first lingers for 30 s; Bob restarts, and publishes for
/// no time at all, then for 10 minutes; a viewer comes in the second in which Ann's second stay ends.
pub(super) fn busy() -> Lake {
    Lake::default()
        .session("alpha", "st-1", "10:00:00", Some("11:00:00"))
        .participant("alpha", "st-1", "r", json!({"replication_type": "REPLICA"}))
        .interval(ANN, "PRESENCE", ["10:00:00", "10:30:00"], user("ann"))
        .interval(ANN_AGAIN, "PRESENCE", ["10:29:30", "10:40:00"], user("ann"))
        .interval(
            BOB,
            "PRESENCE",
            ["10:10:00", "10:50:00"],
            json!({"user_id": "bob", "starts_n": 2, "anomalies": ["double_start"], "publisher": true}),
        )
        .interval(VIEWER, "PRESENCE", ["10:40:00", "11:00:00"], json!({"end_reason": "SESSION_END"}))
        .interval(
            REPLICA,
            "PRESENCE",
            ["10:00:00", "11:00:00"],
            json!({"replica": true, "synthetic_start": true, "starts_n": 0}),
        )
        .interval(ANN, "PUBLISH", ["10:00:03", "10:20:00"], user("ann"))
        .interval(BOB, "PUBLISH", ["10:10:00", "10:10:00"], user("bob"))
        .interval(BOB, "PUBLISH", ["10:40:00", "10:50:00"], user("bob"))
        .interval(REPLICA, "PUBLISH", ["10:00:00", "11:00:00"], json!({"replica": true}))
        .interval(ANN, "SUBSCRIBE", ["10:10:00", "10:20:00"], remote("b"))
        .interval(BOB, "SUBSCRIBE", ["10:12:00", "10:20:00"], remote("a"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn close(found: &Value, expected: f64) {
    assert!((number(found) - expected).abs() < 1e-9, "{found} instead of {expected}");
}

#[tokio::test]
async fn concurrency_carries_levels_and_counts_no_hand_over_twice() {
    let columns = [
        "bucket",
        "scope",
        "peak_ccu",
        "peak_at",
        "min_ccu",
        "peak_publishers",
        "peak_replica_publishers",
        "peak_subscriptions",
        "headroom",
        "avg_ccu",
    ];
    let given = [("bucket", "30m"), ("quota", "5")];
    let found = report(busy(), "concurrency", &given, &columns).await;
    assert_eq!(found.len(), 2);
    let row = |bucket: &str, peak: i64, peak_at: &str, subscriptions: i64| {
        vec![
            json!(at(bucket)),
            json!("alpha"),
            json!(peak),
            json!(at(peak_at)),
            json!(1),
            json!(1),
            json!(1),
            json!(subscriptions),
            json!(5 - peak),
        ]
    };
    assert_eq!(found[0][..9], row("10:00:00", 3, "10:29:30", 2));
    assert_eq!(found[1][..9], row("10:30:00", 2, "10:30:00", 0));
    close(&found[0][9], (10.0 + 2.0 * 19.5 + 3.0 * 0.5) / 30.0);
    close(&found[1][9], (2.0 * 20.0 + 10.0) / 30.0);
}

#[tokio::test]
async fn a_period_cuts_the_levels_and_quiet_buckets_keep_them() {
    let columns = ["bucket", "peak_ccu", "min_ccu", "avg_ccu"];
    let given = [
        ("bucket", "5m"),
        ("by", "all"),
        ("from", "2026-11-20T10:01:00Z"),
        ("to", "2026-11-20T10:11:00Z"),
    ];
    let found = report(busy(), "concurrency", &given, &columns).await;
    let row = |bucket: &str, peak: i64| {
        vec![
            json!(at(bucket)),
            json!(peak),
            json!(peak),
            json!(f64::from(i32::try_from(peak).unwrap())),
        ]
    };
    assert_eq!(found, [row("10:00:00", 1), row("10:05:00", 1), row("10:10:00", 2)]);
}

#[tokio::test]
async fn a_session_and_its_hours_and_peaks_agree_with_the_other_reports() {
    let columns = [
        "participants_n",
        "persons_n",
        "identified_n",
        "joins_n",
        "publishers_n",
        "peak_ccu",
        "peak_publishers",
        "replicas_in_n",
        "replicas_out_n",
        "open_n",
        "anomaly_n",
        "label",
        "peak_at",
        "occupied_s",
        "participant_min",
        "publish_min",
        "subscribe_min",
        "avg_ccu",
    ];
    let found = report(busy(), "sessions", &[], &columns).await;
    assert_eq!(found.len(), 1);
    let counts: Vec<i64> = found[0][..11].iter().map(|value| value.as_i64().unwrap()).collect();
    assert_eq!(counts, [4, 3, 2, 5, 2, 3, 1, 1, 0, 0, 1]);
    assert_eq!(found[0][11..14], [json!("ok"), json!(at("10:29:30")), json!(3600.0)]);
    for (index, expected) in [(14, 100.5), (15, 29.95), (16, 18.0), (17, 1.675)] {
        close(&found[0][index], expected);
    }
    let given = [("bucket", "1d"), ("by", "session")];
    let peaks = report(busy(), "concurrency", &given, &["peak_ccu", "peak_at"]).await;
    assert_eq!(peaks, [[json!(3), json!(at("10:29:30"))]]);
    let columns = [
        "role",
        "participants_n",
        "peak_ccu",
        "participant_h",
        "publish_h",
        "subscribe_h",
        "replica_h",
    ];
    let hours = report(busy(), "participant-hours", &[], &columns).await;
    let roles: Vec<Vec<Value>> = hours.iter().map(|row| row[..3].to_vec()).collect();
    let role = |name: &str, n: i64| vec![json!(name), json!(n), json!(3)];
    assert_eq!(roles, [role("publisher", 2), role("replica", 1), role("viewer", 4)]);
    for (row, minutes) in hours.iter().zip([
        [29.95, 29.95, 10.0, 0.0],
        [60.0, 60.0, 0.0, 60.0],
        [70.55, 0.0, 8.0, 0.0],
    ]) {
        for (value, minutes) in row[3..].iter().zip(minutes) {
            close(value, minutes / 60.0);
        }
    }
    close(&found[0][14], (number(&hours[0][3]) + number(&hours[2][3])) * 60.0);
}

#[tokio::test]
async fn hours_are_cut_at_the_edges_of_buckets() {
    let columns = ["bucket", "role", "participant_h"];
    let given = [("bucket", "30m"), ("by", "all")];
    let found = report(busy(), "participant-hours", &given, &columns).await;
    let of = |bucket: &str, role: &str| {
        let row = found.iter().find(|row| row[0] == at(bucket) && row[1] == role).unwrap();
        number(&row[2]) * 60.0
    };
    assert!((of("10:00:00", "publisher") - 19.95).abs() < 1e-6);
    assert!((of("10:00:00", "viewer") - (50.5 - 19.95)).abs() < 1e-6);
    assert!((of("10:30:00", "publisher") - 10.0).abs() < 1e-6);
    assert!((of("10:30:00", "viewer") - 40.0).abs() < 1e-6);
}

#[tokio::test]
async fn attendance_unites_devices_and_tells_ghosts_from_them() {
    let columns =
        ["person", "identified", "present_s", "entries_n", "devices_n", "attended", "provisional"];
    let found = report(busy(), "attendance", &[("min_time", "40m")], &columns).await;
    let row = |person: &str, known: bool, present: f64, entries: i64, attended: bool| {
        vec![
            json!(person),
            json!(known),
            json!(present),
            json!(entries),
            json!(1),
            json!(attended),
            json!(false),
        ]
    };
    assert_eq!(
        found,
        [
            row("ann", true, 2400.0, 2, true),
            row("bob", true, 2400.0, 1, true),
            row("v", false, 1200.0, 1, false),
        ]
    );
    let columns = ["devices_n", "attended", "share"];
    let found = report(busy(), "attendance", &[("ghost", "10s")], &columns).await;
    assert_eq!(found[0], [json!(2), json!(false), json!(2400.0 / 3600.0)]);
}

#[tokio::test]
async fn an_audience_is_counted_while_there_is_something_to_watch() {
    let columns = [
        "publisher",
        "publish_s",
        "watched_s",
        "unwatched_s",
        "subscriber_min",
        "peak_audience",
        "ghost_sub_s",
        "reach_n",
        "one_way_n",
    ];
    let found = report(busy(), "audience", &[], &columns).await;
    let row =
        |publisher: &str, seconds: [f64; 3], minutes: f64, peak: i64, ghost: f64, reach: i64| {
            let mut row = vec![json!(publisher)];
            row.extend(seconds.map(|value| json!(value)));
            row.extend([json!(minutes), json!(peak), json!(ghost), json!(reach), json!(0)]);
            row
        };
    assert_eq!(
        found,
        [
            row("a", [1197.0, 480.0, 717.0], 8.0, 1, 0.0, 1),
            row("b", [600.0, 0.0, 600.0], 0.0, 0, 600.0, 1),
            row("r", [3600.0, 0.0, 3600.0], 0.0, 0, 0.0, 0),
        ]
    );
}

#[tokio::test]
async fn a_canned_query_and_a_table_may_share_a_name() {
    let engine = engine_over(busy().into_source());
    let found = sql(&engine, "SELECT count(*) AS n FROM sessions", &[]).await.unwrap();
    assert_eq!(found, [json!({"n": 1})]);
    let text =
        "SELECT person, connections_n, duration_s FROM visits WHERE NOT is_replica ORDER BY 1";
    let row = |person: &str, n: i64, seconds: f64| json!({"person": person, "connections_n": n, "duration_s": seconds});
    assert_eq!(
        sql(&engine, text, &[]).await.unwrap(),
        [row("ann", 2, 2400.0), row("bob", 1, 2400.0), row("v", 1, 1200.0)]
    );
    let text = "SELECT person, present_s, away_s FROM persons WHERE NOT is_replica ORDER BY 1";
    let found = sql(&engine, text, &[("from", "2026-11-20T10:35:00Z")]).await.unwrap();
    assert_eq!(found[0], json!({"person": "ann", "present_s": 300.0, "away_s": 0.0}));
}

#[tokio::test]
async fn a_timeline_holds_everything_and_marks_ties() {
    let lake = busy()
        .event(BOB, "10:10:00", "PUBLISH_ERROR", json!({"error_code": "BITRATE_EXCEEDED"}))
        .event(
            BOB,
            "10:45:00",
            "TOKEN_EXCHANGED",
            json!({
                "previous_token": {"capabilities": ["SUBSCRIBE"], "user_id": "bob"},
                "new_token": {"capabilities": ["PUBLISH", "SUBSCRIBE"], "user_id": "rob"},
            }),
        );
    let columns = ["lane", "person", "start", "dur_s", "detail", "anomaly", "tie_id"];
    let given = [("session", "st-1"), ("participant", "b")];
    let found = report(lake, "timeline", &given, &columns).await;
    let lanes: Vec<&str> = found.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(lanes, ["error", "join", "publish", "subscribe", "publish", "token"]);
    assert_eq!(found[0][1], "bob");
    assert_eq!(found[0][4], "PUBLISH_ERROR BITRATE_EXCEEDED start_terminal");
    assert_eq!(found[1][3..6], [json!(2400.0), Value::Null, json!("double_start")]);
    assert_eq!(
        found[5][1..5],
        [json!("rob"), json!(at("10:45:00")), Value::Null, json!("+PUBLISH user bob -> rob"),]
    );
    assert!(found[0][6].is_number(), "{found:?}");
    assert_eq!((&found[0][6], &found[0][6]), (&found[1][6], &found[2][6]));
    assert_eq!((&found[3][6], &found[5][6]), (&Value::Null, &Value::Null));
}
