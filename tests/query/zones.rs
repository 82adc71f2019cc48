//! Buckets in a time zone: a day of 25 hours, one of 23, and what is no zone.

use super::*;

/// Somebody who is there from one time to another; the lake's own date does not matter.
fn stay(start: &str, end: &str) -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00")).interval(
        ["alpha", "st-1", "a"],
        "PRESENCE",
        ["10:00:00", "11:00:00"],
        json!({"start_time": start, "end_time": end, "user_id": "ann"}),
    )
}

async fn hours(lake: Lake, given: &[(&str, &str)]) -> Vec<(String, f64)> {
    let found = report(lake, "participant-hours", given, &["bucket", "participant_h"]).await;
    found
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_f64().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_day_has_25_hours_in_autumn_and_23_in_spring() {
    let berlin = [("tz", "Europe/Berlin")];
    let autumn = || stay("2026-10-24T20:00:00Z", "2026-10-26T01:00:00Z");
    let row = |bucket: &str, hours: f64| (bucket.to_owned(), hours);
    assert_eq!(
        hours(autumn(), &berlin).await,
        [
            row("2026-10-23T22:00:00Z", 2.0),
            row("2026-10-24T22:00:00Z", 25.0),
            row("2026-10-25T23:00:00Z", 2.0)
        ]
    );
    assert_eq!(
        hours(autumn(), &[]).await,
        [
            row("2026-10-24T00:00:00Z", 4.0),
            row("2026-10-25T00:00:00Z", 24.0),
            row("2026-10-26T00:00:00Z", 1.0)
        ]
    );
    let spring = stay("2026-03-28T22:00:00Z", "2026-03-30T00:00:00Z");
    assert_eq!(
        hours(spring, &berlin).await,
        [
            row("2026-03-27T23:00:00Z", 1.0),
            row("2026-03-28T23:00:00Z", 23.0),
            row("2026-03-29T22:00:00Z", 2.0)
        ]
    );
}

#[tokio::test]
async fn levels_are_averaged_over_the_day_as_long_as_it_is() {
    let given = [("tz", "Europe/Berlin"), ("bucket", "1d")];
    let columns = ["bucket", "peak_ccu", "min_ccu", "avg_ccu"];
    // Half of the long day.
    let lake = stay("2026-10-24T22:00:00Z", "2026-10-25T10:30:00Z");
    let found = report(lake, "concurrency", &given, &columns).await;
    assert_eq!(found, [[json!("2026-10-24T22:00:00Z"), json!(1), json!(0), json!(0.5)]]);
}

#[tokio::test]
async fn weeks_begin_where_the_zone_says() {
    // Sunday evening in UTC is Monday in Auckland.
    let lake = || stay("2026-10-25T20:00:00Z", "2026-10-25T21:00:00Z");
    let columns = ["cohort_week"];
    let found = report(lake(), "retention", &[], &columns).await;
    assert_eq!(found[0], [json!("2026-10-19T00:00:00Z")]);
    let found = report(lake(), "retention", &[("tz", "Pacific/Auckland")], &columns).await;
    assert_eq!(found[0], [json!("2026-10-25T11:00:00Z")]);
}

#[tokio::test]
async fn what_is_no_zone_or_no_width_is_told() {
    let engine = engine_over(stay("2026-10-24T20:00:00Z", "2026-10-26T01:00:00Z").into_source());
    let library = Library::embedded();
    let fault = |name: &'static str, given: Vec<(&'static str, &'static str)>| {
        let (engine, library) = (&engine, &library);
        async move {
            let answer = engine.run_canned(library.find(name).unwrap(), &arguments(&given)).await;
            match answer {
                Ok(answer) => answer.batches.try_collect::<Vec<_>>().await.unwrap_err().to_string(),
                Err(error) => error.to_string(),
            }
        }
    };
    let message = fault("concurrency", vec![("tz", "Mars")]).await;
    assert!(
        message.starts_with("the parameter `tz` can't be `Mars`: `Mars` is no time zone"),
        "{message}"
    );
    let message = fault("concurrency", vec![("bucket", "0s")]).await;
    assert_eq!(message, "the parameter `bucket` can't be `0s`: a bucket has a length");
    let message = fault("concurrency", vec![("bucket", "36h"), ("tz", "Europe/Berlin")]).await;
    assert!(message.contains("what is longer than a day is whole days"), "{message}");
    let message = fault("concurrency", vec![("bucket", "1ms")]).await;
    assert!(message.contains("choose a longer `--bucket`"), "{message}");
    let message = fault("error-codes", vec![("tz", "UTC")]).await;
    assert_eq!(message, "the query `error-codes` takes no parameter `tz`");
}

#[tokio::test]
async fn buckets_are_there_for_plain_sql() {
    let engine = engine_over(some_sessions());
    let text = "SELECT bucket_start(start_time, '1mo', 'Europe/Berlin') AS month, bucket_start(start_time, NULL) AS none, \
                cardinality(buckets(start_time, end_time, '15m')) AS n FROM sessions WHERE session_id = 'st-1'";
    let found = sql(&engine, text, &[]).await.unwrap();
    assert_eq!(found, [json!({"month": "2026-10-31T23:00:00Z", "none": null, "n": 4})]);
    let text = "SELECT bucket_start(start_time, session_id) FROM sessions";
    let answer = engine.query(text, &arguments(&[])).await.unwrap();
    let error = answer.batches.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("must be the same for all rows"), "{error}");
}
