//! The SDK's types to the program's values.
//!
//! The service writes the absence of a text as nothing or as `""`, and both are `None`. Enums keep the text
//! that came. What has no identifier that a row needs is told as [`Malformed`], never guessed.

use std::collections::HashMap;

use aws_sdk_ivsrealtime::types as sdk;

use super::pages::{Malformed, MalformedReason};
use crate::model::{
    Event, ExchangedToken, Participant, ParticipantDetails, ParticipantId, Region, Replica,
    SessionId, Stage, StageArn, StageSession, TextMap, Timestamp,
};

/// A moment cut to microseconds; `None` where no calendar reaches.
pub(super) fn time(time: aws_smithy_types::DateTime) -> Option<Timestamp> {
    let nanoseconds = time.subsec_nanos() / 1_000 * 1_000;
    chrono::DateTime::from_timestamp(time.secs(), nanoseconds)
}

fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn map(map: Option<HashMap<String, String>>) -> Option<TextMap> {
    map.filter(|map| !map.is_empty()).map(TextMap::from_iter)
}

fn session_id(id: Option<String>) -> Option<SessionId> {
    SessionId::new(&id.unwrap_or_default()).ok()
}

pub(super) fn stage_summary(stage: sdk::StageSummary, region: &Region) -> Result<Stage, Malformed> {
    Ok(Stage {
        arn: arn_in(&stage.arn, region)?,
        name: text(stage.name),
        active_session_id: session_id(stage.active_session_id),
        tags: map(stage.tags),
    })
}

pub(super) fn stage(stage: sdk::Stage, asked: &StageArn) -> Result<Stage, Malformed> {
    Ok(Stage {
        arn: same_arn(&stage.arn, asked)?,
        name: text(stage.name),
        active_session_id: session_id(stage.active_session_id),
        tags: map(stage.tags),
    })
}

pub(super) fn stage_session_summary(
    session: sdk::StageSessionSummary,
) -> Result<StageSession, Malformed> {
    Ok(StageSession {
        session_id: SessionId::new(&session.session_id.unwrap_or_default())?,
        start_time: session.start_time.and_then(time),
        end_time: session.end_time.and_then(time),
    })
}

pub(super) fn stage_session(
    session: sdk::StageSession,
    asked: &SessionId,
) -> Result<StageSession, Malformed> {
    let session_id = SessionId::new(&session.session_id.unwrap_or_default())?;
    if session_id != *asked {
        return Err(foreign(session_id.as_str()));
    }
    Ok(StageSession {
        session_id,
        start_time: session.start_time.and_then(time),
        end_time: session.end_time.and_then(time),
    })
}

pub(super) fn participant(summary: sdk::ParticipantSummary) -> Result<Participant, Malformed> {
    Ok(Participant {
        participant_id: ParticipantId::new(&summary.participant_id.unwrap_or_default())?,
        user_id: text(summary.user_id),
        state: open(summary.state.as_ref().map(sdk::ParticipantState::as_str)),
        first_join_time: summary.first_join_time.and_then(time),
        published: summary.published,
        recording_state: open(
            summary.recording_state.as_ref().map(sdk::ParticipantRecordingState::as_str),
        ),
        replication_type: open(summary.replication_type.as_ref().map(sdk::ReplicationType::as_str)),
        replication_state: open(
            summary.replication_state.as_ref().map(sdk::ReplicationState::as_str),
        ),
        source_stage_arn: text(summary.source_stage_arn),
        source_session_id: session_id(summary.source_session_id),
        redundant_ingest: summary.redundant_ingest,
        ingest_configuration_arn: text(summary.ingest_configuration_arn),
    })
}

/// The details, where they are those of the participant that was asked for.
pub(super) fn participant_details(
    participant: sdk::Participant,
    asked: &ParticipantId,
) -> Result<ParticipantDetails, Malformed> {
    let participant_id = ParticipantId::new(&participant.participant_id.unwrap_or_default())?;
    if participant_id != *asked {
        return Err(foreign(participant_id.as_str()));
    }
    Ok(ParticipantDetails {
        attributes: map(participant.attributes),
        isp_name: text(participant.isp_name),
        os_name: text(participant.os_name),
        os_version: text(participant.os_version),
        browser_name: text(participant.browser_name),
        browser_version: text(participant.browser_version),
        sdk_version: text(participant.sdk_version),
        protocol: text(participant.protocol.map(|protocol| protocol.as_str().to_owned())),
        recording_s3_bucket_name: text(participant.recording_s3_bucket_name),
        recording_s3_prefix: text(participant.recording_s3_prefix),
    })
}

pub(super) fn event(event: sdk::Event, position: usize) -> Event {
    Event {
        time: event.event_time.and_then(time),
        name: open(event.name.as_ref().map(sdk::EventName::as_str)),
        remote_participant_id: ParticipantId::new(&event.remote_participant_id.unwrap_or_default())
            .ok(),
        error_code: open(event.error_code.as_ref().map(sdk::EventErrorCode::as_str)),
        destination_stage_arn: text(event.destination_stage_arn),
        destination_session_id: text(event.destination_session_id),
        replica: event.replica,
        previous_token: event.previous_token.map(exchanged_token),
        new_token: event.new_token.map(exchanged_token),
        position: i32::try_from(position).unwrap_or(i32::MAX),
    }
}

fn exchanged_token(token: sdk::ExchangedParticipantToken) -> ExchangedToken {
    ExchangedToken {
        capabilities: token.capabilities.map(|capabilities| {
            capabilities.iter().map(|capability| capability.as_str().to_owned()).collect()
        }),
        attributes: map(token.attributes),
        user_id: text(token.user_id),
        expiration_time: token.expiration_time.and_then(time),
    }
}

pub(super) fn replica(
    replica: sdk::ParticipantReplica,
    asked: &StageArn,
) -> Result<Replica, Malformed> {
    if replica.destination_stage_arn.is_empty() {
        return Err(MalformedReason::MissingDestination.into());
    }
    Ok(Replica {
        source_stage_arn: same_arn(&replica.source_stage_arn, asked)?,
        source_session_id: SessionId::new(&replica.source_session_id)?,
        participant_id: ParticipantId::new(&replica.participant_id)?,
        destination_stage_arn: replica.destination_stage_arn,
        destination_session_id: SessionId::new(&replica.destination_session_id).ok(),
        replication_state: open(Some(replica.replication_state.as_str())),
    })
}

/// The service's enum to the program's; an empty text is as good as none.
fn open<T: for<'a> From<&'a str>>(text: Option<&str>) -> Option<T> {
    text.filter(|text| !text.is_empty()).map(T::from)
}

fn arn_in(text: &str, region: &Region) -> Result<StageArn, Malformed> {
    let arn = StageArn::parse(text)?;
    if arn.scope().region == *region { Ok(arn) } else { Err(foreign(text)) }
}

fn same_arn(text: &str, asked: &StageArn) -> Result<StageArn, Malformed> {
    let arn = StageArn::parse(text)?;
    if arn == *asked { Ok(arn) } else { Err(foreign(text)) }
}

fn foreign(text: &str) -> Malformed {
    MalformedReason::Foreign { text: text.to_owned() }.into()
}

#[cfg(test)]
mod tests;
