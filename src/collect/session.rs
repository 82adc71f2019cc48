//! A session while it is being fetched: what is still missing of it, and what went wrong.

use std::sync::{Mutex, MutexGuard};

use super::plan::Collect;
use crate::api::{CallError, ErrorKind};
use crate::lake::batch::SessionRow;

/// A session that is being fetched.
#[derive(Debug)]
pub(super) struct ActiveSession {
    /// Its row as it was listed.
    pub(super) row: SessionRow,
    /// Why it is fetched now.
    pub(super) collect: Collect,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    listed: bool,
    outstanding: usize,
    failure: Option<SessionFailure>,
    fetched_something: bool,
    settled: bool,
}

/// Why a session could not be fetched in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionFailure {
    /// The code and message of the last failure.
    pub(super) error: String,
    /// It is the session's own and counts as an attempt.
    pub(super) counts: bool,
    /// The service did answer: with nothing, where there must be something.
    pub(super) is_empty_answer: bool,
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Pieces are still missing.
    Underway,
    /// Everything is staged.
    Whole,
    /// Nothing more will come of it in this run.
    Failed {
        /// Why.
        failure: SessionFailure,
        /// Something new of it was staged in this run.
        progressed: bool,
    },
}

impl ActiveSession {
    pub(super) fn new(row: SessionRow, collect: Collect) -> Self {
        Self { row, collect, progress: Mutex::default() }
    }

    /// Pieces were queued.
    pub(super) fn expect_pieces(&self, n: usize) {
        self.lock().outstanding += n;
    }

    /// The listing of participants is whole and staged.
    pub(super) fn listed(&self) {
        self.lock().listed = true;
    }

    /// Something new of the session is staged.
    pub(super) fn fetched(&self) {
        self.lock().fetched_something = true;
    }

    /// The listing of participants failed.
    pub(super) fn listing_failed(&self, failure: SessionFailure) {
        let mut progress = self.lock();
        progress.listed = true;
        progress.failure = Some(failure);
    }

    /// A piece is staged.
    pub(super) fn piece_fetched(&self) {
        let mut progress = self.lock();
        progress.outstanding -= 1;
        progress.fetched_something = true;
    }

    /// A piece could not be fetched.
    pub(super) fn piece_missed(&self, failure: SessionFailure) {
        let mut progress = self.lock();
        progress.outstanding -= 1;
        let earlier = progress.failure.as_ref();
        progress.failure = Some(SessionFailure {
            counts: failure.counts || earlier.is_some_and(|earlier| earlier.counts),
            is_empty_answer: failure.is_empty_answer
                && earlier.is_none_or(|earlier| earlier.is_empty_answer),
            error: failure.error,
        });
    }

    /// How it stands now. An end is told once: whoever gets it acts on it.
    pub(super) fn standing(&self) -> Standing {
        let mut progress = self.lock();
        if !progress.listed || progress.outstanding > 0 || progress.settled {
            return Standing::Underway;
        }
        progress.settled = true;
        match progress.failure.clone() {
            None => Standing::Whole,
            Some(failure) => Standing::Failed { failure, progressed: progress.fetched_something },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no holder panics")
    }
}

impl From<&CallError> for SessionFailure {
    fn from(error: &CallError) -> Self {
        Self { error: error.to_string(), counts: is_its_own(error.kind), is_empty_answer: false }
    }
}

/// Whether a failure tells something of the session it happened to, rather than of the service, the network, the
/// credentials or the quota.
fn is_its_own(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::Validation
        | ErrorKind::RepeatedToken
        | ErrorKind::Endless
        | ErrorKind::Malformed
        | ErrorKind::Conflict
        | ErrorKind::Quota
        | ErrorKind::Other => true,
        ErrorKind::Denied
        | ErrorKind::Throttled
        | ErrorKind::Starved
        | ErrorKind::Server
        | ErrorKind::Transport
        | ErrorKind::Credentials
        | ErrorKind::PendingVerification
        | ErrorKind::Unknown
        | ErrorKind::Cancelled => false,
    }
}
