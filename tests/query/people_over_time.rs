//! Suspects, promotions, recordings and retention.

use super::*;
use lakes::at;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"))
}

#[tokio::test]
async fn a_slice_is_held_against_all_others() {
    let mut lake = alpha();
    for (id, sdk) in [("a", "1.0"), ("b", "1.0"), ("c", "2.0"), ("d", "2.0")] {
        lake = lake.participant("alpha", "st-1", id, json!({"sdk_version": sdk}));
    }
    for id in ["a", "c", "e"] {
        lake =
            lake.event(p(id), "10:00:00", "PUBLISH_ERROR", json!({"error_code": "INVALID_INPUT"}));
    }
    for id in ["b", "c", "d", "f"] {
        lake = lake.interval(p(id), "PUBLISH", ["10:00:10", "10:10:00"], json!({}));
    }
    let columns =
        ["dimension", "value", "n", "k", "rest_n", "rest_rate", "lift", "excess_failures_n"];
    let found = report(lake, "suspects", &[("min_n", "2")], &columns).await;
    let sdks: Vec<&Vec<Value>> = found.iter().filter(|row| row[0] == "sdk").collect();
    // One of two fails in 1.0 and among those of whom nothing is known, none of two in 2.0.
    let row = |value: &str, k: i64, rest: f64, lift: f64, excess: f64| {
        vec![
            json!("sdk"),
            json!(value),
            json!(2),
            json!(k),
            json!(4),
            json!(rest),
            json!(lift),
            json!(excess),
        ]
    };
    assert_eq!(
        sdks,
        [
            &row("(unknown)", 1, 0.25, 2.0, 0.5),
            &row("1.0", 1, 0.25, 2.0, 0.5),
            &row("2.0", 0, 0.5, 0.0, -1.0),
        ]
    );
}

#[tokio::test]
async fn a_promotion_is_used_and_a_demotion_obeyed_or_not() {
    let (viewer, host) = (json!(["SUBSCRIBE"]), json!(["PUBLISH", "SUBSCRIBE"]));
    let exchange = |before: &Value, after: &Value| json!({"previous_token": {"capabilities": before}, "new_token": {"capabilities": after}});
    let stay = ["10:00:00", "10:30:00"];
    let lake = alpha()
        .interval(p("a"), "PRESENCE", stay, json!({}))
        .event(p("a"), "10:05:00", "TOKEN_EXCHANGED", exchange(&viewer, &host))
        .interval(p("a"), "PUBLISH", ["10:05:04", "10:10:05"], json!({}))
        .event(p("a"), "10:10:00", "TOKEN_EXCHANGED", exchange(&host, &viewer))
        // Promoted, and demoted before it publishes: what it publishes later is not due to the promotion.
        .interval(p("b"), "PRESENCE", stay, json!({}))
        .event(p("b"), "10:06:00", "TOKEN_EXCHANGED", exchange(&viewer, &host))
        .event(p("b"), "10:07:00", "TOKEN_EXCHANGED", exchange(&host, &viewer))
        .interval(p("b"), "PUBLISH", ["10:08:00", "10:09:00"], json!({}))
        .interval(p("c"), "PRESENCE", stay, json!({}))
        .interval(p("c"), "PUBLISH", ["10:00:00", "10:20:00"], json!({}))
        .event(p("c"), "10:19:54", "TOKEN_EXCHANGED", exchange(&host, &viewer))
        .event(p("c"), "10:20:00", "TOKEN_EXCHANGED", exchange(&Value::Null, &host));
    let columns = ["participant", "kind", "at", "to_live_s", "to_stop_s", "outcome", "promoted_n"];
    let found = report(lake, "promotions", &[], &columns).await;
    let row =
        |who: &str, [kind, time, outcome]: [&str; 3], live: Option<f64>, stop: Option<f64>| {
            vec![
                json!(who),
                json!(kind),
                json!(at(time)),
                json!(live),
                json!(stop),
                json!(outcome),
                json!(2),
            ]
        };
    assert_eq!(
        found,
        [
            row("a", ["promoted", "10:05:00", "used"], Some(4.0), None),
            row("b", ["promoted", "10:06:00", "unused"], None, None),
            row("b", ["demoted", "10:07:00", "idle"], None, None),
            row("a", ["demoted", "10:10:00", "stopped"], None, Some(5.0)),
            row("c", ["demoted", "10:19:54", "violation"], None, Some(6.0)),
        ]
    );
}

#[tokio::test]
async fn what_is_not_recorded_is_at_risk_where_others_are() {
    let recorded = |state: Value| json!({"recording_state": state, "details_status": "FETCHED"});
    let mut lake = alpha()
        .session("beta", "st-2", "10:00:00", Some("11:00:00"))
        .participant("alpha", "st-1", "a", recorded(json!("STOPPED")))
        .participant("alpha", "st-1", "b", recorded(json!("FAILED")))
        .participant("alpha", "st-1", "c", recorded(Value::Null))
        .participant("beta", "st-2", "a", recorded(json!("DISABLED")));
    for id in ["a", "b", "c"] {
        lake = lake.interval(p(id), "PUBLISH", ["10:00:00", "10:30:00"], json!({}));
    }
    lake = lake.interval(["beta", "st-2", "a"], "PUBLISH", ["10:00:00", "10:30:00"], json!({}));
    let columns = ["stage", "state", "publish_h", "at_risk_h", "s3_prefix_missing_n"];
    let found = report(lake, "recording-coverage", &[], &columns).await;
    let row = |stage: &str, state: &str, at_risk: f64, missing: i64| {
        vec![json!(stage), json!(state), json!(0.5), json!(at_risk), json!(missing)]
    };
    assert_eq!(
        found,
        [
            row("alpha", "(none)", 0.5, 0),
            row("alpha", "FAILED", 0.5, 0),
            row("alpha", "STOPPED", 0.0, 1),
            row("beta", "DISABLED", 0.0, 0),
        ]
    );
}

#[tokio::test]
async fn weeks_that_are_not_over_are_unknown() {
    let day = |day: &str| format!("2026-11-{day}T10:00:00Z");
    let stay = |person: &str, start: &str, end: &str| json!({"user_id": person, "start_time": day(start), "end_time": day(end)});
    // Mondays are the 2nd, the 9th, the 16th; the lake knows until Friday, the 20th.
    let times = ["10:00:00", "10:30:00"];
    let lake = alpha()
        .interval(p("a"), "PRESENCE", times, stay("ann", "03", "03"))
        .interval(p("b"), "PRESENCE", times, stay("bob", "04", "04"))
        .interval(p("c"), "PRESENCE", times, stay("ann", "10", "17"))
        .interval(p("d"), "PRESENCE", times, stay("eve", "11", "11"))
        .interval(
            p("e"),
            "PRESENCE",
            times,
            json!({"start_time": day("03"), "end_time": day("03")}),
        );
    let columns = ["cohort_week", "size", "week_k", "active_n", "rate", "left_censored"];
    let found = report(lake, "retention", &[], &columns).await;
    let row =
        |week: &str, size: i64, k: i64, active: Option<i64>, rate: Option<f64>, first: bool| {
            vec![
                json!(format!("2026-11-{week}T00:00:00Z")),
                json!(size),
                json!(k),
                json!(active),
                json!(rate),
                json!(first),
            ]
        };
    assert_eq!(
        found,
        [
            row("02", 2, 0, Some(2), Some(1.0), true),
            row("02", 2, 1, Some(1), Some(0.5), true),
            row("02", 2, 2, None, None, true),
            row("09", 1, 0, Some(1), Some(1.0), false),
            row("09", 1, 1, None, None, false),
        ]
    );
}
