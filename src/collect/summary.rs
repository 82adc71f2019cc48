//! What a run did, in facts: for people, for programs, and for the table `runs`.

use std::collections::BTreeMap;

use serde::Serialize;

/// The version of the summary's shape; keys may be added without a new one.
pub const SUMMARY_VERSION: u32 = 1;

/// How a run, or one scope's part of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that could be collected is in the lake.
    Complete,
    /// Some stages or sessions failed; they are named.
    Partial,
    /// Stopped before everything was reached, as asked or because the service answered nothing else than throttles.
    Deadline,
    /// Another collector holds the scope.
    Locked,
    /// Stopped by a signal; what was collected is safe.
    Interrupted,
    /// Nothing could be done.
    Failed,
}

impl Status {
    /// The text in the lake and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Deadline => "deadline",
            Self::Locked => "locked",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// The exit code of a run whose scopes ended so: 130, else 1 if none got anything done, else the first that
    /// applies of 3, 4, 5, 0. A scope that failed beside others that didn't counts as 3.
    #[must_use]
    pub fn of_run(scopes: &[Self]) -> Self {
        let has = |status| scopes.contains(&status);
        if has(Self::Interrupted) {
            Self::Interrupted
        } else if has(Self::Failed)
            && scopes.iter().all(|status| matches!(status, Self::Failed | Self::Locked))
        {
            Self::Failed
        } else if has(Self::Partial) || has(Self::Failed) {
            Self::Partial
        } else if has(Self::Deadline) {
            Self::Deadline
        } else if has(Self::Locked) {
            Self::Locked
        } else {
            Self::Complete
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The version of this shape.
    pub version: u32,
    /// The run (UUIDv7).
    pub run_id: String,
    /// How it ended.
    pub status: Status,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Bytes written to the lake.
    pub bytes_written: u64,
    /// Stages in scope.
    pub stages: u64,
    /// Sessions that became visible.
    pub sessions: u64,
    /// Their participants.
    pub participants: u64,
    /// Their events.
    pub events: u64,
    /// Each scope's part.
    pub scopes: Vec<ScopeSummary>,
}

/// What a run did in one account and region.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeSummary {
    /// The account; empty where the run learned of none.
    pub account_id: String,
    /// The region.
    pub region: String,
    /// How it ended.
    pub status: Status,
    /// Stages in scope.
    pub stages: u64,
    /// Sessions that became visible.
    pub sessions: u64,
    /// Sessions inside the run's filters that are not done.
    pub sessions_left: SessionsLeft,
    /// Sessions given up in this run.
    pub given_up: u64,
    /// Participants that became visible.
    pub participants: u64,
    /// Events that became visible.
    pub events: u64,
    /// Replicas that became visible.
    pub replicas: u64,
    /// Calls, by the name of the operation.
    pub calls: BTreeMap<String, Calls>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Failures beyond those that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures_left_out: u64,
    /// Bytes written to the lake.
    #[serde(skip)]
    pub bytes_written: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Why sessions are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionsLeft {
    /// No end yet.
    pub live: u64,
    /// Ended a short while ago, or somebody is still connected.
    pub unsettled: u64,
    /// Final, but not reached or not whole in this run.
    pub waiting: u64,
    /// Tried, and failed.
    pub failed: u64,
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Calls {
    /// Requests sent.
    pub attempts: u64,
    /// Those that were answered well.
    pub ok: u64,
    /// Those that repeated one that failed.
    pub retries: u64,
    /// Those that were throttled.
    pub throttles: u64,
    /// Time spent waiting for permits, in seconds, over all calls.
    pub waited_s: f64,
    /// Permits used of those permitted while there was work.
    pub utilization: Option<f64>,
}

/// Failures of one kind on one session or stage.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The stage, if it was about one.
    pub stage_arn: Option<String>,
    /// The session, if it was about one.
    pub session_id: Option<String>,
    /// The first participant, if it was about participants.
    pub participant_id: Option<String>,
    /// The operation of the service.
    pub operation: Option<String>,
    /// The service's code, or one of ours in capitals.
    pub code: String,
    /// The first message.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// How many there were.
    pub n: u64,
}

/// The calls that a run would make beyond those that a plan needs itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Sessions that would be fetched.
    pub sessions: u64,
    /// Their participants.
    pub participants: u64,
    /// Calls of ListParticipants, which the plan has made.
    pub participants_calls: u64,
    /// Calls of ListParticipantEvents, at the least: one for each participant.
    pub events_calls: u64,
    /// Calls of GetParticipant.
    pub details_calls: u64,
    /// Calls of ListParticipantReplicas, at the least.
    pub replicas_calls: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_run_is_the_first_that_applies() {
        use Status::{Complete, Deadline, Failed, Interrupted, Locked, Partial};
        for (scopes, run) in [
            (vec![], Complete),
            (vec![Complete, Complete], Complete),
            (vec![Failed, Failed], Failed),
            (vec![Failed, Locked], Failed),
            (vec![Failed, Complete], Partial),
            (vec![Deadline, Partial], Partial),
            (vec![Locked, Deadline], Deadline),
            (vec![Locked, Complete], Locked),
            (vec![Interrupted, Failed], Interrupted),
        ] {
            assert_eq!(Status::of_run(&scopes), run, "{scopes:?}");
        }
    }
}
