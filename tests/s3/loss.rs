//! Answers that are lost, and a store that fails now and then.

use std::collections::BTreeSet;

use super::{STALE, command, smallest};
use crate::collect::truth::assert_truth;
use crate::support::{TestBed, asked};

#[test]
fn a_commit_whose_answer_is_lost_is_made_once() {
    let bed = TestBed::few().in_bucket();
    let mut seen = BTreeSet::new();
    let is_conditional = |request: &str| {
        let is_commit = request.contains("/_delta_log/") && request.contains(".json");
        request.starts_with("PUT ") && (is_commit || request.contains("/_locks/"))
    };
    bed.s3()
        .gate()
        .hang_up_after(move |request| is_conditional(request) && seen.insert(request.to_owned()));
    bed.collect(&[]).exits(0);
    assert!(bed.s3().gate().hung_up_n() > 15, "{}", bed.s3().gate().hung_up_n());
    assert_truth(&bed);
    command(&bed, &["verify"]).exits(0);
}

#[test]
fn a_removal_that_is_not_answered_in_time_is_made_again() {
    let bed = smallest();
    let gate = bed.s3().gate();
    gate.hold(|request| request.starts_with("POST ") && request.contains("?delete"));
    bed.collect(&[]).exits(0);
    assert!(gate.held().is_some());
    let left = bed.s3().objects("_inflight");
    assert!(left.is_empty(), "{left:?}");
    gate.release();
    assert_truth(&bed);
    command(&bed, &["verify"]).exits(0);
}

#[test]
fn a_store_that_fails_now_and_then_costs_time_alone() {
    let bed = smallest();
    bed.s3().gate().fail(0.1);
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
    command(&bed, &["verify"]).exits(0);
}

#[test]
fn what_was_uploaded_before_a_kill_is_not_asked_for_again() {
    let bed = smallest();
    let gate = bed.s3().gate();
    // Everything is staged by then, and nothing is published.
    gate.hold(|request| request.starts_with("PUT ") && request.contains("/publication-"));
    let mut run = bed.start_collect(&[]);
    assert!(run.until(|| gate.held().is_some()));
    assert!(run.kill());
    gate.discard();
    let status = command(&bed, &["status", "--json"]).exits(0).json();
    assert_eq!(status["scopes"][0]["staged"]["sessions"], 1);
    gate.advance(STALE);
    bed.collect_anew(&[]).exits(0);
    assert_eq!(asked(&bed.server.calls(), "ListParticipantEvents").count(), 0);
    assert_truth(&bed);
}
