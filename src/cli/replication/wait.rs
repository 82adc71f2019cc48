//! What the service lists of a participant's replicas, once or until it is as it should be.

use std::time::Duration;

use ivsight::api::{CallError, Client};
use ivsight::clock::SharedClock;
use ivsight::lake::batch::ReplicationAction;
use ivsight::model::{
    ParticipantId, Replica, ReplicationRoute, ReplicationState, SessionId, StageArn,
};
use ivsight::render::sanitize;
use serde_json::{Value, json};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How the waiting ended.
pub(super) enum Waited {
    /// The service lists what was asked for.
    Seen,
    /// It did not do so in time.
    TimeUp,
    /// A signal came first.
    Interrupted,
}

/// The state that an action leads to.
pub(super) fn goal(action: ReplicationAction) -> &'static str {
    match action {
        ReplicationAction::Start => "ACTIVE",
        ReplicationAction::Stop => "STOPPED",
    }
}

/// Looks again and again until a replication is ACTIVE, or none is. Without any time it does not look.
pub(super) async fn until(
    client: &Client,
    route: &ReplicationRoute,
    action: ReplicationAction,
    timeout: Duration,
    clock: &SharedClock,
) -> Result<Waited, CallError> {
    if timeout.is_zero() {
        return Ok(Waited::TimeUp);
    }
    let looking = async {
        loop {
            let listed = replicas(client, &route.source_stage_arn, &route.participant_id).await?;
            let is_active = listed.iter().any(|replica| {
                replica.destination_stage_arn == route.destination_stage_arn.as_str()
                    && replica.replication_state == Some(ReplicationState::Active)
            });
            if is_active == (action == ReplicationAction::Start) {
                return Ok(Waited::Seen);
            }
            clock.sleep(PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        seen = looking => seen,
        () = clock.sleep(timeout) => Ok(Waited::TimeUp),
    }
}

/// Every replica of a participant; those that make no sense are left out.
pub(super) async fn replicas(
    client: &Client,
    stage: &StageArn,
    participant: &ParticipantId,
) -> Result<Vec<Replica>, CallError> {
    let mut pages = client.participant_replicas(stage, participant);
    let mut replicas = Vec::new();
    while let Some(page) = pages.next().await? {
        replicas.extend(page.items);
    }
    Ok(replicas)
}

pub(super) fn as_json(replica: &Replica) -> Value {
    json!({
        "source_stage_arn": replica.source_stage_arn.as_str(),
        "source_session_id": replica.source_session_id.as_str(),
        "participant_id": replica.participant_id.as_str(),
        "destination_stage_arn": replica.destination_stage_arn,
        "destination_session_id": replica.destination_session_id.as_ref().map(SessionId::as_str),
        "replication_state": replica.replication_state.as_ref().map(ReplicationState::as_str),
    })
}

/// State, session, and where to.
pub(super) fn line(replica: &Replica) -> String {
    let state = replica.replication_state.as_ref().map_or("?", ReplicationState::as_str);
    let session = replica.destination_session_id.as_ref().map_or("?", SessionId::as_str);
    let text = format!(
        "{state:<8} {} -> {} {session}",
        replica.source_session_id, replica.destination_stage_arn
    );
    sanitize(&text).into_owned()
}
