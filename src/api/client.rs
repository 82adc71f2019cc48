//! The client: one account in one region, and the operations that it can be asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::identities::Identities;
use super::pace::Lane;
use super::pages::RawPage;
use super::service_time::ServiceTime;
use super::{
    CallError, ConnectError, ErrorKind, Malformed, MalformedReason, Meter, Operation, Pages,
    Settings, connect, convert,
};
use crate::clock::{Clock, SharedClock};
use crate::model::{
    Event, Participant, ParticipantDetails, ParticipantId, Region, Replica, ReplicationRoute,
    SessionKey, Stage, StageArn, StageSession, TextMap, Timestamp,
};

/// The largest page of every listing but that of replicas.
const PAGE_SIZE: i32 = 100;
/// The largest page of ListParticipantReplicas.
const REPLICAS_PAGE_SIZE: i32 = 50;

/// The service for one account in one region. Clones share limiters, meters and the service's clock.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    sdk: aws_sdk_ivsrealtime::Client,
    region: Region,
    clock: SharedClock,
    service_time: Arc<ServiceTime>,
    identities: Identities,
    lanes: BTreeMap<Operation, Lane>,
    jitter: Mutex<ChaCha8Rng>,
    cancelled: watch::Sender<bool>,
}

impl Client {
    /// Finds region and credentials as the SDK does, and makes a client of them. Nothing is asked of IVS yet.
    ///
    /// # Errors
    /// [`ConnectError`] where the settings don't fit, or no region or credentials can be found in time.
    pub async fn connect(settings: Settings, clock: SharedClock) -> Result<Self, ConnectError> {
        let connection = connect::connect(&settings, &clock).await?;
        let tps = (settings.tps > 0.0).then_some(settings.tps);
        let lane = |operation| (operation, Lane::new(Arc::clone(&clock), tps));
        let shared = Shared {
            sdk: connection.sdk,
            region: connection.region,
            service_time: connection.service_time,
            identities: connection.identities,
            lanes: Operation::ALL.into_iter().map(lane).collect(),
            jitter: Mutex::new(ChaCha8Rng::seed_from_u64(settings.jitter_seed)),
            cancelled: watch::Sender::new(false),
            clock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The region that is asked.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.shared.region
    }

    /// Now, by the service's clock; by the local one before the first answer.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.service_time.now()
    }

    /// The service has answered, so that [`Self::now`] is its time.
    #[must_use]
    pub fn has_service_time(&self) -> bool {
        self.shared.service_time.is_known()
    }

    /// What the calls so far have cost, for each operation that was called.
    #[must_use]
    pub fn meters(&self) -> BTreeMap<Operation, Meter> {
        let meter = |(operation, lane): (&Operation, &Lane)| Some((*operation, lane.meter()?));
        self.shared.lanes.iter().filter_map(meter).collect()
    }

    /// Ends all waiting, now and in future: for permits and between retries. Calls under way may finish, and
    /// their answers count. It can't be undone.
    pub fn cancel(&self) {
        self.shared.cancelled.send_replace(true);
    }

    /// The work, or `None` where the client is told to stop first.
    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut cancelled = self.shared.cancelled.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
            done = work => Some(done),
        }
    }

    pub(super) fn lane(&self, operation: Operation) -> &Lane {
        self.shared.lanes.get(&operation).expect("there is a lane for each operation")
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    pub(super) fn identities(&self) -> &Identities {
        &self.shared.identities
    }

    pub(super) fn rng(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.shared.jitter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sdk(&self) -> &aws_sdk_ivsrealtime::Client {
        &self.shared.sdk
    }
}

/// The operations.
impl Client {
    /// ListStages: every stage of the account in the region.
    #[must_use]
    pub fn stages(&self) -> Pages<Stage> {
        let client = self.clone();
        Pages::new(Operation::ListStages, move |token, _| {
            let request = client.sdk().list_stages().max_results(PAGE_SIZE);
            let (client, request) = (client.clone(), request.set_next_token(token));
            async move {
                let answer = client.call(Operation::ListStages, || request.clone().send()).await?;
                let stage = |stage| convert::stage_summary(stage, client.region());
                let items = answer.stages.into_iter().map(stage).collect();
                Ok(RawPage { items, next_token: answer.next_token })
            }
        })
    }

    /// GetStage.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn stage(&self, arn: &StageArn) -> Result<Stage, CallError> {
        let operation = Operation::GetStage;
        let request = self.sdk().get_stage().arn(arn.as_str());
        let answer = self.call(operation, || request.clone().send()).await?;
        answer
            .stage
            .ok_or_else(|| missing("stage"))
            .and_then(|stage| convert::stage(stage, arn))
            .map_err(|malformed| unusable(operation, &malformed))
    }

    /// ListStageSessions: every session of a stage that the service still knows.
    #[must_use]
    pub fn stage_sessions(&self, stage: &StageArn) -> Pages<StageSession> {
        let (client, stage) = (self.clone(), stage.clone());
        Pages::new(Operation::ListStageSessions, move |token, _| {
            let request = client.sdk().list_stage_sessions().stage_arn(stage.as_str());
            let request = request.max_results(PAGE_SIZE).set_next_token(token);
            let client = client.clone();
            async move {
                let answer =
                    client.call(Operation::ListStageSessions, || request.clone().send()).await?;
                let sessions = answer.stage_sessions.into_iter();
                let items = sessions.map(convert::stage_session_summary).collect();
                Ok(RawPage { items, next_token: answer.next_token })
            }
        })
    }

    /// GetStageSession.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn stage_session(&self, session: &SessionKey) -> Result<StageSession, CallError> {
        let operation = Operation::GetStageSession;
        let request = self.sdk().get_stage_session().stage_arn(session.stage_arn.as_str());
        let request = request.session_id(session.session_id.as_str());
        let answer = self.call(operation, || request.clone().send()).await?;
        answer
            .stage_session
            .ok_or_else(|| missing("session"))
            .and_then(|answer| convert::stage_session(answer, &session.session_id))
            .map_err(|malformed| unusable(operation, &malformed))
    }

    /// ListParticipants: every participant of a session.
    #[must_use]
    pub fn participants(&self, session: &SessionKey) -> Pages<Participant> {
        let (client, session) = (self.clone(), session.clone());
        Pages::new(Operation::ListParticipants, move |token, _| {
            let request = client.sdk().list_participants().stage_arn(session.stage_arn.as_str());
            let request = request.session_id(session.session_id.as_str());
            let request = request.max_results(PAGE_SIZE).set_next_token(token);
            let client = client.clone();
            async move {
                let answer =
                    client.call(Operation::ListParticipants, || request.clone().send()).await?;
                let items = answer.participants.into_iter().map(convert::participant).collect();
                Ok(RawPage { items, next_token: answer.next_token })
            }
        })
    }

    /// GetParticipant.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn participant(
        &self,
        session: &SessionKey,
        participant: &ParticipantId,
    ) -> Result<ParticipantDetails, CallError> {
        let operation = Operation::GetParticipant;
        let request = self.sdk().get_participant().stage_arn(session.stage_arn.as_str());
        let request = request.session_id(session.session_id.as_str());
        let request = request.participant_id(participant.as_str());
        let answer = self.call(operation, || request.clone().send()).await?;
        answer
            .participant
            .ok_or_else(|| missing("participant"))
            .and_then(|answer| convert::participant_details(answer, participant))
            .map_err(|malformed| unusable(operation, &malformed))
    }

    /// ListParticipantEvents: every event of a participant of a session, in no particular order.
    #[must_use]
    pub fn participant_events(
        &self,
        session: &SessionKey,
        participant: &ParticipantId,
    ) -> Pages<Event> {
        let (client, session, participant) = (self.clone(), session.clone(), participant.clone());
        Pages::new(Operation::ListParticipantEvents, move |token, before| {
            let request = client.sdk().list_participant_events();
            let request = request.stage_arn(session.stage_arn.as_str());
            let request = request.session_id(session.session_id.as_str());
            let request = request.participant_id(participant.as_str());
            let request = request.max_results(PAGE_SIZE).set_next_token(token);
            let client = client.clone();
            async move {
                let answer = client
                    .call(Operation::ListParticipantEvents, || request.clone().send())
                    .await?;
                let events = answer.events.into_iter().enumerate();
                let items = events.map(|(at, event)| Ok(convert::event(event, before + at)));
                Ok(RawPage { items: items.collect(), next_token: answer.next_token })
            }
        })
    }

    /// ListParticipantReplicas: where a participant of a stage is or was replicated to, whatever the session.
    #[must_use]
    pub fn participant_replicas(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Pages<Replica> {
        let (client, stage, participant) = (self.clone(), stage.clone(), participant.clone());
        Pages::new(Operation::ListParticipantReplicas, move |token, _| {
            let request = client.sdk().list_participant_replicas();
            let request = request.source_stage_arn(stage.as_str());
            let request = request.participant_id(participant.as_str());
            let request = request.max_results(REPLICAS_PAGE_SIZE).set_next_token(token);
            let (client, stage) = (client.clone(), stage.clone());
            async move {
                let answer = client
                    .call(Operation::ListParticipantReplicas, || request.clone().send())
                    .await?;
                let replica = |replica| convert::replica(replica, &stage);
                let items = answer.replicas.into_iter().map(replica).collect();
                Ok(RawPage { items, next_token: answer.next_token })
            }
        })
    }
}

/// The operations that change something.
impl Client {
    /// StartParticipantReplication. Asked again only where the service surely did not carry it out: after throttles
    /// and refused connections.
    ///
    /// # Errors
    /// [`CallError`]; of the kind [`ErrorKind::Unknown`] where the answer was lost.
    pub async fn start_replication(
        &self,
        route: &ReplicationRoute,
        reconnect_window_seconds: Option<i32>,
        attributes: &TextMap,
    ) -> Result<(), CallError> {
        let attributes = (!attributes.is_empty())
            .then(|| attributes.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
        let request = self
            .sdk()
            .start_participant_replication()
            .source_stage_arn(route.source_stage_arn.as_str())
            .destination_stage_arn(route.destination_stage_arn.as_str())
            .participant_id(route.participant_id.as_str())
            .set_reconnect_window_seconds(reconnect_window_seconds)
            .set_attributes(attributes);
        self.call(Operation::StartParticipantReplication, || request.clone().send()).await?;
        Ok(())
    }

    /// StopParticipantReplication. Asked again after failures too: a second stop changes nothing.
    ///
    /// # Errors
    /// [`CallError`]; of the kind [`ErrorKind::Unknown`] where an answer was lost and none of the others was good.
    pub async fn stop_replication(&self, route: &ReplicationRoute) -> Result<(), CallError> {
        let request = self
            .sdk()
            .stop_participant_replication()
            .source_stage_arn(route.source_stage_arn.as_str())
            .destination_stage_arn(route.destination_stage_arn.as_str())
            .participant_id(route.participant_id.as_str());
        self.call(Operation::StopParticipantReplication, || request.clone().send()).await?;
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("region", self.region()).finish_non_exhaustive()
    }
}

fn missing(noun: &'static str) -> Malformed {
    MalformedReason::Missing { noun }.into()
}

/// The service answered, but not the question.
fn unusable(operation: Operation, malformed: &Malformed) -> CallError {
    CallError {
        operation,
        kind: ErrorKind::Malformed,
        code: "MalformedAnswer".to_owned(),
        message: malformed.to_string(),
        attempts: 1,
        status: Some(200),
    }
}
