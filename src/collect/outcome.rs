//! What a scope's run comes to: its summary, its row in `runs`, and why it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use super::crawl::Stop;
use super::ledger::Ledger;
use super::summary::{Calls, Failure, ScopeSummary, SessionsLeft, Status};
use super::{CollectError, Outcome, Request};
use crate::api::{CallError, Client};
use crate::lake::LakeError;
use crate::lake::batch::{
    FailureRow, OperationCalls, RunRow, RunStatus, SessionsLeft as SessionsLeftRow,
};
use crate::lake::lock::LockError;
use crate::lake::publish::Published;
use crate::model::{Scope, Timestamp};

/// How a crawl came to its end.
pub(super) struct End {
    pub(super) stop: Option<Stop>,
    pub(super) error: Option<LakeError>,
}

impl End {
    pub(super) fn lake_failed(&mut self, error: LakeError) {
        self.stop = Some(Stop::Lake);
        self.error.get_or_insert(error);
    }

    /// `did_something`: a call was answered well, or a session became visible.
    fn status(&self, ledger: &Ledger, did_something: bool) -> Status {
        let has_failed = ledger.failures.are_serious() || self.stop == Some(Stop::Credentials);
        match self.stop {
            Some(Stop::Interrupted) => Status::Interrupted,
            Some(Stop::Lake) => Status::Failed,
            Some(Stop::Starved | Stop::Deadline) => Status::Deadline,
            _ if has_failed && !did_something => Status::Failed,
            _ if has_failed => Status::Partial,
            _ => Status::Complete,
        }
    }

    pub(super) fn into_error(self) -> Option<CollectError> {
        match (self.error, self.stop) {
            (Some(error), _) => Some(error.into()),
            (None, Some(Stop::Credentials)) => Some(CollectError::Credentials),
            _ => None,
        }
    }
}

/// The facts of a scope's run.
pub(super) fn summarise(
    request: &Request,
    scope: &Scope,
    end: &End,
    ledger: Ledger,
    published: Published,
) -> ScopeSummary {
    let answered = request.client.meters().values().any(|meter| meter.ok > 0);
    let status = end.status(&ledger, answered || published.sessions > 0);
    let given_up = ledger.given_up;
    let (failures, failures_left_out) = ledger.failures.into_entries();
    ScopeSummary {
        account_id: scope.account_id.to_string(),
        region: scope.region.to_string(),
        status,
        stages: ledger.stages_n,
        sessions: published.sessions,
        sessions_left: ledger.left,
        given_up,
        participants: published.participants,
        events: published.events,
        replicas: published.replicas,
        calls: calls(&request.client),
        failures,
        failures_left_out,
        bytes_written: published.bytes_written,
    }
}

/// What the calls of a client have cost.
pub(super) fn calls(client: &Client) -> BTreeMap<String, Calls> {
    client
        .meters()
        .into_iter()
        .map(|(operation, meter)| {
            let calls = Calls {
                attempts: meter.attempts,
                ok: meter.ok,
                retries: meter.retries,
                throttles: meter.throttles,
                waited_s: meter.waited.as_secs_f64(),
                utilization: meter.utilization,
            };
            (operation.name().to_owned(), calls)
        })
        .collect()
}

impl ScopeSummary {
    pub(super) fn add(&mut self, published: Published) {
        self.sessions += published.sessions;
        self.participants += published.participants;
        self.events += published.events;
        self.replicas += published.replicas;
        self.bytes_written += published.bytes_written;
    }
}

impl Outcome {
    pub(super) fn failed(request: &Request, scope: Option<&Scope>, error: CollectError) -> Self {
        let mut outcome = Self::without_scope(request, Status::Failed);
        if let Some(scope) = scope {
            outcome.summary.account_id = scope.account_id.to_string();
        }
        if let CollectError::Discover(call) = &error {
            outcome.summary.failures.push(call_failure(call));
        }
        outcome.error = Some(error);
        outcome
    }

    pub(super) fn locked(request: &Request, scope: &Scope, error: LockError) -> Self {
        let mut outcome = Self::without_scope(request, Status::Locked);
        outcome.summary.account_id = scope.account_id.to_string();
        outcome.error = Some(LakeError::from(error).into());
        outcome
    }

    pub(super) fn without_scope(request: &Request, status: Status) -> Self {
        let summary = ScopeSummary {
            account_id: String::new(),
            region: request.client.region().to_string(),
            status,
            stages: 0,
            sessions: 0,
            sessions_left: SessionsLeft::default(),
            given_up: 0,
            participants: 0,
            events: 0,
            replicas: 0,
            calls: calls(&request.client),
            failures: Vec::new(),
            failures_left_out: 0,
            bytes_written: 0,
        };
        Self { summary, error: None, plan: None }
    }
}

/// A failed call that belongs to no session.
pub(super) fn call_failure(call: &CallError) -> Failure {
    Failure {
        stage_arn: None,
        session_id: None,
        participant_id: None,
        operation: Some(call.operation.name().to_owned()),
        code: call.code.clone(),
        message: call.message.clone(),
        hint: call.hint(),
        n: 1,
    }
}

/// The row of `runs` that tells the same facts.
pub(super) fn run_row(
    request: &Request,
    summary: &ScopeSummary,
    started_at: Timestamp,
    began: Duration,
) -> RunRow {
    let count = |n: u64| Some(signed(n));
    RunRow {
        run_id: request.settings.run_id.clone(),
        started_at,
        finished_at: request.client.now(),
        status: RunStatus::parse(summary.status.as_str()).unwrap_or(RunStatus::Failed),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        duration_s: Some(request.clock.monotonic().saturating_sub(began).as_secs_f64()),
        bytes_written: count(summary.bytes_written),
        stages: count(summary.stages),
        sessions: count(summary.sessions),
        sessions_left: Some(SessionsLeftRow {
            live: signed(summary.sessions_left.live),
            unsettled: signed(summary.sessions_left.unsettled),
            waiting: signed(summary.sessions_left.waiting),
            failed: signed(summary.sessions_left.failed),
        }),
        given_up: count(summary.given_up),
        participants: count(summary.participants),
        events: count(summary.events),
        replicas: count(summary.replicas),
        calls: summary.calls.iter().map(|(name, calls)| (name.clone(), calls.into())).collect(),
        failures: summary.failures.iter().map(FailureRow::from).collect(),
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl From<&Calls> for OperationCalls {
    fn from(calls: &Calls) -> Self {
        Self {
            attempts: signed(calls.attempts),
            ok: signed(calls.ok),
            retries: signed(calls.retries),
            throttles: signed(calls.throttles),
            waited_s: calls.waited_s,
            utilization: calls.utilization,
        }
    }
}

impl From<&Failure> for FailureRow {
    fn from(failure: &Failure) -> Self {
        Self {
            stage_arn: failure.stage_arn.clone(),
            session_id: failure.session_id.clone(),
            participant_id: failure.participant_id.clone(),
            operation: failure.operation.clone(),
            code: Some(failure.code.clone()),
            message: Some(failure.message.clone()),
            hint: failure.hint.clone(),
            n: signed(failure.n),
        }
    }
}
