//! Replications from the call to the report: what the simulator does, what the program asks, what the reports say.
#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod calls;
mod end_to_end;

use std::sync::Arc;

use chrono::TimeDelta;
use ivsight::clock::{ManualClock, SharedClock};
use ivsight::model::Timestamp;
use ivsight::sim::world::Stage;
use ivsight::sim::{Config, Operation, Scenario, Server, World};
use serde_json::{Value, json};

use crate::sim::{Answer, ask, list};

fn arn(stage: &str) -> String {
    format!("arn:aws:ivs:us-west-2:111122223333:stage/{stage}")
}

/// A simulated service whose time only the test moves: `home`, where `host` publishes from the first second on; `away`,
/// where `rival` does; and `room1` to `room6`, where nobody is.
struct Bed {
    server: Server,
    begin: Timestamp,
}

impl Bed {
    async fn new() -> Self {
        let config = Config { scenario: Scenario::Empty, tps: 0.0, ..Config::default() };
        let mut world = World::generate(&config);
        let rooms = (1..=6).map(|number| format!("room{number}"));
        for name in ["home".to_owned(), "away".to_owned()].into_iter().chain(rooms) {
            world.stages.insert(Stage::new(&arn(&name), Some(&name)));
        }
        let begin = world.now;
        world.connect_publisher(&arn("home"), "host", begin).unwrap();
        world.connect_publisher(&arn("away"), "rival", begin).unwrap();
        let clock: SharedClock = ManualClock::held(begin);
        let bind = "127.0.0.1:0".parse().unwrap();
        let server = Server::serve(world, config, bind, Arc::clone(&clock)).await.unwrap();
        Self { server, begin }
    }

    /// A moment some seconds after the first.
    fn at(&self, second: i64) -> Timestamp {
        self.begin + TimeDelta::seconds(second)
    }

    /// Lets time pass until a second after the first.
    fn pass_to(&self, second: i64) {
        self.server.set_now(self.at(second));
    }

    fn disconnect(&self, second: i64) {
        self.pass_to(second);
        let at = self.at(second);
        self.server.edit(|world| world.disconnect_publisher(&arn("home"), "host", at)).unwrap();
    }

    fn reconnect(&self, second: i64) {
        self.pass_to(second);
        let at = self.at(second);
        self.server.edit(|world| world.connect_publisher(&arn("home"), "host", at)).unwrap();
    }

    fn session(&self, stage: &str) -> String {
        let world = self.server.truth();
        let sessions = &world.stages.find(&arn(stage)).unwrap().sessions;
        sessions.iter().next().unwrap().id().unwrap().to_owned()
    }

    async fn start(&self, to: &str, more: Value) -> Answer {
        ask(&self.server, Operation::StartParticipantReplication, &route(to, more)).await
    }

    async fn stop(&self, to: &str) -> Answer {
        ask(&self.server, Operation::StopParticipantReplication, &route(to, json!({}))).await
    }

    /// What the service lists as the replicas of the host: destination and state.
    async fn replicas(&self) -> Vec<(String, String)> {
        let request = json!({ "sourceStageArn": arn("home"), "participantId": "host" });
        let listed = list(&self.server, Operation::ListParticipantReplicas, &request, 2).await;
        let text = |replica: &Value, name: &str| {
            replica[name].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        };
        let mut replicas: Vec<_> = listed
            .iter()
            .map(|it| (text(it, "destinationStageArn"), text(it, "replicationState")))
            .collect();
        replicas.sort();
        replicas
    }

    /// The host's events in a stage: name and second, in their order.
    async fn events(&self, stage: &str) -> Vec<(String, i64)> {
        let request = json!({
            "stageArn": arn(stage), "sessionId": self.session(stage), "participantId": "host",
        });
        let listed = list(&self.server, Operation::ListParticipantEvents, &request, 100).await;
        let mut events: Vec<_> = listed
            .iter()
            .map(|event| {
                let time: Timestamp = event["eventTime"].as_str().unwrap().parse().unwrap();
                let name = event["name"].as_str().unwrap().to_owned();
                ((time - self.begin).num_seconds(), name)
            })
            .collect();
        events.sort();
        events.into_iter().map(|(second, name)| (name, second)).collect()
    }

    async fn participant(&self, stage: &str) -> Value {
        let request = json!({
            "stageArn": arn(stage), "sessionId": self.session(stage), "participantId": "host",
        });
        ask(&self.server, Operation::GetParticipant, &request).await.json()["participant"].take()
    }
}

fn route(to: &str, more: Value) -> Value {
    let mut request = json!({
        "sourceStageArn": arn("home"), "destinationStageArn": arn(to), "participantId": "host",
    });
    if let Value::Object(more) = more {
        request.as_object_mut().unwrap().extend(more);
    }
    request
}
