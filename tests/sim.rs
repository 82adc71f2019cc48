//! Tests of `sim` over plain HTTP: what any client sees.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::sim::world::{Event, Participant};
use ivsight::sim::{Config, Operation, Scenario, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// All of the body came.
    whole: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends one request on a connection of its own. An error where not even a head came back.
async fn send(server: &Server, path: &str, body: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(server.address()).await?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: ivs\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let whole = headers["content-length"].parse() == Ok(body.len());
    Ok(Answer { status, headers, body: body.to_owned(), whole })
}

pub(crate) async fn ask(server: &Server, operation: Operation, request: &Value) -> Answer {
    send(server, &format!("/{operation}"), &request.to_string()).await.unwrap()
}

/// Reads a whole listing in pages of one size.
pub(crate) async fn list(
    server: &Server,
    operation: Operation,
    request: &Value,
    page_size: usize,
) -> Vec<Value> {
    let mut request = request.clone();
    request["maxResults"] = json!(page_size);
    let mut items = Vec::new();
    loop {
        let answer = ask(server, operation, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut page = answer.json();
        let token = page.as_object_mut().unwrap().remove("nextToken");
        let (_, listed) = page.as_object().unwrap().iter().next().unwrap();
        assert!(listed.as_array().unwrap().len() <= page_size);
        items.extend(listed.as_array().unwrap().iter().cloned());
        let Some(token) = token else { return items };
        request["nextToken"] = token;
    }
}

async fn serve(config: Config) -> Server {
    Server::start(Config { tps: 0.0, ..config }, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

async fn traps(faults: &str) -> Server {
    let faults = faults.parse().unwrap();
    serve(Config { scenario: Scenario::Traps, faults, ..Config::default() }).await
}

fn many() -> Value {
    json!({
        "stageArn": "arn:aws:ivs:us-west-2:111122223333:stage/TrapFields",
        "sessionId": "st-manyxxxxxxxxx",
        "participantId": "flapping",
    })
}

fn touring() -> Value {
    json!({
        "sourceStageArn": "arn:aws:ivs:us-west-2:111122223333:stage/TrapHome",
        "participantId": "touring",
    })
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_list() {
    let server = traps("empty=0.2").await;
    let unnamed = json!({ "stageArn": "arn:aws:ivs:us-west-2:111122223333:stage/TrapUnnamed" });
    for (operation, request, count, sizes) in [
        (Operation::ListStages, json!({}), 7, [1, 2, 7, 100]),
        (Operation::ListStageSessions, unnamed, 7, [1, 2, 7, 100]),
        (Operation::ListParticipants, many(), 130, [1, 2, 7, 100]),
        (Operation::ListParticipantEvents, many(), 262, [1, 2, 7, 100]),
        (Operation::ListParticipantReplicas, touring(), 60, [1, 2, 7, 50]),
    ] {
        let whole = list(&server, operation, &request, sizes[3]).await;
        assert_eq!(whole.len(), count, "{operation}");
        for size in sizes {
            assert_eq!(list(&server, operation, &request, size).await, whole, "{operation} {size}");
        }
    }
}

#[tokio::test]
async fn events_come_in_no_order() {
    let server = traps("").await;
    let events = list(&server, Operation::ListParticipantEvents, &many(), 100).await;
    let times: Vec<&str> =
        events.iter().map(|event| event["eventTime"].as_str().unwrap()).collect();
    assert!(!times.is_sorted() && !times.iter().rev().is_sorted());
    assert!(times.iter().all(|time| time.len() == 20 && time.ends_with('Z')), "{times:?}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let config = |seed| Config { seed, scenario: Scenario::Small, ..Config::default() };
    let (one, two, other) =
        (serve(config(3)).await, serve(config(3)).await, serve(config(4)).await);
    let mut asked = BTreeSet::new();
    for (operation, request) in every_request(&one) {
        let first = ask(&one, operation, &request).await;
        assert_eq!(first.status, 200, "{operation} {request} {}", first.body);
        assert_eq!(first.body, ask(&two, operation, &request).await.body);
        assert_ne!(first.body, ask(&other, operation, &request).await.body, "{operation}");
        asked.insert(operation);
    }
    let read: BTreeSet<Operation> =
        Operation::ALL.into_iter().filter(|operation| !operation.writes()).collect();
    assert_eq!(asked, read);
}

/// A request of each kind for all that a world holds, in small pages.
fn every_request(server: &Server) -> Vec<(Operation, Value)> {
    let world = server.truth();
    let mut requests = vec![(Operation::ListStages, json!({ "maxResults": 2 }))];
    for stage in world.stages.iter() {
        let arn = stage.arn();
        requests.push((Operation::GetStage, json!({ "arn": arn })));
        requests.push((Operation::ListStageSessions, json!({ "stageArn": arn, "maxResults": 2 })));
        for session in stage.sessions.iter() {
            let mut request = json!({ "stageArn": arn, "sessionId": session.id() });
            requests.push((Operation::GetStageSession, request.clone()));
            requests.push((Operation::ListParticipants, request.clone()));
            let participant = session.participants.iter().next().unwrap();
            request["participantId"] = json!(participant.id());
            requests.push((Operation::GetParticipant, request.clone()));
            requests.push((Operation::ListParticipantEvents, request));
        }
    }
    for stage in world.stages.iter() {
        let source = world.replicas.iter().find(|it| it.source_stage_arn == stage.arn());
        requests.extend(source.map(|it| {
            let request =
                json!({ "sourceStageArn": stage.arn(), "participantId": it.participant_id });
            (Operation::ListParticipantReplicas, request)
        }));
    }
    requests
}

#[tokio::test]
async fn filters_select_and_tokens_hold_to_them() {
    let server = traps("").await;
    let mut request = many();
    request["filterByPublished"] = json!(true);
    let published = list(&server, Operation::ListParticipants, &request, 100).await;
    assert_eq!(published.len(), 1);
    let mut request = many();
    request["filterByUserId"] = json!("user-viewer7");
    let named = list(&server, Operation::ListParticipants, &request, 100).await;
    assert_eq!(named[0]["participantId"], "viewer7");
    let mut request = many();
    request["filterByState"] = json!("CONNECTED");
    assert!(list(&server, Operation::ListParticipants, &request, 7).await.is_empty());
    let token =
        ask(&server, Operation::ListParticipants, &many()).await.json()["nextToken"].clone();
    request["nextToken"] = token;
    let foreign = ask(&server, Operation::ListParticipants, &request).await;
    assert_eq!(
        (foreign.status, &*foreign.headers["x-amzn-errortype"]),
        (400, "ValidationException")
    );
}

#[tokio::test]
async fn refusals_have_the_services_shape() {
    let server = traps("").await;
    let invalid = ask(&server, Operation::ListStages, &json!({ "maxResults": 101 })).await;
    assert_eq!(invalid.status, 400);
    assert_eq!(invalid.headers["x-amzn-errortype"], "ValidationException");
    assert_eq!(invalid.headers["date"], "Sun, 15 Nov 2026 21:30:00 GMT");
    let message = invalid.json()["exceptionMessage"].as_str().unwrap().to_owned();
    assert!(message.contains("less than or equal to 100"), "{message}");
    assert_eq!(invalid.headers["x-amzn-errormessage"], message);
    assert_eq!(invalid.json()["message"], Value::Null);
    for garbled in ["abc", "0000000000000000/0000000000000000+000000_-=="] {
        let answer = ask(&server, Operation::ListStages, &json!({ "nextToken": garbled })).await;
        assert_eq!(answer.status, 400, "{garbled}");
    }
    assert_eq!(send(&server, "/Nonsense", "{}").await.unwrap().status, 404);
    assert_eq!(send(&server, "/ListStages", "nonsense").await.unwrap().status, 400);
    let huge = "x".repeat(100_000);
    assert_eq!(send(&server, "/ListStages", &huge).await.unwrap().status, 400);
}

#[tokio::test]
async fn each_fault_shows_on_the_wire() {
    for (faults, status, code, body) in [
        ("throttle=1", 429, Some("TooManyRequestsException"), "Too Many Requests"),
        ("bare429=1", 429, None, ""),
        ("throttling400=1", 400, Some("ThrottlingException"), "Rate exceeded"),
        ("500=1", 500, Some("InternalServerException"), "exceptionMessage"),
        ("503=1", 503, None, "<html>"),
        ("deny=ListParticipants", 403, Some("AccessDeniedException"), "ivs:ListParticipants"),
    ] {
        let server = traps(faults).await;
        let answer = ask(&server, Operation::ListParticipants, &many()).await;
        assert_eq!(answer.status, status, "{faults}");
        assert_eq!(answer.headers.get("x-amzn-errortype").map(String::as_str), code, "{faults}");
        assert!(answer.body.contains(body), "{faults}: {}", answer.body);
    }
}

#[tokio::test]
async fn connections_break_where_it_is_asked_for() {
    let server = traps("truncate=1").await;
    let cut = ask(&server, Operation::ListParticipants, &many()).await;
    assert!(cut.status == 200 && !cut.whole && !cut.body.is_empty());
    server.set_faults("reset=1".parse().unwrap());
    let error = send(&server, "/ListStages", "{}").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    server.set_faults("slow=1,slow-ms=1".parse().unwrap());
    assert!(ask(&server, Operation::ListParticipants, &many()).await.whole);
    let calls = server.calls();
    let listed = calls.of(Operation::ListParticipants);
    assert_eq!((listed.attempts_n, listed.ok_n), (2, 1));
    assert_eq!(calls.of(Operation::ListStages).ok_n, 0);
    assert_eq!(calls.log[0].participant_id, "");
    assert_eq!(calls.log[0].session_id, many()["sessionId"]);
}

#[tokio::test]
async fn the_world_changes_while_it_is_served() {
    let server = traps("").await;
    let arn = "arn:aws:ivs:us-west-2:111122223333:stage/TrapUnnamed";
    let live =
        json!({ "stageArn": arn, "sessionId": "st-livexxxxxxxxx", "participantId": "liveHost" });
    let stage = ask(&server, Operation::GetStage, &json!({ "arn": arn })).await.json();
    assert_eq!(stage["stage"]["activeSessionId"], live["sessionId"]);
    let before = list(&server, Operation::ListParticipantEvents, &live, 100).await.len();

    let end = server.now();
    server.edit(|world| {
        let session = world.session_mut(arn, "st-livexxxxxxxxx").unwrap();
        session.end(end);
        session.participants.insert(Participant::new(Some("newcomer")));
        session
            .edit_life("liveHost", |life| {
                life.events.push(Event::new("LEFT".into(), end));
            })
            .unwrap();
        assert!(session.edit_life("nobody", |_| ()).is_err());
    });

    let session = ask(&server, Operation::GetStageSession, &live).await.json();
    assert!(session["stageSession"]["endTime"].is_string());
    assert_eq!(list(&server, Operation::ListParticipants, &live, 100).await.len(), 3);
    assert_eq!(list(&server, Operation::ListParticipantEvents, &live, 100).await.len(), before + 1);
    server.edit(|world| world.stages.remove(arn));
    assert_eq!(ask(&server, Operation::ListParticipants, &live).await.status, 404);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error() {
    let server = traps("").await;
    let error = Server::start(Config::default(), server.address()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1"), "{error}");
}
