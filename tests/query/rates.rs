//! Rates and times to start over sessions with the traps that concern them.

use super::*;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"))
}

fn code(code: &str) -> Value {
    json!({"error_code": code})
}

/// A retry storm that never gets through; one that fails, starts, and has an error while it is up; one without trouble.
fn troubled() -> Lake {
    let mut lake = alpha();
    for occurrence in 0..5 {
        let storm = json!({"error_code": "QUOTA_EXCEEDED", "occurrence": occurrence});
        lake = lake.event(p("storm"), "10:05:00", "PUBLISH_ERROR", storm);
    }
    lake.event(p("late"), "10:10:00", "PUBLISH_ERROR", code("INVALID_INPUT"))
        .interval(p("late"), "PUBLISH", ["10:10:30", "10:20:00"], json!({}))
        .event(p("late"), "10:15:00", "PUBLISH_ERROR", code("BITRATE_EXCEEDED"))
        .interval(p("fine"), "PUBLISH", ["10:00:00", "10:20:00"], json!({}))
        .interval(p("copy"), "PUBLISH", ["10:00:00", "10:20:00"], json!({"replica": true}))
        .interval(
            p("fine"),
            "SUBSCRIBE",
            ["10:00:00", "10:20:00"],
            json!({"remote_participant_id": "copy", "replica": true}),
        )
}

#[tokio::test]
async fn a_retry_storm_is_one_participant() {
    let columns = [
        "action",
        "attempts_n",
        "attempt_failures_n",
        "participants_n",
        "never_n",
        "any_n",
        "mid_stream_n",
        "low_n",
        "provisional",
        "ci_lo",
        "ci_hi",
        "attempt_rate",
    ];
    let found = report(troubled(), "failure-rates", &[], &columns).await;
    assert_eq!(found.len(), 2);
    let counts = |action: &str, counts: [i64; 6]| {
        let mut row = vec![json!(action)];
        row.extend(counts.map(|n| json!(n)));
        row.extend([json!(true), json!(false)]);
        row
    };
    assert_eq!(found[0][..9], counts("publish", [8, 6, 3, 1, 2, 1]));
    assert_eq!(found[1][..9], counts("subscribe", [1, 0, 1, 0, 0, 0]));
    // Wilson for 1 of 3, worked out by hand.
    assert_eq!(found[0][9..], [json!(0.06149), json!(0.792_345), json!(0.75)]);
}

#[tokio::test]
async fn a_participant_belongs_to_the_period_in_which_it_first_tried() {
    let columns = ["action", "attempts_n", "never_n"];
    let given = [("from", "2026-11-20T10:10:00Z"), ("to", "2026-11-20T10:10:10Z")];
    let found = report(troubled(), "failure-rates", &given, &columns).await;
    assert_eq!(found, [[json!("publish"), json!(2), json!(0)]], "its start comes after the period");
}

#[tokio::test]
async fn several_dimensions_stand_in_the_order_of_their_choices() {
    let lake = troubled()
        .participant("alpha", "st-1", "storm", json!({"os_name": "iOS"}))
        .participant("alpha", "st-1", "late", json!({"os_name": "iOS"}))
        .participant("alpha", "st-1", "fine", json!({"os_name": null}));
    let columns = ["dimension", "action", "attempts_n"];
    let found = report(lake, "failure-rates", &[("by", "os, stage,os")], &columns).await;
    let row =
        |dimension: &str, action: &str, n: i64| vec![json!(dimension), json!(action), json!(n)];
    let expected = [
        row("alpha, (unknown)", "publish", 1),
        row("alpha, (unknown)", "subscribe", 1),
        row("alpha, iOS", "publish", 7),
    ];
    assert_eq!(found, expected);
}

/// Nine connections of 10:00:00 to 10:30:00, and a replica's.
fn starting() -> Lake {
    let mut lake = alpha();
    for id in ["tie", "early", "soon", "late", "fails", "silent", "slow", "promoted"] {
        lake = lake.interval(p(id), "PRESENCE", ["10:00:00", "10:30:00"], json!({}));
    }
    let replica = json!({"replica": true});
    lake = lake
        .interval(p("live"), "PRESENCE", ["10:00:00", "10:30:00"], json!({"end_reason": "OPEN"}))
        .interval(p("copy"), "PRESENCE", ["10:00:00", "10:30:00"], replica)
        .event(p("fails"), "10:01:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
        .event(
            p("promoted"),
            "10:00:03",
            "TOKEN_EXCHANGED",
            json!({
                "previous_token": {"capabilities": ["SUBSCRIBE"]},
                "new_token": {"capabilities": ["PUBLISH", "SUBSCRIBE"]},
            }),
        );
    for (id, start) in [
        ("tie", "10:00:00"),
        ("early", "09:59:59"),
        ("soon", "10:00:04"),
        ("late", "10:00:31"),
        ("slow", "10:00:10"),
        ("promoted", "10:00:04"),
    ] {
        lake = lake.interval(p(id), "PUBLISH", [start, "10:30:00"], json!({}));
    }
    lake
}

#[tokio::test]
async fn startup_is_of_those_that_meant_to_publish_at_once() {
    let columns = [
        "connections_n",
        "published_n",
        "within_1s_n",
        "within_5s_n",
        "within_5s_of_n",
        "late_intent_n",
        "failed_n",
        "no_attempt_n",
        "pending_n",
        "p50_s",
        "p95_s",
        "within_5s_rate",
        "score",
    ];
    let found = report(starting(), "publish-startup", &[], &columns).await;
    assert_eq!(found.len(), 1);
    let counts: Vec<i64> = found[0][..9].iter().map(|value| value.as_i64().unwrap()).collect();
    assert_eq!(counts, [9, 6, 2, 3, 5, 2, 1, 1, 1]);
    assert_eq!(found[0][9..12], [json!(2.0), Value::Null, json!(0.6)]);
    let score = found[0][12].as_f64().unwrap();
    assert!((score - (200.0 + 800.0 / 12.0 + 800.0 / 18.0) / 4.0).abs() < 1e-9, "{score}");
}

#[tokio::test]
async fn watching_starts_when_both_sides_are_there() {
    let watch = |id: &str| json!({"remote_participant_id": id});
    let mut lake = alpha()
        .session("home", "st-2", "10:00:00", Some("11:00:00"))
        .interval(p("host"), "PUBLISH", ["10:00:05", "10:10:00"], json!({}))
        .interval(
            ["home", "st-2", "guest"],
            "REPLICATION",
            ["10:02:00", "10:10:00"],
            json!({"destination_stage_arn": lakes::arn("alpha"), "destination_session_id": "st-1"}),
        );
    for (id, join) in [("first", "10:00:00"), ("second", "10:03:00"), ("third", "10:00:00")] {
        lake = lake.interval(p(id), "PRESENCE", [join, "10:30:00"], json!({}));
    }
    lake = lake
        .interval(p("first"), "SUBSCRIBE", ["10:00:07", "10:01:00"], watch("host"))
        // Again, to the same publishing: not new.
        .interval(p("first"), "SUBSCRIBE", ["10:05:00", "10:06:00"], watch("host"))
        .interval(p("second"), "SUBSCRIBE", ["10:03:01", "10:06:00"], watch("host"))
        // A second before the publisher: a matter of the clock.
        .interval(p("third"), "SUBSCRIBE", ["10:00:04", "10:06:00"], watch("host"))
        .interval(p("third"), "SUBSCRIBE", ["10:00:04", "10:06:00"], watch("nobody"))
        .interval(
            p("first"),
            "SUBSCRIBE",
            ["10:02:03", "10:06:00"],
            json!({"remote_participant_id": "guest", "replica": true}),
        );
    let columns = [
        "remote_is_replica",
        "subs_n",
        "matched_n",
        "within_2s_n",
        "unmatched_n",
        "clock_neg_n",
        "p50_s",
    ];
    let found = report(lake, "subscribe-startup", &[], &columns).await;
    let row = |replica: bool, counts: [i64; 5], median: f64| {
        let mut row = vec![json!(replica)];
        row.extend(counts.map(|n| json!(n)));
        row.push(json!(median));
        row
    };
    assert_eq!(found, [row(false, [4, 3, 3, 1, 1], 1.0), row(true, [1, 1, 0, 0, 0], 3.0)]);
}

#[tokio::test]
async fn a_session_has_the_worst_label_that_holds() {
    let mut lake = Lake::default();
    for id in ["failed", "shut", "partial", "dropped", "churny", "fine"] {
        lake = lake.session("alpha", id, "10:00:00", Some("11:00:00"));
    }
    let who = |session: &'static str, id: &'static str| ["alpha", session, id];
    let stay = ["10:00:00", "10:10:00"];
    lake = lake
        .interval(who("failed", "a"), "PRESENCE", stay, json!({}))
        .event(who("failed", "a"), "10:05:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
        .event(who("shut", "a"), "10:05:00", "JOIN_ERROR", json!({}))
        .interval(who("partial", "a"), "PRESENCE", stay, json!({}))
        .interval(who("partial", "a"), "PUBLISH", stay, json!({}))
        .interval(who("partial", "b"), "PRESENCE", stay, json!({}))
        .event(who("partial", "b"), "10:05:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
        .interval(who("dropped", "a"), "PRESENCE", stay, json!({}))
        .interval(who("dropped", "a"), "PUBLISH", stay, json!({"end_reason": "LEFT"}))
        .event(who("dropped", "a"), "10:09:50", "PUBLISH_ERROR", code("BITRATE_EXCEEDED"))
        // Three stays, 50 s apart, are two reconnects; of two people that is half.
        .interval(who("churny", "a"), "PRESENCE", ["10:00:00", "10:10:00"], json!({}))
        .interval(who("churny", "a"), "PRESENCE", ["10:10:50", "10:20:00"], json!({}))
        .interval(who("churny", "a"), "PRESENCE", ["10:20:50", "10:30:00"], json!({}))
        .interval(who("churny", "b"), "PRESENCE", stay, json!({}))
        .interval(who("fine", "a"), "PRESENCE", stay, json!({}))
        .interval(who("fine", "a"), "PUBLISH", stay, json!({"end_reason": "LEFT"}))
        .event(who("fine", "a"), "10:09:49", "PUBLISH_ERROR", code("BITRATE_EXCEEDED"));
    let columns = ["session", "label", "reasons", "top_error"];
    let found = report(lake, "session-health", &[], &columns).await;
    let row = |session: &str, label: &str, reasons: Value, code: Value| {
        vec![json!(session), json!(label), reasons, code]
    };
    let expected = [
        row("failed", "failed", json!(["failed", "partial"]), json!("QUOTA_EXCEEDED")),
        row("shut", "failed", json!(["failed", "partial"]), json!("(none)")),
        row("partial", "partial", json!(["partial"]), json!("QUOTA_EXCEEDED")),
        row("dropped", "dropped", json!(["dropped"]), json!("BITRATE_EXCEEDED")),
        row("churny", "churny", json!(["churny"]), Value::Null),
        row("fine", "ok", Value::Null, json!("BITRATE_EXCEEDED")),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn who_tried_is_who_started_first_and_a_replica_by_the_listing_as_well() {
    let named = |user: &str| json!({"user_id": user});
    let lake = alpha()
        .participant("alpha", "st-1", "moved", named("late-name"))
        .event(p("moved"), "10:00:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
        .interval(p("moved"), "PUBLISH", ["10:20:00", "10:30:00"], named("second"))
        .interval(p("moved"), "PUBLISH", ["10:10:00", "10:15:00"], named("first"))
        .participant("alpha", "st-1", "nobody", named("late-name"))
        .interval(p("nobody"), "PUBLISH", ["10:10:00", "10:15:00"], json!({}))
        .participant("alpha", "st-1", "shut", named("ann"))
        .event(p("shut"), "10:00:00", "JOIN_ERROR", code("QUOTA_EXCEEDED"))
        .event(p("unlisted"), "10:00:00", "JOIN_ERROR", code("QUOTA_EXCEEDED"))
        .participant("alpha", "st-1", "copy", json!({"replication_type": "REPLICA"}))
        .event(p("copy"), "10:00:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
        .interval(p("copy"), "PUBLISH", ["10:10:00", "10:15:00"], json!({"replica": true}))
        // Watching is nothing that a replica does.
        .event(p("copy"), "10:00:00", "SUBSCRIBE_ERROR", code("PUBLISHER_NOT_FOUND"));
    let text = "SELECT participant_id AS id, action, person, is_replica AS replica, starts_n AS starts, failures_n AS failures \
                FROM attempts ORDER BY id, action";
    let found = sql(&engine_over(lake.into_source()), text, &[]).await.unwrap();
    let row = |id: &str,
               action: &str,
               person: &str,
               replica: bool,
               [starts, failures]: [i64; 2]| {
        json!({"id": id, "action": action, "person": person, "replica": replica, "starts": starts, "failures": failures})
    };
    assert_eq!(
        found,
        [
            row("copy", "publish", "copy", true, [1, 1]),
            row("copy", "subscribe", "copy", false, [0, 1]),
            row("moved", "publish", "first", false, [2, 1]),
            row("nobody", "publish", "nobody", false, [1, 0]),
            row("shut", "join", "ann", false, [0, 1]),
            row("unlisted", "join", "unlisted", false, [0, 1]),
        ]
    );
}
