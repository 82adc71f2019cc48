//! An event, as the world remembers it.

use std::sync::Arc;

use crate::model::{ErrorCode, EventName, TextMap, Timestamp};

/// Something that happened to a participant. Texts may be empty, and anything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub name: Option<EventName>,
    /// When.
    pub time: Option<Timestamp>,
    /// The publisher that a subscribe event is about.
    pub remote_participant_id: Option<Arc<str>>,
    /// Why, for an error.
    pub error_code: Option<ErrorCode>,
    /// Where a replication goes to.
    pub destination_stage_arn: Option<Arc<str>>,
    /// The session there.
    pub destination_session_id: Option<Arc<str>>,
    /// Whether the participant (of a subscribe event the remote) is a replica.
    pub replica: Option<bool>,
    /// The tokens before and after an exchange.
    pub exchange: Option<Box<(TokenState, TokenState)>>,
}

impl Event {
    /// An event with a name and a time alone.
    #[must_use]
    pub fn new(name: EventName, time: Timestamp) -> Self {
        Self { name: Some(name), time: Some(time), ..Self::default() }
    }

    /// An attempt that failed.
    #[must_use]
    pub fn error(name: EventName, code: ErrorCode, time: Timestamp) -> Self {
        Self { error_code: Some(code), ..Self::new(name, time) }
    }

    /// The same, about a publisher.
    #[must_use]
    pub fn about(mut self, remote_participant_id: &str, replica: bool) -> Self {
        self.remote_participant_id = Some(remote_participant_id.into());
        self.replica = Some(replica);
        self
    }

    /// The same, towards a stage and a session.
    #[must_use]
    pub fn towards(mut self, stage_arn: &str, session_id: &str) -> Self {
        self.destination_stage_arn = Some(stage_arn.into());
        self.destination_session_id = Some(session_id.into());
        self
    }
}

/// What a token allows and says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenState {
    /// What it allows, as the service writes it.
    pub capabilities: Option<Vec<String>>,
    /// The application's own attributes.
    pub attributes: Option<TextMap>,
    /// The customer's name for the person.
    pub user_id: Option<String>,
    /// When it expires.
    pub expiration_time: Option<Timestamp>,
}
