//! Replications that calls begin and end, and what becomes of them while time passes.
//!
//! A replica has the source's id, publishes with `replica` set, and gets no JOINED and no LEFT: whether the service
//! gives any is not documented. Events are in whole seconds, as all of them are.

use chrono::{SubsecRound, TimeDelta};

use super::edit::NoSuchItem;
use super::{Life, Participant, Replica, Session, Stay, World};
use crate::model::{
    IntervalKind, ParticipantState, RecordingState, ReplicationState, ReplicationType, TextMap,
    Timestamp,
};
use crate::sim::behaviour::{start_event, stop_event};
use crate::sim::draw;

/// Replications of one participant that may go on at once.
pub(in crate::sim) const REPLICATIONS_MAX: usize = 5;

/// What a replication that was begun by a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    /// How long the publisher may be away.
    window: TimeDelta,
    /// Since when it is away.
    gone_since: Option<Timestamp>,
}

/// Who is to be replicated from where to where.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Route<'a> {
    pub(in crate::sim) source_stage_arn: &'a str,
    pub(in crate::sim) destination_stage_arn: &'a str,
    pub(in crate::sim) participant_id: &'a str,
}

/// Why a replication can't begin or end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Objection {
    Missing(NoSuchItem),
    Conflict(String),
    Quota(String),
}

impl From<NoSuchItem> for Objection {
    fn from(missing: NoSuchItem) -> Self {
        Self::Missing(missing)
    }
}

/// What calls do.
impl World {
    pub(in crate::sim) fn start_replication(
        &mut self,
        route: Route<'_>,
        window: TimeDelta,
        attributes: &TextMap,
        now: Timestamp,
    ) -> Result<(), Objection> {
        let at = now.trunc_subsecs(0);
        let source_session_id = self.publishing_session(route)?;
        self.refuse_another(route)?;
        let destination_session_id = self.session_to_enter(route.destination_stage_arn, at)?;
        let source = (route.source_stage_arn, source_session_id.as_str());
        let destination = (route.destination_stage_arn, destination_session_id.as_str());

        let session = self.session_mut(source.0, source.1)?;
        let mut original = session
            .participants
            .find(route.participant_id)
            .cloned()
            .ok_or_else(|| participant_missing(route.participant_id))?;
        let replica = replica_of(&original, source, attributes, at);
        original.replication_type = Some(ReplicationType::Source);
        original.replication_state = Some(ReplicationState::Active);
        let mut life = session.life(&original).into_owned();
        life.begin(Stay {
            destination: Some((destination.0.into(), destination.1.into())),
            ..Stay::new(IntervalKind::Replication, at, None)
        });
        session.participants.insert(original.with_life(life));
        self.enter(destination, replica, at)?;
        let row = Replica::new(route.participant_id, source, destination, ReplicationState::Active);
        self.replicas.insert(Replica { watch: Some(Watch { window, gone_since: None }), ..row });
        Ok(())
    }

    pub(in crate::sim) fn stop_replication(
        &mut self,
        route: Route<'_>,
        now: Timestamp,
    ) -> Result<(), Objection> {
        let active = self.active(route.source_stage_arn, route.participant_id);
        let replica = active
            .into_iter()
            .find(|replica| replica.destination_stage_arn == route.destination_stage_arn)
            .ok_or_else(|| NoSuchItem {
                noun: "replication of",
                id: route.participant_id.into(),
            })?;
        self.end_replication(&replica, now);
        Ok(())
    }

    /// Ends what has come to its end by now: the publisher was away for longer than the window, or one of the two
    /// sessions is over.
    pub(in crate::sim) fn settle_replications(&mut self, now: Timestamp) {
        let mut due: Vec<(Timestamp, Replica)> = self
            .replicas
            .iter()
            .filter_map(|replica| Some((self.end_of(replica)?, replica.clone())))
            .filter(|(end, _)| *end <= now)
            .collect();
        due.sort_by_key(|(end, _)| *end);
        for (end, replica) in due {
            self.end_replication(&replica, end);
        }
    }

    /// Whether [`Self::settle_replications`] would change anything.
    pub(in crate::sim) fn has_unsettled_replications(&self, now: Timestamp) -> bool {
        self.replicas.iter().filter_map(|replica| self.end_of(replica)).any(|end| end <= now)
    }
}

/// What publishers do.
impl World {
    /// A publisher joins the live session of a stage and publishes, for the first time or again. Without a live
    /// session one begins. Replications whose window has not passed go on.
    ///
    /// # Errors
    /// [`NoSuchItem`] where there is no such stage.
    pub fn connect_publisher(
        &mut self,
        stage_arn: &str,
        participant_id: &str,
        at: Timestamp,
    ) -> Result<(), NoSuchItem> {
        self.settle_replications(at);
        let at = at.trunc_subsecs(0);
        let session_id = self.session_to_enter(stage_arn, at)?;
        let session = self.session_mut(stage_arn, &session_id)?;
        let known = session.participants.find(participant_id).cloned();
        let mut participant = known.unwrap_or_else(|| Participant::new(Some(participant_id)));
        let mut life = session.life(&participant).into_owned();
        for kind in [IntervalKind::Presence, IntervalKind::Publish] {
            life.begin(Stay::new(kind, at, None));
        }
        participant.first_join_time = participant.first_join_time.or(Some(at));
        participant.state = Some(ParticipantState::Connected);
        participant.published = Some(true);
        session.participants.insert(participant.with_life(life));
        for replica in self.active(stage_arn, participant_id) {
            let destination = (&*replica.destination_stage_arn, &*replica.destination_session_id);
            if let Some(back) = self.session(destination.0, destination.1) {
                let back = back.participants.find(participant_id).cloned();
                back.map_or(Ok(()), |back| self.enter(destination, back, at))?;
            }
            self.set_gone_since(&replica, None);
        }
        Ok(())
    }

    /// A publisher loses the connection, or leaves: PUBLISH_STOPPED and LEFT. Replications go on until their window
    /// has passed; without one they end at once.
    ///
    /// # Errors
    /// [`NoSuchItem`] where nobody of that id is in the live session of the stage.
    pub fn disconnect_publisher(
        &mut self,
        stage_arn: &str,
        participant_id: &str,
        at: Timestamp,
    ) -> Result<(), NoSuchItem> {
        self.settle_replications(at);
        let at = at.trunc_subsecs(0);
        let active = self.active_session_id(stage_arn)?;
        let session_id = active.ok_or_else(|| participant_missing(participant_id))?;
        let session = self.session_mut(stage_arn, &session_id)?;
        session.leave(participant_id, at, |stay| stay.kind != IntervalKind::Replication)?;
        for replica in self.active(stage_arn, participant_id) {
            let (stage, id) = (&replica.destination_stage_arn, &replica.destination_session_id);
            self.session_mut(stage, id)?.leave(participant_id, at, |_| true)?;
            self.set_gone_since(&replica, Some(at));
        }
        self.settle_replications(at);
        Ok(())
    }

    fn active_session_id(&mut self, stage_arn: &str) -> Result<Option<String>, NoSuchItem> {
        Ok(self.stage_mut(stage_arn)?.active_session_id().map(str::to_owned))
    }

    /// The live session of a stage, or a new one: a session begins when the first participant joins.
    fn session_to_enter(&mut self, stage_arn: &str, at: Timestamp) -> Result<String, NoSuchItem> {
        if let Some(id) = self.active_session_id(stage_arn)? {
            return Ok(id);
        }
        let mut dice = draw::dice(self.seed, &["opened", stage_arn, &at.to_rfc3339()]);
        let id = format!("st-{}", draw::alphanumeric(&mut dice, 13));
        let session = Session::new(Some(&id), Some(at), None);
        self.stage_mut(stage_arn)?.sessions.insert(session);
        Ok(id)
    }

    /// The live session in which a participant publishes.
    fn publishing_session(&mut self, route: Route<'_>) -> Result<String, Objection> {
        let missing = || participant_missing(route.participant_id);
        let id = self.active_session_id(route.source_stage_arn)?.ok_or_else(missing)?;
        let session = self.session_mut(route.source_stage_arn, &id)?;
        let participant = session.participants.find(route.participant_id).ok_or_else(missing)?;
        if participant.replication_type == Some(ReplicationType::Replica) {
            let reason = format!("Participant {} is a replica", route.participant_id);
            return Err(Objection::Conflict(reason));
        }
        let life = session.life(participant);
        let publishes = |stay: &Stay| stay.kind == IntervalKind::Publish && stay.to.is_none();
        if participant.state != Some(ParticipantState::Connected)
            || !life.stays.iter().any(publishes)
        {
            let reason = format!("Participant {} is not publishing", route.participant_id);
            return Err(Objection::Conflict(reason));
        }
        Ok(id)
    }

    /// One replication to each stage, and not too many.
    fn refuse_another(&mut self, route: Route<'_>) -> Result<(), Objection> {
        let (stage, id) = (route.destination_stage_arn, route.participant_id);
        let active = self.active(route.source_stage_arn, id);
        if active.iter().any(|replica| replica.destination_stage_arn == stage) {
            let reason = format!("Participant {id} is already being replicated to {stage}");
            return Err(Objection::Conflict(reason));
        }
        if let Some(session_id) = self.active_session_id(stage)?
            && let Some(there) = self.session(stage, &session_id)
            && let Some(namesake) = there.participants.find(id)
            && namesake.replication_type != Some(ReplicationType::Replica)
        {
            return Err(Objection::Conflict(format!("Participant {id} is already on {stage}")));
        }
        if active.len() >= REPLICATIONS_MAX {
            return Err(Objection::Quota(format!(
                "Participant {id} is being replicated {REPLICATIONS_MAX} times, which is the limit"
            )));
        }
        Ok(())
    }

    /// The replications of a participant that go on.
    fn active(&self, source_stage_arn: &str, participant_id: &str) -> Vec<Replica> {
        let is_asked_for = |replica: &&Replica| {
            replica.source_stage_arn == source_stage_arn
                && replica.participant_id == participant_id
                && replica.state == ReplicationState::Active
        };
        self.replicas.iter().filter(is_asked_for).cloned().collect()
    }

    /// When a replication that is watched is over; `None` where nothing has ended it.
    fn end_of(&self, replica: &Replica) -> Option<Timestamp> {
        let watch = replica.watch.filter(|_| replica.state == ReplicationState::Active)?;
        let end = |stage: &str, id: &str| self.session(stage, id).and_then(|it| it.end_time);
        let ends = [
            watch.gone_since.map(|gone_since| gone_since + watch.window),
            end(&replica.source_stage_arn, &replica.source_session_id),
            end(&replica.destination_stage_arn, &replica.destination_session_id),
        ];
        ends.into_iter().flatten().min()
    }

    fn set_gone_since(&mut self, replica: &Replica, gone_since: Option<Timestamp>) {
        // What the world was made with has no window that anyone knows: 0 is the service's default.
        let window = replica.watch.map_or(TimeDelta::zero(), |watch| watch.window);
        let watch = Some(Watch { window, gone_since });
        self.replicas.insert(Replica { watch, ..replica.clone() });
    }

    /// Puts a replica into a session, where it publishes.
    fn enter(
        &mut self,
        (stage_arn, session_id): (&str, &str),
        mut replica: Participant,
        at: Timestamp,
    ) -> Result<(), NoSuchItem> {
        let stage = self.stage_mut(stage_arn)?;
        let records = stage.recording_bucket.is_some();
        let session = self.session_mut(stage_arn, session_id)?;
        let before = replica.id().and_then(|id| session.participants.find(id));
        let mut life = before.map_or_else(Life::default, |it| session.life(it).into_owned());
        replica.first_join_time =
            before.and_then(|it| it.first_join_time).or(replica.first_join_time);
        replica.state = Some(ParticipantState::Connected);
        let recording = if records { RecordingState::Active } else { RecordingState::Disabled };
        replica.recording_state = Some(recording);
        life.begin(Stay { replica: true, ..Stay::new(IntervalKind::Publish, at, None) });
        session.participants.insert(replica.with_life(life));
        Ok(())
    }

    /// Ends a replication on both sides. What is no longer there needs no end.
    fn end_replication(&mut self, replica: &Replica, at: Timestamp) {
        let at = at.trunc_subsecs(0);
        let ended = Replica { state: ReplicationState::Stopped, watch: None, ..replica.clone() };
        self.replicas.insert(ended);
        let id = replica.participant_id.as_str();
        let others = self.active(&replica.source_stage_arn, id);
        let goes_on =
            others.iter().any(|other| other.source_session_id == replica.source_session_id);
        let source = self.session_mut(&replica.source_stage_arn, &replica.source_session_id).ok();
        if let Some(session) = source {
            let is_this = |stay: &Stay| {
                stay.destination.as_ref().is_some_and(|(stage, session)| {
                    **stage == *replica.destination_stage_arn
                        && **session == *replica.destination_session_id
                })
            };
            let found = session.edit_life(id, |life| life.finish(at, is_this)).is_ok();
            if let Some(original) = session.participants.find_mut(id).filter(|_| found && !goes_on)
            {
                original.replication_state = Some(ReplicationState::Stopped);
            }
        }
        let (stage, session_id) = (&replica.destination_stage_arn, &replica.destination_session_id);
        if let Ok(session) = self.session_mut(stage, session_id)
            && session.leave(id, at, |_| true).is_ok()
            && let Some(there) = session.participants.find_mut(id)
        {
            there.replication_state = Some(ReplicationState::Stopped);
        }
    }
}

impl Session {
    /// Ends what a participant does, as far as it is meant, and disconnects it.
    fn leave(
        &mut self,
        participant_id: &str,
        at: Timestamp,
        is_meant: impl Fn(&Stay) -> bool,
    ) -> Result<(), NoSuchItem> {
        self.edit_life(participant_id, |life| life.finish(at, is_meant))?;
        if let Some(participant) = self.participants.find_mut(participant_id) {
            participant.state = Some(ParticipantState::Disconnected);
            if participant.recording_state == Some(RecordingState::Active) {
                participant.recording_state = Some(RecordingState::Stopped);
            }
        }
        Ok(())
    }
}

impl Life {
    fn begin(&mut self, stay: Stay) {
        self.events.push(start_event(&stay));
        self.stays.push(stay);
    }

    /// Ends what goes on and is meant; the innermost first, so that LEFT comes last.
    fn finish(&mut self, at: Timestamp, is_meant: impl Fn(&Stay) -> bool) {
        let open = self.stays.iter_mut().rev().filter(|stay| stay.to.is_none() && is_meant(stay));
        for stay in open {
            let to = at.max(stay.from);
            self.events.push(stop_event(stay, to));
            stay.to = Some(to);
        }
    }
}

/// The replica of a participant: the same person and device, with further attributes.
fn replica_of(
    original: &Participant,
    (stage_arn, session_id): (&str, &str),
    attributes: &TextMap,
    at: Timestamp,
) -> Participant {
    let mut replica = original.clone().with_life(Life::default());
    replica.first_join_time = Some(at);
    replica.replication_type = Some(ReplicationType::Replica);
    replica.replication_state = Some(ReplicationState::Active);
    replica.source_stage_arn = Some(stage_arn.to_owned());
    replica.source_session_id = Some(session_id.to_owned());
    if !attributes.is_empty() {
        let merged = replica.details.attributes.get_or_insert_default();
        merged.extend(attributes.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    replica
}

fn participant_missing(id: &str) -> NoSuchItem {
    NoSuchItem { noun: "participant", id: id.to_owned() }
}
