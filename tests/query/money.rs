//! `top`, `waste` and `cost-estimate`: hours, and what they are worth at prices that a test made up.

use super::*;

fn p(id: &'static str) -> [&'static str; 3] {
    ["alpha", "st-1", id]
}

/// Little more than the hours of a crowd need.
const MEMORY: usize = 16 << 20;

fn alpha() -> Lake {
    Lake::default().session("alpha", "st-1", "10:00:00", Some("11:00:00"))
}

fn watch(id: &str) -> Value {
    json!({"remote_participant_id": id})
}

/// A file of prices that is there as long as the test.
pub(super) fn prices(rows: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.csv");
    std::fs::write(&path, format!("line,role,tier,valid_from,currency,unit_price\n{rows}"))
        .unwrap();
    let path = path.display().to_string();
    (folder, path)
}

fn close(found: &Value, expected: f64) {
    let number = found.as_f64().unwrap_or_else(|| panic!("{found} instead of {expected}"));
    assert!((number - expected).abs() < 1e-9, "{found} instead of {expected}");
}

/// Ann is on two stages, the second time without a stop; her error is of the first.
fn two_stages() -> Lake {
    let beta = ["beta", "st-2", "a2"];
    let host =
        json!({"isp_name": "Net", "attributes": {"role": "host", "plan": "x"}, "user_id": "ann"});
    alpha()
        .session("beta", "st-2", "10:00:00", Some("12:00:00"))
        .participant("alpha", "st-1", "a", host.clone())
        .participant("alpha", "st-1", "b", json!({"attributes": {"plan": "y"}}))
        .participant("beta", "st-2", "a2", host)
        .interval(p("a"), "PRESENCE", ["10:00:00", "11:00:00"], json!({"user_id": "ann"}))
        .interval(
            p("b"),
            "PRESENCE",
            ["10:00:00", "10:30:00"],
            json!({"anomalies": ["double_start"]}),
        )
        .interval(
            beta,
            "PRESENCE",
            ["10:00:00", "12:00:00"],
            json!({"user_id": "ann", "end_reason": "OPEN"}),
        )
        .interval(beta, "PRESENCE", ["12:00:00", "12:30:00"], json!({"replica": true}))
        .event(p("a"), "10:05:00", "PUBLISH_ERROR", json!({"error_code": "QUOTA_EXCEEDED"}))
}

#[tokio::test]
async fn the_largest_come_first_and_the_unknown_are_not_dropped() {
    let columns = [
        "value",
        "sessions_n",
        "persons_n",
        "participants_n",
        "errors_n",
        "open_n",
        "anomaly_n",
        "hours",
        "cumulative_share",
    ];
    let top = |what: &'static str| async move {
        report(two_stages(), "top", &[("what", what)], &columns).await
    };
    let row = |value: &str, counts: [i64; 6]| {
        let mut row = vec![json!(value)];
        row.extend(counts.map(|n| json!(n)));
        row
    };
    let found = top("stage").await;
    assert_eq!(found[0][..7], row("beta", [1, 1, 1, 0, 1, 0]));
    assert_eq!(found[1][..7], row("alpha", [1, 2, 2, 1, 0, 1]));
    close(&found[0][7], 2.0);
    close(&found[0][8], 2.0 / 3.5);
    close(&found[1][8], 1.0);
    let found = top("person").await;
    assert_eq!(found[0][..7], row("ann", [2, 1, 2, 1, 1, 0]));
    assert_eq!(found[1][..7], row("b", [1, 1, 1, 0, 0, 1]));
    let found = top("isp").await;
    assert_eq!(found[1][..7], row("(unknown)", [1, 1, 1, 0, 0, 1]));
    let found = top("attribute:role").await;
    assert_eq!(found[0][..7], row("host", [2, 1, 2, 1, 1, 0]));
    assert_eq!(found[1][0], "(unknown)");
    let found = top("attribute:plan").await;
    assert_eq!(found[1][0], "y");
}

#[tokio::test]
async fn what_can_be_ranked_is_told() {
    let engine = engine_over(two_stages().into_source());
    let library = Library::embedded();
    let query = library.find("top").unwrap();
    for what in ["nothing", "attribute:", "Stage"] {
        let error = engine.run_canned(query, &arguments(&[("what", what)])).await.unwrap_err();
        assert!(error.to_string().ends_with("protocol, attribute:*"), "{error}");
    }
}

/// The host is alone for 5 minutes, publishes from 10:10 to 10:40 and stays; see each line.
fn idle() -> Lake {
    alpha()
        .interval(p("host"), "PRESENCE", ["10:00:00", "11:00:00"], json!({}))
        .interval(p("host"), "PUBLISH", ["10:10:00", "10:40:00"], json!({}))
        // Watches from 10:20 until the end of the publishing.
        .interval(p("viewer"), "PRESENCE", ["10:05:00", "11:00:00"], json!({}))
        .interval(p("viewer"), "SUBSCRIBE", ["10:20:00", "10:40:00"], watch("host"))
        // Never watches.
        .interval(
            p("idler"),
            "PRESENCE",
            ["10:05:00", "10:30:00"],
            json!({"synthetic_start": true}),
        )
        // Publishes for 5 minutes to nobody, then watches.
        .interval(p("guest"), "PRESENCE", ["10:10:00", "10:40:00"], json!({}))
        .interval(p("guest"), "PUBLISH", ["10:10:00", "10:15:00"], json!({}))
        .interval(p("guest"), "SUBSCRIBE", ["10:15:00", "10:40:00"], watch("host"))
}

#[tokio::test]
async fn each_moment_is_wasted_once_by_the_first_rule_that_holds() {
    let (_folder, rates) =
        prices("hosts,publisher,0,,XXX,2\nviewers,viewer,0,,XXX,1\nviewers,viewer,9,,XXX,0.5\n");
    let columns = ["kind", "participants_n", "synth_n", "hours", "share", "est_cost"];
    let found = report(idle(), "waste", &[("rates", &rates)], &columns).await;
    let minutes = [
        ("solo", 1, 5.0, 5.0),
        ("no_publisher", 3, 55.0, 55.0),
        ("unwatched_publish", 2, 10.0, 20.0),
        ("idle_viewer", 2, 30.0, 30.0),
        ("post_publish_tail", 1, 25.0, 25.0),
        ("used", 2, 45.0, 70.0),
    ];
    assert_eq!(found.len(), minutes.len());
    for (row, (kind, participants, spent, worth)) in found.iter().zip(minutes) {
        assert_eq!(row[..3], [json!(kind), json!(participants), json!(1)]);
        close(&row[3], spent / 60.0);
        close(&row[4], spent / 170.0);
        close(&row[5], worth / 60.0);
    }
    let found = report(idle(), "waste", &[], &["est_cost", "currency"]).await;
    assert_eq!(found[0], [Value::Null, Value::Null]);
}

/// Beside the host, each of a crowd waits for a quarter of an hour, and never watches what comes then.
fn crowd(people: usize) -> Lake {
    let host = alpha()
        .interval(p("host"), "PRESENCE", ["10:00:00", "11:00:00"], json!({}))
        .interval(p("host"), "PUBLISH", ["10:15:00", "11:00:00"], json!({}));
    (0..people).fold(host, |lake, number| {
        let id = format!("viewer-{number:06}");
        let stay = ["10:00:00", "11:00:00"];
        lake.interval(["alpha", "st-1", &id], "PRESENCE", stay, json!({}))
    })
}

#[tokio::test]
async fn a_crowd_is_priced_under_a_memory_limit() {
    let (_folder, rates) = prices("hosts,publisher,0,,XXX,2\nviewers,viewer,0,,XXX,1\n");
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        memory_limit: Some(MEMORY),
        partitions: Some(2),
        spill_folder: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let library = Arc::new(Library::embedded());
    let engine = Engine::new(Arc::new(crowd(8_000).into_source()), library, &options).unwrap();
    let library = Library::embedded();
    let query = library.find("waste").unwrap();
    let given = arguments(&[("rates", rates.as_str())]);
    let found = rows(engine.run_canned(query, &given).await.unwrap()).await;
    let kinds: Vec<_> = found.iter().map(|row| (&row["kind"], &row["participants_n"])).collect();
    let expected = [
        (&json!("no_publisher"), &json!(8_001)),
        (&json!("unwatched_publish"), &json!(1)),
        (&json!("idle_viewer"), &json!(8_000)),
    ];
    assert_eq!(kinds, expected);
    close(&found[2]["est_cost"], 6_000.0);
}

/// 1,830 s of publishing, 1,770 s and 30 s of watching, and an hour of a replica.
fn hours() -> Lake {
    alpha()
        .interval(p("host"), "PRESENCE", ["10:00:00", "11:00:00"], json!({}))
        .interval(p("host"), "PUBLISH", ["10:00:00", "10:30:30"], json!({}))
        .interval(p("viewer"), "PRESENCE", ["10:00:00", "10:00:30"], json!({}))
        .interval(p("copy"), "PRESENCE", ["10:00:00", "11:00:00"], json!({"replica": true}))
}

async fn costs(rates: &str, given: &[(&str, &str)], columns: &[&str]) -> Vec<Vec<Value>> {
    let (_folder, path) = prices(rates);
    let mut all = vec![("rates", path.as_str())];
    all.extend(given);
    report(hours(), "cost-estimate", &all, columns).await
}

#[tokio::test]
async fn tiers_are_filled_in_turn_and_a_new_price_cuts_the_hours() {
    let rates = "hosts,publisher,0,,XXX,2\nhosts,publisher,0,2026-11-20T10:15:00Z,XXX,4\n\
                 audience,viewer,0,2026-01-01,XXX,1\naudience,viewer,0.4,2026-01-01,XXX,0.5\n";
    let columns = ["line", "tier", "quantity_h", "rounded_h", "cost", "share"];
    let found = costs(rates, &[], &columns).await;
    let expected = [
        ("audience", 0.0, 0.4, 0.4),
        ("audience", 0.4, 0.1, 0.05),
        ("hosts", 0.0, 0.25, 0.5),
        ("hosts", 0.0, 930.0 / 3600.0, 930.0 / 900.0),
    ];
    let total: f64 = expected.iter().map(|row| row.3).sum();
    assert_eq!(found.len(), expected.len());
    for (row, (line, tier, hours, cost)) in found.iter().zip(expected) {
        assert_eq!(row[..2], [json!(line), json!(tier)]);
        close(&row[2], hours);
        close(&row[3], hours);
        close(&row[4], cost);
        close(&row[5], cost / total);
    }
}

#[tokio::test]
async fn each_stay_is_rounded_before_the_sum() {
    let rates = "audience,viewer,0,,XXX,1\nall,participant,0,,XXX,1\ncopies,replica,0,,XXX,1\n";
    let columns = ["line", "quantity_h", "rounded_h"];
    let found = costs(rates, &[("round", "1min-up")], &columns).await;
    for (row, (line, quantity, rounded)) in found.iter().zip([
        ("all", 3630.0, 3660.0),
        ("audience", 1800.0, 1860.0),
        ("copies", 3600.0, 3600.0),
    ]) {
        assert_eq!(row[0], line);
        close(&row[1], quantity / 3600.0);
        close(&row[2], rounded / 3600.0);
    }
}

#[tokio::test]
async fn hours_without_a_price_cost_nobody_knows_what() {
    let rates = "audience,viewer,0,2026-11-20T10:59:00Z,XXX,1\n";
    let columns = ["unit_price", "cost", "tier", "quantity_h", "share"];
    let found = costs(rates, &[], &columns).await;
    assert_eq!(found[0][..3], [Value::Null, Value::Null, Value::Null]);
    close(&found[0][3], 1740.0 / 3600.0);
    close(&found[1][3], 60.0 / 3600.0);
    close(&found[1][4], 1.0);
}

#[tokio::test]
async fn a_month_goes_on_as_it_began() {
    let rates = "audience,viewer,0,,XXX,1\naudience,viewer,0.6,,XXX,0.5\n";
    let columns = ["month", "tier", "cost", "mtd_projection"];
    let given = [("as_of", "2026-11-16T00:00:00Z")];
    // Half of the month has gone, with half an hour; the other half fills the second tier.
    let found = costs(rates, &given, &columns).await;
    assert_eq!(found[0][..2], [json!("2026-11-01T00:00:00Z"), json!(0.0)]);
    close(&found[0][2], 0.5);
    close(&found[0][3], 0.6);
    close(&found[1][2], 0.0);
    close(&found[1][3], 0.2);
    let given = [("as_of", "2026-12-16T00:00:00Z"), ("tz", "Europe/Berlin")];
    let found = costs(rates, &given, &columns).await;
    assert_eq!(found[0][0], "2026-10-31T23:00:00Z");
    assert_eq!((found.len(), &found[0][3]), (1, &Value::Null), "the month is over");
}

#[tokio::test]
async fn without_prices_it_says_what_to_give() {
    let engine = engine_over(hours().into_source());
    let library = Library::embedded();
    let query = library.find("cost-estimate").unwrap();
    let error = engine.run_canned(query, &arguments(&[])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the query `cost-estimate` needs a value for the parameter `rates`"
    );
    let hint = error.hint().unwrap();
    assert!(hint.contains("--param rates=FILE") && hint.contains("line,role,tier"), "{hint}");
    let (_folder, path) = prices("hosts,boss,0,,XXX,2\n");
    let error = engine.run_canned(query, &arguments(&[("rates", &path)])).await.unwrap_err();
    assert!(error.to_string().contains("prices.csv:2: `role` is `boss`"), "{error}");
    assert!(error.is_usage() && error.hint().unwrap().contains("line,role,tier"));
}
