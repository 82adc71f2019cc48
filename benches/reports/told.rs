//! The simulator's values as the program knows them: what a collector would have, had it asked over HTTP.

use ivsight::model::{
    Event, ExchangedToken, MissingId, Participant, ParticipantDetails, ParticipantId, Replica,
    SessionId, Stage, StageArn, TextMap,
};
use ivsight::sim::world;
use rand::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::Outcome;

pub(super) fn stage(stage: &world::Stage) -> Outcome<Stage> {
    Ok(Stage {
        arn: StageArn::parse(stage.arn())?,
        name: text(stage.name.as_ref()),
        active_session_id: stage.active_session_id().map(SessionId::new).transpose()?,
        tags: map(Some(&stage.tags)),
    })
}

pub(super) fn participant(told: &world::Participant) -> Result<Participant, MissingId> {
    Ok(Participant {
        participant_id: ParticipantId::new(told.id().unwrap_or_default())?,
        user_id: text(told.user_id.as_ref()),
        state: told.state.clone(),
        first_join_time: told.first_join_time,
        published: told.published.unwrap_or_default(),
        recording_state: told.recording_state.clone(),
        replication_type: told.replication_type.clone(),
        replication_state: told.replication_state.clone(),
        source_stage_arn: text(told.source_stage_arn.as_ref()),
        source_session_id: told.source_session_id.as_deref().and_then(|id| SessionId::new(id).ok()),
        redundant_ingest: told.redundant_ingest.unwrap_or_default(),
        ingest_configuration_arn: text(told.ingest_configuration_arn.as_ref()),
    })
}

pub(super) fn details(told: &world::Details) -> ParticipantDetails {
    ParticipantDetails {
        attributes: map(told.attributes.as_ref()),
        isp_name: text(told.isp_name.as_ref()),
        os_name: text(told.os_name.as_ref()),
        os_version: text(told.os_version.as_ref()),
        browser_name: text(told.browser_name.as_ref()),
        browser_version: text(told.browser_version.as_ref()),
        sdk_version: text(told.sdk_version.as_ref()),
        protocol: text(told.protocol.as_ref()),
        recording_s3_bucket_name: text(told.recording_s3_bucket_name.as_ref()),
        recording_s3_prefix: text(told.recording_s3_prefix.as_ref()),
    }
}

/// The events of someone in the order of an answer, which is none.
pub(super) fn events(told: &[world::Event], rng: &mut ChaCha8Rng) -> Vec<Event> {
    let mut events: Vec<Event> = told.iter().map(event).collect();
    events.shuffle(rng);
    for (position, event) in (0..).zip(&mut events) {
        event.position = position;
    }
    events
}

fn event(told: &world::Event) -> Event {
    let (previous, new) =
        told.exchange.as_deref().map(|(old, new)| (token(old), token(new))).unzip();
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let remote = told.remote_participant_id.as_deref();
    Event {
        time: told.time,
        name: told.name.clone(),
        remote_participant_id: remote.and_then(|id| ParticipantId::new(id).ok()),
        error_code: told.error_code.clone(),
        destination_stage_arn: owned(told.destination_stage_arn.as_deref()),
        destination_session_id: owned(told.destination_session_id.as_deref()),
        replica: told.replica.unwrap_or_default(),
        previous_token: previous,
        new_token: new,
        position: 0,
    }
}

fn token(told: &world::TokenState) -> ExchangedToken {
    ExchangedToken {
        capabilities: told.capabilities.clone(),
        attributes: map(told.attributes.as_ref()),
        user_id: text(told.user_id.as_ref()),
        expiration_time: told.expiration_time,
    }
}

pub(super) fn replica(told: &world::Replica) -> Outcome<Replica> {
    Ok(Replica {
        source_stage_arn: StageArn::parse(&told.source_stage_arn)?,
        source_session_id: SessionId::new(&told.source_session_id)?,
        participant_id: ParticipantId::new(&told.participant_id)?,
        destination_stage_arn: told.destination_stage_arn.clone(),
        destination_session_id: SessionId::new(&told.destination_session_id).ok(),
        replication_state: Some(told.state.clone()),
    })
}

fn text(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

fn map(map: Option<&TextMap>) -> Option<TextMap> {
    map.filter(|map| !map.is_empty()).cloned()
}
