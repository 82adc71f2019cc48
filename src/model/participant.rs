//! A participant of a stage session: the summary that a listing gives, and the details on request.

use super::text::open_enum;
use super::{ParticipantId, SessionId, TextMap, Timestamp};

open_enum! {
    /// Connected or not, when the listing was read.
    ParticipantState {
        /// On the stage.
        Connected = "CONNECTED",
        /// Gone.
        Disconnected = "DISCONNECTED",
    }
}

open_enum! {
    /// How the recording of a participant stands.
    RecordingState {
        /// About to record.
        Starting = "STARTING",
        /// Recording.
        Active = "ACTIVE",
        /// About to stop.
        Stopping = "STOPPING",
        /// Recorded.
        Stopped = "STOPPED",
        /// Not recorded, by a fault.
        Failed = "FAILED",
        /// Not recorded, by configuration.
        Disabled = "DISABLED",
    }
}

open_enum! {
    /// Whether a participant is replicated to another stage, or is such a replica.
    ReplicationType {
        /// Replicated to another stage.
        Source = "SOURCE",
        /// Replicated from another stage.
        Replica = "REPLICA",
        /// Neither.
        None = "NONE",
    }
}

open_enum! {
    /// Whether a replication goes on.
    ReplicationState {
        /// It does.
        Active = "ACTIVE",
        /// It ended.
        Stopped = "STOPPED",
    }
}

/// What ListParticipants tells of a participant (the service's `ParticipantSummary`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Its id within the session.
    pub participant_id: ParticipantId,
    /// The customer's name for the person.
    pub user_id: Option<String>,
    /// Connected or not.
    pub state: Option<ParticipantState>,
    /// When it first joined this session.
    pub first_join_time: Option<Timestamp>,
    /// It published at least once in this session.
    pub published: bool,
    /// How its recording stands.
    pub recording_state: Option<RecordingState>,
    /// Replicated, a replica, or neither.
    pub replication_type: Option<ReplicationType>,
    /// Whether its replication goes on.
    pub replication_state: Option<ReplicationState>,
    /// The stage that a replica comes from.
    pub source_stage_arn: Option<String>,
    /// The session that a replica comes from.
    pub source_session_id: Option<SessionId>,
    /// One of several physical streams of one publisher.
    pub redundant_ingest: bool,
    /// The ingest configuration that it streams through.
    pub ingest_configuration_arn: Option<String>,
}

impl Participant {
    /// It was on the stage when the listing was read.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == Some(ParticipantState::Connected)
    }

    /// It is, or was, replicated to another stage.
    #[must_use]
    pub fn is_source(&self) -> bool {
        self.replication_type == Some(ReplicationType::Source)
    }
}

/// What only GetParticipant tells. Where summary and details both carry a field, the summary stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantDetails {
    /// The application's own attributes; `None` where there are none.
    pub attributes: Option<TextMap>,
    /// The internet service provider.
    pub isp_name: Option<String>,
    /// The operating system.
    pub os_name: Option<String>,
    /// Its version.
    pub os_version: Option<String>,
    /// The browser.
    pub browser_name: Option<String>,
    /// Its version.
    pub browser_version: Option<String>,
    /// The version of the IVS SDK.
    pub sdk_version: Option<String>,
    /// `UNKNOWN`, `WHIP`, `RTMP`, `RTMPS`, or what the service adds.
    pub protocol: Option<String>,
    /// Where it was recorded to.
    pub recording_s3_bucket_name: Option<String>,
    /// The prefix there.
    pub recording_s3_prefix: Option<String>,
}

/// Whose details a session is collected with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DetailsPolicy {
    /// Those of participants who published.
    #[default]
    Published,
    /// Everybody's.
    All,
    /// Nobody's.
    None,
}

impl DetailsPolicy {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Published, Self::All, Self::None];

    /// The text on the command line and in staged files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::All => "all",
            Self::None => "none",
        }
    }

    /// Whether this participant's details are wanted.
    #[must_use]
    pub fn wants(self, participant: &Participant) -> bool {
        match self {
            Self::Published => participant.published,
            Self::All => true,
            Self::None => false,
        }
    }
}
