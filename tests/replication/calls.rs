//! The simulator's StartParticipantReplication and StopParticipantReplication over plain HTTP.

use super::*;

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.headers.get("x-amzn-errortype").map_or("", String::as_str))
}

fn named(events: &[(String, i64)]) -> Vec<(&str, i64)> {
    events.iter().map(|(name, second)| (name.as_str(), *second)).collect()
}

#[tokio::test]
async fn a_replication_shows_on_both_stages() {
    let bed = Bed::new().await;
    bed.server.edit(|world| {
        let session_id = world.stages.find(&arn("home")).unwrap().active_session_id().unwrap();
        let session_id = session_id.to_owned();
        let session = world.session_mut(&arn("home"), &session_id).unwrap();
        let host = session.participants.find_mut("host").unwrap();
        let own = [("team", "blue"), ("level", "3")];
        host.details.attributes =
            Some(own.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        host.user_id = Some("ann".to_owned());
    });
    bed.pass_to(10);
    let answer = bed.start("away", json!({ "attributes": { "team": "red", "seat": "2" } })).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    for header in [
        "access-control-allow-origin",
        "access-control-expose-headers",
        "cache-control",
        "content-security-policy",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
    ] {
        assert!(!answer.headers[header].is_empty(), "{header}");
    }
    assert_eq!(bed.replicas().await, [("away".into(), "ACTIVE".into())]);
    let source = bed.participant("home").await;
    assert_eq!(
        (&source["replicationType"], &source["replicationState"]),
        (&json!("SOURCE"), &json!("ACTIVE"))
    );
    assert_eq!(source["attributes"], json!({ "team": "blue", "level": "3" }));
    let replica = bed.participant("away").await;
    let expected = json!({
        "participantId": "host", "userId": "ann", "state": "CONNECTED", "published": true,
        "replicationType": "REPLICA", "replicationState": "ACTIVE", "sourceStageArn": arn("home"),
        "sourceSessionId": bed.session("home"),
        "attributes": { "team": "red", "level": "3", "seat": "2" },
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&replica[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_stop_shows_on_both_stages() {
    let bed = Bed::new().await;
    bed.pass_to(10);
    assert_eq!(bed.start("away", json!({})).await.status, 200);
    bed.pass_to(70);
    assert_eq!(bed.stop("away").await.status, 200);
    assert_eq!(bed.replicas().await, [("away".into(), "STOPPED".into())]);
    assert_eq!(bed.participant("home").await["replicationState"], "STOPPED");
    let replica = bed.participant("away").await;
    assert_eq!(
        (&replica["state"], &replica["replicationState"]),
        (&json!("DISCONNECTED"), &json!("STOPPED"))
    );
    let home = bed.events("home").await;
    let expected = [
        ("JOINED", 0),
        ("PUBLISH_STARTED", 0),
        ("REPLICATION_STARTED", 10),
        ("REPLICATION_STOPPED", 70),
    ];
    assert_eq!(named(&home), expected);
    assert_eq!(
        named(&bed.events("away").await),
        [("PUBLISH_STARTED", 10), ("PUBLISH_STOPPED", 70)]
    );
    let request = json!({ "stageArn": arn("home"), "sessionId": bed.session("home"), "participantId": "host" });
    let events = list(&bed.server, Operation::ListParticipantEvents, &request, 100).await;
    let started = events.iter().find(|event| event["name"] == "REPLICATION_STARTED").unwrap();
    assert_eq!(started["destinationStageArn"], arn("away"));
    assert_eq!(started["destinationSessionId"], bed.session("away"));
    let request = json!({ "stageArn": arn("away"), "sessionId": bed.session("away"), "participantId": "host" });
    let events = list(&bed.server, Operation::ListParticipantEvents, &request, 100).await;
    assert!(events.iter().all(|event| event["replica"] == true), "{events:?}");
}

#[tokio::test]
async fn what_can_not_be_is_refused_in_the_services_words() {
    let bed = Bed::new().await;
    for (more, constraint) in [
        (json!({ "reconnectWindowSeconds": 301 }), "less than or equal to 300"),
        (json!({ "reconnectWindowSeconds": -1 }), "greater than or equal to 0"),
        (json!({ "reconnectWindowSeconds": "60" }), "must be an integer"),
        (json!({ "attributes": { "a": "x".repeat(1024) } }), "less than or equal to 1024"),
        (json!({ "attributes": { "a": 1 } }), "map of strings"),
        (json!({ "participantId": "a b" }), "regular expression"),
        (json!({ "destinationStageArn": "away" }), "regular expression"),
        (json!({ "destinationStageArn": null }), "must not be null"),
        (json!({ "destinationStageArn": arn("home") }), "must differ"),
    ] {
        let answer = bed.start("away", more.clone()).await;
        assert_eq!(code(&answer), (400, "ValidationException"), "{more}");
        assert!(answer.body.contains(constraint), "{more}: {}", answer.body);
    }
    let missing = (404, "ResourceNotFoundException");
    assert_eq!(code(&bed.start("nowhere", json!({})).await), missing);
    assert_eq!(
        code(&bed.start("away", json!({ "sourceStageArn": arn("nowhere") })).await),
        missing
    );
    assert_eq!(code(&bed.start("away", json!({ "participantId": "nobody" })).await), missing);
    assert_eq!(code(&bed.start("away", json!({ "sourceStageArn": arn("room1") })).await), missing);
    assert_eq!(code(&bed.stop("away").await), missing);
    assert_eq!(bed.start("away", json!({})).await.status, 200);
    assert_eq!(code(&bed.start("away", json!({})).await), (409, "ConflictException"));
    assert_eq!(bed.stop("away").await.status, 200);
    assert_eq!(code(&bed.stop("away").await), missing);
    bed.disconnect(30);
    assert_eq!(code(&bed.start("away", json!({})).await), (409, "ConflictException"));
    for (faults, expected) in [
        ("deny=StartParticipantReplication", (403, "AccessDeniedException")),
        ("deny=away", (403, "AccessDeniedException")),
        ("unverified=1", (403, "PendingVerification")),
        ("500=1", (500, "InternalServerException")),
        ("throttle=1", (429, "TooManyRequestsException")),
    ] {
        bed.server.set_faults(faults.parse().unwrap());
        assert_eq!(code(&bed.start("away", json!({})).await), expected, "{faults}");
    }
    bed.server.set_faults("unverified=1".parse().unwrap());
    assert_eq!(code(&bed.stop("away").await), missing);
}

#[tokio::test]
async fn five_at_once_and_no_sixth() {
    let bed = Bed::new().await;
    for number in 1..=5 {
        assert_eq!(bed.start(&format!("room{number}"), json!({})).await.status, 200);
    }
    let sixth = bed.start("room6", json!({})).await;
    assert_eq!(code(&sixth), (402, "ServiceQuotaExceededException"));
    assert!(sixth.json()["exceptionMessage"].as_str().unwrap().contains("limit"));
    assert_eq!(bed.replicas().await.len(), 5);
    bed.pass_to(5);
    assert_eq!(bed.stop("room3").await.status, 200);
    // The other four go on.
    assert_eq!(bed.participant("home").await["replicationState"], "ACTIVE");
    assert_eq!(bed.start("room6", json!({})).await.status, 200);
    assert_eq!(named(&bed.events("room3").await), [("PUBLISH_STARTED", 0), ("PUBLISH_STOPPED", 5)]);
}

#[tokio::test]
async fn a_replication_outlives_an_absence_within_its_window_and_no_longer() {
    let bed = Bed::new().await;
    bed.start("away", json!({ "reconnectWindowSeconds": 60 })).await;
    bed.start("room1", json!({})).await;
    bed.disconnect(100);
    assert_eq!(
        bed.replicas().await,
        [("away".into(), "ACTIVE".into()), ("room1".into(), "STOPPED".into())]
    );
    assert_eq!(bed.participant("away").await["state"], "DISCONNECTED");
    bed.reconnect(159);
    assert_eq!(bed.participant("away").await["state"], "CONNECTED");
    bed.disconnect(200);
    bed.pass_to(259);
    assert_eq!(bed.replicas().await[0].1, "ACTIVE");
    bed.pass_to(1_000);
    assert_eq!(bed.replicas().await[0].1, "STOPPED");
    // Too late: the replication is over.
    bed.reconnect(1_001);
    let replications: Vec<_> = bed
        .events("home")
        .await
        .into_iter()
        .filter(|(name, _)| name.starts_with("REPLICATION"))
        .collect();
    let expected = [
        ("REPLICATION_STARTED", 0),
        ("REPLICATION_STARTED", 0),
        ("REPLICATION_STOPPED", 100),
        ("REPLICATION_STOPPED", 260),
    ];
    assert_eq!(named(&replications), expected);
    let away = bed.events("away").await;
    let expected = [
        ("PUBLISH_STARTED", 0),
        ("PUBLISH_STOPPED", 100),
        ("PUBLISH_STARTED", 159),
        ("PUBLISH_STOPPED", 200),
    ];
    assert_eq!(named(&away), expected);
}

#[tokio::test]
async fn a_replication_ends_with_either_session() {
    for ending in ["home", "away"] {
        let bed = Bed::new().await;
        bed.start("away", json!({ "reconnectWindowSeconds": 300 })).await;
        bed.pass_to(50);
        let (at, session_id) = (bed.at(40), bed.session(ending));
        bed.server.edit(|world| world.session_mut(&arn(ending), &session_id).unwrap().end(at));
        assert_eq!(bed.replicas().await[0].1, "STOPPED", "{ending}");
        let last = bed.events("away").await.pop().unwrap();
        assert_eq!(last, ("PUBLISH_STOPPED".into(), 40), "{ending}");
    }
}

#[tokio::test]
async fn a_stage_where_nobody_is_gets_a_session_and_quotas_hold() {
    let bed = Bed::new().await;
    assert_eq!(bed.start("room1", json!({})).await.status, 200);
    let stage = ask(&bed.server, Operation::GetStage, &json!({ "arn": arn("room1") })).await.json();
    assert_eq!(stage["stage"]["activeSessionId"], bed.session("room1"));
    let id = bed.session("room1");
    assert!(id.starts_with("st-") && id.len() == 16, "{id}");
    let calls = bed.server.calls();
    let counts = calls.of(Operation::StartParticipantReplication);
    assert_eq!((counts.attempts_n, counts.ok_n), (1, 1));
}
