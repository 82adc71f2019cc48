//! The operations of the service that the program calls.

use std::fmt;

/// An operation; each has a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The stages of an account in a region.
    ListStages,
    /// One stage.
    GetStage,
    /// The sessions of a stage.
    ListStageSessions,
    /// One session.
    GetStageSession,
    /// The participants of a session.
    ListParticipants,
    /// The details of one participant.
    GetParticipant,
    /// The events of one participant.
    ListParticipantEvents,
    /// Where a participant of a stage is replicated to.
    ListParticipantReplicas,
    /// Begin a replication.
    StartParticipantReplication,
    /// End a replication.
    StopParticipantReplication,
}

impl Operation {
    /// Every operation, in the order of the variants.
    pub const ALL: [Self; 10] = [
        Self::ListStages,
        Self::GetStage,
        Self::ListStageSessions,
        Self::GetStageSession,
        Self::ListParticipants,
        Self::GetParticipant,
        Self::ListParticipantEvents,
        Self::ListParticipantReplicas,
        Self::StartParticipantReplication,
        Self::StopParticipantReplication,
    ];

    /// The service's name for it; `ivs:` before it makes the IAM action.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListStages => "ListStages",
            Self::GetStage => "GetStage",
            Self::ListStageSessions => "ListStageSessions",
            Self::GetStageSession => "GetStageSession",
            Self::ListParticipants => "ListParticipants",
            Self::GetParticipant => "GetParticipant",
            Self::ListParticipantEvents => "ListParticipantEvents",
            Self::ListParticipantReplicas => "ListParticipantReplicas",
            Self::StartParticipantReplication => "StartParticipantReplication",
            Self::StopParticipantReplication => "StopParticipantReplication",
        }
    }

    /// It changes something at the service.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::StartParticipantReplication | Self::StopParticipantReplication)
    }
}

impl Operation {
    /// It may be asked again although the service may have carried it out already.
    ///
    /// A second StopParticipantReplication finds nothing to stop: its model has no Conflict, and what it asks for is a
    /// state that stays. A second start does not: by then the replication may have been stopped by somebody else, and would
    /// begin anew; or it is answered with a Conflict that hides what became of the first.
    #[must_use]
    pub(super) fn may_be_repeated(self) -> bool {
        self != Self::StartParticipantReplication
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
