//! Sessions that happen at the same time on several stages, so that people can be replicated between them.

use chrono::TimeDelta;
use rand::RngExt;

use super::host::{Publisher, Role, perform};
use super::story::{Story, earlier_end};
use super::viewer::{Viewer, watch};
use super::{Device, Habits, Incident, Publication, Scene, cast, later};
use crate::model::{
    EventName, IntervalKind, ParticipantState, RecordingState, ReplicationState, ReplicationType,
    Timestamp,
};
use crate::sim::draw::{self, Dice};
use crate::sim::world::{Participant, Replica, Session, Stay};

/// How the media of the hosts come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) enum Ingest {
    /// From the broadcast SDK of the person's own device.
    #[default]
    Sdk,
    /// From an encoder over WHIP.
    Whip,
    /// From an encoder over RTMPS, through an ingest configuration.
    Rtmps {
        /// The configuration.
        configuration_arn: String,
    },
    /// As two streams of one publisher, which viewers know by an id that no participant has.
    Redundant {
        /// The configuration.
        configuration_arn: String,
    },
}

/// What a session is to be.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Plan {
    /// The stage.
    pub(in crate::sim) stage_arn: String,
    /// Where its publishers are recorded to.
    pub(in crate::sim) bucket: Option<String>,
    /// The first second.
    pub(in crate::sim) opens: Timestamp,
    /// How long it lasts; for a live one, how long it has lasted.
    pub(in crate::sim) seconds: i64,
    /// It has not ended.
    pub(in crate::sim) live: bool,
    /// How many run it.
    pub(in crate::sim) hosts: usize,
    /// How many more run it and take a break.
    pub(in crate::sim) restless: usize,
    /// How many viewers are brought up on stage.
    pub(in crate::sim) guests: usize,
    /// How many only watch.
    pub(in crate::sim) viewers: usize,
    /// How the hosts' media come in.
    pub(in crate::sim) ingest: Ingest,
    /// How people behave.
    pub(in crate::sim) habits: Habits,
    /// What goes wrong.
    pub(in crate::sim) incident: Option<Incident>,
}

/// Sessions in the making.
pub(in crate::sim) struct Production {
    dice: Dice,
    drafts: Vec<Draft>,
    replicas: Vec<Replica>,
}

struct Draft {
    plan: Plan,
    session_id: String,
    scene: Scene,
    publishers: Vec<Performer>,
    replicas: Vec<Participant>,
    says_none: bool,
}

struct Performer {
    participant: Participant,
    story: Story,
    subscribes: bool,
}

impl Production {
    /// Nothing yet; all that follows is drawn with these dice.
    pub(in crate::sim) fn new(dice: Dice) -> Self {
        Self { dice, drafts: Vec::new(), replicas: Vec::new() }
    }

    /// Opens a session and lets its publishers perform. Returns its number.
    pub(in crate::sim) fn open(&mut self, plan: Plan) -> usize {
        let mut draft = Draft::new(plan, &mut self.dice);
        let roles = [
            (Role::Host, draft.plan.hosts),
            (Role::Restless, draft.plan.restless),
            (Role::Guest, draft.plan.guests),
        ];
        for (role, count) in roles {
            for _ in 0..count {
                draft.add_publisher(role, &mut self.dice);
            }
        }
        draft.publish_virtual_stream(&mut self.dice);
        self.drafts.push(draft);
        self.drafts.len() - 1
    }

    /// Replicates a publisher of one session into another, for as long as they publish.
    pub(in crate::sim) fn replicate(&mut self, from: usize, performer_n: usize, to: usize) {
        let delay = self.dice.random_range(2..=20);
        let Some(replication) = self.drafts[from].replication(performer_n, delay, &self.drafts[to])
        else {
            return;
        };
        let target = (self.drafts[to].plan.stage_arn.clone(), self.drafts[to].session_id.clone());
        let state = if replication.to.is_none() {
            ReplicationState::Active
        } else {
            ReplicationState::Stopped
        };
        let source = &mut self.drafts[from];
        let origin = (source.plan.stage_arn.clone(), source.session_id.clone());
        let performer = &mut source.publishers[performer_n];
        let parts: Vec<Stay> = parts_within(performer.story.stays(), &replication);
        performer.participant.replication_type = Some(ReplicationType::Source);
        performer.participant.replication_state = Some(state.clone());
        performer.participant.source_stage_arn = Some(String::new());
        performer.participant.source_session_id = Some(String::new());
        performer.story.stay(replication);
        let original = performer.participant.clone();
        let id = original.id().unwrap_or_default();
        self.replicas.push(Replica::new(
            id,
            (&origin.0, &origin.1),
            (&target.0, &target.1),
            state.clone(),
        ));
        self.drafts[to].add_replica(&original, &parts, origin, state, &mut self.dice);
    }

    /// Lets the viewers in and hands over the sessions, each with its stage, and the replications.
    pub(in crate::sim) fn finish(mut self) -> (Vec<(String, Session)>, Vec<Replica>) {
        let dice = &mut self.dice;
        let sessions = self.drafts.into_iter().map(|draft| draft.finish(dice)).collect();
        (sessions, self.replicas)
    }
}

/// What was published during a replication, as its destination sees it.
fn parts_within(stays: &[Stay], replication: &Stay) -> Vec<Stay> {
    stays
        .iter()
        .filter(|stay| stay.kind == IntervalKind::Publish)
        .map(|stay| Stay {
            replica: true,
            ..Stay::new(
                IntervalKind::Publish,
                stay.from.max(replication.from),
                earlier_end(stay.to, replication.to),
            )
        })
        .filter(|stay| stay.to.is_none_or(|to| to > stay.from))
        .collect()
}

impl Draft {
    fn new(plan: Plan, dice: &mut Dice) -> Self {
        let scene = Scene {
            from: plan.opens,
            until: later(plan.opens, plan.seconds),
            live: plan.live,
            publications: Vec::new(),
            habits: plan.habits,
            incident: plan.incident.clone(),
        };
        Self {
            session_id: format!("st-{}", draw::alphanumeric(dice, 13)),
            scene,
            publishers: Vec::new(),
            replicas: Vec::new(),
            says_none: draw::chance(dice, 0.5),
            plan,
        }
    }

    fn add_publisher(&mut self, role: Role, dice: &mut Dice) {
        let streams = match (&self.plan.ingest, role) {
            (Ingest::Redundant { .. }, Role::Host) => 2,
            _ => 1,
        };
        let user_id = cast::user_id(dice);
        for _ in 0..streams {
            let performer = self.performer(role, &user_id, dice);
            self.scene.publications.extend(
                performer
                    .story
                    .stays()
                    .iter()
                    .filter(|stay| stay.kind == IntervalKind::Publish && streams == 1)
                    .map(|stay| Publication {
                        participant_id: performer.participant.id().unwrap_or_default().into(),
                        replica: false,
                        from: stay.from,
                        to: stay.to,
                    }),
            );
            self.publishers.push(performer);
        }
    }

    fn performer(&self, role: Role, user_id: &str, dice: &mut Dice) -> Performer {
        let mut participant = self.person(dice);
        participant.user_id = Some(user_id.to_owned());
        let label = if role == Role::Guest { "viewer" } else { "host" };
        let attributes = cast::attributes(dice, label);
        let first = self.publishers.is_empty();
        let struck = role == Role::Host && (first || draw::chance(dice, 0.5));
        let incident = self.plan.incident.as_ref();
        let publisher = Publisher {
            role,
            first,
            user_id,
            attributes: &attributes,
            incident: incident.filter(|it| struck && it.name == EventName::PublishError),
        };
        let story = perform(&publisher, &self.scene, dice);
        participant.details.attributes = Some(attributes);
        let from_encoder = role == Role::Host && self.plan.ingest != Ingest::Sdk;
        if from_encoder {
            self.ingest(&mut participant, dice);
        }
        let on_air = story.stays().iter().any(|stay| stay.kind == IntervalKind::Publish);
        participant.published = Some(on_air);
        self.record(&mut participant, dice);
        Performer { participant, story, subscribes: !from_encoder }
    }

    /// Someone with a device, of whom nothing is known yet.
    fn person(&self, dice: &mut Dice) -> Participant {
        let id = draw::alphanumeric(dice, 12);
        let mut participant = Participant::new(Some(&id));
        participant.details = Device::draw(dice).details(dice);
        participant.details.protocol = Some("UNKNOWN".to_owned());
        participant.recording_state = Some(RecordingState::Disabled);
        if self.says_none {
            participant.replication_type = Some(ReplicationType::None);
            participant.source_stage_arn = Some(String::new());
            participant.source_session_id = Some(String::new());
            participant.redundant_ingest = Some(false);
        }
        participant
    }

    fn ingest(&self, participant: &mut Participant, dice: &mut Dice) {
        let attributes = participant.details.attributes.take();
        participant.details = Device::ENCODER.details(dice);
        participant.details.attributes = attributes;
        let (protocol, configuration) = match &self.plan.ingest {
            Ingest::Sdk => return,
            Ingest::Whip => ("WHIP", None),
            Ingest::Rtmps { configuration_arn } | Ingest::Redundant { configuration_arn } => {
                ("RTMPS", Some(configuration_arn.clone()))
            }
        };
        participant.details.protocol = Some(protocol.to_owned());
        participant.ingest_configuration_arn = configuration;
        let redundant = matches!(self.plan.ingest, Ingest::Redundant { .. });
        participant.redundant_ingest = Some(redundant);
    }

    fn record(&self, participant: &mut Participant, dice: &mut Dice) {
        let on_air = participant.published == Some(true);
        let Some(bucket) = self.plan.bucket.as_ref().filter(|_| on_air) else { return };
        participant.recording_state = Some(match (self.plan.live, draw::chance(dice, 0.04)) {
            (_, true) => RecordingState::Failed,
            (true, false) => RecordingState::Active,
            (false, false) => RecordingState::Stopped,
        });
        let stage_id = self.plan.stage_arn.rsplit('/').next().unwrap_or_default();
        let id = participant.id().unwrap_or_default().to_owned();
        let day = self.plan.opens.format("%Y-%m-%dT%H-%M-%SZ");
        participant.details.recording_s3_bucket_name = Some(bucket.clone());
        participant.details.recording_s3_prefix =
            Some(format!("{stage_id}/{}/{id}/{day}", self.session_id));
    }

    /// Of redundant streams viewers see one publisher, under an id of its own.
    fn publish_virtual_stream(&mut self, dice: &mut Dice) {
        if !matches!(self.plan.ingest, Ingest::Redundant { .. }) {
            return;
        }
        let ends: Vec<&Stay> = self
            .publishers
            .iter()
            .filter(|performer| performer.participant.redundant_ingest == Some(true))
            .flat_map(|performer| performer.story.stays())
            .filter(|stay| stay.kind == IntervalKind::Publish)
            .collect();
        let Some(from) = ends.iter().map(|stay| stay.from).min() else { return };
        let lasts = ends.iter().any(|stay| stay.to.is_none());
        let to = ends.iter().filter_map(|stay| stay.to).max().filter(|_| !lasts);
        let participant_id = draw::alphanumeric(dice, 12).into();
        self.scene.publications.push(Publication { participant_id, replica: false, from, to });
    }

    /// The time for which a publisher can be replicated elsewhere: from soon after the first publication to
    /// the end of the last one or of the other session, gaps included, since the reconnect window bridges them.
    fn replication(&self, performer_n: usize, delay: i64, other: &Self) -> Option<Stay> {
        let stays = self.publishers.get(performer_n)?.story.stays();
        let publications: Vec<&Stay> =
            stays.iter().filter(|stay| stay.kind == IntervalKind::Publish).collect();
        let from = later(publications.first()?.from.max(other.scene.from), delay);
        let other_end = (!other.scene.live).then_some(other.scene.until);
        let to = earlier_end(publications.last()?.to, other_end);
        if to.is_some_and(|to| to <= from) {
            return None;
        }
        let plan = &other.plan;
        let destination = Some((plan.stage_arn.as_str().into(), other.session_id.as_str().into()));
        Some(Stay { destination, ..Stay::new(IntervalKind::Replication, from, to) })
    }

    fn add_replica(
        &mut self,
        original: &Participant,
        published: &[Stay],
        origin: (String, String),
        state: ReplicationState,
        dice: &mut Dice,
    ) {
        let Some(first) = published.first() else { return };
        let id = original.id().unwrap_or_default();
        let mut story = Story::new(&self.scene.habits);
        for stay in published {
            story.stay(stay.clone());
            self.scene.publications.push(Publication {
                participant_id: id.into(),
                replica: true,
                from: stay.from,
                to: stay.to,
            });
        }
        let mut replica = original.clone();
        let active = state == ReplicationState::Active;
        replica.state = Some(connection(active));
        replica.first_join_time = Some(first.from);
        replica.replication_type = Some(ReplicationType::Replica);
        replica.replication_state = Some(state);
        replica.source_stage_arn = Some(origin.0);
        replica.source_session_id = Some(origin.1);
        self.replicas.push(replica.with_life(story.tell(&self.scene.habits, dice)));
    }

    fn finish(mut self, dice: &mut Dice) -> (String, Session) {
        let mut participants = std::mem::take(&mut self.replicas);
        for performer in std::mem::take(&mut self.publishers) {
            participants.push(self.tell(performer, dice));
        }
        for number in 0..self.plan.viewers {
            participants.push(self.viewer(number, dice));
        }
        // The service sees the first participant a little before the event's second, with a fraction.
        let start = self.plan.opens - TimeDelta::milliseconds(dice.random_range(1..=4_900));
        let lingers =
            if self.plan.habits.distinct_seconds { 1 } else { dice.random_range(1..=180) };
        let end = (!self.plan.live).then(|| later(self.scene.until, lingers));
        let mut session = Session::new(Some(&self.session_id), Some(start), end);
        session.participants.extend(participants);
        (self.plan.stage_arn, session.with_scene(self.scene))
    }

    fn tell(&self, performer: Performer, dice: &mut Dice) -> Participant {
        let Performer { mut participant, mut story, subscribes } = performer;
        if subscribes {
            story.subscribe(&self.scene.publications, participant.id());
        }
        set_presence(&mut participant, story.stays());
        participant.with_life(story.tell(&self.scene.habits, dice))
    }

    fn viewer(&self, number: usize, dice: &mut Dice) -> Participant {
        let mut participant = self.person(dice);
        let anonymous = draw::chance(dice, self.plan.habits.anonymous);
        participant.user_id = Some(if anonymous { String::new() } else { cast::user_id(dice) });
        participant.details.attributes = Some(cast::attributes(dice, "viewer"));
        let struck = number == 0 || draw::chance(dice, 0.3);
        let hits_viewers =
            self.plan.incident.as_ref().is_some_and(|it| it.name != EventName::PublishError);
        let viewer = Viewer { seed: dice.random(), struck: struck && hits_viewers };
        set_presence(&mut participant, &watch(&self.scene, viewer).stays);
        participant.watching(viewer)
    }
}

/// What a listing tells of someone's presence.
fn set_presence(participant: &mut Participant, stays: &[Stay]) {
    let visits = || stays.iter().filter(|stay| stay.kind == IntervalKind::Presence);
    participant.first_join_time = visits().map(|visit| visit.from).min();
    participant.state = Some(connection(visits().any(|visit| visit.to.is_none())));
}

fn connection(connected: bool) -> ParticipantState {
    if connected { ParticipantState::Connected } else { ParticipantState::Disconnected }
}
