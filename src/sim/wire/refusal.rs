//! Why a call is refused, in the service's forms.

use serde_json::json;

/// An answer that is not 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Refusal {
    /// The request breaks a constraint.
    Validation(String),
    /// The caller's policy does not allow it.
    AccessDenied(String),
    /// What is asked for does not exist. List operations give it, too, though their model does not say so.
    NotFound(String),
    /// The request contradicts what is going on.
    Conflict(String),
    /// A limit on things, not on calls, is reached.
    QuotaExceeded(String),
    /// The account is still being verified.
    PendingVerification,
    /// No operation has this path.
    UnknownOperation(String),
    /// Throttled as API Gateway does it.
    TooManyRequests,
    /// Throttled as the common errors of the reference say.
    Throttling,
    /// Throttled without a word.
    BareTooManyRequests,
    /// The service failed.
    Internal,
    /// Something before the service failed, and answers in HTML.
    Unavailable,
}

impl Refusal {
    pub(in crate::sim) fn status(&self) -> u16 {
        match self {
            Self::Validation(_) | Self::Throttling => 400,
            Self::QuotaExceeded(_) => 402,
            Self::AccessDenied(_) | Self::PendingVerification => 403,
            Self::NotFound(_) | Self::UnknownOperation(_) => 404,
            Self::Conflict(_) => 409,
            Self::TooManyRequests | Self::BareTooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }

    /// The value of `x-amzn-errortype`; `None` where the service gives no code.
    pub(in crate::sim) fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Validation(_) => "ValidationException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::Conflict(_) => "ConflictException",
            Self::QuotaExceeded(_) => "ServiceQuotaExceededException",
            Self::PendingVerification => "PendingVerification",
            Self::UnknownOperation(_) => "UnknownOperationException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::Throttling => "ThrottlingException",
            Self::Internal => "InternalServerException",
            Self::BareTooManyRequests | Self::Unavailable => return None,
        })
    }

    pub(in crate::sim) fn message(&self) -> &str {
        match self {
            Self::Validation(message)
            | Self::AccessDenied(message)
            | Self::NotFound(message)
            | Self::Conflict(message)
            | Self::QuotaExceeded(message)
            | Self::UnknownOperation(message) => message,
            Self::TooManyRequests | Self::BareTooManyRequests => "Too Many Requests",
            Self::Throttling => "Rate exceeded",
            Self::PendingVerification => "Your account is pending verification",
            Self::Internal => "Internal server error",
            Self::Unavailable => "Service Unavailable",
        }
    }

    pub(in crate::sim) fn is_throttle(&self) -> bool {
        matches!(self, Self::TooManyRequests | Self::Throttling | Self::BareTooManyRequests)
    }

    pub(in crate::sim) fn content_type(&self) -> &'static str {
        if *self == Self::Unavailable { "text/html" } else { "application/json" }
    }

    /// The modeled errors carry `exceptionMessage`; what stands before the service says `message`.
    pub(in crate::sim) fn body(&self) -> Vec<u8> {
        let message = self.message();
        match self {
            Self::Unavailable => {
                b"<html><body><h1>503 Service Unavailable</h1></body></html>\n".to_vec()
            }
            Self::BareTooManyRequests => Vec::new(),
            Self::TooManyRequests | Self::Throttling | Self::UnknownOperation(_) => {
                json!({ "message": message }).to_string().into_bytes()
            }
            _ => json!({ "exceptionMessage": message }).to_string().into_bytes(),
        }
    }
}
