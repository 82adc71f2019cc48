//! One collector for each scope of a lake.

use std::fs::{self, File};

use ivsight::sim::{Config, Scenario};

use super::truth::assert_truth;
use crate::support::{Ran, Running, TestBed};

const LOCK: &str = "_locks/111122223333/us-west-2";

#[test]
fn the_second_collector_leaves_at_once_and_says_who_was_first() {
    let bed = TestBed::few();
    let lock = bed.lake_path().join(LOCK);
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let held = File::create(&lock).unwrap();
    held.try_lock().unwrap();
    fs::write(&lock, "the run of last night").unwrap();
    let ran = bed.collect(&[]).exits(5).says(&["held by the run of last night", "hint:"]);
    assert_eq!(
        (&ran.json()["status"], &ran.scope()["status"]),
        (&"locked".into(), &"locked".into())
    );
    assert_eq!(ran.scope()["account_id"], "111122223333");
    // It found out after the one call that told it the account.
    assert_eq!(bed.server.calls().attempts_n(), 1);
    // A plan may be made beside it.
    bed.collect(&["--dry-run"]).exits(0);
    drop(held);
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
}

#[test]
fn of_two_runs_at_once_one_collects_and_the_file_of_a_dead_one_holds_nothing() {
    let bed = TestBed::few();
    bed.set_faults("slow=1,slow-ms=300");
    let lock = bed.lake_path().join(LOCK);
    let mut first = bed.start_collect(&[]);
    assert!(first.until(|| fs::read(&lock).is_ok_and(|text| !text.is_empty())));
    let second = bed.collect(&[]).exits(5);
    second.says(&["held by run ", &format!("process {}", first.id())]);
    assert!(first.kill());
    assert!(lock.exists());
    bed.set_faults("");
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
}

#[test]
fn two_scopes_share_a_lake_at_the_same_time() {
    let bed = TestBed::few();
    let other = bed.second_server(Config {
        seed: 2,
        scenario: Scenario::Small,
        tps: 0.0,
        account_id: Some("444455556666".to_owned()),
        ..Config::default()
    });
    let first = bed.start_collect(&[]);
    let mut second = bed.collector_of(&other.endpoint_url(), &[]);
    let second = Running::start(&mut second, bed.folder());
    first.wait().exits(0);
    second.wait().exits(0);
    let lake = bed.lake();
    let of = |account: &str, table: &str| {
        lake.rows(table).into_iter().filter(|row| row["account_id"] == account).collect::<Vec<_>>()
    };
    let theirs = crate::support::Settled::new(other.truth(), other.now());
    for (account, settled) in [("111122223333", bed.settled()), ("444455556666", theirs)] {
        for (table, expected) in [("events", settled.events()), ("sessions", settled.sessions())] {
            crate::support::assert_same(table, &of(account, table), &expected);
        }
    }
    // Whatever the order of the commits: the snapshot that the last one names has it all.
    let last = lake.commits("sessions").pop().unwrap().named_versions();
    let named = lake.rows_at("events", last["events"]).len();
    assert_eq!(named, lake.rows("events").len());
}

#[test]
fn simulated_and_real_data_are_never_mixed() {
    let bed = TestBed::few();
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
