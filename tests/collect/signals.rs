//! SIGINT and SIGTERM: what is whole becomes visible, the rest waits for the next run.

use std::fs;

use ivsight::sim::Scenario;

use super::truth::assert_truth;
use crate::support::{TestBed, asked, signal};

#[test]
fn a_signal_publishes_what_is_whole_and_the_next_run_does_the_rest() {
    for name in ["INT", "TERM"] {
        let bed = TestBed::of(Scenario::Small);
        bed.set_faults("slow=1,slow-ms=500");
        let mut run = bed.start_collect(&[]);
        let half = bed.settled().participants().len() / 2;
        let fetched_n = || asked(&bed.server.calls(), "ListParticipantEvents").count();
        assert!(run.until(|| fetched_n() > half));
        signal(run.id(), name);
        let ran = run.wait().exits(130);
        assert_eq!(
            (&ran.json()["status"], &ran.scope()["status"]),
            (&"interrupted".into(), &"interrupted".into())
        );
        let lake = bed.lake();
        let done =
            lake.rows("sessions").iter().filter(|row| row["collection"] == "COMPLETE").count();
        let (scope, final_n) = (ran.scope(), bed.settled().complete().count() as u64);
        let published = scope["sessions"].as_u64().unwrap();
        assert!(published > 0 && published < final_n, "{published}");
        assert_eq!(done as u64, published);
        assert_eq!(lake.rows("runs")[0]["status"], "interrupted");
        let waiting = scope["sessions_left"]["waiting"].as_u64().unwrap();
        assert_eq!(published + waiting, final_n);
        bed.set_faults("");
        let before = fetched_n();
        bed.collect(&[]).exits(0);
        assert_truth(&bed);
        // What was answered before the signal is not asked for again.
        let pages_n = crate::support::budget(&bed.settled(), "none")["ListParticipantEvents"];
        assert_eq!(fetched_n(), pages_n, "{before} before the signal");
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once_without_harm() {
    let bed = TestBed::few();
    bed.set_faults("slow=1,slow-ms=3000");
    let mut run = bed.start_collect(&[]);
    let asked_any = || asked(&bed.server.calls(), "ListStageSessions").count() > 0;
    assert!(run.until(asked_any));
    signal(run.id(), "INT");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!run.has_ended(), "calls under way may finish");
    signal(run.id(), "INT");
    let ran = run.wait().exits(130);
    assert!(ran.stdout.is_empty());
    bed.set_faults("");
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    assert!(bed.lake().rows("runs").iter().any(|run| run["status"] == "killed"));
}

#[test]
fn a_signal_before_the_account_is_known_writes_nothing() {
    let bed = TestBed::few();
    bed.set_faults("slow=1,slow-ms=3000");
    let mut run = bed.start_collect(&[]);
    assert!(run.until(|| bed.server.calls().attempts_n() > 0));
    signal(run.id(), "TERM");
    run.wait().exits(130);
    assert!(fs::read_dir(bed.lake_path()).is_err());
}
