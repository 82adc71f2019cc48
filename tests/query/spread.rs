//! Recovery, churn, service levels, durations, tiers and occupancy over one small stage.

use super::*;
use lakes::at;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"))
}

#[tokio::test]
async fn a_run_of_errors_is_one_chain() {
    let quota = json!({"error_code": "QUOTA_EXCEEDED"});
    let mut lake = alpha();
    // Two errors 20 s apart and a start 10 s later are one chain; so is one error 5 minutes later, which ends in nothing.
    for time in ["10:00:00", "10:00:20", "10:05:30"] {
        lake = lake.event(p("a"), time, "PUBLISH_ERROR", quota.clone());
    }
    lake = lake
        .event(p("a"), "10:00:30", "PUBLISH_STARTED", json!({}))
        .interval(p("a"), "PUBLISH", ["10:00:30", "10:05:00"], json!({}))
        // A success between two errors parts them, however near they are.
        .event(p("b"), "10:10:00", "PUBLISH_ERROR", quota.clone())
        .event(p("b"), "10:10:02", "PUBLISH_STARTED", json!({}))
        .interval(p("b"), "PUBLISH", ["10:10:02", "10:10:03"], json!({}))
        .event(p("b"), "10:10:05", "PUBLISH_ERROR", quota);
    let columns =
        ["action", "chains_n", "recovered_n", "pending_n", "tries_p50", "time_to_success_p50_s"];
    let found = report(lake, "recovery", &[], &columns).await;
    // Of 3 tries and 30 s, and of 2 tries and 2 s.
    let row = [json!("publish"), json!(4), json!(2), json!(0), json!(2.5), json!(16.0)];
    assert_eq!(found, [row]);
}

/// Ann comes back after 50 s, and after 61 s; Bob joins twice without leaving; both were there for the 10 minutes before.
fn restless() -> Lake {
    let ann = || json!({"user_id": "ann"});
    alpha()
        .interval(p("a"), "PRESENCE", ["10:00:00", "10:10:00"], ann())
        .interval(p("a"), "PRESENCE", ["10:10:50", "10:20:00"], ann())
        .interval(p("a2"), "PRESENCE", ["10:21:01", "10:30:00"], ann())
        .interval(
            p("b"),
            "PRESENCE",
            ["10:00:00", "10:10:00"],
            json!({"user_id": "bob", "starts_n": 3}),
        )
        .interval(p("r"), "PRESENCE", ["10:00:00", "10:30:00"], json!({"replica": true}))
}

#[tokio::test]
async fn who_comes_back_in_time_reconnects() {
    let columns = [
        "scope",
        "persons_n",
        "reconnecting_n",
        "reconnects_n",
        "gaps_n",
        "gap_p50_s",
        "max_reconnects",
        "rate",
    ];
    let found = report(restless(), "churn", &[], &columns).await;
    let row = |reconnects: [i64; 3], gap: f64, most: i64, rate: f64| {
        let mut row = vec![json!("st-1"), json!(2)];
        row.extend(reconnects.map(|n| json!(n)));
        row.extend([json!(gap), json!(most), json!(rate)]);
        row
    };
    assert_eq!(found, [row([1, 3, 1], 50.0, 2, 0.5)]);
    let found = report(restless(), "churn", &[("stitch", "61s")], &columns).await;
    assert_eq!(found, [row([2, 4, 2], 55.5, 2, 1.0)]);
}

#[tokio::test]
async fn durations_are_of_what_ended() {
    let lake = restless()
        .interval(p("a"), "PUBLISH", ["10:00:00", "10:00:00"], json!({}))
        .interval(p("a"), "PUBLISH", ["10:00:10", "10:00:20"], json!({"synthetic_start": true}))
        .interval(p("b"), "PUBLISH", ["10:00:00", "10:10:00"], json!({"end_reason": "OPEN"}));
    let columns = ["kind", "bucket_from_s", "n", "share", "p50_s", "open_n", "zero_n", "synth_n"];
    let found = report(lake, "durations", &[], &columns).await;
    assert_eq!(found.len(), 21, "every class of every kind has a row");
    let filled: Vec<Vec<Value>> =
        found.into_iter().filter(|row| row[2].as_i64().unwrap() > 0).collect();
    let row = |kind: &str, [from, share, median]: [f64; 3], [n, open, zero, synth]: [i64; 4]| {
        vec![
            json!(kind),
            json!(from),
            json!(n),
            json!(share),
            json!(median),
            json!(open),
            json!(zero),
            json!(synth),
        ]
    };
    // Stays of 600, 550, 539 and 600 s; visits of 1200 (the gap is part of it), 539 and 600 s.
    assert_eq!(
        filled,
        [
            row("join", [300.0, 1.0, 575.0], [4, 0, 0, 0]),
            row("publish", [10.0, 1.0, 10.0], [1, 1, 1, 1]),
            row("visit", [300.0, 2.0 / 3.0, 600.0], [2, 0, 0, 0]),
            row("visit", [900.0, 1.0 / 3.0, 600.0], [1, 0, 0, 0]),
        ]
    );
}

#[tokio::test]
async fn time_is_split_by_how_many_publish() {
    let lake = restless()
        .interval(p("a"), "PUBLISH", ["10:00:00", "10:10:00"], json!({}))
        .interval(p("r"), "PUBLISH", ["10:05:00", "10:10:00"], json!({"replica": true}));
    let columns = ["scope", "publishers_n", "wall_min", "participant_min"];
    let found = report(lake, "publisher-tiers", &[], &columns).await;
    let row = |publishers: i64, wall: f64, people: f64| {
        vec![json!("alpha"), json!(publishers), json!(wall), json!(people)]
    };
    let alone = (550.0 + 539.0) / 60.0;
    assert_eq!(found, [row(0, alone, alone), row(1, 5.0, 10.0), row(2, 5.0, 10.0)]);
}

#[tokio::test]
async fn a_stage_is_occupied_across_short_gaps() {
    let columns = ["island", "start", "end", "dur_s", "sessions", "persons_n", "peak_ccu"];
    let found = report(restless(), "occupancy", &[("min", "1")], &columns).await;
    let row = |island: i64, [start, end]: [&str; 2], seconds: f64, [persons, peak]: [i64; 2]| {
        vec![
            json!(island),
            json!(at(start)),
            json!(at(end)),
            json!(seconds),
            json!(["st-1"]),
            json!(persons),
            json!(peak),
        ]
    };
    assert_eq!(
        found,
        [
            row(1, ["10:00:00", "10:20:00"], 1200.0, [2, 2]),
            row(2, ["10:21:01", "10:30:00"], 539.0, [1, 1]),
        ]
    );
}

#[tokio::test]
async fn a_service_level_is_broken_only_where_the_whole_interval_is_below() {
    // 31 people of whom one never gets in; one connection that publishes in time.
    const PEOPLE: [&str; 31] = [
        "p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11", "p12",
        "p13", "p14", "p15", "p16", "p17", "p18", "p19", "p20", "p21", "p22", "p23", "p24", "p25",
        "p26", "p27", "p28", "p29", "p30",
    ];
    let mut lake = alpha().event(p("p00"), "10:00:00", "JOIN_ERROR", json!({}));
    for id in &PEOPLE[1..] {
        lake = lake.interval(p(id), "PRESENCE", ["10:00:00", "10:30:00"], json!({}));
    }
    lake = lake.interval(p("p01"), "PUBLISH", ["10:00:02", "10:30:00"], json!({}));
    let columns = ["sli", "valid_n", "good_n", "verdict"];
    let row = |sli: &str, valid: i64, good: i64, verdict: &str| {
        vec![json!(sli), json!(valid), json!(good), json!(verdict)]
    };
    let found = report(lake.clone(), "slo", &[], &columns).await;
    assert_eq!(
        found,
        [
            // None of one: the interval ends at 0.79.
            row("session_ok", 1, 0, "breach"),
            row("join", 31, 30, "at_risk"),
            row("publish_5s", 1, 1, "insufficient"),
        ]
    );
    let columns = ["sli", "verdict", "budget_left"];
    let found = report(lake, "slo", &[("target", "0.9")], &columns).await;
    let join = found.iter().find(|row| row[0] == "join").unwrap();
    assert_eq!(join[1..], [json!("ok"), json!(0.677_419)]);
}

#[tokio::test]
async fn what_is_known_is_counted_field_by_field() {
    let lake = alpha()
        .participant("alpha", "st-1", "a", json!({
            "user_id": "ann", "details_status": "FETCHED", "os_name": "iOS", "events_status": "FETCHED", "events_n": 2,
        }))
        .participant("alpha", "st-1", "b", json!({"details_status": "NOT_ASKED", "events_status": "FAILED"}))
        .event(p("a"), "10:00:00", "JOINED", json!({}))
        .event(p("a"), "10:00:00", "PUBLISH_STARTED", json!({}))
        .event(p("a"), "10:00:00", "LEFT", json!({"event_time": "2026-11-20T10:00:00.5Z"}));
    let columns = ["field", "n", "null_n"];
    let found = report(lake, "completeness", &[], &columns).await;
    for (field, n, null_n) in [
        ("os_name", 1, 0),
        ("isp_name", 1, 1),
        ("details", 2, 1),
        ("events", 2, 1),
        ("user_id", 2, 1),
        ("any_event", 1, 0),
        ("fraction_of_a_second", 3, 2),
        ("moment_of_its_own", 3, 2),
        ("distinct", 3, 0),
    ] {
        assert!(found.contains(&vec![json!(field), json!(n), json!(null_n)]), "{field}: {found:?}");
    }
}
