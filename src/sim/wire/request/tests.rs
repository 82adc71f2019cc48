//! Tests of the constraints, member by member.

use serde_json::json;

use super::*;

const ARN: &str = "arn:aws:ivs:us-west-2:111122223333:stage/AbCd-1";
const SESSION: &str = "st-a1b2c3d4e5f6g";

fn refused(operation: Operation, body: &Value) -> String {
    match Request::parse(operation, body.to_string().as_bytes()) {
        Err(Refusal::Validation(message)) => message,
        other => panic!("{operation} took {body}: {other:?}"),
    }
}

#[test]
fn what_is_required_can_not_be_left_out() {
    for (operation, members) in [
        (Operation::GetStage, vec!["arn"]),
        (Operation::ListStageSessions, vec!["stageArn"]),
        (Operation::GetStageSession, vec!["stageArn", "sessionId"]),
        (Operation::ListParticipants, vec!["stageArn", "sessionId"]),
        (Operation::GetParticipant, vec!["stageArn", "sessionId", "participantId"]),
        (Operation::ListParticipantEvents, vec!["stageArn", "sessionId", "participantId"]),
        (Operation::ListParticipantReplicas, vec!["sourceStageArn", "participantId"]),
    ] {
        let message = refused(operation, &json!({}));
        for member in members {
            assert!(message.contains(&format!("'{member}'")), "{operation}: {message}");
        }
    }
    assert!(Request::parse(Operation::ListStages, b"").is_ok());
}

#[test]
fn texts_keep_to_their_lengths_and_patterns() {
    let long = "a".repeat(65);
    for (arn, session, participant) in [
        ("nonsense", SESSION, "p"),
        ("arn:aws:ivs:us-west-2:abc:stage/x", SESSION, "p"),
        ("arn:aws:ivs:us-west-2:1:channel/x", SESSION, "p"),
        ("arn:aws:ivs:us-west-2:1:stage/x_y", SESSION, "p"),
        ("", SESSION, "p"),
        (ARN, "st-short", "p"),
        (ARN, "xx-a1b2c3d4e5f6g", "p"),
        (ARN, "st-a1b2c3d4e5f6-", "p"),
        (ARN, SESSION, "p q"),
        (ARN, SESSION, &long),
    ] {
        let body = json!({ "stageArn": arn, "sessionId": session, "participantId": participant });
        refused(Operation::ListParticipantEvents, &body);
    }
    let whole = json!({ "stageArn": ARN, "sessionId": SESSION, "participantId": "a-_Z9" });
    assert!(Request::parse(Operation::ListParticipantEvents, whole.to_string().as_bytes()).is_ok());
}

#[test]
fn pages_hold_from_one_item_to_the_operations_own_limit() {
    for (operation, max) in [(Operation::ListStages, 100), (Operation::ListParticipantReplicas, 50)]
    {
        let body = |count: i64| json!({ "sourceStageArn": ARN, "participantId": "p", "maxResults": count });
        for count in [0, -1, max + 1, i64::MAX] {
            assert!(refused(operation, &body(count)).contains("'maxResults'"), "{count}");
        }
        for count in [1, max] {
            let request = Request::parse(operation, body(count).to_string().as_bytes()).unwrap();
            assert_eq!(i64::try_from(request.page_size), Ok(count));
        }
    }
    refused(Operation::ListStages, &json!({ "maxResults": "ten" }));
    let request = Request::parse(Operation::ListStages, b"{}").unwrap();
    assert_eq!(request.page_size, 50);
}

#[test]
fn one_filter_is_enough() {
    let with = |name: &str, value: Value| {
        let mut body = json!({ "stageArn": ARN, "sessionId": SESSION });
        body[name] = value;
        body
    };
    let state = with("filterByState", json!("CONNECTED"));
    assert!(Request::parse(Operation::ListParticipants, state.to_string().as_bytes()).is_ok());
    let mut both = state.clone();
    both["filterByPublished"] = json!(false);
    assert!(refused(Operation::ListParticipants, &both).contains("Only one of"));
    refused(Operation::ListParticipants, &with("filterByState", json!("ASLEEP")));
    refused(Operation::ListParticipants, &with("filterByRecordingState", json!("DISABLED")));
    refused(Operation::ListParticipants, &with("filterByPublished", json!("yes")));
    refused(Operation::ListParticipants, &with("filterByUserId", json!("u".repeat(129))));
}

#[test]
fn tokens_keep_to_their_alphabet() {
    refused(Operation::ListStages, &json!({ "nextToken": "a b" }));
    refused(Operation::ListStages, &json!({ "nextToken": "a".repeat(1025) }));
    let empty = Request::parse(Operation::ListStages, br#"{"nextToken":""}"#).unwrap();
    assert_eq!(empty.next_token, None);
}

#[test]
fn what_is_not_an_object_is_refused() {
    for body in ["[]", "nonsense", "{", "7"] {
        assert!(Request::parse(Operation::ListStages, body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_fingerprint_ignores_the_page_and_nothing_else() {
    let parse = |body: Value| {
        Request::parse(Operation::ListParticipants, body.to_string().as_bytes())
            .unwrap()
            .fingerprint()
    };
    let plain = parse(json!({ "stageArn": ARN, "sessionId": SESSION }));
    let paged = json!({ "stageArn": ARN, "sessionId": SESSION, "maxResults": 7, "nextToken": "x" });
    assert_eq!(plain, parse(paged));
    let filtered = json!({ "stageArn": ARN, "sessionId": SESSION, "filterByPublished": true });
    assert_ne!(plain, parse(filtered));
}
