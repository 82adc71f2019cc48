//! A lake in a bucket: the program against an S3 server in this process.

mod late;
mod loss;
mod readers;
mod refusals;

use std::time::Duration;

use ivsight::sim::{Config, Scenario, World};

use crate::collect::truth::assert_truth;
use crate::support::{Ran, TestBed};

/// How far the store's clock is put ahead, so that nobody holds a lease any more.
const STALE: Duration = Duration::from_mins(4);

/// One stage with one session, the one with the fewest people, and a lake in a bucket.
fn smallest() -> TestBed {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let mut world = World::generate(&config);
    let arns: Vec<String> = world.stages.iter().map(|stage| stage.arn().to_owned()).collect();
    for arn in &arns[1..] {
        world.stages.remove(arn);
    }
    for stage in world.stages.iter_mut() {
        let fewest = stage.sessions.iter().map(|session| session.participants.len()).min();
        stage.sessions.retain(|session| Some(session.participants.len()) == fewest);
    }
    TestBed::serving(world, config).in_bucket()
}

/// A command about the lake, run to its end.
fn command(bed: &TestBed, args: &[&str]) -> Ran {
    let (name, rest) = args.split_first().unwrap();
    Ran::to_end(bed.program().args([name, "--lake", &bed.lake_name()]).args(rest))
}

#[test]
fn a_whole_account_is_collected_asked_compacted_and_pruned() {
    let bed = TestBed::of(Scenario::Clean).in_bucket();
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    bed.s3().gate().forget();
    let again = bed.collect_anew(&[]).exits(0);
    assert_eq!(again.scope()["sessions"], 0);
    let requests_n = bed.s3().gate().log().len();
    assert!(requests_n < 80, "{requests_n} requests of a run with nothing to do");
    let events_n = bed.lake().rows("events").len();
    let counted = bed.query(&["SELECT count(*) AS n FROM events", "--format", "json"]).exits(0);
    assert_eq!(counted.json()[0]["n"], events_n);
    command(&bed, &["verify"]).exits(0);
    let status = command(&bed, &["status", "--json"]).exits(0).json();
    assert_eq!(status["sessions"]["listed"], 0);
    assert_eq!(status["scopes"][0]["staged"]["bytes"], 0);
    command(&bed, &["compact"]).exits(0);
    assert_truth(&bed);
    command(&bed, &["verify"]).exits(0);
    command(&bed, &["prune", "--before", "2100-01-01", "--yes"]).exits(0);
    command(&bed, &["verify"]).exits(0);
    assert!(bed.lake().rows("events").is_empty());
    // Nothing waits for anybody, and nothing is left about.
    let left = bed.s3().objects("_inflight");
    assert!(left.is_empty(), "{left:?}");
    bed.collect_anew(&[]).exits(0);
}

#[test]
fn two_scopes_share_a_lake_at_the_same_time() {
    let bed = TestBed::few().in_bucket();
    let other = bed.second_server(Config {
        seed: 2,
        scenario: Scenario::Small,
        tps: 0.0,
        account_id: Some("444455556666".to_owned()),
        ..Config::default()
    });
    let first = bed.start_collect(&[]);
    let mut second = bed.collector_of(&other.endpoint_url(), &[]);
    let second = crate::support::Running::start(&mut second, bed.folder());
    first.wait().exits(0);
    second.wait().exits(0);
    let lake = bed.lake();
    let theirs = crate::support::Settled::new(other.truth(), other.now());
    for (account, settled) in [("111122223333", bed.settled()), ("444455556666", theirs)] {
        for (table, expected) in [("events", settled.events()), ("sessions", settled.sessions())] {
            let rows: Vec<_> =
                lake.rows(table).into_iter().filter(|row| row["account_id"] == account).collect();
            crate::support::assert_same(table, &rows, &expected);
        }
    }
    command(&bed, &["verify"]).exits(0);
}

#[test]
fn the_second_collector_leaves_at_once_and_says_who_was_first() {
    let bed = TestBed::few().in_bucket();
    let gate = bed.s3().gate();
    gate.hold(|request| request.contains("/sessions/_delta_log/00000000000000000001.json"));
    let mut first = bed.start_collect(&[]);
    assert!(first.until(|| gate.held().is_some()));
    first.pause();
    let second = bed.collect(&[]).exits(5);
    second.says(&["held by run ", &format!("process {}", first.id()), "hint:"]);
    command(&bed, &["compact"]).exits(5).says(&["held by run "]);
    gate.release();
    first.resume();
    first.wait().exits(0);
    assert_truth(&bed);
    // It was released, not only left to time.
    bed.collect(&[]).exits(0);
}

#[test]
fn simulated_and_real_data_are_never_mixed() {
    let bed = TestBed::few().in_bucket();
    bed.collect(&[]).exits(0);
    let real = bed.second_server(Config {
        scenario: Scenario::Small,
        tps: 0.0,
        account_id: Some("123456789012".to_owned()),
        ..Config::default()
    });
    let ran = Ran::to_end(&mut bed.collector_of(&real.endpoint_url(), &[])).exits(1);
    ran.says(&["the lake holds simulated data", "hint:"]);
    assert_truth(&bed);
}
