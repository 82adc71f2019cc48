//! What every report promises: rows, rates with their interval, durations with what is odd about them, and the same
//! answer in whatever order and in however many parts the rows come.

use super::*;
use crate::support::almost_same;
use lakes::at;

const ANN: [&str; 3] = ["alpha", "st-1", "a"];
const BOB: [&str; 3] = ["alpha", "st-1", "b"];

/// Something for every report.
fn everything() -> Lake {
    let to = |stage: &str, session: &str| json!({"destination_stage_arn": lakes::arn(stage), "destination_session_id": session});
    let details = json!({
        "user_id": "ann", "published": true, "events_status": "FETCHED", "events_n": 3, "details_status": "FETCHED",
        "sdk_version": "1.2", "os_name": "macOS", "recording_state": "ACTIVE", "state": "DISCONNECTED",
    });
    let tokens = json!({
        "previous_token": {"capabilities": ["SUBSCRIBE"], "user_id": "bob", "attributes": {"a": "1"}},
        "new_token": {"capabilities": ["PUBLISH", "SUBSCRIBE"], "user_id": "bob", "attributes": {"a": "2"}, "expiration_time": at("10:45:00")},
    });
    people::busy()
        .session("beta", "st-2", "10:00:00", Some("11:00:00"))
        .listed("beta", "st-3", "12:00:00", "LISTED")
        .participant("alpha", "st-1", "a", details.clone())
        .participant(
            "alpha",
            "st-1",
            "b",
            json!({"events_status": "FETCHED", "state": "DISCONNECTED"}),
        )
        .participant("beta", "st-2", "a", json!({"replication_type": "REPLICA"}))
        .interval(ANN, "REPLICATION", ["10:05:00", "10:15:00"], to("beta", "st-2"))
        .interval(["beta", "st-2", "z"], "PRESENCE", ["10:00:00", "11:00:00"], json!({}))
        .interval(
            ["beta", "st-2", "z"],
            "REPLICATION",
            ["10:06:00", "10:20:00"],
            to("alpha", "st-1"),
        )
        .event(ANN, "10:00:00", "JOINED", json!({}))
        .event(ANN, "09:59:58", "JOIN_ERROR", json!({"error_code": "QUOTA_EXCEEDED"}))
        .event(ANN, "10:25:00", "PUBLISH_STOPPED", json!({}))
        .event(BOB, "10:39:59", "TOKEN_EXCHANGED", tokens)
        .event(BOB, "10:45:00", "PUBLISH_ERROR", json!({"error_code": "BITRATE_EXCEEDED"}))
        .event(BOB, "10:55:00", "SUBSCRIBE_ERROR", json!({"remote_participant_id": "a"}))
        .request("beta", "10:04:59", "START", json!({}))
}

fn engine(lake: Lake, partitions: usize) -> Engine {
    let library = Arc::new(Library::embedded());
    let options =
        Options { partitions: Some(partitions), batch_size: Some(3), ..Options::default() };
    Engine::new(Arc::new(lake.into_source()), library, &options).unwrap()
}

async fn answer(engine: &Engine, name: &str, rates: &str) -> Vec<Value> {
    let library = Library::embedded();
    let mut given = required(name, rates);
    if name == "suspects" {
        given.push(("min_n", "1"));
    }
    let query = library.find(name).unwrap();
    rows(engine.run_canned(query, &arguments(&given)).await.unwrap()).await
}

#[tokio::test]
async fn every_report_has_rows_and_the_same_ones_in_any_order_and_in_any_number_of_parts() {
    let (_folder, rates) = money::prices("hosts,publisher,0,,XXX,2\n");
    let plain = engine(everything(), 1);
    let shuffled = [engine(everything().turned(7), 3), engine(everything().turned(11), 8)];
    for (number, query) in Library::embedded().queries().enumerate() {
        let name = query.header().name.as_str();
        let expected = answer(&plain, name, &rates).await;
        assert!(!expected.is_empty(), "{name} has no rows");
        // Planning is most of the work: each query is asked once more, in three parts or in eight.
        let found = answer(&shuffled[number % 2], name, &rates).await;
        let agrees = almost_same(&json!(found), &json!(expected));
        assert!(agrees, "{name}:\n{found:#?}\n  instead of\n{expected:#?}");
    }
}

/// Reports whose hours, minutes or seconds are those of intervals.
const DURATIONS: [&str; 16] = [
    "attendance",
    "audience",
    "cost-estimate",
    "durations",
    "occupancy",
    "participant-hours",
    "publisher-tiers",
    "recording-coverage",
    "replication-durations",
    "replication-edges",
    "replication-impact",
    "replication-pairs",
    "sessions",
    "top",
    "waste",
    "visits",
];

#[test]
fn a_duration_stands_beside_what_is_open_made_up_or_odd() {
    let library = Library::embedded();
    for file in library.queries().chain(library.views()) {
        let header = file.header();
        let has =
            |names: [&str; 2]| header.columns.iter().any(|it| names.contains(&it.name.as_str()));
        if DURATIONS.contains(&header.name.as_str()) {
            assert!(has(["open_n", "open"]) || has(["is_open", "open"]), "{}", header.name);
            assert!(has(["synth_n", "synthetic_start"]), "{}", header.name);
            assert!(has(["anomaly_n", "anomalies_n"]), "{}", header.name);
        }
        let in_hours =
            header.columns.iter().any(|it| matches!(it.unit.as_deref(), Some("h" | "min")));
        // What is odd is what this one is about.
        let is_known = header.name == "anomalies" || DURATIONS.contains(&header.name.as_str());
        assert!(!in_hours || is_known, "{} has hours", header.name);
    }
}

#[test]
fn a_rate_stands_beside_its_number_and_its_interval() {
    for query in Library::embedded().queries() {
        let header = query.header();
        let has = |name: &str| header.columns.iter().any(|it| it.name == name);
        let rates = header
            .columns
            .iter()
            .filter(|it| it.unit.as_deref() == Some("0..1"))
            .map(|it| it.name.as_str());
        let is_bound = |name: &str| name.ends_with("ci_lo") || name.ends_with("ci_hi");
        for rate in
            rates.filter(|name| !name.contains("share") && !is_bound(name) && *name != "target")
        {
            let prefix = rate.strip_suffix("_rate").unwrap_or(rate);
            let own = format!("{prefix}_ci_lo");
            let short = format!("{}_ci_lo", prefix.trim_end_matches("_failure"));
            assert!(
                [own.as_str(), short.as_str(), "ci_lo"].into_iter().any(has),
                "{}: {rate} has no interval",
                header.name
            );
            let counts =
                header.columns.iter().any(|it| it.kind == ivsight::query::ColumnKind::Integer);
            assert!(counts, "{}: {rate} has no number", header.name);
        }
        let los = header.columns.iter().filter(|it| it.name.ends_with("ci_lo")).count();
        let his = header.columns.iter().filter(|it| it.name.ends_with("ci_hi")).count();
        assert_eq!(los, his, "{}", header.name);
    }
}

#[tokio::test]
async fn of_nothing_there_is_no_rate() {
    let silent = || {
        Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00")).interval(
            ANN,
            "PRESENCE",
            ["10:00:00", "11:00:00"],
            json!({}),
        )
    };
    let columns = ["within_5s_of_n", "within_5s_rate", "ci_lo", "ci_hi", "p50_s", "score"];
    let found = report(silent(), "publish-startup", &[], &columns).await;
    let null = Value::Null;
    assert_eq!(found, [[&json!(0), &null, &null, &null, &null, &null].map(Clone::clone)]);
    let watching = silent().interval(
        ANN,
        "SUBSCRIBE",
        ["10:00:00", "11:00:00"],
        json!({"remote_participant_id": "nobody"}),
    );
    let columns = ["matched_n", "within_2s_rate", "ci_lo", "ci_hi", "p50_s"];
    let found = report(watching, "subscribe-startup", &[], &columns).await;
    assert_eq!(found, [[&json!(0), &null, &null, &null, &null].map(Clone::clone)]);
    let columns = ["role", "step", "of_prev", "of_prev_ci_lo", "of_first"];
    let found = report(silent(), "funnel", &[], &columns).await;
    assert_eq!(found[3][2..], [null.clone(), null, json!(0.0)], "media never tried");
}
