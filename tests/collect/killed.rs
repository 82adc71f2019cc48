//! Kill -9 at any moment costs nothing but what was not durable yet, and shows nowhere.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ivsight::lake::staging::Staging;
use ivsight::sim::{Config, Scenario};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::truth::assert_truth;
use crate::support::{Running, TestBed, asked};

const SCOPE: &str = "_inflight/111122223333/us-west-2";

/// A participant's key as the calls name it.
type Person = (String, String, String);

/// The participants whose events are durable, read from a copy.
fn staged_events(bed: &TestBed) -> BTreeSet<Person> {
    let copy = tempfile::tempdir().unwrap();
    let folder = bed.lake_path().join(SCOPE);
    if !folder.exists() {
        return BTreeSet::new();
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let (staging, _) = Staging::open(copy.path()).unwrap();
    let mut staged = BTreeSet::new();
    for (key, session) in staging.sessions() {
        for id in session.participants().filter(|id| session.events_n(id).is_some()) {
            staged.insert((key.stage_arn.to_string(), key.session_id.to_string(), id.to_string()));
        }
    }
    staged
}

fn asked_events(bed: &TestBed) -> BTreeSet<Person> {
    let calls = bed.server.calls();
    asked(&calls, "ListParticipantEvents")
        .map(|it| (it.stage_arn.clone(), it.session_id.clone(), it.participant_id.clone()))
        .collect()
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

#[test]
fn a_run_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let mut dice = ChaCha8Rng::seed_from_u64(20_261_121);
    let mut kills_n = 0;
    for seed in 1..=3 {
        let config = Config { seed, scenario: Scenario::Small, tps: 0.0, ..Config::default() };
        let bed = TestBed::with(config);
        for _ in 0..5 {
            bed.server.forget_calls();
            let before = staged_events(&bed);
            let mut run = bed.start_collect(&[]);
            // Moments are counted in calls, so that they are the same ones on any machine.
            let calls_n = dice.random_range(1..30);
            run.until(|| bed.server.calls().attempts_n() >= calls_n);
            kills_n += usize::from(run.kill());
            assert!(before.is_disjoint(&asked_events(&bed)), "staged, and asked for again");
        }
        bed.collect(&[]).exits(0);
        assert_truth(&bed);
        let runs = bed.lake().rows("runs");
        assert!(runs.iter().any(|run| run["status"] == "killed"));
        assert!(runs.iter().all(|run| run["status"] == "killed" || run["status"] == "complete"));
    }
    assert!(kills_n > 5, "{kills_n} of 15 were killed in time");
}

#[test]
fn a_publication_that_is_killed_is_finished_without_a_call() {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let mut begun_n = 0;
    // Killed as soon as the first commit of this table is seen, or before any.
    for table in [None, Some("events"), Some("intervals"), Some("participants"), Some("replicas")] {
        let bed = TestBed::with(config.clone());
        let record = bed.lake_path().join(SCOPE).join("publication.arrows");
        let commit = table
            .map(|table| bed.lake_path().join(table).join("_delta_log/00000000000000000001.json"));
        let mut run = bed.start_collect(&[]);
        assert!(run.until(|| record.exists()));
        run.until(|| commit.as_ref().is_none_or(|commit| commit.exists()));
        run.kill();
        begun_n += usize::from(record.exists());
        let visible = bed.lake().rows("sessions");
        assert!(visible.len() <= bed.settled().all().count());
        bed.server.forget_calls();
        // The service can't be reached any more: what is staged becomes visible all the same.
        let mut next = bed.collector_of("http://127.0.0.1:9", &["--stage", &any_stage(&bed)]);
        let mut next = Running::start(&mut next, bed.folder());
        let done = |row: &Value| row["collection"] == "COMPLETE";
        next.until(|| !record.exists() && bed.lake().rows("sessions").iter().all(done));
        assert_truth(&bed);
        assert_eq!(bed.server.calls().attempts_n(), 0);
    }
    assert!(begun_n >= 1, "{begun_n} of 5 were killed within");
}

fn any_stage(bed: &TestBed) -> String {
    bed.server.truth().stages.iter().next().unwrap().arn().to_owned()
}

#[test]
fn what_was_answered_some_seconds_ago_is_durable_however_busy_the_run_is() {
    let bed = TestBed::of(Scenario::Clean);
    bed.set_faults("slow=1,slow-ms=500");
    let mut run = bed.start_collect(&[]);
    assert!(run.until(|| asked_events(&bed).len() >= 70));
    let answered = asked_events(&bed);
    pause(5_000);
    assert!(run.kill(), "the run must still be going on");
    let staged = staged_events(&bed);
    // An answer takes a while after it was asked for: those of the last moment are let off.
    let lost = answered.difference(&staged).count();
    assert!(lost <= 24 && staged.len() > 40, "{lost} of {} lost", answered.len());
    bed.set_faults("");
    bed.collect_anew(&[]).exits(0);
    assert!(staged.is_disjoint(&asked_events(&bed)), "staged, and asked for again");
    assert_truth(&bed);
}

#[test]
fn a_tail_that_is_cut_or_garbled_costs_no_more_than_itself() {
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    for round in 0..4 {
        let bed = TestBed::few();
        bed.set_faults("deny=GetParticipant");
        bed.collect(&[]).exits(3);
        let files = staged_files(&bed.lake_path().join(SCOPE));
        assert!(files.len() > 2);
        for path in files {
            let length = fs::metadata(&path).unwrap().len();
            let mut file = File::options().append(true).open(&path).unwrap();
            match round {
                0 => file.set_len(length - dice.random_range(1..64)).unwrap(),
                1 => file.set_len(dice.random_range(0..length)).unwrap(),
                2 => file.write_all(&[0xff; 700]).unwrap(),
                _ => {
                    let mut garbage = vec![0_u8; 900];
                    dice.fill(&mut garbage[..]);
                    file.write_all(&garbage).unwrap();
                }
            }
        }
        bed.set_faults("");
        bed.collect_anew(&[]).exits(0);
        assert_truth(&bed);
        if round > 1 {
            assert!(asked_events(&bed).is_empty(), "nothing before the tail is asked for again");
        }
    }
}

fn staged_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "arrows")).collect()
}
