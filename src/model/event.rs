//! What happened to a participant, as the service tells it.

use super::text::open_enum;
use super::{ParticipantId, TextMap, Timestamp};

open_enum! {
    /// The name of an event (the service's `EventName`).
    EventName {
        /// Entered the stage session.
        Joined = "JOINED",
        /// Left it.
        Left = "LEFT",
        /// Began to send media.
        PublishStarted = "PUBLISH_STARTED",
        /// Stopped sending.
        PublishStopped = "PUBLISH_STOPPED",
        /// Began to receive one publisher.
        SubscribeStarted = "SUBSCRIBE_STARTED",
        /// Stopped receiving that publisher.
        SubscribeStopped = "SUBSCRIBE_STOPPED",
        /// An attempt to publish failed.
        PublishError = "PUBLISH_ERROR",
        /// An attempt to subscribe failed.
        SubscribeError = "SUBSCRIBE_ERROR",
        /// An attempt to join failed.
        JoinError = "JOIN_ERROR",
        /// Replication to another stage began; recorded on the source.
        ReplicationStarted = "REPLICATION_STARTED",
        /// Replication to another stage ended; recorded on the source.
        ReplicationStopped = "REPLICATION_STOPPED",
        /// The participant's token was swapped without a reconnect.
        TokenExchanged = "TOKEN_EXCHANGED",
    }
}

impl EventName {
    /// Where events of one second stand in the lake's order; it says nothing of what came first.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Joined => 0,
            Self::TokenExchanged => 1,
            Self::PublishStarted => 2,
            Self::SubscribeStarted => 3,
            Self::ReplicationStarted => 4,
            Self::JoinError => 5,
            Self::PublishError => 6,
            Self::SubscribeError => 7,
            Self::ReplicationStopped => 8,
            Self::SubscribeStopped => 9,
            Self::PublishStopped => 10,
            Self::Left => 11,
            Self::Other(_) => 12,
        }
    }
}

open_enum! {
    /// Why an attempt failed (the service's `EventErrorCode`).
    ErrorCode {
        /// The token does not allow it.
        InsufficientCapabilities = "INSUFFICIENT_CAPABILITIES",
        /// Too many publishers or subscribers.
        QuotaExceeded = "QUOTA_EXCEEDED",
        /// Subscribed to a publisher that does not exist.
        PublisherNotFound = "PUBLISHER_NOT_FOUND",
        /// Above the maximum bitrate.
        BitrateExceeded = "BITRATE_EXCEEDED",
        /// Above the maximum resolution.
        ResolutionExceeded = "RESOLUTION_EXCEEDED",
        /// Longer than allowed.
        StreamDurationExceeded = "STREAM_DURATION_EXCEEDED",
        /// Audio codec not accepted.
        InvalidAudioCodec = "INVALID_AUDIO_CODEC",
        /// Video codec not accepted.
        InvalidVideoCodec = "INVALID_VIDEO_CODEC",
        /// RTMP where RTMPS is configured.
        InvalidProtocol = "INVALID_PROTOCOL",
        /// Wrong stream key.
        InvalidStreamKey = "INVALID_STREAM_KEY",
        /// Stream key in use by another active session.
        ReuseOfStreamKey = "REUSE_OF_STREAM_KEY",
        /// The stream has B-frames.
        BFramePresent = "B_FRAME_PRESENT",
        /// Input stream not accepted.
        InvalidInput = "INVALID_INPUT",
        /// The service failed.
        InternalServerException = "INTERNAL_SERVER_EXCEPTION",
    }
}

/// One event of one participant. Whose it is stands beside it: the service is asked for one participant at a
/// time, and repeats nothing else that would tell events apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When; whole seconds in every published sample.
    pub time: Option<Timestamp>,
    /// What.
    pub name: Option<EventName>,
    /// The publisher that a subscribe event is about.
    pub remote_participant_id: Option<ParticipantId>,
    /// Why, for an error event.
    pub error_code: Option<ErrorCode>,
    /// Where a replication goes to.
    pub destination_stage_arn: Option<String>,
    /// The session there.
    pub destination_session_id: Option<String>,
    /// The participant is a replica; for a subscribe event, the remote is one.
    pub replica: bool,
    /// The token before an exchange.
    pub previous_token: Option<ExchangedToken>,
    /// The token after it.
    pub new_token: Option<ExchangedToken>,
    /// Index in the service's answer, counted across its pages. Evidence; nothing may read it as an order.
    pub position: i32,
}

/// What the service tells of a token that was exchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExchangedToken {
    /// What the token allows, verbatim; `None` where the service said nothing.
    pub capabilities: Option<Vec<String>>,
    /// The application's own attributes; `None` where there are none.
    pub attributes: Option<TextMap>,
    /// The customer's name for the person.
    pub user_id: Option<String>,
    /// When the token expires.
    pub expiration_time: Option<Timestamp>,
}
