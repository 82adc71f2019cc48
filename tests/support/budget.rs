//! The calls that a run may make: collector.md's table, worked out from the truth.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::ReplicationType;
use ivsight::sim::{Call, Calls};

use super::truth::{Settled, people};

/// Calls by the name of the operation.
pub(crate) type Counts = BTreeMap<&'static str, usize>;

/// What a first run over all of a world costs. `details` is what was asked for with `--details`.
pub(crate) fn budget(settled: &Settled, details: &str) -> Counts {
    let truth = &settled.truth;
    let mut counts = Counts::from([
        ("ListStages", pages(truth.stages.len(), 100)),
        (
            "ListStageSessions",
            truth.stages.iter().map(|stage| pages(stage.sessions.len(), 100)).sum(),
        ),
    ]);
    let mut sources = BTreeSet::new();
    for (stage, session) in settled.all() {
        let fate = settled.fate(session);
        if fate.is_listed() {
            add(&mut counts, "ListParticipants", pages(session.participants.len(), 100));
        }
        if !fate.is_fetched() {
            continue;
        }
        for participant in people(session) {
            let events_n = session.life(participant).events.len();
            add(&mut counts, "ListParticipantEvents", pages(events_n, 100));
            let published = participant.published == Some(true);
            if details == "all" || (details == "published" && published) {
                add(&mut counts, "GetParticipant", 1);
            }
            if participant.replication_type == Some(ReplicationType::Source) {
                sources.insert((stage.arn(), participant.id().unwrap()));
            }
        }
    }
    for (stage_arn, participant_id) in sources {
        let replicas = truth.replicas.iter().filter(|replica| {
            replica.source_stage_arn == stage_arn && replica.participant_id == participant_id
        });
        add(&mut counts, "ListParticipantReplicas", pages(replicas.count(), 50));
    }
    counts
}

fn add(counts: &mut Counts, operation: &'static str, calls_n: usize) {
    *counts.entry(operation).or_default() += calls_n;
}

fn pages(items_n: usize, page_size: usize) -> usize {
    items_n.div_ceil(page_size).max(1)
}

/// What was asked, by operation; fails where something was asked twice, or not answered well.
#[track_caller]
pub(crate) fn counts(calls: &Calls) -> Counts {
    let mut seen = BTreeSet::new();
    let mut counts = Counts::new();
    for call in &calls.log {
        assert!(call.ok, "{call:?}");
        let page = if call.operation.as_str() == "ListParticipantReplicas" { 50 } else { 100 };
        assert!(!call.operation.as_str().starts_with("List") || call.page_size == page, "{call:?}");
        let key = (call.operation, &call.stage_arn, &call.session_id, &call.participant_id);
        assert!(seen.insert((key, &call.token)), "asked twice: {call:?}");
        add(&mut counts, call.operation.as_str(), 1);
    }
    assert_eq!(calls.unlogged_n, 0);
    counts
}

/// The calls of one operation.
pub(crate) fn asked<'a>(
    calls: &'a Calls,
    operation: &'a str,
) -> impl Iterator<Item = &'a Call> + use<'a> {
    calls.log.iter().filter(move |call| call.operation.as_str() == operation)
}
