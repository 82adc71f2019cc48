//! `error-codes` over a lake with the traps that concern it.

use super::*;
use lakes::at;

const A: [&str; 3] = ["alpha", "st-1", "a"];
const B: [&str; 3] = ["alpha", "st-1", "b"];
const V: [&str; 3] = ["alpha", "st-1", "viewer"];
const REPLICA: [&str; 3] = ["alpha", "st-1", "guest"];

fn code(code: &str) -> Value {
    json!({"error_code": code})
}

fn remote(id: &str, code: &str, replica: bool) -> Value {
    json!({"remote_participant_id": id, "error_code": code, "replica": replica})
}

/// One session, 10:00 to 11:00; see each line.
fn troubled() -> Lake {
    let mut lake = Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"));
    for who in ["a", "b", "viewer"] {
        lake = lake.participant("alpha", "st-1", who, json!({}));
    }
    lake = lake.participant("alpha", "st-1", "guest", json!({"replication_type": "REPLICA"}));
    // A retry storm of one participant in one second, and once more later: never published.
    for occurrence in 0..5 {
        let storm = json!({"error_code": "QUOTA_EXCEEDED", "occurrence": occurrence});
        lake = lake.event(A, "10:05:00", "PUBLISH_ERROR", storm);
    }
    lake = lake.event(A, "10:06:00", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"));
    // b fails, starts 30 s later (recovered, exactly), is up from 10:10:30 to 10:20, and fails in between, at the
    // end (both mid-stream), in the second of the start (recovered) and after the end (terminal).
    for time in ["10:10:00", "10:10:30", "10:15:00", "10:20:00", "10:20:01"] {
        lake = lake.event(B, time, "PUBLISH_ERROR", code("BITRATE_EXCEEDED"));
    }
    lake = lake
        .event(B, "10:10:30", "PUBLISH_STARTED", json!({}))
        .interval(B, "PUBLISH", ["10:10:30", "10:20:00"], json!({}))
        // A zero-length interval holds nothing: the error in it is one before the start of that second.
        .event(B, "10:40:00", "PUBLISH_STARTED", json!({}))
        .interval(B, "PUBLISH", ["10:40:00", "10:40:00"], json!({}))
        .event(B, "10:40:00", "PUBLISH_ERROR", code("INVALID_INPUT"))
        // The viewer watches b from 10:30 to 10:35; an error about a in that time is no error about b.
        .event(V, "10:30:00", "SUBSCRIBE_STARTED", json!({"remote_participant_id": "b"}))
        .interval(V, "SUBSCRIBE", ["10:30:00", "10:35:00"], json!({"remote_participant_id": "b"}))
        .event(V, "10:31:00", "SUBSCRIBE_ERROR", remote("b", "QUOTA_EXCEEDED", false))
        .event(V, "10:31:00", "SUBSCRIBE_ERROR", remote("a", "QUOTA_EXCEEDED", false))
        // 10 s before the start of b, and of a, which does not start.
        .event(V, "10:29:50", "SUBSCRIBE_ERROR", remote("b", "PUBLISHER_NOT_FOUND", false))
        .event(V, "10:29:50", "SUBSCRIBE_ERROR", remote("a", "PUBLISHER_NOT_FOUND", false))
        // About a replica: a real viewer, always counted. By a replica: only on demand, whatever its events say.
        .event(V, "10:50:00", "SUBSCRIBE_ERROR", remote("guest", "NEWER_THAN_US", true))
        .event(REPLICA, "10:51:00", "PUBLISH_ERROR", code("INTERNAL_SERVER_EXCEPTION"))
        .event(
            V,
            "10:52:00",
            "PUBLISH_ERROR",
            json!({"error_code": "INTERNAL_SERVER_EXCEPTION", "replica": true}),
        )
        // Joining: fails, gets in 5 s later. No code.
        .event(V, "10:01:00", "JOIN_ERROR", json!({}))
        .event(V, "10:01:05", "JOINED", json!({}))
        .interval(V, "PRESENCE", ["10:01:05", "11:00:00"], json!({}));
    lake
}

const COUNTS: [&str; 6] =
    ["event", "error_code", "class", "events_n", "participants_n", "sessions_n"];

fn counts(event: &str, code: &str, class: &str, [events, participants]: [i64; 2]) -> Vec<Value> {
    vec![json!(event), json!(code), json!(class), json!(events), json!(participants), json!(1)]
}

#[tokio::test]
async fn errors_are_classified_by_what_was_up_and_what_followed() {
    let found = report(troubled(), "error-codes", &[], &COUNTS).await;
    let expected = [
        counts("PUBLISH_ERROR", "QUOTA_EXCEEDED", "start_terminal", [6, 1]),
        counts("PUBLISH_ERROR", "BITRATE_EXCEEDED", "mid_stream", [2, 1]),
        counts("PUBLISH_ERROR", "BITRATE_EXCEEDED", "start_recovered", [2, 1]),
        counts("JOIN_ERROR", "(none)", "start_recovered", [1, 1]),
        counts("PUBLISH_ERROR", "BITRATE_EXCEEDED", "start_terminal", [1, 1]),
        counts("PUBLISH_ERROR", "INVALID_INPUT", "start_recovered", [1, 1]),
        counts("SUBSCRIBE_ERROR", "NEWER_THAN_US", "start_terminal", [1, 1]),
        counts("SUBSCRIBE_ERROR", "PUBLISHER_NOT_FOUND", "start_recovered", [1, 1]),
        counts("SUBSCRIBE_ERROR", "PUBLISHER_NOT_FOUND", "start_terminal", [1, 1]),
        counts("SUBSCRIBE_ERROR", "QUOTA_EXCEEDED", "mid_stream", [1, 1]),
        counts("SUBSCRIBE_ERROR", "QUOTA_EXCEEDED", "start_terminal", [1, 1]),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn shares_times_and_words_stand_beside_the_counts() {
    let columns = ["share_of_errors", "first_seen", "last_seen", "explanation", "suggested_action"];
    let found = report(troubled(), "error-codes", &[("limit", "1")], &columns).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][0], json!(6.0 / 18.0));
    assert_eq!(found[0][1..3], [json!(at("10:05:00")), json!(at("10:06:00"))]);
    assert!(found[0][3].as_str().unwrap().starts_with("quota: "), "{found:?}");
    let all = report(troubled(), "error-codes", &[], &["error_code", "explanation"]).await;
    let newer = all.iter().find(|row| row[0] == "NEWER_THAN_US").unwrap();
    assert_eq!(newer[1], "unknown: newer than this program");
}

#[tokio::test]
async fn recovery_takes_as_long_as_is_allowed() {
    let found = report(troubled(), "error-codes", &[("recover", "29s")], &COUNTS).await;
    // Of b's two recovered errors, the one 30 s before the start is terminal now.
    assert!(found.contains(&counts(
        "PUBLISH_ERROR",
        "BITRATE_EXCEEDED",
        "start_recovered",
        [1, 1]
    )));
    assert!(found.contains(&counts("PUBLISH_ERROR", "BITRATE_EXCEEDED", "start_terminal", [2, 1])));
}

#[tokio::test]
async fn replicas_are_dropped_kept_or_alone() {
    let columns = ["event", "error_code", "events_n"];
    let with = |replicas: &'static str| async move {
        report(troubled(), "error-codes", &[("replicas", replicas)], &columns).await
    };
    let service = vec![json!("PUBLISH_ERROR"), json!("INTERNAL_SERVER_EXCEPTION"), json!(2)];
    let watched = vec![json!("SUBSCRIBE_ERROR"), json!("NEWER_THAN_US"), json!(1)];
    assert!(!with("exclude").await.contains(&service));
    assert!(with("include").await.contains(&service));
    assert_eq!(with("only").await, [service, watched]);
}

#[tokio::test]
async fn the_window_holds_its_start_and_not_its_end() {
    let window = [("from", "2026-11-20T10:10:00Z"), ("to", "2026-11-20T10:15:00Z")];
    let found = report(troubled(), "error-codes", &window, &COUNTS).await;
    assert_eq!(
        found,
        [counts("PUBLISH_ERROR", "BITRATE_EXCEEDED", "start_recovered", [2, 1])],
        "the start after an error may lie beyond the window"
    );
    let window = [("from", "2026-11-20T10:05:00Z"), ("to", "2026-11-20T10:10:01Z")];
    let found = report(troubled(), "error-codes", &window, &COUNTS).await;
    assert!(found.contains(&counts(
        "PUBLISH_ERROR",
        "BITRATE_EXCEEDED",
        "start_recovered",
        [1, 1]
    )));
}

#[tokio::test]
async fn stages_and_sessions_are_chosen_by_name_glob_or_arn() {
    let lake = || {
        troubled()
            .session("beta", "st-9", "10:00:00", None)
            .event(["beta", "st-9", "a"], "10:00:01", "PUBLISH_ERROR", code("QUOTA_EXCEEDED"))
            .event(["beta", "st-9", "a"], "10:00:01", "PUBLISH_STARTED", json!({}))
    };
    let columns = ["class", "events_n", "sessions_n"];
    let only_beta = [vec![json!("start_recovered"), json!(1), json!(1)]];
    let arn = lakes::arn("beta");
    for given in [
        &[("stage", "beta")] as &[_],
        &[("stage", "b*")],
        &[("stage", arn.as_str())],
        &[("stage", "nobody"), ("stage", "?eta")],
        &[("session", "st-9")],
        &[("session", "st-9\r")],
    ] {
        assert_eq!(report(lake(), "error-codes", given, &columns).await, only_beta, "{given:?}");
    }
    let both =
        report(lake(), "error-codes", &[("stage", "beta"), ("stage", "alpha")], &columns).await;
    assert_eq!(both.len(), 12);
    for none in ["bet", "b.ta", "beta|alpha"] {
        let found = report(lake(), "error-codes", &[("stage", none)], &columns).await;
        assert_eq!(found.len(), 0, "{none}");
    }
}

#[tokio::test]
async fn an_error_without_a_time_is_counted_where_no_period_is_asked_for() {
    let lake = || {
        Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00")).event(
            A,
            "10:00:00",
            "PUBLISH_ERROR",
            json!({"event_time": null, "error_code": "X"}),
        )
    };
    let columns = ["class", "events_n", "first_seen"];
    let found = report(lake(), "error-codes", &[], &columns).await;
    assert_eq!(found, [vec![json!("untimed"), json!(1), Value::Null]]);
    assert_eq!(report(lake(), "error-codes", &[("from", "7d")], &columns).await.len(), 0);
}

#[tokio::test]
async fn every_query_runs_over_an_empty_lake() {
    let (_folder, rates) = money::prices("hosts,publisher,0,,XXX,2\n");
    for query in Library::embedded().queries() {
        let name = &query.header().name;
        let rows = report(Lake::default(), name, &required(name, &rates), &[]).await;
        assert_eq!(rows.len(), usize::from(name == "coverage"), "{name}");
    }
}

#[tokio::test]
async fn every_view_answers_as_it_stands() {
    let who = ["alpha", "st-1", "one"];
    let lake = Lake::default()
        .session("alpha", "st-1", "10:00:00", Some("11:00:00"))
        .participant("alpha", "st-1", "one", json!({"os_name": "iOS"}))
        .interval(who, "PRESENCE", ["10:00:00", "10:30:00"], json!({}))
        .event(who, "10:00:00", "JOINED", json!({}));
    let engine = engine_over(lake.into_source());
    for view in Library::embedded().view_names() {
        let counted =
            sql(&engine, &format!("SELECT count(*) AS n FROM {view}"), &[]).await.unwrap();
        let rows = sql(&engine, &format!("SELECT * FROM {view}"), &[]).await.unwrap();
        assert_eq!(counted, [json!({"n": rows.len()})], "{view}");
    }
    let told = sql(&engine, "SELECT os, dimension FROM dimensions", &[("by", "os")]).await.unwrap();
    assert_eq!(told, [json!({"os": "iOS", "dimension": "iOS"})]);
}
