//! What a crawl counts.

use std::collections::BTreeMap;

use super::failures::Failures;
use super::plan::Attempt;
use super::summary::{Plan, SessionsLeft};
use crate::model::{SessionKey, Timestamp};

/// The counts of a crawl.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) failures: Failures,
    pub(super) left: SessionsLeft,
    pub(super) stages_n: u64,
    /// Sessions that became INCOMPLETE or LOST.
    pub(super) given_up: u64,
    /// Sessions that failed in this run; what `sessions` will say of them.
    pub(super) failed: BTreeMap<SessionKey, FailedSession>,
    pub(super) plan: Plan,
}

/// A session that failed.
#[derive(Clone, Debug)]
pub(super) struct FailedSession {
    pub(super) start_time: Timestamp,
    /// The code and message of the last failure.
    pub(super) error: String,
    pub(super) attempt: Attempt,
}
