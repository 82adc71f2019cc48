//! `funnel`: who got how far, in whatever order the events stand.

use super::*;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn watch(id: &str) -> Value {
    json!({"remote_participant_id": id})
}

/// 10:00 to 11:00; see each line.
fn show() -> Lake {
    let mut lake = Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"));
    for id in ["host", "fails", "blip", "both", "shut", "silent", "live", "lost"] {
        lake = lake.participant("alpha", "st-1", id, json!({}));
    }
    lake.participant("alpha", "st-1", "copy", json!({"replication_type": "REPLICA"}))
        .interval(p("copy"), "PUBLISH", ["10:00:00", "11:00:00"], json!({"replica": true}))
        // Publishes at once, and leaves properly.
        .interval(p("host"), "PRESENCE", ["10:00:10", "10:30:00"], json!({}))
        .interval(p("host"), "PUBLISH", ["10:00:12", "10:30:00"], json!({}))
        // Tries to publish, and never does.
        .interval(p("fails"), "PRESENCE", ["10:01:00", "10:02:00"], json!({}))
        .event(p("fails"), "10:01:05", "PUBLISH_ERROR", json!({}))
        // Watches for 18 s and for 11 s.
        .interval(p("blip"), "PRESENCE", ["10:05:00", "10:06:00"], json!({}))
        .interval(p("blip"), "SUBSCRIBE", ["10:05:02", "10:05:20"], watch("host"))
        .interval(p("blip"), "SUBSCRIBE", ["10:05:30", "10:05:41"], watch("host"))
        // Two at once, 20 s each, 30 s together; an error 10 s before it leaves.
        .interval(p("both"), "PRESENCE", ["10:10:00", "10:20:00"], json!({}))
        .interval(p("both"), "SUBSCRIBE", ["10:10:00", "10:10:20"], watch("host"))
        .interval(p("both"), "SUBSCRIBE", ["10:10:10", "10:10:30"], watch("copy"))
        .event(p("both"), "10:19:50", "SUBSCRIBE_ERROR", watch("host"))
        .event(p("shut"), "10:03:00", "JOIN_ERROR", json!({}))
        // Is still there, and has not watched for long.
        .interval(p("live"), "PRESENCE", ["10:40:00", "10:59:00"], json!({"end_reason": "OPEN"}))
        .interval(p("live"), "SUBSCRIBE", ["10:40:01", "10:40:21"], watch("host"))
        // Nobody saw it leave.
        .interval(
            p("lost"),
            "PRESENCE",
            ["10:50:00", "11:00:00"],
            json!({"end_reason": "SESSION_END"}),
        )
        .interval(p("lost"), "SUBSCRIBE", ["10:50:04", "11:00:00"], watch("host"))
        // Within the other: it adds nothing, and moves nothing to the front.
        .interval(p("lost"), "SUBSCRIBE", ["10:51:00", "10:51:10"], watch("copy"))
}

#[tokio::test]
async fn steps_count_what_was_reached_and_leave_out_who_may_still_get_there() {
    let columns = ["role", "step", "n", "of_prev_n", "of_first_n", "live_n", "median_s_to_step"];
    let found = report(show(), "funnel", &[], &columns).await;
    let row =
        |role: &str, step: &str, n: i64, of: [Option<i64>; 2], live: i64, median: Option<f64>| {
            vec![
                json!(role),
                json!(step),
                json!(n),
                json!(of[0]),
                json!(of[1]),
                json!(live),
                json!(median),
            ]
        };
    assert_eq!(
        found,
        [
            row("publisher", "tried", 2, [None, Some(2)], 0, Some(0.0)),
            row("publisher", "joined", 2, [Some(2), Some(2)], 0, Some(0.0)),
            row("publisher", "media_tried", 2, [Some(2), Some(2)], 0, Some(3.5)),
            row("publisher", "media_started", 1, [Some(2), Some(2)], 0, Some(2.0)),
            row("publisher", "sustained", 1, [Some(1), Some(2)], 0, Some(32.0)),
            row("publisher", "clean_exit", 1, [Some(1), Some(2)], 0, Some(1790.0)),
            row("viewer", "tried", 6, [None, Some(6)], 0, Some(0.0)),
            row("viewer", "joined", 4, [Some(6), Some(6)], 0, Some(0.0)),
            row("viewer", "media_tried", 4, [Some(4), Some(6)], 0, Some(1.5)),
            row("viewer", "media_started", 4, [Some(4), Some(6)], 0, Some(1.5)),
            row("viewer", "sustained", 2, [Some(3), Some(5)], 1, Some(32.0)),
            row("viewer", "clean_exit", 0, [Some(2), Some(5)], 1, None),
        ]
    );
}

#[tokio::test]
async fn a_participant_belongs_to_the_period_of_its_first_try_and_to_its_group() {
    let given = [("from", "2026-11-20T10:05:00Z"), ("to", "2026-11-20T10:40:00Z"), ("by", "stage")];
    let columns = ["dimension", "role", "step_no", "n", "of_first"];
    let found = report(show(), "funnel", &given, &columns).await;
    // blip and both; who only stands in the listing came when the session began.
    assert_eq!(found[0], [json!("alpha"), json!("viewer"), json!(1), json!(2), json!(1.0)]);
    assert_eq!(found[4], [json!("alpha"), json!("viewer"), json!(5), json!(1), json!(0.5)]);
    let columns = ["role", "n"];
    let only = report(show(), "funnel", &[("replicas", "only")], &columns).await;
    assert_eq!(only[0], [json!("publisher"), json!(1)]);
}
