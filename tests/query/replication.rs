//! `replication-durations` over a lake with the traps that concern it.

use super::*;
use lakes::{arn, at};

const HOST: [&str; 3] = ["home", "st-1", "host"];
const OTHER: [&str; 3] = ["home", "st-1", "other"];

fn to(stage: &str, session: &str, more: &Value) -> Value {
    let mut row = json!({"destination_stage_arn": arn(stage), "destination_session_id": session});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

/// The host is replicated from home to away; the destination ends at 10:50.
fn replicated() -> Lake {
    Lake::default()
        .session("home", "st-1", "10:00:00", Some("11:00:00"))
        .session("away", "st-2", "10:00:00", Some("10:50:00"))
        .listed("far", "st-3", "10:00:00", "LISTED")
        .participant("home", "st-1", "host", json!({"replication_type": "SOURCE"}))
        .participant("away", "st-2", "host", json!({"replication_type": "REPLICA"}))
        // 10:10 to 10:20, with a reconnect from 10:13 to 10:15: media 3 + 4 min, before and after it dead air of
        // 0 and 1 min; started twice.
        .interval(
            HOST,
            "REPLICATION",
            ["10:10:00", "10:20:00"],
            to(
                "away",
                "st-2",
                &json!({"starts_n": 2, "user_id": "ann", "anomalies": ["double_start"]}),
            ),
        )
        .interval(HOST, "PUBLISH", ["10:05:00", "10:13:00"], json!({}))
        .interval(HOST, "PUBLISH", ["10:14:00", "10:14:00"], json!({}))
        .interval(HOST, "PUBLISH", ["10:15:00", "10:19:00"], json!({}))
        // Where the host goes on to, in another session, is not the source.
        .interval(
            ["away", "st-2", "host"],
            "PUBLISH",
            ["10:00:00", "10:50:00"],
            json!({"replica": true}),
        )
        // What the destination tells of itself.
        .interval(
            ["away", "st-2", "host"],
            "REPLICATION",
            ["10:10:00", "10:20:00"],
            to("away", "st-2", &json!({})),
        )
        // Ends after the destination did: capped at 10:50.
        .interval(OTHER, "REPLICATION", ["10:40:00", "10:55:00"], to("away", "st-2", &json!({})))
        .interval(OTHER, "PUBLISH", ["10:30:00", "11:00:00"], json!({}))
        // Open, to a session that is not in the lake.
        .interval(
            OTHER,
            "REPLICATION",
            ["10:58:00", "11:00:00"],
            to("far", "st-3", &json!({"end_reason": "OPEN"})),
        )
}

#[tokio::test]
async fn one_row_for_each_replication() {
    let columns =
        ["source_stage", "source_session", "participant", "person", "dest_stage", "dest_session"];
    let found = report(replicated(), "replication-durations", &[], &columns).await;
    let text = |row: [&str; 6]| row.map(|text| json!(text)).to_vec();
    assert_eq!(
        found,
        [
            text(["home", "st-1", "host", "ann", "away", "st-2"]),
            text(["home", "st-1", "other", "other", "away", "st-2"]),
            text(["home", "st-1", "other", "other", "far", "st-3"]),
        ]
    );
}

#[tokio::test]
async fn durations_media_and_gaps() {
    let columns = [
        "start",
        "end",
        "duration_s",
        "media_s",
        "dead_air_s",
        "reconnect_gaps_n",
        "longest_gap_s",
    ];
    let found = report(replicated(), "replication-durations", &[], &columns).await;
    let row = |[start, end]: [&str; 2], [duration, media, dead, longest]: [f64; 4], gaps: i64| {
        vec![
            json!(at(start)),
            json!(at(end)),
            json!(duration),
            json!(media),
            json!(dead),
            json!(gaps),
            json!(longest),
        ]
    };
    assert_eq!(
        found,
        [
            row(["10:10:00", "10:20:00"], [600.0, 420.0, 180.0, 120.0], 1),
            row(["10:40:00", "10:50:00"], [600.0, 600.0, 0.0, 0.0], 0),
            row(["10:58:00", "11:00:00"], [120.0, 120.0, 0.0, 0.0], 0),
        ]
    );
}

#[tokio::test]
async fn how_it_ended_and_what_the_other_side_says() {
    let columns = [
        "end_reason",
        "open",
        "capped",
        "replica_row_found",
        "restarts_n",
        "anomalies_n",
        "clipped",
    ];
    let found = report(replicated(), "replication-durations", &[], &columns).await;
    let expected = [
        json!(["EXPLICIT", false, false, true, 1, 1, false]),
        json!(["EXPLICIT", false, true, false, 0, 0, false]),
        json!(["OPEN", true, false, null, 0, 0, false]),
    ];
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_window_cuts_what_reaches_beyond_it() {
    let columns = ["start", "end", "media_s", "reconnect_gaps_n", "longest_gap_s", "clipped"];
    let window = [("from", "2026-11-20T10:14:30Z"), ("to", "2026-11-20T10:17:00Z")];
    let found = report(replicated(), "replication-durations", &window, &columns).await;
    let expected = json!([at("10:14:30"), at("10:17:00"), 120.0, 0, 0.0, true]);
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), [expected]);
    // Capped at 10:50: nothing of it is left after that. The half-open end belongs to nobody.
    let window = [("from", "2026-11-20T10:50:00Z"), ("to", "2026-11-20T10:58:00Z")];
    assert_eq!(report(replicated(), "replication-durations", &window, &[]).await.len(), 0);
}

#[tokio::test]
async fn open_ones_are_cut_left_out_or_alone() {
    for (open, expected) in [("clip", 3), ("exclude", 2), ("only", 1)] {
        let found = report(replicated(), "replication-durations", &[("open", open)], &[]).await;
        assert_eq!(found.len(), expected, "{open}");
    }
}

#[tokio::test]
async fn edges_sum_what_goes_from_one_stage_to_another() {
    let columns = [
        "source_stage",
        "dest_stage",
        "replications_n",
        "persons_n",
        "duration_s",
        "media_s",
        "p50_s",
        "p95_s",
        "percentiles",
        "capped_n",
        "replica_row_missing_n",
        "open_n",
        "anomaly_n",
    ];
    let found = report(replicated(), "replication-durations", &[("by", "edge")], &columns).await;
    let expected = [
        json!(["home", "away", 2, 2, 1200.0, 1020.0, 600.0, null, "exact", 1, 1, 0, 1]),
        json!(["home", "far", 1, 1, 120.0, 120.0, 120.0, null, "exact", 0, 0, 1, 0]),
    ];
    assert_eq!(found.into_iter().map(Value::Array).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn the_tail_of_an_edge_needs_twenty_replications() {
    let mut lake = Lake::default().session("home", "st-1", "10:00:00", Some("11:00:00"));
    for minute in 0..21 {
        let [start, end] = [format!("10:{minute:02}:00"), format!("10:{minute:02}:{minute:02}")];
        lake = lake.interval(HOST, "REPLICATION", [&start, &end], to("away", "st-2", &json!({})));
    }
    let found = report(lake, "replication-edges", &[], &["p50_s", "p95_s"]).await;
    // 0, 1, ..., 20 s.
    for (value, expected) in found[0].iter().zip([10.0, 19.0]) {
        assert!((value.as_f64().unwrap() - expected).abs() < 0.001, "{found:?}");
    }
}

#[tokio::test]
async fn views_answer_plain_sql_within_a_period() {
    let engine = engine_over(replicated().into_source());
    let text = "SELECT participant, sum(duration_s) AS s FROM replication GROUP BY 1 ORDER BY 1";
    let found = sql(&engine, text, &[("from", "2026-11-20T10:15:00Z"), ("stage", "home")]).await;
    assert_eq!(
        found.unwrap(),
        [json!({"participant": "host", "s": 300.0}), json!({"participant": "other", "s": 720.0})]
    );
}
