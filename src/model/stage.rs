//! Stages and their sessions.

use super::{SessionId, StageArn, TextMap, Timestamp};

/// A stage, as ListStages and GetStage tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its ARN.
    pub arn: StageArn,
    /// Its name, which need not be unique.
    pub name: Option<String>,
    /// The session that is live.
    pub active_session_id: Option<SessionId>,
    /// Its tags; `None` where there are none.
    pub tags: Option<TextMap>,
}

/// A session of a stage, as ListStageSessions and GetStageSession tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageSession {
    /// Its id within the stage.
    pub session_id: SessionId,
    /// When the first participant joined.
    pub start_time: Option<Timestamp>,
    /// When it ended; absent while it is live.
    pub end_time: Option<Timestamp>,
}
