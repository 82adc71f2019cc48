//! Rows of the tables that no noun of the service stands for as it is.

use chrono::NaiveDate;

use crate::model::{
    Participant, ParticipantDetails, Replica, SessionKey, Stage, TextMap, Timestamp,
};

/// An enum of ours with its text in the lake, both ways.
macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text in the lake.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The value that a text of the lake stands for.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(in crate::lake) use closed_enum;

closed_enum! {
    /// How far the collection of a session is.
    Collection {
        /// Seen, not done: live, unsettled, waiting or failing.
        Listed = "LISTED",
        /// Everything that the service had, in the lake.
        Complete = "COMPLETE",
        /// Given up with what there was; what is missing is marked in `participants`.
        Incomplete = "INCOMPLETE",
        /// Given up with nothing.
        Lost = "LOST",
    }
}

closed_enum! {
    /// Whether a part of a participant was fetched.
    FetchStatus {
        /// It was, though it may be empty.
        Fetched = "FETCHED",
        /// It was asked for, and given up.
        Failed = "FAILED",
        /// Nobody asked.
        NotAsked = "NOT_ASKED",
    }
}

/// A row of `stages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRow {
    /// The stage as of `last_seen_at`.
    pub stage: Stage,
    /// When a listing first showed it.
    pub first_seen_at: Timestamp,
    /// When a listing last showed it.
    pub last_seen_at: Timestamp,
    /// When a whole listing no longer showed it.
    pub gone_at: Option<Timestamp>,
}

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Stage and session.
    pub key: SessionKey,
    /// The stage's name when the session was collected.
    pub stage_name: Option<String>,
    /// The stage's tags when the session was collected.
    pub stage_tags: Option<TextMap>,
    /// When the session began, by its first row.
    pub start_time: Timestamp,
    /// The service gave an end but no start.
    pub start_synthetic: bool,
    /// When the session ended.
    pub end_time: Option<Timestamp>,
    /// How far its collection is.
    pub collection: Collection,
    /// When a listing last showed it while it was not done.
    pub listed_at: Timestamp,
    /// When the participants' listing behind its rows was begun.
    pub as_of: Option<Timestamp>,
    /// Since when fetching it has failed.
    pub failing_since: Option<Timestamp>,
    /// Runs in which fetching it failed by its own fault.
    pub attempts_n: i32,
    /// The code and message of the last failure.
    pub last_error: Option<String>,
    /// Participants in the lake.
    pub participants_n: Option<i64>,
    /// Events in the lake.
    pub events_n: Option<i64>,
    /// The publication that made it visible.
    pub publication: Option<i64>,
    /// The version of the rule that derived its intervals.
    pub intervals_rule: Option<i32>,
    /// When its rows in the other tables were deleted.
    pub pruned_at: Option<Timestamp>,
    /// The run that wrote the row.
    pub run_id: String,
}

impl SessionRow {
    /// The partition: the UTC date on which the session began.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.start_time.date_naive()
    }
}

/// A row of `participants`, without its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRow {
    /// The listing's summary.
    pub participant: Participant,
    /// What GetParticipant told; `None` where `details_status` is not FETCHED.
    pub details: Option<ParticipantDetails>,
    /// Whether its details were fetched.
    pub details_status: FetchStatus,
    /// Whether its events were fetched.
    pub events_status: FetchStatus,
    /// Whether its replicas were fetched.
    pub replicas_status: FetchStatus,
    /// Events in the lake; 0 where they were not fetched.
    pub events_n: i64,
    /// When the last page of its events was read.
    pub events_fetched_at: Option<Timestamp>,
}

/// A row of `replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    /// The replication.
    pub replica: Replica,
    /// When its listing was read.
    pub listed_at: Timestamp,
}
