//! The nouns of Amazon IVS Real-Time, as the rest of the program passes them around.
//!
//! Pure values: no I/O, no Arrow, no SDK, no clock. Names are the service's own. What the service may
//! extend at any time is an open enum that keeps the text it did not know; what it leaves out is `None`.

mod event;
mod ids;
mod interval;
mod participant;
mod replica;
mod stage;
mod text;

pub use event::{ErrorCode, Event, EventName, ExchangedToken};
pub use ids::{
    AccountId, MalformedArn, MissingId, ParticipantId, Region, Scope, SessionId, SessionKey,
    StageArn,
};
pub use interval::{Anomaly, EndReason, Interval, IntervalKind};
pub use participant::{
    DetailsPolicy, Participant, ParticipantDetails, ParticipantState, RecordingState,
    ReplicationState, ReplicationType,
};
pub use replica::{Replica, ReplicationRoute};
pub use stage::{Stage, StageSession};

/// A moment, in UTC, with microseconds: what the service's times are cut to.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A map of the service, sorted by its keys: tags and attributes.
pub type TextMap = std::collections::BTreeMap<String, String>;
