//! The operations that the simulator answers.

use std::fmt;
use std::str::FromStr;

/// An operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The stages of the account.
    ListStages,
    /// One of them.
    GetStage,
    /// The sessions of a stage.
    ListStageSessions,
    /// One of them.
    GetStageSession,
    /// Who was in a session.
    ListParticipants,
    /// One of them, with details.
    GetParticipant,
    /// What happened to a participant.
    ListParticipantEvents,
    /// Where a participant was replicated to.
    ListParticipantReplicas,
    /// Begins a replication.
    StartParticipantReplication,
    /// Ends one.
    StopParticipantReplication,
}

impl Operation {
    /// All of them.
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

    /// The service's name for it, which is also its path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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

    /// The largest page it gives; `None` where it gives one thing.
    #[must_use]
    pub fn page_size_max(self) -> Option<usize> {
        match self {
            Self::ListStages
            | Self::ListStageSessions
            | Self::ListParticipants
            | Self::ListParticipantEvents => Some(100),
            Self::ListParticipantReplicas => Some(50),
            Self::GetStage
            | Self::GetStageSession
            | Self::GetParticipant
            | Self::StartParticipantReplication
            | Self::StopParticipantReplication => None,
        }
    }

    /// It changes the world.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::StartParticipantReplication | Self::StopParticipantReplication)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no operation of the simulator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulator has no operation `{name}`")]
pub struct UnknownOperation {
    /// The text.
    pub name: String,
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or_else(|| UnknownOperation { name: text.to_owned() })
    }
}
