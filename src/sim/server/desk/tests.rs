//! Tests of what is decided, without sockets and by a clock that stands still.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::sim::Scenario;

#[derive(Debug, Default)]
struct HeldClock(Mutex<Duration>);

impl HeldClock {
    fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

#[async_trait::async_trait]
impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

fn desk(tps: f64, faults: &str) -> (Desk, Arc<HeldClock>) {
    let faults = faults.parse().unwrap();
    let config = Config { tps, faults, scenario: Scenario::Traps, ..Config::default() };
    let clock = Arc::new(HeldClock::default());
    let shared: SharedClock = Arc::<HeldClock>::clone(&clock);
    (Desk::new(World::generate(&config), config, shared), clock)
}

fn ask(desk: &Desk, operation: &str, body: &Value) -> Reply {
    desk.reply(&format!("/{operation}"), body.to_string().as_bytes())
}

fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

fn losses() -> Value {
    json!({
        "stageArn": "arn:aws:ivs:us-west-2:111122223333:stage/TrapSequences",
        "sessionId": "st-lossesxxxxxxx",
    })
}

#[test]
fn a_quota_throttles_in_all_its_forms_and_heals() {
    let (desk, clock) = desk(5.0, "");
    let replies: Vec<Reply> = (0..200).map(|_| ask(&desk, "ListStages", &json!({}))).collect();
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 5);
    assert!(replies[..5].iter().all(|reply| reply.status == 200));
    let has = |status: u16, code: Option<&str>| {
        let same =
            |reply: &&Reply| reply.status == status && header(reply, "x-amzn-errortype") == code;
        replies.iter().filter(same).count()
    };
    assert!(has(429, Some("TooManyRequestsException")) > 100);
    assert!(has(429, None) > 0);
    assert!(has(400, Some("ThrottlingException")) > 0);
    assert_eq!(ask(&desk, "GetStage", &json!({})).status, 400, "other operations go on");
    clock.advance(Duration::from_millis(200));
    assert_eq!(ask(&desk, "ListStages", &json!({})).status, 200);
    assert_ne!(ask(&desk, "ListStages", &json!({})).status, 200);
    let counts = desk.calls().of(Operation::ListStages);
    assert_eq!((counts.attempts_n, counts.throttled_n, counts.ok_n), (202, 196, 6));
}

#[test]
fn the_date_is_the_services_own_and_goes_on() {
    let (desk, clock) = desk(0.0, "");
    let date =
        |desk: &Desk| header(&ask(desk, "ListStages", &json!({})), "date").unwrap().to_owned();
    assert_eq!(date(&desk), "Sun, 15 Nov 2026 21:30:00 GMT");
    clock.advance(Duration::from_hours(1));
    assert_eq!(date(&desk), "Sun, 15 Nov 2026 22:30:00 GMT");
    desk.set_now("2027-01-01T00:00:00Z".parse().unwrap());
    clock.advance(Duration::from_secs(1));
    assert_eq!(date(&desk), "Fri, 01 Jan 2027 00:00:01 GMT");
}

#[test]
fn each_share_gives_its_form() {
    for (fault, status, code) in [
        ("throttle=1", 429, Some("TooManyRequestsException")),
        ("bare429=1", 429, None),
        ("throttling400=1", 400, Some("ThrottlingException")),
        ("500=1", 500, Some("InternalServerException")),
        ("503=1", 503, None),
        ("deny=1", 403, None),
    ] {
        let (desk, _) = desk(0.0, &format!("{fault},retry-after=7"));
        let reply = ask(&desk, "ListParticipants", &losses());
        assert_eq!(reply.status, status, "{fault}");
        if status != 403 {
            assert_eq!(header(&reply, "x-amzn-errortype"), code, "{fault}");
        }
        let waits = reply.throttled || status == 503;
        assert_eq!(header(&reply, "retry-after"), waits.then_some("7"), "{fault}");
    }
    for (fault, delivery) in [
        ("slow=1,slow-ms=40", Delivery::Slow(Duration::from_millis(40))),
        ("reset=1", Delivery::Reset),
        ("truncate=1", Delivery::Truncated),
    ] {
        let (desk, _) = desk(0.0, fault);
        assert_eq!(ask(&desk, "ListParticipants", &losses()).delivery, delivery, "{fault}");
    }
}

#[test]
fn empty_pages_lead_on_and_end() {
    let (desk, _) = desk(0.0, "empty=1");
    let mut request = losses();
    let mut pages = Vec::new();
    loop {
        let page = json_of(&ask(&desk, "ListParticipants", &request));
        pages.push(page["participants"].as_array().unwrap().len());
        let Some(token) = page["nextToken"].as_str() else { break };
        assert_ne!(request["nextToken"], token);
        request["nextToken"] = json!(token);
    }
    let people = desk
        .truth()
        .session(losses()["stageArn"].as_str().unwrap(), "st-lossesxxxxxxx")
        .unwrap()
        .participants
        .len();
    assert_eq!(pages, [0, 0, 0, people]);
}

#[test]
fn a_repeated_token_is_the_one_that_was_sent() {
    let (desk, _) = desk(0.0, "repeat-token=1");
    let mut request = losses();
    request["maxResults"] = json!(2);
    let first = json_of(&ask(&desk, "ListParticipants", &request));
    request["nextToken"] = first["nextToken"].clone();
    let second = json_of(&ask(&desk, "ListParticipants", &request));
    assert_eq!(second["nextToken"], first["nextToken"]);
    assert_ne!(second["participants"], first["participants"]);
}

#[test]
fn a_session_that_shrinks_tells_less_the_second_time() {
    let (desk, _) = desk(0.0, "shrink=1");
    let mut request = losses();
    let count = |request: &Value| {
        let page = json_of(&ask(&desk, "ListParticipants", request));
        (page["participants"].as_array().unwrap().len(), page["nextToken"].clone())
    };
    let (whole, _) = count(&request);
    request["maxResults"] = json!(3);
    let mut left = 0;
    loop {
        let (page, token) = count(&request);
        left += page;
        if token.is_null() {
            break;
        }
        request["nextToken"] = token;
    }
    assert!(0 < left && left < whole, "{left} of {whole}");
}

#[test]
fn a_stage_that_vanishes_is_gone_for_good() {
    let (desk, _) = desk(0.0, "vanish=trap-sequences");
    let statuses: Vec<u16> =
        (0..30).map(|_| ask(&desk, "ListParticipants", &losses()).status).collect();
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!((1..=12).contains(&answered));
    assert!(statuses[answered..].iter().all(|status| *status == 404));
    let arn = losses()["stageArn"].clone();
    assert_eq!(ask(&desk, "GetStage", &json!({ "arn": arn })).status, 404);
    let listed = json_of(&ask(&desk, "ListStages", &json!({})));
    assert!(listed["stages"].as_array().unwrap().iter().all(|stage| stage["arn"] != arn));
}

#[test]
fn a_fault_hangs_on_the_attempt_and_not_on_the_order() {
    let statuses = |turn: &[&str]| {
        let (desk, _) = desk(0.0, "500=0.5");
        let ask_both = |operation: &str| -> Vec<u16> {
            (0..20).map(|_| ask(&desk, operation, &losses()).status).collect()
        };
        let mut answers: Vec<(String, Vec<u16>)> =
            turn.iter().map(|operation| ((*operation).to_owned(), ask_both(operation))).collect();
        answers.sort();
        answers
    };
    let one = statuses(&["ListParticipants", "ListStageSessions"]);
    assert_eq!(one, statuses(&["ListStageSessions", "ListParticipants"]));
    assert!(one[0].1.contains(&200) && one[0].1.contains(&500));
}

#[test]
fn what_is_not_there_is_404_or_empty() {
    let (desk, _) = desk(0.0, "");
    let arn = losses()["stageArn"].clone();
    let nowhere = "arn:aws:ivs:us-west-2:111122223333:stage/Nowhere";
    let ids = |stage: &Value, session: &str, participant: &str| json!({ "stageArn": stage, "sourceStageArn": stage, "arn": stage, "sessionId": session, "participantId": participant, "destinationStageArn": arn });
    let there = ids(&arn, "st-lossesxxxxxxx", "nobody");
    let no_session = ids(&arn, "st-nosuchsession", "nobody");
    let no_stage = ids(&json!(nowhere), "st-lossesxxxxxxx", "nobody");
    for operation in Operation::ALL.into_iter().skip(1) {
        let reply = ask(&desk, operation.as_str(), &no_stage);
        assert_eq!(reply.status, 404, "{operation}");
        assert_eq!(header(&reply, "x-amzn-errortype"), Some("ResourceNotFoundException"));
        assert!(json_of(&reply)["exceptionMessage"].as_str().unwrap().contains("Nowhere"));
    }
    assert_eq!(ask(&desk, "GetParticipant", &there).status, 404);
    assert_eq!(ask(&desk, "GetStageSession", &no_session).status, 404);
    for (operation, member) in
        [("ListParticipants", "participants"), ("ListParticipantEvents", "events")]
    {
        assert_eq!(json_of(&ask(&desk, operation, &no_session)), json!({ member: [] }));
    }
    assert_eq!(json_of(&ask(&desk, "ListParticipantEvents", &there)), json!({ "events": [] }));
    assert_eq!(json_of(&ask(&desk, "ListParticipantReplicas", &there)), json!({ "replicas": [] }));
    assert_eq!(desk.reply("/StartTheMusic", b"{}").status, 404);
}

#[test]
fn a_page_goes_on_where_it_was_while_the_list_grows() {
    let (desk, _) = desk(0.0, "");
    let mut request = losses();
    request["maxResults"] = json!(1);
    let mut seen = Vec::new();
    loop {
        let page = json_of(&ask(&desk, "ListParticipants", &request));
        seen.push(page["participants"][0]["participantId"].as_str().unwrap().to_owned());
        let number = seen.len();
        desk.edit(|world| {
            let session =
                world.session_mut(losses()["stageArn"].as_str().unwrap(), "st-lossesxxxxxxx");
            let id = format!("late{number}");
            session.unwrap().participants.insert(crate::sim::world::Participant::new(Some(&id)));
        });
        let Some(token) = page["nextToken"].as_str() else { break };
        request["nextToken"] = json!(token);
    }
    for id in ["doubleJoined", "noEvents", "hostAnna", "lateStop"] {
        assert_eq!(seen.iter().filter(|seen| *seen == id).count(), 1, "{id}");
    }
}
