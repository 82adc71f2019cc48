//! What a failed attempt means: the kind, the service's own words, and what helps.

use std::error::Error;
use std::time::Duration;

use aws_sdk_ivsrealtime::config::http::HttpResponse;
use aws_sdk_ivsrealtime::error::{ProvideErrorMetadata, SdkError};

use super::error::chain;
use super::identities::LoadFailed;
use super::{CallError, ErrorKind, Operation};

/// Longest message that is kept, in characters.
const MESSAGE_LENGTH_MAX: usize = 1_000;
/// Longest start of an answer that is shown for want of a message, in characters.
const EXCERPT_LENGTH_MAX: usize = 200;
/// Longest error code that is kept, in characters.
const CODE_LENGTH_MAX: usize = 100;

/// Codes by which AWS services throttle, as the SDK lists them.
const THROTTLES: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes that speak of the credentials or their signature, not of what they allow.
const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Time: the attempt was throttled and does not count.
    Wait,
    /// Another attempt.
    Retry,
    /// Another attempt with credentials loaded anew.
    Refresh,
    /// Nothing.
    None,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) retry_after: Option<Duration>,
    code: String,
    pub(super) message: String,
    status: Option<u16>,
    /// The service can't have got the request.
    never_sent: bool,
}

impl Failure {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => Self::answered(context.raw(), context.err()),
            SdkError::ResponseError(context) => Self::unreadable(context.raw(), &chain(error)),
            SdkError::TimeoutError(_) => Self::unanswered("TimedOut", &chain(error)),
            SdkError::DispatchFailure(failure) => {
                let code = if failure.is_timeout() { "TimedOut" } else { "ConnectionFailed" };
                Self::undelivered(error, code)
            }
            _ => Self::undelivered(error, "RequestNotBuilt"),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self.kind {
            ErrorKind::Throttled => Remedy::Wait,
            ErrorKind::Server | ErrorKind::Transport => Remedy::Retry,
            ErrorKind::Credentials => Remedy::Refresh,
            _ => Remedy::None,
        }
    }

    /// The request may have been carried out although no good answer came: it was sent, and what came back, if
    /// anything, is no refusal.
    pub(super) fn may_have_been_done(&self) -> bool {
        matches!(self.kind, ErrorKind::Server | ErrorKind::Transport) && !self.never_sent
    }

    pub(super) fn into_error(
        self,
        operation: Operation,
        kind: ErrorKind,
        attempts: u32,
    ) -> CallError {
        let Self { code, message, status, .. } = self;
        CallError { operation, kind, code, message, attempts, status }
    }

    /// The service, or something before it, answered with an error.
    fn answered(raw: &HttpResponse, error: &(impl ProvideErrorMetadata + Error)) -> Self {
        let status = raw.status().as_u16();
        if raw.status().is_success() {
            return Self::unreadable(raw, &chain(error));
        }
        let code = raw
            .headers()
            .get("x-amzn-errortype")
            .or_else(|| error.code())
            .map(bare_code)
            .filter(|code| !code.is_empty());
        Self {
            kind: kind_of(code.as_deref(), status),
            retry_after: retry_after(raw),
            code: code.unwrap_or_else(|| format!("Http{status}")),
            message: message_of(raw),
            status: Some(status),
            never_sent: false,
        }
    }

    /// An answer came, but not one that can be understood: cut off, or not what it should be.
    fn unreadable(raw: &HttpResponse, why: &str) -> Self {
        Self { status: Some(raw.status().as_u16()), ..Self::unanswered("UnreadableAnswer", why) }
    }

    fn unanswered(code: &str, why: &str) -> Self {
        Self {
            kind: ErrorKind::Transport,
            retry_after: None,
            code: code.to_owned(),
            message: readable(why, MESSAGE_LENGTH_MAX),
            status: None,
            never_sent: false,
        }
    }

    /// Nothing was sent, or nothing came back.
    fn undelivered(error: &(dyn Error + 'static), code: &str) -> Self {
        let failure = Self::unanswered(code, &chain(error));
        if causes(error).any(<dyn Error>::is::<LoadFailed>) {
            let code = "CredentialsNotLoaded".to_owned();
            return Self { kind: ErrorKind::Credentials, code, never_sent: true, ..failure };
        }
        if causes(error).any(is_refused_connection) {
            return Self { never_sent: true, ..failure };
        }
        if code == "RequestNotBuilt" {
            return Self { kind: ErrorKind::Other, never_sent: true, ..failure };
        }
        failure
    }
}

/// Nobody listened: the one failure of a connection that surely came before the request.
fn is_refused_connection(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::ConnectionRefused)
}

fn kind_of(code: Option<&str>, status: u16) -> ErrorKind {
    match (code, status) {
        (Some(code), _) if THROTTLES.contains(&code) => ErrorKind::Throttled,
        (Some(code), _) if CREDENTIALS.contains(&code) => ErrorKind::Credentials,
        (Some("AccessDeniedException"), _) => ErrorKind::Denied,
        (Some("PendingVerification"), _) => ErrorKind::PendingVerification,
        (Some("ResourceNotFoundException"), _) => ErrorKind::NotFound,
        (Some("ValidationException"), _) => ErrorKind::Validation,
        (Some("ConflictException"), _) | (_, 409) => ErrorKind::Conflict,
        (Some("ServiceQuotaExceededException"), _) | (_, 402) => ErrorKind::Quota,
        (_, 429) => ErrorKind::Throttled,
        (_, 408) => ErrorKind::Transport,
        (_, 401 | 403) => ErrorKind::Denied,
        (_, 500..=599) => ErrorKind::Server,
        // A bare 404 tells of a path that leads elsewhere, not of a stage that is gone.
        _ => ErrorKind::Other,
    }
}

/// A code without its namespace (`…#`) and its address (`:…`).
fn bare_code(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    readable(code, CODE_LENGTH_MAX)
}

/// The service's words: modelled errors have `exceptionMessage`, the gateway before them `message`.
fn message_of(raw: &HttpResponse) -> String {
    let body = raw.body().bytes().unwrap_or_default();
    let object = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let said = ["exceptionMessage", "message", "Message", "errorMessage"]
        .iter()
        .find_map(|key| object.get(key)?.as_str().filter(|text| !text.is_empty()))
        .or_else(|| raw.headers().get("x-amzn-errormessage"));
    match said {
        Some(said) => readable(said, MESSAGE_LENGTH_MAX),
        None => readable(&String::from_utf8_lossy(body), EXCERPT_LENGTH_MAX),
    }
}

/// How long the service asks to wait: whole seconds, or milliseconds in AWS's own header.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    let number = |name: &str| raw.headers().get(name)?.trim().parse::<u64>().ok();
    number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Text that fits in one line: white space collapsed, control and invisible characters escaped, bounded.
fn readable(text: &str, length_max: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = String::new();
    for (length, character) in words.chars().enumerate() {
        if length == length_max {
            line.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => line.push(character),
            _ => line.extend(character.escape_debug()),
        }
    }
    line
}

#[cfg(test)]
mod tests;
