//! What was asked, so that a test can prove what was never asked twice.

use std::collections::BTreeMap;

use super::wire::{Operation, Request};

/// Calls that are kept one by one; those that follow are only counted.
const LOG_LENGTH_MAX: usize = 200_000;

/// Every call that a server got.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// How many of each operation.
    pub counts: BTreeMap<Operation, Counts>,
    /// The calls in the order in which they came.
    pub log: Vec<Call>,
    /// Calls that found the log full.
    pub unlogged_n: u64,
}

/// What became of the calls of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub attempts_n: u64,
    /// Those that were throttled, in whichever form.
    pub throttled_n: u64,
    /// Those that got a whole answer with status 200.
    pub ok_n: u64,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// Of which stage; empty where of none, or where the request was not understood.
    pub stage_arn: String,
    /// Of which session.
    pub session_id: String,
    /// Of which participant.
    pub participant_id: String,
    /// From where on.
    pub token: Option<String>,
    /// How many items were asked for, or the default.
    pub page_size: usize,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The client got all of the answer, and it was 200.
    pub ok: bool,
}

impl Calls {
    /// What became of the calls of an operation.
    #[must_use]
    pub fn of(&self, operation: Operation) -> Counts {
        self.counts.get(&operation).copied().unwrap_or_default()
    }

    /// All attempts together.
    #[must_use]
    pub fn attempts_n(&self) -> u64 {
        self.counts.values().map(|counts| counts.attempts_n).sum()
    }

    pub(super) fn add(
        &mut self,
        operation: Operation,
        request: Option<&Request>,
        (status, whole, throttled): (u16, bool, bool),
    ) {
        let ok = whole && status == 200;
        let counts = self.counts.entry(operation).or_default();
        counts.attempts_n += 1;
        counts.throttled_n += u64::from(throttled);
        counts.ok_n += u64::from(ok);
        if self.log.len() >= LOG_LENGTH_MAX {
            self.unlogged_n += 1;
            return;
        }
        let text = |read: fn(&Request) -> &String| request.map(read).cloned().unwrap_or_default();
        self.log.push(Call {
            operation,
            stage_arn: text(|request| &request.stage_arn),
            session_id: text(|request| &request.session_id),
            participant_id: text(|request| &request.participant_id),
            token: request.and_then(|request| request.next_token.clone()),
            page_size: request.map_or(0, |request| request.page_size),
            status,
            ok,
        });
    }
}
