//! What a holder writes who was paused, or dead, while another took over: every request of a run, applied too late.

use ivsight::sim::world::Stage;

use super::{STALE, command, smallest};
use crate::collect::truth::{assert_truth, assert_unique};
use crate::support::{Running, TestBed};

/// The lake is what it should be, for every reader.
#[track_caller]
fn assert_sound(bed: &TestBed) {
    assert_truth(bed);
    assert_unique(&bed.lake());
    command(bed, &["verify"]).exits(0);
}

/// Kills a run at its n-th request that changes something, lets the next one finish, then lets that request be applied.
/// False where the run makes no such request.
fn dies_at(n: usize) -> bool {
    let bed = smallest();
    let gate = bed.s3().gate();
    gate.hold_mutation(n);
    let mut first = bed.start_collect(&[]);
    if !first.until(|| gate.held().is_some()) {
        first.wait().exits(0);
        return false;
    }
    let held = gate.held().unwrap();
    assert!(first.kill());
    gate.advance(STALE);
    let next = bed.collect(&[]);
    assert_eq!(next.code, Some(0), "after {n}: {held}\n{}", next.stderr);
    assert_truth(&bed);
    let applied_n = gate.applied_n();
    gate.release();
    while gate.applied_n() == applied_n {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    gate.advance(STALE);
    let last = bed.collect(&[]);
    assert_eq!(last.code, Some(0), "after {n}: {held}\n{}", last.stderr);
    assert_truth(&bed);
    let left = bed.s3().objects("_inflight");
    assert!(left.is_empty(), "after {n}: {held}: {left:?}");
    true
}

#[test]
fn a_run_that_dies_at_any_request_is_finished_and_its_last_request_may_come_late() {
    let odd = std::thread::spawn(|| (1..).step_by(2).take_while(|n| dies_at(*n)).count());
    let even = (2..).step_by(2).take_while(|n| dies_at(*n)).count();
    assert!(odd.join().unwrap() + even > 25);
}

/// Whether a request holds all of these.
fn is(request: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| request.contains(part))
}

#[test]
fn of_two_collectors_the_one_that_was_paused_changes_nothing() {
    let points: [&[&str]; 9] = [
        &["PUT ", "/_inflight/", "/publication-"],
        &["PUT ", "/events/_delta_log/00000000000000000001.json"],
        &["PUT ", "/intervals/_delta_log/00000000000000000001.json"],
        &["PUT ", "/participants/_delta_log/00000000000000000001.json"],
        &["PUT ", "/replicas/_delta_log/00000000000000000001.json"],
        &["PUT ", "/sessions/_delta_log/00000000000000000001.json"],
        &["PUT ", "/sessions/_delta_log/00000000000000000002.json"],
        &["POST ", "/_inflight/", "/session-"],
        &["POST ", "/_inflight/", "/publication-"],
    ];
    for point in points {
        let bed = smallest();
        let gate = bed.s3().gate();
        gate.hold(move |request| is(request, point));
        let mut paused = bed.start_collect(&[]);
        assert!(paused.until(|| gate.held().is_some()), "{point:?}");
        paused.pause();
        gate.advance(STALE);
        bed.collect(&[]).exits(0);
        assert_sound(&bed);
        command(&bed, &["compact"]).exits(0);
        gate.release();
        paused.resume();
        let ran = paused.wait();
        assert_eq!(ran.code, Some(1), "{point:?}: {}", ran.stderr);
        ran.says(&["was taken over by another process", "hint: nothing that was fetched is lost"]);
        assert_sound(&bed);
        bed.collect(&[]).exits(0);
        assert_sound(&bed);
    }
}

/// A command about the lake, started.
fn start(bed: &TestBed, args: &[&str]) -> Running {
    let (name, rest) = args.split_first().unwrap();
    let mut program = bed.program();
    Running::start(program.args([name, "--lake", &bed.lake_name()]).args(rest), bed.folder())
}

/// Collects a stage anew, so that its rows lie in files of their own.
fn collect_stage(bed: &TestBed, stage: &str) {
    bed.collect(&["--refetch", "--stage", stage]).exits(0);
}

#[test]
fn whoever_looks_after_the_lake_and_was_paused_changes_nothing_either() {
    const COMPACT: &[&str] = &["compact"];
    const PRUNE: &[&str] = &["prune", "--before", "2100-01-01", "--yes"];
    for args in [COMPACT, PRUNE] {
        let bed = TestBed::few().in_bucket();
        let truth = bed.server.truth();
        let stages: Vec<&str> = truth.stages.iter().map(Stage::arn).collect();
        for stage in &stages {
            collect_stage(&bed, stage);
        }
        let gate = bed.s3().gate();
        gate.hold(|request| is(request, &["PUT ", "/events/_delta_log/"]));
        let mut paused = start(&bed, args);
        assert!(paused.until(|| gate.held().is_some()), "{args:?}");
        paused.pause();
        gate.advance(STALE);
        collect_stage(&bed, stages[0]);
        command(&bed, COMPACT).exits(0);
        gate.release();
        paused.resume();
        let ran = paused.wait();
        assert_eq!(ran.code, Some(1), "{args:?}: {}", ran.stderr);
        if args == PRUNE {
            // It had said that they are pruned: whoever says so again finishes it.
            command(&bed, args).exits(0);
            assert!(bed.lake().rows("events").is_empty());
            command(&bed, &["verify"]).exits(0);
        } else {
            assert_sound(&bed);
            bed.collect(&[]).exits(0);
            assert_sound(&bed);
        }
    }
}
