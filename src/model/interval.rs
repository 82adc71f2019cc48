//! From when to when: what the events of a session amount to.

use super::{ParticipantId, Timestamp};

/// What lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IntervalKind {
    /// Being on the stage: JOINED to LEFT.
    Presence,
    /// Sending media.
    Publish,
    /// Receiving one publisher.
    Subscribe,
    /// Being replicated to another stage.
    Replication,
}

impl IntervalKind {
    /// The text in the lake.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "PRESENCE",
            Self::Publish => "PUBLISH",
            Self::Subscribe => "SUBSCRIBE",
            Self::Replication => "REPLICATION",
        }
    }
}

/// What ended an interval, in order of precedence where several share the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndReason {
    /// Its own closing event.
    Explicit,
    /// The participant left.
    Left,
    /// The publisher that was watched stopped.
    RemoteGone,
    /// Nothing closed it; the session ended.
    SessionEnd,
    /// Nothing closed it, and the session has no end: cut where the evidence ends.
    Open,
}

impl EndReason {
    /// The text in the lake.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "EXPLICIT",
            Self::Left => "LEFT",
            Self::RemoteGone => "REMOTE_GONE",
            Self::SessionEnd => "SESSION_END",
            Self::Open => "OPEN",
        }
    }
}

/// What is odd about an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    /// A second start while it was open.
    DoubleStart,
    /// Start and end are the same moment.
    ZeroLength,
    /// A tie of start and stop was decided by what came next.
    TieResolvedByLookahead,
    /// A tie of start and stop that nothing decides: the prior state was kept.
    TieAmbiguous,
    /// Presence without a LEFT.
    JoinWithoutLeft,
    /// Presence without a JOINED.
    LeftWithoutJoin,
    /// JOINED while publishing, without a LEFT or a stop between.
    MediaAcrossRejoin,
    /// Media outside the participant's presence.
    MediaOutsideJoin,
    /// It reaches more than 300 s beyond the session.
    EventOutsideSession,
    /// The publisher that was watched is no participant of the session.
    RemoteUnknown,
    /// An end before the start was moved to it.
    NegativeClamped,
}

impl Anomaly {
    /// The name in the lake.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoubleStart => "double_start",
            Self::ZeroLength => "zero_length",
            Self::TieResolvedByLookahead => "tie_resolved_by_lookahead",
            Self::TieAmbiguous => "tie_ambiguous",
            Self::JoinWithoutLeft => "join_without_left",
            Self::LeftWithoutJoin => "left_without_join",
            Self::MediaAcrossRejoin => "media_across_rejoin",
            Self::MediaOutsideJoin => "media_outside_join",
            Self::EventOutsideSession => "event_outside_session",
            Self::RemoteUnknown => "remote_unknown",
            Self::NegativeClamped => "negative_clamped",
        }
    }
}

/// A stretch of time, half-open, of one participant of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Whose it is.
    pub participant_id: ParticipantId,
    /// What lasted.
    pub kind: IntervalKind,
    /// The publisher that was watched.
    pub remote_participant_id: Option<ParticipantId>,
    /// Where a replication went to.
    pub destination_stage_arn: Option<String>,
    /// The session there, as its start named it.
    pub destination_session_id: Option<String>,
    /// The participant (for SUBSCRIBE the remote) is a replica; false for REPLICATION.
    pub replica: bool,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; never before the start.
    pub end: Timestamp,
    /// What ended it.
    pub end_reason: EndReason,
    /// The start is not an event of its own: someone was there without a JOINED.
    pub synthetic_start: bool,
    /// Start events that it holds; 0 for a synthetic one.
    pub starts_n: i32,
    /// What is odd about it, in the order of [`Anomaly`], each once.
    pub anomalies: Vec<Anomaly>,
    /// The customer's name for the person as of the start.
    pub user_id: Option<String>,
    /// The participant ever published in this session.
    pub publisher: bool,
}
