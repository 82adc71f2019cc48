//! From the world to what the service says of it.

use serde_json::{Value, json};

use super::fields::Fields;
use super::request::Filter;
use super::{Cursor, Operation, Refusal, Request};
use crate::model::{
    ErrorCode, EventName, ParticipantState, RecordingState, ReplicationState, ReplicationType,
};
use crate::sim::draw;
use crate::sim::world::{Event, Listed, Participant, Replica, Session, Stage, TokenState, World};

/// A good answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) enum Answer {
    /// One thing.
    Whole(Value),
    /// A page of a list.
    Page {
        /// The member that holds the items.
        name: &'static str,
        /// The items.
        items: Vec<Value>,
        /// Where the list goes on.
        next: Option<Cursor>,
    },
}

/// How the world is seen by one call.
pub(in crate::sim) struct View<'a> {
    pub(in crate::sim) world: &'a World,
    /// Stages that are gone, though the world still has them.
    pub(in crate::sim) is_gone: &'a dyn Fn(&Stage) -> bool,
    /// Where to begin.
    pub(in crate::sim) cursor: Cursor,
}

/// Answers a request.
pub(in crate::sim) fn answer(view: &View<'_>, request: &Request) -> Result<Answer, Refusal> {
    match request.operation {
        Operation::ListStages => Ok(list_stages(view, request)),
        Operation::ListParticipantReplicas => {
            view.stage(request)?;
            Ok(list_replicas(view, request))
        }
        Operation::GetStage => view.stage(request).map(|stage| whole("stage", get_stage(stage))),
        Operation::ListStageSessions => view.stage(request).map(|stage| {
            view.page("stageSessions", stage.sessions.after(view.cursor.place), request, session)
        }),
        Operation::GetStageSession => {
            view.existing_session(request).map(|found| whole("stageSession", session(found)))
        }
        Operation::ListParticipants => list_participants(view, request),
        Operation::GetParticipant => {
            let found = view.existing_session(request)?.participants.find(&request.participant_id);
            found
                .map(|participant| whole("participant", participant_with_details(participant)))
                .ok_or_else(|| not_found("participant", &request.participant_id))
        }
        Operation::ListParticipantEvents => list_events(view, request),
        Operation::StartParticipantReplication | Operation::StopParticipantReplication => {
            unreachable!("what changes the world is not answered by a look at it")
        }
    }
}

fn whole(name: &str, value: Value) -> Answer {
    Answer::Whole(Fields::new().value(name, Some(value)).done())
}

pub(super) fn not_found(noun: &str, id: &str) -> Refusal {
    Refusal::NotFound(format!("Resource not found: {noun} {id}"))
}

impl View<'_> {
    fn stage(&self, request: &Request) -> Result<&Stage, Refusal> {
        self.world
            .stages
            .find(&request.stage_arn)
            .filter(|stage| !(self.is_gone)(stage))
            .ok_or_else(|| not_found("stage", &request.stage_arn))
    }

    fn existing_session(&self, request: &Request) -> Result<&Session, Refusal> {
        let found = self.stage(request)?.sessions.find(&request.session_id);
        found.ok_or_else(|| not_found("session", &request.session_id))
    }

    /// The items from the cursor on, as many as a page holds, and where it goes on if there are more.
    fn page<'i, T: 'i>(
        &self,
        name: &'static str,
        items: impl Iterator<Item = (u64, &'i T)>,
        request: &Request,
        write: impl Fn(&T) -> Value,
    ) -> Answer {
        let mut kept = items.filter(|(place, _)| !(self.cursor.shrunk && is_forgotten(*place)));
        let mut last = None;
        let mut written = Vec::new();
        for (place, item) in kept.by_ref().take(request.page_size) {
            last = Some(place);
            written.push(write(item));
        }
        let next =
            kept.next().map(|_| Cursor { place: last, empty_pages: 0, shrunk: self.cursor.shrunk });
        Answer::Page { name, items: written, next }
    }
}

/// Half of the items, always the same.
fn is_forgotten(place: u64) -> bool {
    draw::mix(place) % 2 == 1
}

fn list_stages(view: &View<'_>, request: &Request) -> Answer {
    let stages = view.world.stages.after(view.cursor.place);
    let present = stages.filter(|(_, stage)| !(view.is_gone)(stage));
    view.page("stages", present, request, |stage| stage_summary(stage).done())
}

fn list_replicas(view: &View<'_>, request: &Request) -> Answer {
    let replicas = view.world.replicas.after(view.cursor.place).filter(|(_, replica)| {
        replica.source_stage_arn == request.stage_arn
            && replica.participant_id == request.participant_id
    });
    view.page("replicas", replicas, request, write_replica)
}

fn list_participants(view: &View<'_>, request: &Request) -> Result<Answer, Refusal> {
    let name = "participants";
    let Some(session) = view.stage(request)?.sessions.find(&request.session_id) else {
        return Ok(Answer::Page { name, items: Vec::new(), next: None });
    };
    let participants = session.participants.after(view.cursor.place).filter(|(_, participant)| {
        request.filter.as_ref().is_none_or(|it| passes(it, participant))
    });
    Ok(view.page(name, participants, request, |it| participant_summary(it).done()))
}

fn passes(filter: &Filter, participant: &Participant) -> bool {
    match filter {
        Filter::UserId(text) => participant.user_id.as_ref() == Some(text),
        Filter::Published(flag) => participant.published.unwrap_or_default() == *flag,
        Filter::State(text) => participant.state.as_ref().is_some_and(|it| it.as_str() == text),
        Filter::RecordingState(text) => {
            participant.recording_state.as_ref().is_some_and(|it| it.as_str() == text)
        }
    }
}

fn list_events(view: &View<'_>, request: &Request) -> Result<Answer, Refusal> {
    let name = "events";
    let session = view.stage(request)?.sessions.find(&request.session_id);
    let found = session
        .and_then(|it| it.participants.find(&request.participant_id).map(|found| (it, found)));
    let Some((session, participant)) = found else {
        return Ok(Answer::Page { name, items: Vec::new(), next: None });
    };
    let life = session.life(participant);
    let mut events: Vec<(u64, &Event)> = life
        .events
        .iter()
        .enumerate()
        .map(|(index, event)| (event_place(participant, index), event))
        .filter(|(place, _)| view.cursor.place.is_none_or(|last| *place > last))
        .collect();
    events.sort_by_key(|(place, _)| *place);
    let write = |event: &Event| write_event(event, participant.listing_key());
    Ok(view.page(name, events.into_iter(), request, write))
}

fn event_place(participant: &Participant, index: usize) -> u64 {
    draw::key(&["event", participant.listing_key(), &index.to_string()])
}

fn stage_summary(stage: &Stage) -> Fields {
    Fields::new()
        .text("arn", Some(stage.arn()))
        .text("name", stage.name.as_deref())
        .text("activeSessionId", stage.active_session_id())
        .map("tags", Some(&stage.tags))
}

fn get_stage(stage: &Stage) -> Value {
    let id = stage.arn().rsplit('/').next().unwrap_or_default();
    let region = stage.arn().split(':').nth(3).unwrap_or_default();
    let host = format!("{}.global-bm.whip.live-video.net", &id.to_lowercase());
    let recording = stage.recording_bucket.as_deref().map(|bucket| {
        let storage = stage.arn().replace(":stage/", ":storage-configuration/");
        json!({
            "storageConfigurationArn": format!("{}-{bucket}", storage),
            "mediaTypes": ["AUDIO_VIDEO"],
            "recordingReconnectWindowSeconds": 0,
            "recordParticipantReplicas": true,
        })
    });
    let endpoints = json!({
        "events": format!("wss://{region}.events.live-video.net"),
        "whip": format!("https://{host}"),
        "rtmp": format!("rtmp://{host}/app/"),
        "rtmps": format!("rtmps://{host}:443/app/"),
    });
    stage_summary(stage)
        .value("autoParticipantRecordingConfiguration", recording)
        .value("endpoints", Some(endpoints))
        .done()
}

fn session(session: &Session) -> Value {
    Fields::new()
        .text("sessionId", session.id())
        .time("startTime", session.start_time)
        .time("endTime", session.end_time)
        .done()
}

fn participant_summary(it: &Participant) -> Fields {
    Fields::new()
        .text("participantId", it.id())
        .text("userId", it.user_id.as_deref())
        .text("state", it.state.as_ref().map(ParticipantState::as_str))
        .time("firstJoinTime", it.first_join_time)
        .flag("published", it.published)
        .text("recordingState", it.recording_state.as_ref().map(RecordingState::as_str))
        .text("replicationType", it.replication_type.as_ref().map(ReplicationType::as_str))
        .text("replicationState", it.replication_state.as_ref().map(ReplicationState::as_str))
        .text("sourceStageArn", it.source_stage_arn.as_deref())
        .text("sourceSessionId", it.source_session_id.as_deref())
        .flag("redundantIngest", it.redundant_ingest)
        .text("ingestConfigurationArn", it.ingest_configuration_arn.as_deref())
}

fn participant_with_details(participant: &Participant) -> Value {
    let details = &participant.details;
    participant_summary(participant)
        .map("attributes", details.attributes.as_ref())
        .text("ispName", details.isp_name.as_deref())
        .text("osName", details.os_name.as_deref())
        .text("osVersion", details.os_version.as_deref())
        .text("browserName", details.browser_name.as_deref())
        .text("browserVersion", details.browser_version.as_deref())
        .text("sdkVersion", details.sdk_version.as_deref())
        .text("protocol", details.protocol.as_deref())
        .text("recordingS3BucketName", details.recording_s3_bucket_name.as_deref())
        .text("recordingS3Prefix", details.recording_s3_prefix.as_deref())
        .done()
}

fn write_event(event: &Event, participant_id: &str) -> Value {
    let (previous, new) = match event.exchange.as_deref() {
        Some((previous, new)) => (Some(write_token(previous)), Some(write_token(new))),
        None => (None, None),
    };
    Fields::new()
        .text("name", event.name.as_ref().map(EventName::as_str))
        .text("participantId", Some(participant_id))
        .time("eventTime", event.time)
        .text("remoteParticipantId", event.remote_participant_id.as_deref())
        .text("errorCode", event.error_code.as_ref().map(ErrorCode::as_str))
        .text("destinationStageArn", event.destination_stage_arn.as_deref())
        .text("destinationSessionId", event.destination_session_id.as_deref())
        .flag("replica", event.replica)
        .value("previousToken", previous)
        .value("newToken", new)
        .done()
}

fn write_token(token: &TokenState) -> Value {
    Fields::new()
        .texts("capabilities", token.capabilities.as_deref())
        .map("attributes", token.attributes.as_ref())
        .text("userId", token.user_id.as_deref())
        .time("expirationTime", token.expiration_time)
        .done()
}

fn write_replica(replica: &Replica) -> Value {
    Fields::new()
        .text("sourceStageArn", Some(&replica.source_stage_arn))
        .text("participantId", Some(&replica.participant_id))
        .text("sourceSessionId", Some(&replica.source_session_id))
        .text("destinationStageArn", Some(&replica.destination_stage_arn))
        .text("destinationSessionId", Some(&replica.destination_session_id))
        .text("replicationState", Some(replica.state.as_str()))
        .done()
}
