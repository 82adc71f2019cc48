//! Tests of `api`: the client through the real SDK against a scripted server on this machine, on a clock that
//! waits for nobody.

mod answers;
mod changes;
mod faults;
mod life;
mod server;

use std::sync::Arc;

use chrono::DateTime;
use ivsight::api::{Client, Settings};
use ivsight::clock::{ManualClock, SharedClock};
use ivsight::model::{ParticipantId, SessionId, SessionKey, StageArn, Timestamp};

use self::server::{Reply, Server};

/// A client, the server that it talks to, and the clock that both look at.
struct Bed {
    client: Client,
    server: Server,
    clock: Arc<ManualClock>,
}

impl Bed {
    async fn new(script: Vec<Reply>) -> Self {
        Self::with(Settings::default(), script).await
    }

    async fn with(settings: Settings, script: Vec<Reply>) -> Self {
        Self::on(ManualClock::skipping(wall()), settings, script).await
    }

    async fn on(clock: Arc<ManualClock>, settings: Settings, script: Vec<Reply>) -> Self {
        let shared: SharedClock = clock.clone();
        let server = Server::start(Arc::clone(&shared), script).await;
        let settings = Settings {
            region: Some("us-west-2".to_owned()),
            endpoint_url: settings.endpoint_url.clone().or_else(|| Some(server.url.clone())),
            ..settings
        };
        let client = Client::connect(settings, shared).await.unwrap();
        Self { client, server, clock }
    }
}

/// The local clock's time when a test begins.
fn wall() -> Timestamp {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

fn stage() -> StageArn {
    StageArn::parse("arn:aws:ivs:us-west-2:012345678901:stage/AbCd").unwrap()
}

fn session() -> SessionKey {
    SessionKey { stage_arn: stage(), session_id: SessionId::new("st-1").unwrap() }
}

fn participant() -> ParticipantId {
    ParticipantId::new("p1").unwrap()
}
