//! What goes wrong between the service and us: throttles, failures, refusals, and what is done about each.

use std::time::Duration;

use ivsight::api::{ErrorKind, Operation, Settings};
use serde_json::json;

use super::server::Reply;
use super::{Bed, session, stage};

fn fine() -> Reply {
    Reply::ok(&json!({ "stageSession": { "sessionId": "st-1" } }))
}

fn throttles() -> Vec<Reply> {
    vec![
        Reply::error(429, "TooManyRequestsException", "slow"),
        Reply::error(400, "ThrottlingException:http://internal.amazon.com/", "slow"),
        Reply::status(400, r#"{"__type":"com.amazonaws.ivs#ThrottlingException"}"#),
        Reply::status(429, r#"{"message":"Too Many Requests"}"#),
        Reply::status(429, "<html>slow</html>"),
    ]
}

#[tokio::test]
async fn throttles_in_any_form_wait_and_cost_no_attempt() {
    let script = [throttles(), throttles(), throttles(), vec![fine()]].concat();
    let bed = Bed::new(script).await;
    assert!(bed.client.stage_session(&session()).await.is_ok());
    let meter = bed.client.meters()[&Operation::GetStageSession];
    assert_eq!((meter.attempts, meter.ok, meter.retries, meter.throttles), (16, 1, 15, 15));
    assert!(meter.rate.unwrap() < 4.0);
    assert_eq!(bed.server.requests().len(), 16);
}

#[tokio::test]
async fn an_operation_that_is_only_throttled_starves_after_fifteen_minutes() {
    let bed = Bed::new(vec![Reply::status(429, "")]).await;
    let error = bed.client.stage_session(&session()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Starved, "Http429"));
    assert_eq!(error.status, Some(429));
    let requests = bed.server.requests();
    let took = requests.last().unwrap().at.saturating_sub(requests[0].at);
    assert!(took >= Duration::from_mins(15) && took < Duration::from_mins(17), "{took:?}");
    assert!(error.hint().unwrap().contains("quota of GetStageSession"));
}

#[tokio::test]
async fn every_attempt_takes_a_permit_whatever_became_of_the_last() {
    let script = vec![
        Reply::Reset,
        Reply::Truncated { body: r#"{"stageSession":{"#.to_owned() },
        Reply::status(503, "<html><b>Service Unavailable</b></html>"),
        Reply::error(500, "InternalServerException", "oops"),
        Reply::status(200, "<html>log in first</html>"),
        Reply::status(200, r#"{"stageSession":{"startTime":12}}"#),
        Reply::Garbage,
        fine(),
    ];
    let settings = Settings { tps: 0.01, ..Settings::default() };
    let bed = Bed::with(settings, script).await;
    assert!(bed.client.stage_session(&session()).await.is_ok());
    let requests = bed.server.requests();
    assert_eq!(requests.len(), 8);
    for pair in requests.windows(2) {
        assert!(pair[1].at >= pair[0].at + Duration::from_secs(100), "{pair:?}");
    }
    let meter = bed.client.meters()[&Operation::GetStageSession];
    assert_eq!((meter.attempts, meter.ok, meter.retries, meter.throttles), (8, 1, 7, 0));
    assert_eq!(meter.rate, Some(0.01));
}

#[tokio::test]
async fn the_eighth_failure_is_the_last() {
    for (reply, kind, text) in [
        (
            Reply::error(500, "InternalServerException", "oops"),
            ErrorKind::Server,
            "InternalServerException: oops (after 8 attempts)",
        ),
        (
            Reply::status(503, "<html>\n <b>Service Unavailable</b>\n</html>"),
            ErrorKind::Server,
            "Http503: <html> <b>Service Unavailable</b> </html> (after 8 attempts)",
        ),
        (Reply::Reset, ErrorKind::Transport, "ConnectionFailed: "),
        (Reply::Truncated { body: "{}".to_owned() }, ErrorKind::Transport, "UnreadableAnswer: "),
        (Reply::status(200, "[1"), ErrorKind::Transport, "UnreadableAnswer: "),
    ] {
        let bed = Bed::new(vec![reply]).await;
        let error = bed.client.stage_session(&session()).await.unwrap_err();
        assert_eq!((error.kind, error.attempts), (kind, 8), "{error}");
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(bed.server.requests().len(), 8);
        let took = bed.server.requests()[7].at;
        assert!(took < Duration::from_mins(4), "{took:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let settings = Settings { attempt_timeout: Duration::from_millis(20), ..Settings::default() };
    let bed = Bed::with(settings, vec![Reply::Hang]).await;
    let error = bed.client.stage_session(&session()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_str(), error.attempts),
        (ErrorKind::Transport, "TimedOut", 8)
    );
    assert_eq!(error.status, None);
}

#[tokio::test]
async fn nobody_at_the_address_is_a_failed_connection() {
    let settings =
        Settings { endpoint_url: Some("http://127.0.0.1:1".to_owned()), ..Settings::default() };
    let bed = Bed::with(settings, vec![fine()]).await;
    let error = bed.client.stage_session(&session()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Transport, "ConnectionFailed"));
    assert_eq!(error.attempts, 8);
    assert!(error.hint().unwrap().contains("--endpoint-url"));
    assert!(!bed.client.has_service_time());
}

#[tokio::test]
async fn what_another_attempt_would_not_change_is_not_tried_again() {
    for (status, code, kind) in [
        (400, "ValidationException", ErrorKind::Validation),
        (403, "AccessDeniedException", ErrorKind::Denied),
        (403, "PendingVerification", ErrorKind::PendingVerification),
        (404, "ResourceNotFoundException", ErrorKind::NotFound),
        (402, "ServiceQuotaExceededException", ErrorKind::Quota),
        (409, "ConflictException", ErrorKind::Conflict),
        (418, "TeapotException", ErrorKind::Other),
    ] {
        let bed = Bed::new(vec![Reply::error(status, code, "no")]).await;
        let error = bed.client.stages().next().await.unwrap_err();
        assert_eq!((error.kind, error.attempts, error.status), (kind, 1, Some(status)));
        assert_eq!(error.to_string(), format!("{code}: no"));
        assert_eq!(bed.server.requests().len(), 1);
    }
}

#[tokio::test]
async fn messages_are_found_wherever_the_service_puts_them() {
    let long = "x".repeat(5_000);
    for (reply, text) in [
        (
            Reply::error(403, "AccessDeniedException", "User: a is not"),
            "AccessDeniedException: User: a is not",
        ),
        (
            Reply::status(403, "{}")
                .with("x-amzn-errortype", "AccessDeniedException")
                .with("x-amzn-errormessage", "from the header"),
            "AccessDeniedException: from the header",
        ),
        (Reply::status(403, r#"{"message":"Forbidden"}"#), "Http403: Forbidden"),
        (Reply::status(403, ""), "Http403"),
        (Reply::status(403, "\u{1b}[2J\u{202e}no"), "Http403: \\u{1b}[2J\\u{202e}no"),
        (Reply::status(403, &long), &format!("Http403: {}…", &long[..200])),
    ] {
        let bed = Bed::new(vec![reply]).await;
        assert_eq!(bed.client.stage(&stage()).await.unwrap_err().to_string(), text);
    }
}

#[tokio::test]
async fn a_pause_that_the_service_asks_for_is_made() {
    let throttle = || Reply::status(429, "");
    let script = vec![
        throttle().with("retry-after", "40"),
        throttle().with("x-amz-retry-after", "50000"),
        Reply::status(503, "").with("retry-after", "60"),
        fine(),
    ];
    let bed = Bed::new(script).await;
    assert!(bed.client.stage_session(&session()).await.is_ok());
    let at = bed.server.requests().iter().map(|request| request.at.as_secs()).collect::<Vec<_>>();
    assert!(at[1] - at[0] >= 40 && at[2] - at[1] >= 50 && at[3] - at[2] >= 60, "{at:?}");
    assert!(at[3] < 200, "{at:?}");
}

#[tokio::test]
async fn credentials_get_a_second_chance_and_no_third() {
    let expired = || Reply::error(403, "ExpiredTokenException", "the token is expired");
    let bed = Bed::new(vec![expired(), fine()]).await;
    assert!(bed.client.stage_session(&session()).await.is_ok());
    let bed = Bed::new(vec![expired()]).await;
    let error = bed.client.stage_session(&session()).await.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Credentials, 2));
    assert!(error.hint().unwrap().contains("aws sso login"));
}

#[tokio::test]
async fn the_same_seed_waits_the_same() {
    let mut runs = vec![];
    for seed in [7, 7, 8] {
        let settings = Settings { jitter_seed: seed, ..Settings::default() };
        let bed = Bed::with(settings, vec![Reply::status(500, "")]).await;
        bed.client.stage_session(&session()).await.unwrap_err();
        runs.push(bed.server.requests().iter().map(|request| request.at).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
