//! Those who ask while others write.

use super::{command, smallest};
use crate::support::TestBed;
use ivsight::sim::{Config, Scenario};

/// Sessions that are done and lack an event, and events of sessions that are not done.
const BROKEN: &str = "
    WITH counted AS (SELECT stage_arn, session_id, count(*) AS n FROM events GROUP BY ALL)
    SELECT coalesce(s.session_id, c.session_id) AS session_id, s.events_n, c.n
    FROM sessions s FULL JOIN counted c USING (stage_arn, session_id)
    WHERE coalesce(s.events_n, 0) <> coalesce(c.n, 0)";

fn broken(bed: &TestBed) -> serde_json::Value {
    bed.query(&[&BROKEN.replace("GROUP BY ALL", "GROUP BY 1, 2"), "--format", "json"])
        .exits(0)
        .json()
}

#[test]
fn a_query_sees_each_session_whole_whatever_is_published_and_compacted_meanwhile() {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let bed = TestBed::with(config).in_bucket();
    bed.collect(&["--to", "2026-11-12"]).exits(0);
    let gate = bed.s3().gate();
    let whole = serde_json::json!([]);
    assert_eq!(broken(&bed), whole);
    // At each commit of a publication, and of a compaction.
    for writing in ["collect", "compact"] {
        for table in ["events", "intervals", "participants", "replicas", "sessions"] {
            let part = format!("/{table}/_delta_log/");
            gate.hold(move |request| request.starts_with("PUT ") && request.contains(&part));
            let mut run = if writing == "collect" {
                bed.start_collect(&["--refetch"])
            } else {
                let mut compact = bed.program();
                compact.args(["compact", "--lake", &bed.lake_name()]);
                crate::support::Running::start(&mut compact, bed.folder())
            };
            let is_held = run.until(|| gate.held().is_some());
            assert!(is_held || writing == "compact", "{writing} {table}");
            assert_eq!(broken(&bed), whole, "{writing} {table}");
            gate.release();
            run.wait().exits(0);
            assert_eq!(broken(&bed), whole, "{writing} {table}");
        }
    }
    command(&bed, &["verify"]).exits(0);
}

#[test]
fn a_lake_that_is_not_there_is_missing_in_a_sentence() {
    let bed = smallest();
    for args in [&["status"][..], &["verify"], &["compact"], &["query", "SELECT * FROM events"]] {
        command(&bed, args).exits(1).says(&["there is no lake at `s3://lake-bucket/lakes/one`"]);
    }
}
