//! A replication of a participant, as ListParticipantReplicas tells it: the state alone, without times.

use super::{ParticipantId, ReplicationState, SessionId, StageArn};

/// Who is replicated from where to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationRoute {
    /// The stage that the participant publishes on.
    pub source_stage_arn: StageArn,
    /// The stage it is replicated to.
    pub destination_stage_arn: StageArn,
    /// The participant, whose id is the same on both sides.
    pub participant_id: ParticipantId,
}

/// One participant replicated from one session to another stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The stage it publishes on.
    pub source_stage_arn: StageArn,
    /// The session there.
    pub source_session_id: SessionId,
    /// The participant, whose id is the same on both sides.
    pub participant_id: ParticipantId,
    /// The stage it is replicated to.
    pub destination_stage_arn: String,
    /// The session there.
    pub destination_session_id: Option<SessionId>,
    /// Whether it goes on.
    pub replication_state: Option<ReplicationState>,
}
