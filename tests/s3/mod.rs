//! A lake in a bucket: the program against an S3 server in this process.

use ivsight::sim::Scenario;

use crate::collect::truth::assert_truth;
use crate::support::{Ran, TestBed};

/// Three stages with one session each, and a lake in a bucket.
fn few() -> TestBed {
    TestBed::few().in_bucket()
}

/// A command about the lake, run to its end.
fn command(bed: &TestBed, args: &[&str]) -> Ran {
    let (name, rest) = args.split_first().unwrap();
    Ran::to_end(bed.program().args([name, "--lake", &bed.lake_name()]).args(rest))
}

#[test]
fn a_whole_account_is_collected_and_asked() {
    let bed = TestBed::of(Scenario::Clean).in_bucket();
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    let again = bed.collect_anew(&[]).exits(0);
    assert_eq!(again.scope()["sessions"], 0);
    assert_truth(&bed);
    let events_n = bed.lake().rows("events").len();
    let counted = bed.query(&["SELECT count(*) AS n FROM events", "--format", "csv"]).exits(0);
    assert_eq!(counted.text(), format!("n\n{events_n}\n"));
    command(&bed, &["verify"]).exits(0);
    command(&bed, &["status"]).exits(0);
    command(&bed, &["compact"]).exits(0);
    assert_truth(&bed);
    command(&bed, &["verify"]).exits(0);
}
