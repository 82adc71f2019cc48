//! What the lake should hold, from the world that the simulator serves: by the contract, not by our code.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use ivsight::model::{IntervalKind, ParticipantState, ReplicationType, Timestamp};
use ivsight::sim::Truth;
use ivsight::sim::world::{Details, Event, Participant, Session, Stage, TokenState};
use serde_json::{Value, json};

/// How a session stands for the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No end yet.
    Live,
    /// Ended within `--settle`.
    Unsettled,
    /// Somebody is still connected, and the day since the end is not over.
    Connected,
    /// The service shows nothing where there must be something.
    Empty,
    /// To be collected whole.
    Complete,
}

impl Fate {
    /// Its participants are listed.
    pub(crate) fn is_listed(self) -> bool {
        matches!(self, Self::Connected | Self::Empty | Self::Complete)
    }

    /// Its participants' events are asked for.
    pub(crate) fn is_fetched(self) -> bool {
        matches!(self, Self::Empty | Self::Complete)
    }
}

/// A world at a moment of the service's clock.
pub(crate) struct Settled {
    pub(crate) truth: Truth,
    now: Timestamp,
    settle: TimeDelta,
}

impl Settled {
    pub(crate) fn new(truth: Truth, now: Timestamp) -> Self {
        Self { truth, now, settle: TimeDelta::hours(1) }
    }

    /// Every session with its stage.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Stage, &Session)> {
        let stages = self.truth.stages.iter();
        stages.flat_map(|stage| stage.sessions.iter().map(move |session| (stage, session)))
    }

    /// The sessions that should be there whole.
    pub(crate) fn complete(&self) -> impl Iterator<Item = (&Stage, &Session)> {
        self.all().filter(|(_, session)| self.fate(session) == Fate::Complete)
    }

    /// How many sessions stand so.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.all().filter(|(_, session)| self.fate(session) == fate).count()
    }

    pub(crate) fn fate(&self, session: &Session) -> Fate {
        let Some(end) = session.end_time else { return Fate::Live };
        let is_connected =
            |it: &Participant| it.state.as_ref() == Some(&ParticipantState::Connected);
        if self.now < end + self.settle {
            Fate::Unsettled
        } else if session.participants.is_empty() {
            Fate::Empty
        } else if self.now < end + TimeDelta::hours(24)
            && session.participants.iter().any(is_connected)
        {
            Fate::Connected
        } else if session.participants.iter().any(|it| is_silent(session, it)) {
            Fate::Empty
        } else {
            Fate::Complete
        }
    }

    /// Rows of `sessions`, every one that is listed.
    pub(crate) fn sessions(&self) -> Vec<Value> {
        self.all().map(|(stage, session)| self.session(stage, session)).collect()
    }

    fn session(&self, stage: &Stage, session: &Session) -> Value {
        let start = session.start_time.or(session.end_time).unwrap();
        let complete = self.fate(session) == Fate::Complete;
        let events_n: usize = people(session).map(|it| session.life(it).events.len()).sum();
        json!({
            "account_id": self.truth.account_id, "region": self.truth.region,
            "date": start.format("%Y-%m-%d").to_string(),
            "stage_arn": stage.arn(), "session_id": session.id(),
            "stage_name": text(stage.name.as_ref()), "stage_tags": map(Some(&stage.tags)),
            "start_time": time(Some(start)), "start_synthetic": session.start_time.is_none(),
            "end_time": time(session.end_time),
            "collection": if complete { "COMPLETE" } else { "LISTED" },
            "participants_n": complete.then(|| people(session).count()),
            "events_n": complete.then_some(events_n),
            "pruned_at": null,
        })
    }

    /// Rows of `participants`, where `--details published` was asked for.
    pub(crate) fn participants(&self) -> Vec<Value> {
        self.of_people(|key, session, participant| {
            let is_source = participant.replication_type == Some(ReplicationType::Source);
            let published = participant.published == Some(true);
            let mut row = merged(key, summary(participant));
            row = merged(row, details(participant, published));
            let status = |asked: bool| if asked { "FETCHED" } else { "NOT_ASKED" };
            merged(
                row,
                json!({
                    "details_status": status(published), "events_status": "FETCHED",
                    "replicas_status": status(is_source),
                    "events_n": session.life(participant).events.len(),
                }),
            )
        })
    }

    /// Rows of `events`, without `position`.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for row in self.of_people(|key, session, participant| {
            let mut seen: BTreeMap<String, i32> = BTreeMap::new();
            let events = session.life(participant).events.iter().map(event).collect::<Vec<_>>();
            let numbered = events.into_iter().map(|event| {
                let count = seen.entry(event.to_string()).or_default();
                *count += 1;
                merged(merged(key.clone(), event), json!({"occurrence": *count - 1}))
            });
            numbered.collect()
        }) {
            rows.extend(row.as_array().unwrap().iter().cloned());
        }
        rows
    }

    /// Rows of `replicas`.
    pub(crate) fn replicas(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for (stage, session) in self.complete() {
            rows.extend(
                self.truth
                    .replicas
                    .iter()
                    .filter(|replica| {
                        replica.source_stage_arn == stage.arn()
                            && Some(replica.source_session_id.as_str()) == session.id()
                            && is_source(session, &replica.participant_id)
                    })
                    .map(|replica| {
                        merged(
                            self.partition(session),
                            json!({
                                "source_stage_arn": replica.source_stage_arn,
                                "source_session_id": replica.source_session_id,
                                "participant_id": replica.participant_id,
                                "destination_stage_arn": replica.destination_stage_arn,
                                "destination_session_id": replica.destination_session_id,
                                "replication_state": replica.state.as_str(),
                            }),
                        )
                    }),
            );
        }
        rows
    }

    /// Rows of `intervals`: what people really did. True where the service forgets nothing and each second holds
    /// one event of a participant.
    pub(crate) fn intervals(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for row in self.of_people(|key, session, participant| {
            let stays = session.life(participant).stays.clone();
            let is_replica = participant.replication_type == Some(ReplicationType::Replica);
            let rows = stays.into_iter().map(|stay| {
                let destination = stay.destination.as_ref();
                merged(
                    key.clone(),
                    json!({
                        "kind": stay.kind.as_str(),
                        "start_time": time(Some(stay.from)), "end_time": time(stay.to),
                        "remote_participant_id": stay.remote_participant_id.as_deref(),
                        "destination_stage_arn": destination.map(|it| it.0.to_string()),
                        "destination_session_id": destination.map(|it| it.1.to_string()),
                        "replica": match stay.kind {
                            IntervalKind::Presence | IntervalKind::Publish => is_replica,
                            IntervalKind::Subscribe => stay.replica,
                            IntervalKind::Replication => false,
                        },
                        "publisher": participant.published == Some(true),
                    }),
                )
            });
            rows.collect()
        }) {
            rows.extend(row.as_array().unwrap().iter().cloned());
        }
        rows
    }

    fn partition(&self, session: &Session) -> Value {
        let start = session.start_time.or(session.end_time).unwrap();
        json!({
            "account_id": self.truth.account_id, "region": self.truth.region,
            "date": start.format("%Y-%m-%d").to_string(),
        })
    }

    /// What `row` makes of each participant of the complete sessions, given its key.
    fn of_people(&self, row: impl Fn(Value, &Session, &Participant) -> Value) -> Vec<Value> {
        let mut rows = Vec::new();
        for (stage, session) in self.complete() {
            for participant in people(session) {
                let key = json!({
                    "stage_arn": stage.arn(), "session_id": session.id(),
                    "participant_id": participant.id(),
                });
                rows.push(row(merged(self.partition(session), key), session, participant));
            }
        }
        rows
    }
}

/// The participants that a row can be made of.
pub(super) fn people(session: &Session) -> impl Iterator<Item = &Participant> {
    session.participants.iter().filter(|participant| participant.id().is_some())
}

/// It joined, and yet there is no event of it.
fn is_silent(session: &Session, participant: &Participant) -> bool {
    participant.first_join_time.is_some() && session.life(participant).events.is_empty()
}

fn is_source(session: &Session, participant_id: &str) -> bool {
    session
        .participants
        .find(participant_id)
        .is_some_and(|it| it.replication_type == Some(ReplicationType::Source))
}

fn summary(it: &Participant) -> Value {
    json!({
        "user_id": text(it.user_id.as_ref()),
        "state": it.state.as_ref().map(ToString::to_string),
        "first_join_time": time(it.first_join_time),
        "published": it.published == Some(true),
        "recording_state": it.recording_state.as_ref().map(ToString::to_string),
        "replication_type": it.replication_type.as_ref().map(ToString::to_string),
        "replication_state": it.replication_state.as_ref().map(ToString::to_string),
        "source_stage_arn": text(it.source_stage_arn.as_ref()),
        "source_session_id": text(it.source_session_id.as_ref()),
        "redundant_ingest": it.redundant_ingest == Some(true),
        "ingest_configuration_arn": text(it.ingest_configuration_arn.as_ref()),
    })
}

fn details(it: &Participant, asked: bool) -> Value {
    let details = if asked { it.details.clone() } else { Details::default() };
    json!({
        "attributes": map(details.attributes.as_ref()),
        "isp_name": text(details.isp_name.as_ref()),
        "os_name": text(details.os_name.as_ref()),
        "os_version": text(details.os_version.as_ref()),
        "browser_name": text(details.browser_name.as_ref()),
        "browser_version": text(details.browser_version.as_ref()),
        "sdk_version": text(details.sdk_version.as_ref()),
        "protocol": text(details.protocol.as_ref()),
        "recording_s3_bucket_name": text(details.recording_s3_bucket_name.as_ref()),
        "recording_s3_prefix": text(details.recording_s3_prefix.as_ref()),
    })
}

fn event(it: &Event) -> Value {
    let name = it.name.as_ref().map(ToString::to_string);
    let code = it.error_code.as_ref().map(ToString::to_string);
    let tokens = it.exchange.as_deref();
    json!({
        "event_time": time(it.time), "name": text(name.as_ref()),
        "remote_participant_id": it.remote_participant_id.as_deref().filter(|it| !it.is_empty()),
        "error_code": text(code.as_ref()),
        "destination_stage_arn": it.destination_stage_arn.as_deref().filter(|it| !it.is_empty()),
        "destination_session_id": it.destination_session_id.as_deref().filter(|it| !it.is_empty()),
        "replica": it.replica == Some(true),
        "previous_token": tokens.map(|it| token(&it.0)),
        "new_token": tokens.map(|it| token(&it.1)),
    })
}

fn token(it: &TokenState) -> Value {
    json!({
        "capabilities": it.capabilities, "attributes": map(it.attributes.as_ref()),
        "user_id": text(it.user_id.as_ref()), "expiration_time": time(it.expiration_time),
    })
}

/// An empty text is as good as none.
fn text(it: Option<&String>) -> Option<&String> {
    it.filter(|it| !it.is_empty())
}

/// An empty map is none; an empty value inside one stays.
fn map(it: Option<&BTreeMap<String, String>>) -> Option<&BTreeMap<String, String>> {
    it.filter(|it| !it.is_empty())
}

fn time(it: Option<Timestamp>) -> Option<String> {
    it.map(|it| it.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn merged(mut base: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no row") };
    base.as_object_mut().unwrap().extend(more);
    base
}
