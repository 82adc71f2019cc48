//! How a call fails, by what its caller can do about it.

use super::Operation;

/// What went wrong, by what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The credentials don't allow it (403).
    Denied,
    /// The service knows no such stage, session or participant.
    NotFound,
    /// The service does not accept the request.
    Validation,
    /// It throttled the attempt; the client waits, and callers only see [`Self::Starved`].
    Throttled,
    /// The operation got nothing but throttles for 15 minutes: the run should end as at a deadline.
    Starved,
    /// The service failed (5xx), eight times.
    Server,
    /// No connection, no answer in time, or an answer that can't be read, eight times.
    Transport,
    /// Credentials can't be loaded, are expired, or are not accepted.
    Credentials,
    /// A listing gave a token that it had given before.
    RepeatedToken,
    /// A listing went on without an end in sight.
    Endless,
    /// The answer to a question about one thing speaks of something else, or of nothing.
    Malformed,
    /// The request contradicts what is going on (409).
    Conflict,
    /// A resource quota is used up (402).
    Quota,
    /// The account is still being verified.
    PendingVerification,
    /// The answer to a call that changes something was lost: whether it was carried out is not known.
    Unknown,
    /// The client was told to stop.
    Cancelled,
    /// Any other answer.
    Other,
}

/// A call that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct CallError {
    /// What was called.
    pub operation: Operation,
    /// What went wrong.
    pub kind: ErrorKind,
    /// The service's error code; where it sent none, what stands for it (`Http503`, `ConnectionFailed`).
    pub code: String,
    /// What the service said, or why there is no answer; control characters escaped, bounded.
    pub message: String,
    /// Attempts that were made, throttled ones included.
    pub attempts: u32,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
}

impl CallError {
    fn text(&self) -> String {
        let mut text = self.code.clone();
        if !self.message.is_empty() {
            text = format!("{text}: {}", self.message);
        }
        if self.attempts > 1 {
            text = format!("{text} (after {} attempts)", self.attempts);
        }
        text
    }

    /// The next step for the person who runs this.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let operation = self.operation;
        let hint = match self.kind {
            ErrorKind::Denied if operation.writes() => {
                return Some(format!("allow the action `ivs:{operation}` for these credentials"));
            }
            ErrorKind::Denied => {
                "attach IVSReadOnlyAccess, or the policy printed by `ivsight schema --iam`"
            }
            ErrorKind::NotFound if operation == Operation::StopParticipantReplication => {
                "nothing is replicated there any more, or one of the ids is wrong: see \
                 `ivsight replication list`"
            }
            ErrorKind::NotFound if operation == Operation::StartParticipantReplication => {
                "the participant has to publish in the live session of the source stage; check \
                 both ARNs, the region and the participant id"
            }
            ErrorKind::NotFound => "it may have been deleted; check the account, region and id",
            ErrorKind::Validation => "check the ARN and the ids that were given",
            ErrorKind::Throttled | ErrorKind::Starved => {
                return Some(format!(
                    "something else uses up the quota of {operation} in this account and region: \
                     find it, or run again with a lower `--tps`"
                ));
            }
            ErrorKind::Server | ErrorKind::RepeatedToken | ErrorKind::Endless => {
                "the service is at fault; run again later, what was collected is kept"
            }
            ErrorKind::Transport => "check the network, the region and `--endpoint-url`",
            ErrorKind::Credentials => {
                "renew the credentials (for SSO `aws sso login`) and run again"
            }
            ErrorKind::Quota if operation.writes() => {
                "a participant can be replicated 5 times at once: stop one that `ivsight \
                 replication list` shows as ACTIVE"
            }
            ErrorKind::Conflict if operation.writes() => {
                "the participant has to be publishing, and must not be replicated to that stage \
                 yet: see `ivsight replication list`"
            }
            ErrorKind::Unknown => {
                "it may have been carried out: look with `ivsight replication list` before you \
                 ask again"
            }
            ErrorKind::Quota => "a resource quota is used up; see the service's quotas page",
            ErrorKind::PendingVerification => "wait until AWS has verified the account",
            ErrorKind::Malformed | ErrorKind::Other => {
                "check that `--endpoint-url` and proxies lead to the service"
            }
            ErrorKind::Conflict | ErrorKind::Cancelled => return None,
        };
        Some(hint.to_owned())
    }
}

/// An error and its causes in one line, repetitions left out.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
