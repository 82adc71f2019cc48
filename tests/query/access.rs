//! `access-errors` and `identity`: bursts, and people who may be more than one.

use super::*;
use lakes::at;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "09:00:00", Some("11:00:00"))
}

fn code(code: &str) -> Value {
    json!({"error_code": code})
}

/// Ann fails five times within a minute, and five times in one second; Bob five times within a minute and no less.
fn hammered() -> Lake {
    let mut lake = alpha()
        .participant("alpha", "st-1", "a", json!({"user_id": "ann", "isp_name": "Net"}))
        // Called otherwise by now.
        .participant("alpha", "st-1", "b", json!({"user_id": "rob"}))
        .interval(p("b"), "PRESENCE", ["09:50:00", "10:30:00"], json!({"user_id": "bob"}))
        .interval(p("c"), "PRESENCE", ["10:00:00", "10:30:00"], json!({}))
        .interval(p("c"), "PUBLISH", ["10:00:00", "10:30:00"], json!({}))
        .interval(p("r"), "PRESENCE", ["09:50:00", "10:30:00"], json!({"replica": true}))
        .interval(p("r"), "PUBLISH", ["09:50:00", "10:30:00"], json!({"replica": true}))
        .event(
            p("r"),
            "10:00:00",
            "PUBLISH_ERROR",
            json!({"error_code": "QUOTA_EXCEEDED", "replica": true}),
        )
        .event(p("a"), "10:07:00", "PUBLISH_ERROR", code("BITRATE_EXCEEDED"));
    for time in ["10:00:00", "10:00:10", "10:00:20", "10:00:30", "10:00:59"] {
        lake = lake.event(p("a"), time, "JOIN_ERROR", code("QUOTA_EXCEEDED"));
    }
    for occurrence in 0..5 {
        let storm = json!({"error_code": "QUOTA_EXCEEDED", "occurrence": occurrence});
        lake = lake.event(p("a"), "10:05:00", "JOIN_ERROR", storm);
    }
    for time in ["10:00:00", "10:00:10", "10:00:20", "10:00:30", "10:01:00"] {
        lake = lake.event(p("b"), time, "PUBLISH_ERROR", code("INVALID_STREAM_KEY"));
    }
    lake
}

#[tokio::test]
async fn a_burst_is_five_errors_within_a_minute() {
    let columns = [
        "code",
        "person",
        "isp",
        "bursts_n",
        "events_n",
        "peak_per_min",
        "ccu_at_peak",
        "publishers_at_peak",
        "first",
        "last",
    ];
    let found = report(hammered(), "access-errors", &[], &columns).await;
    let quota = |counts: [i64; 5]| {
        let mut row = vec![json!("QUOTA_EXCEEDED"), json!("ann"), json!("Net")];
        row.extend(counts.map(|n| json!(n)));
        row.extend([json!(at("10:00:00")), json!(at("10:05:00"))]);
        row
    };
    // Bob and c are there, and c in that very second; the replica publishes too.
    assert_eq!(found[0], quota([2, 10, 5, 2, 2]));
    let key = [
        json!("INVALID_STREAM_KEY"),
        json!("bob"),
        json!("(unknown)"),
        json!(0),
        json!(5),
        json!(4),
    ];
    assert_eq!(found[1][..6], key);
    assert_eq!((&found[1][6], found.len()), (&Value::Null, 2));
    let found = report(hammered(), "access-errors", &[("replicas", "only")], &columns).await;
    assert_eq!((found.len(), &found[0][1]), (1, &json!("r")));
}

#[tokio::test]
async fn errors_are_told_by_bucket() {
    let columns = ["bucket", "code", "bursts_n", "events_n"];
    let given = [("bucket", "5m"), ("burst_n", "4")];
    let found = report(hammered(), "access-errors", &given, &columns).await;
    let row = |bucket: &str, code: &str, bursts: i64, events: i64| {
        vec![json!(at(bucket)), json!(code), json!(bursts), json!(events)]
    };
    assert_eq!(
        found,
        [
            row("10:00:00", "INVALID_STREAM_KEY", 1, 5),
            row("10:00:00", "QUOTA_EXCEEDED", 1, 5),
            row("10:05:00", "QUOTA_EXCEEDED", 1, 5),
        ]
    );
}

fn user(name: &str) -> Value {
    json!({"user_id": name})
}

fn exchange(from: &str, to: &str, expires: &str) -> Value {
    json!({
        "previous_token": {"user_id": from},
        "new_token": {"user_id": to, "expiration_time": at(expires)},
    })
}

/// See each line.
fn doubles() -> Lake {
    let beta = ["beta", "st-2", "b2"];
    alpha()
        .session("beta", "st-2", "09:00:00", Some("11:00:00"))
        // Comes back while her first connection lingers for 30 s.
        .interval(p("a1"), "PRESENCE", ["10:00:00", "10:10:00"], user("ann"))
        .interval(p("a2"), "PRESENCE", ["10:09:30", "10:20:00"], user("ann"))
        // Two at once for ten minutes; a hand-over in one second is no overlap.
        .interval(p("a3"), "PRESENCE", ["10:30:00", "10:50:00"], user("ann"))
        .interval(p("a4"), "PRESENCE", ["10:40:00", "10:50:00"], user("ann"))
        .interval(p("a5"), "PRESENCE", ["10:50:00", "10:55:00"], user("ann"))
        // On two stages for ten minutes, with another provider on each; a replica of his is no place.
        .participant("alpha", "st-1", "b1", json!({"isp_name": "Net", "os_name": "macOS"}))
        .participant("beta", "st-2", "b2", json!({"isp_name": "Tel", "os_name": "macOS"}))
        .interval(p("b1"), "PRESENCE", ["10:00:00", "10:30:00"], user("bob"))
        .interval(beta, "PRESENCE", ["10:20:00", "10:40:00"], user("bob"))
        .interval(
            ["beta", "st-2", "b1"],
            "PRESENCE",
            ["10:00:00", "10:30:00"],
            json!({"user_id": "bob", "replica": true}),
        )
        // Nobody knows whether these two are one.
        .interval(p("x"), "PRESENCE", ["10:00:00", "10:30:00"], json!({}))
        .interval(p("y"), "PRESENCE", ["10:00:00", "10:30:00"], json!({}))
        // Becomes another, then has a token that ends a quarter of an hour before the stay does.
        .interval(p("c"), "PRESENCE", ["10:00:00", "11:00:00"], user("cid"))
        .event(p("c"), "10:10:00", "TOKEN_EXCHANGED", exchange("cid", "kid", "10:20:00"))
        .event(p("c"), "10:15:00", "TOKEN_EXCHANGED", exchange("kid", "kid", "10:45:00"))
}

#[tokio::test]
async fn signals_tell_ghosts_from_sharing_and_replicas_from_people() {
    let columns = [
        "person",
        "signal",
        "times_n",
        "participants_n",
        "stages_n",
        "overlap_s",
        "isps_n",
        "systems_n",
        "connected_past_expiry_s",
    ];
    let found = report(doubles(), "identity", &[], &columns).await;
    let row = |person: &str, signal: &str, counts: [i64; 3], numbers: [Value; 4]| {
        let mut row = vec![json!(person), json!(signal)];
        row.extend(counts.map(|n| json!(n)));
        row.extend(numbers);
        row
    };
    let none = || Value::Null;
    assert_eq!(
        found,
        [
            row("ann", "shared", [1, 2, 1], [json!(600.0), none(), none(), none()]),
            row("bob", "stages_at_once", [1, 2, 2], [json!(600.0), none(), none(), none()]),
            row("kid", "user_changed", [1, 1, 1], [none(), none(), none(), none()]),
            row("kid", "past_expiry", [1, 1, 1], [none(), none(), none(), json!(900.0)]),
            row("bob", "many_isps", [1, 2, 2], [none(), json!(2), none(), none()]),
            row("ann", "ghost", [1, 2, 1], [json!(30.0), none(), none(), none()]),
        ]
    );
    let found = report(
        doubles(),
        "identity",
        &[("ghost", "10s")],
        &["person", "signal", "times_n", "overlap_s"],
    )
    .await;
    assert_eq!(found[0], [json!("ann"), json!("shared"), json!(2), json!(630.0)]);
}

#[tokio::test]
async fn an_overlap_is_one_across_midnights_and_hand_overs() {
    let long =
        |start: &str, end: &str| json!({"user_id": "eve", "start_time": start, "end_time": end});
    let lake = alpha()
        .interval(
            p("e1"),
            "PRESENCE",
            ["09:00:00", "09:00:00"],
            long("2026-11-18T22:00:00Z", "2026-11-20T09:10:00Z"),
        )
        .interval(
            p("e2"),
            "PRESENCE",
            ["09:00:00", "09:00:00"],
            long("2026-11-18T23:00:00Z", "2026-11-20T09:30:00Z"),
        )
        // The third comes in the moment in which the second leaves; the first stays.
        .interval(p("f1"), "PRESENCE", ["10:00:00", "10:30:00"], user("fay"))
        .interval(p("f2"), "PRESENCE", ["10:10:00", "10:20:00"], user("fay"))
        .interval(p("f3"), "PRESENCE", ["10:20:00", "10:40:00"], user("fay"));
    let columns = ["person", "signal", "times_n", "participants_n", "overlap_s"];
    let found = report(lake, "identity", &[("max_open", "100h")], &columns).await;
    assert_eq!(
        found,
        [
            [json!("eve"), json!("shared"), json!(1), json!(2), json!(123_000.0)],
            [json!("fay"), json!("shared"), json!(1), json!(3), json!(1200.0)],
        ]
    );
}

#[tokio::test]
async fn evidence_names_place_and_time() {
    let found = report(doubles(), "identity", &[], &["signal", "evidence"]).await;
    let of = |signal: &str| {
        let row = found.iter().find(|row| row[0] == signal).unwrap();
        row[1].as_str().unwrap().to_owned()
    };
    assert_eq!(of("shared"), format!("{} {} st-1 a3", at("10:40:00"), lakes::arn("alpha")));
    assert!(of("user_changed").ends_with("c cid -> kid"), "{}", of("user_changed"));
    assert!(of("many_isps").ends_with(" Net, Tel"), "{}", of("many_isps"));
}

#[tokio::test]
async fn a_stay_across_midnight_counts_on_both_days() {
    let of = |isp: &str| json!({"isp_name": isp});
    let lake = alpha()
        .participant("alpha", "st-1", "d1", of("Net"))
        .participant("alpha", "st-1", "d2", of("Tel"))
        .participant("alpha", "st-1", "d3", of("Fon"))
        .interval(p("d1"), "PRESENCE", ["09:10:00", "09:20:00"], user("dan"))
        .interval(p("d2"), "PRESENCE", ["09:30:00", "10:30:00"], user("dan"))
        .interval(p("d3"), "PRESENCE", ["10:40:00", "10:50:00"], user("dan"));
    let columns = ["signal", "times_n", "participants_n", "isps_n"];
    let in_one = report(lake.clone(), "identity", &[], &columns).await;
    assert_eq!(in_one, [[json!("many_isps"), json!(1), json!(3), json!(3)]]);
    // It is midnight at 10:00:00 UTC there.
    let in_two = report(lake, "identity", &[("tz", "Pacific/Kiritimati")], &columns).await;
    assert_eq!(in_two, [[json!("many_isps"), json!(2), json!(3), json!(2)]]);
}
