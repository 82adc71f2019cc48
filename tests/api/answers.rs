//! What the service says, and what becomes of it.

use ivsight::api::{ErrorKind, MalformedReason, Operation, Pages};
use ivsight::model::{
    ErrorCode, EventName, ParticipantId, ParticipantState, ReplicationState, TextMap,
};
use serde_json::json;

use super::server::Reply;
use super::{Bed, participant, session, stage};

const STAGE: &str = "arn:aws:ivs:us-west-2:012345678901:stage/AbCd";

async fn all<T>(mut pages: Pages<T>) -> Vec<T> {
    let mut items = vec![];
    while let Some(page) = pages.next().await.unwrap() {
        items.extend(page.items);
    }
    items
}

#[tokio::test]
async fn stages_are_asked_for_by_the_hundred_and_what_is_no_stage_of_the_region_is_told() {
    let answer = json!({ "stages": [
        { "arn": STAGE, "name": "", "activeSessionId": "", "tags": {}, "new": { "a": [1] } },
        { "arn": "arn:aws:ivs:us-west-2:012345678901:stage/Ef", "name": "b",
          "activeSessionId": "st-1", "tags": { "k": "", "a": "v" } },
        { "arn": "nonsense" },
        { "arn": "arn:aws:ivs:eu-west-1:012345678901:stage/Gh" },
    ]});
    let bed = Bed::new(vec![Reply::ok(&answer)]).await;
    let page = bed.client.stages().next().await.unwrap().unwrap();
    assert!(page.is_last);
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.items[0].arn, stage());
    assert_eq!((&page.items[0].name, &page.items[0].tags), (&None, &None));
    assert_eq!(page.items[0].active_session_id, None);
    let tags = TextMap::from([("a".into(), "v".into()), ("k".into(), String::new())]);
    assert_eq!(page.items[1].tags, Some(tags));
    assert_eq!(page.items[1].active_session_id.as_ref().unwrap().as_str(), "st-1");
    let reasons = page.malformed.iter().map(|malformed| &malformed.reason).collect::<Vec<_>>();
    assert!(matches!(reasons[..], [MalformedReason::Arn(_), MalformedReason::Foreign { .. }]));
    let request = &bed.server.requests()[0];
    assert_eq!(request.path, "/ListStages");
    assert_eq!(request.body, json!({ "maxResults": 100 }));
}

#[tokio::test]
async fn a_stage_must_be_the_one_that_was_asked_for() {
    let other = "arn:aws:ivs:us-west-2:012345678901:stage/Other";
    let bed = Bed::new(vec![
        Reply::ok(&json!({ "stage": { "arn": STAGE, "name": "a" } })),
        Reply::ok(&json!({ "stage": { "arn": other } })),
        Reply::ok(&json!({})),
    ])
    .await;
    assert_eq!(bed.client.stage(&stage()).await.unwrap().name.as_deref(), Some("a"));
    for message in [
        format!("`{other}` is not what was asked for"),
        "the service gave an answer without the stage that was asked for".to_owned(),
    ] {
        let error = bed.client.stage(&stage()).await.unwrap_err();
        assert_eq!((error.kind, error.message), (ErrorKind::Malformed, message));
    }
    assert_eq!(bed.server.requests()[0].body, json!({ "arn": STAGE }));
}

#[tokio::test]
async fn sessions_keep_fractions_of_seconds() {
    let answer = json!({ "stageSessions": [
        { "sessionId": "st-1", "startTime": "2023-04-26T20:30:29.602000+00:00",
          "endTime": "2023-04-26T20:36:29Z" },
        { "sessionId": "st-2", "startTime": null },
        { "sessionId": "" },
    ]});
    let bed = Bed::new(vec![Reply::ok(&answer)]).await;
    let page = bed.client.stage_sessions(&stage()).next().await.unwrap().unwrap();
    assert_eq!(page.items[0].start_time.unwrap().to_rfc3339(), "2023-04-26T20:30:29.602+00:00");
    assert_eq!(page.items[0].end_time.unwrap().to_rfc3339(), "2023-04-26T20:36:29+00:00");
    assert_eq!((page.items[1].start_time, page.items[1].end_time), (None, None));
    assert!(matches!(page.malformed[0].reason, MalformedReason::MissingId(_)));
    assert_eq!(bed.server.requests()[0].body, json!({ "stageArn": STAGE, "maxResults": 100 }));
}

#[tokio::test]
async fn one_session_is_asked_for_by_its_id() {
    let answer = json!({ "stageSession": { "sessionId": "st-1" } });
    let bed = Bed::new(vec![Reply::ok(&answer), Reply::ok(&json!({}))]).await;
    let answer = bed.client.stage_session(&session()).await.unwrap();
    assert_eq!(answer.session_id, session().session_id);
    let error = bed.client.stage_session(&session()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    let request = &bed.server.requests()[0];
    assert_eq!(request.path, "/GetStageSession");
    assert_eq!(request.body, json!({ "stageArn": STAGE, "sessionId": "st-1" }));
}

#[tokio::test]
async fn participants_keep_what_is_new_and_lose_what_is_empty() {
    let answer = json!({ "participants": [
        { "participantId": "p1", "userId": "", "state": "CONNECTED", "published": true,
          "firstJoinTime": "2023-04-26T20:30:34+00:00", "recordingState": "PAUSED",
          "replicationType": "SOURCE", "replicationState": "", "sourceStageArn": "",
          "sourceSessionId": "", "redundantIngest": true, "ingestConfigurationArn": "" },
        { "participantId": "p2" },
        { "userId": "nobody" },
    ]});
    let bed = Bed::new(vec![Reply::ok(&answer)]).await;
    let page = bed.client.participants(&session()).next().await.unwrap().unwrap();
    let first = &page.items[0];
    assert_eq!((first.user_id.as_deref(), first.published), (None, true));
    assert_eq!(first.state, Some(ParticipantState::Connected));
    assert_eq!(first.recording_state.as_ref().unwrap().as_str(), "PAUSED");
    assert_eq!((&first.replication_state, &first.source_stage_arn), (&None, &None));
    assert_eq!((&first.source_session_id, &first.ingest_configuration_arn), (&None, &None));
    assert!(first.redundant_ingest);
    assert_eq!((page.items[1].published, &page.items[1].state), (false, &None));
    assert_eq!(page.malformed.len(), 1);
    assert_eq!(page.malformed[0].to_string(), "the service gave an empty ParticipantId");
    let body = json!({ "stageArn": STAGE, "sessionId": "st-1", "maxResults": 100 });
    assert_eq!(bed.server.requests()[0].body, body);
}

#[tokio::test]
async fn details_are_those_of_the_participant() {
    let answer = json!({ "participant": {
        "participantId": "p1", "attributes": { "k": "" }, "ispName": "", "osName": "Linux",
        "sdkVersion": "", "protocol": "UNKNOWN", "recordingS3BucketName": "",
        "recordingS3Prefix": "a/b" } });
    let other = json!({ "participant": { "participantId": "p2" } });
    let bed = Bed::new(vec![Reply::ok(&answer), Reply::ok(&other)]).await;
    let details = bed.client.participant(&session(), &participant()).await.unwrap();
    assert_eq!(details.attributes, Some(TextMap::from([("k".into(), String::new())])));
    assert_eq!((details.isp_name, details.os_name.as_deref()), (None, Some("Linux")));
    assert_eq!(details.protocol.as_deref(), Some("UNKNOWN"));
    assert_eq!(details.recording_s3_prefix.as_deref(), Some("a/b"));
    let error = bed.client.participant(&session(), &participant()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Malformed, "`p2` is not what was asked for")
    );
}

#[tokio::test]
async fn events_are_counted_across_pages_whatever_is_on_them() {
    let first = json!({ "nextToken": "a+/=", "events": [
        { "name": "JOINED", "participantId": "p1", "eventTime": "2025-04-26T20:30:34Z" },
        { "name": "HICCUPED", "eventTime": "2025-04-26T20:30:34.123456789Z", "replica": true,
          "remoteParticipantId": "", "destinationStageArn": "", "destinationSessionId": "" },
    ]});
    let empty = json!({ "nextToken": "b", "events": [] });
    let missing = json!({ "nextToken": "c" });
    let last = json!({ "nextToken": "", "events": [
        { "name": "PUBLISH_ERROR", "errorCode": "BITRATE_EXCEEDED" },
        { "name": "TOKEN_EXCHANGED",
          "previousToken": { "capabilities": ["SUBSCRIBE", "FLY"], "attributes": {}, "userId": "" },
          "newToken": { "expirationTime": "2025-04-27T00:00:00Z", "userId": "ann" } },
        {},
    ]});
    let bed = Bed::new([first, empty, missing, last].iter().map(Reply::ok).collect()).await;
    let events = all(bed.client.participant_events(&session(), &participant())).await;
    let positions = events.iter().map(|event| event.position).collect::<Vec<_>>();
    assert_eq!(positions, [0, 1, 2, 3, 4]);
    assert_eq!(events[0].name, Some(EventName::Joined));
    assert_eq!(events[1].name, Some(EventName::Other("HICCUPED".to_owned())));
    assert_eq!(events[1].time.unwrap().timestamp_subsec_nanos(), 123_456_000);
    assert_eq!((events[1].replica, &events[1].remote_participant_id), (true, &None));
    assert_eq!(
        (&events[1].destination_stage_arn, &events[1].destination_session_id),
        (&None, &None)
    );
    assert_eq!(events[2].error_code, Some(ErrorCode::BitrateExceeded));
    let previous = events[3].previous_token.as_ref().unwrap();
    assert_eq!(previous.capabilities.as_ref().unwrap()[..], ["SUBSCRIBE", "FLY"]);
    assert_eq!((&previous.attributes, &previous.user_id), (&None, &None));
    let new = events[3].new_token.as_ref().unwrap();
    assert_eq!((&new.capabilities, new.user_id.as_deref()), (&None, Some("ann")));
    assert!(new.expiration_time.is_some());
    assert_eq!((&events[4].name, &events[4].time), (&None, &None));
    let tokens =
        bed.server.requests().iter().map(|r| r.body["nextToken"].clone()).collect::<Vec<_>>();
    assert_eq!(tokens, [json!(null), json!("a+/="), json!("b"), json!("c")]);
}

#[tokio::test]
async fn replicas_are_asked_for_by_the_fifty_and_are_those_of_the_stage() {
    let replica = |source: &str, destination: &str| {
        json!({ "sourceStageArn": source, "participantId": "p1", "sourceSessionId": "st-9",
                "destinationStageArn": destination, "destinationSessionId": "",
                "replicationState": "ACTIVE" })
    };
    let other = "arn:aws:ivs:us-west-2:999999999999:stage/Other";
    let answer =
        json!({ "replicas": [replica(STAGE, other), replica(other, STAGE), replica(STAGE, "")] });
    let bed = Bed::new(vec![Reply::ok(&answer)]).await;
    let mut pages = bed.client.participant_replicas(&stage(), &participant());
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].replication_state, Some(ReplicationState::Active));
    assert_eq!(page.items[0].destination_session_id, None);
    assert_eq!(page.items[0].source_session_id.as_str(), "st-9");
    let reasons = page.malformed.iter().map(|malformed| &malformed.reason).collect::<Vec<_>>();
    assert!(matches!(
        reasons[..],
        [MalformedReason::Foreign { .. }, MalformedReason::MissingDestination]
    ));
    let body = json!({ "sourceStageArn": STAGE, "participantId": "p1", "maxResults": 50 });
    assert_eq!(bed.server.requests()[0].body, body);
}

#[tokio::test]
async fn a_repeated_token_is_an_error_not_an_end() {
    let page = json!({ "participants": [{ "participantId": "p1" }], "nextToken": "same" });
    let bed = Bed::new(vec![Reply::ok(&page)]).await;
    let mut pages = bed.client.participants(&session());
    assert!(!pages.next().await.unwrap().unwrap().is_last);
    let error = pages.next().await.unwrap_err();
    assert_eq!(
        (error.operation, error.kind),
        (Operation::ListParticipants, ErrorKind::RepeatedToken)
    );
    assert_eq!(error.to_string(), "RepeatedToken: a page token came twice");
    assert_eq!(bed.server.requests().len(), 2);
}

#[tokio::test]
async fn odd_identifiers_travel_unchanged() {
    let bed = Bed::new(vec![Reply::ok(&json!({ "events": [] }))]).await;
    let odd = ParticipantId::new("a_b-\u{e9}\"\\").unwrap();
    assert!(all(bed.client.participant_events(&session(), &odd)).await.is_empty());
    assert_eq!(bed.server.requests()[0].body["participantId"], json!("a_b-\u{e9}\"\\"));
}
