//! Calls that change something: what is asked again, and what is told where nobody knows.

use std::time::Duration;

use ivsight::api::{CallError, ErrorKind, Operation, Settings};
use ivsight::model::{ReplicationRoute, StageArn, TextMap};
use serde_json::json;

use super::server::Reply;
use super::{Bed, participant, stage};

fn route() -> ReplicationRoute {
    let away = "arn:aws:ivs:us-west-2:012345678901:stage/Away";
    ReplicationRoute {
        source_stage_arn: stage(),
        destination_stage_arn: StageArn::parse(away).unwrap(),
        participant_id: participant(),
    }
}

fn fine() -> Reply {
    Reply::ok(&json!({}))
}

async fn start(script: Vec<Reply>) -> (Bed, Result<(), CallError>) {
    let settings = Settings { read_timeout: Duration::from_millis(300), ..Settings::default() };
    let bed = Bed::with(settings, script).await;
    let answer = bed.client.start_replication(&route(), None, &TextMap::new()).await;
    (bed, answer)
}

async fn stop(script: Vec<Reply>) -> (Bed, Result<(), CallError>) {
    let bed = Bed::new(script).await;
    let answer = bed.client.stop_replication(&route()).await;
    (bed, answer)
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_sent() {
    let bed = Bed::new(vec![fine()]).await;
    let attributes = TextMap::from([("team".to_owned(), "red".to_owned())]);
    bed.client.start_replication(&route(), Some(60), &attributes).await.unwrap();
    bed.client.start_replication(&route(), None, &TextMap::new()).await.unwrap();
    bed.client.stop_replication(&route()).await.unwrap();
    let requests = bed.server.requests();
    let mut expected = json!({
        "sourceStageArn": stage().as_str(), "participantId": "p1",
        "destinationStageArn": "arn:aws:ivs:us-west-2:012345678901:stage/Away",
    });
    assert_eq!(
        (requests[1].path.as_str(), &requests[1].body),
        ("/StartParticipantReplication", &expected)
    );
    assert_eq!(
        (requests[2].path.as_str(), &requests[2].body),
        ("/StopParticipantReplication", &expected)
    );
    expected["reconnectWindowSeconds"] = json!(60);
    expected["attributes"] = json!({ "team": "red" });
    assert_eq!(requests[0].body, expected);
}

#[tokio::test]
async fn a_throttled_start_is_asked_again() {
    let throttled = Reply::error(429, "TooManyRequestsException", "slow");
    let (bed, answer) = start(vec![throttled, Reply::status(429, ""), fine()]).await;
    assert_eq!((answer, bed.server.requests().len()), (Ok(()), 3));
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_not_asked_again() {
    for lost in [
        Reply::Reset,
        Reply::Hang,
        Reply::Garbage,
        Reply::Truncated { body: "{".to_owned() },
        Reply::error(500, "InternalServerException", "oops"),
        Reply::status(503, "<html></html>"),
    ] {
        let (bed, answer) = start(vec![lost.clone(), fine()]).await;
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.attempts), (ErrorKind::Unknown, 1), "{lost:?} {error}");
        assert!(error.hint().unwrap().contains("replication list"));
        assert_eq!(bed.server.requests().len(), 1, "{lost:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_is_tried_again_and_leaves_no_doubt() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = Settings { endpoint_url: Some(url), ..Settings::default() };
    let bed = Bed::with(settings, vec![fine()]).await;
    let answer = bed.client.start_replication(&route(), None, &TextMap::new()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Transport, 8), "{error}");
}

#[tokio::test]
async fn a_stop_is_asked_again_whatever_was_lost() {
    let oops = Reply::error(500, "InternalServerException", "oops");
    let (bed, answer) = stop(vec![Reply::Reset, oops, fine()]).await;
    assert_eq!((answer, bed.server.requests().len()), (Ok(()), 3));
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_tell_what_became_of_it() {
    let gone = Reply::error(404, "ResourceNotFoundException", "no such replication");
    let (bed, answer) = stop(vec![Reply::Reset, gone.clone()]).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Unknown, 2), "{error}");
    assert_eq!(error.code, "ResourceNotFoundException");
    assert_eq!(bed.server.requests().len(), 2);
    let (_, answer) = stop(vec![gone]).await;
    assert_eq!(answer.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn each_refusal_of_a_start_has_its_kind_and_its_next_step() {
    for (status, code, kind, hint) in [
        (400, "ValidationException", ErrorKind::Validation, "check the ARN"),
        (402, "ServiceQuotaExceededException", ErrorKind::Quota, "5 times at once"),
        (403, "AccessDeniedException", ErrorKind::Denied, "ivs:StartParticipantReplication"),
        (403, "PendingVerification", ErrorKind::PendingVerification, "verified"),
        (404, "ResourceNotFoundException", ErrorKind::NotFound, "live session"),
        (409, "ConflictException", ErrorKind::Conflict, "must not be replicated"),
    ] {
        let (bed, answer) = start(vec![Reply::error(status, code, "because")]).await;
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind, error.code.as_str(), error.message.as_str()),
            (kind, code, "because")
        );
        assert!(error.hint().unwrap().contains(hint), "{code}: {:?}", error.hint());
        assert_eq!(error.operation, Operation::StartParticipantReplication);
        assert_eq!(bed.server.requests().len(), 1, "{code}");
    }
}
