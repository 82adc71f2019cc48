use super::*;

#[test]
fn codes_go_before_statuses() {
    for (code, status, kind) in [
        (Some("TooManyRequestsException"), 429, ErrorKind::Throttled),
        (Some("ThrottlingException"), 400, ErrorKind::Throttled),
        (Some("SlowDown"), 503, ErrorKind::Throttled),
        (None, 429, ErrorKind::Throttled),
        (Some("SomethingNew"), 429, ErrorKind::Throttled),
        (Some("ExpiredTokenException"), 403, ErrorKind::Credentials),
        (Some("UnrecognizedClientException"), 403, ErrorKind::Credentials),
        (Some("AccessDeniedException"), 403, ErrorKind::Denied),
        (Some("PendingVerification"), 403, ErrorKind::PendingVerification),
        (None, 403, ErrorKind::Denied),
        (Some("ResourceNotFoundException"), 404, ErrorKind::NotFound),
        (None, 404, ErrorKind::Other),
        (Some("UnknownOperationException"), 404, ErrorKind::Other),
        (Some("ValidationException"), 400, ErrorKind::Validation),
        (Some("SerializationException"), 400, ErrorKind::Other),
        (Some("ServiceQuotaExceededException"), 402, ErrorKind::Quota),
        (Some("ConflictException"), 409, ErrorKind::Conflict),
        (Some("InternalServerException"), 500, ErrorKind::Server),
        (None, 503, ErrorKind::Server),
        (None, 408, ErrorKind::Transport),
        (None, 301, ErrorKind::Other),
    ] {
        assert_eq!(kind_of(code, status), kind, "{code:?} {status}");
    }
}

#[test]
fn a_code_loses_its_namespace_and_its_address() {
    for text in [
        "ValidationException",
        "ValidationException:http://internal.amazon.com/coral/",
        "com.amazonaws.ivs#ValidationException",
        "com.amazonaws.ivs#ValidationException:http://internal",
    ] {
        assert_eq!(bare_code(text), "ValidationException");
    }
}

#[test]
fn a_message_is_one_bounded_line_that_no_terminal_obeys() {
    assert_eq!(readable("  a\n\tb  c ", 10), "a b c");
    assert_eq!(readable("say \"é\" 'x' \\", 20), "say \"é\" 'x' \\");
    assert_eq!(readable("\u{1b}[31m\u{202e}x", 30), "\\u{1b}[31m\\u{202e}x");
    assert_eq!(readable(&"é".repeat(50), 3), "ééé…");
}
