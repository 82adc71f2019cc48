//! The tables: their columns, in order, with their meaning. Every other description of a table (Arrow, Delta, SQL,
//! documentation) is made from this one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// The version of the schema below, kept in the metadata of each table. A lake from a newer one is refused.
pub const SCHEMA_VERSION: u32 = 1;

/// A table of the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// The stages that were seen.
    Stages,
    /// The register: what is known, what is done.
    Sessions,
    /// Who was in a session.
    Participants,
    /// What happened to them.
    Events,
    /// From when to when: derived from the others.
    Intervals,
    /// Who was replicated where.
    Replicas,
    /// Which replications were asked for by this program.
    ReplicationRequests,
    /// The runs of the collector.
    Runs,
}

impl Table {
    /// Every table, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Stages,
        Self::Sessions,
        Self::Participants,
        Self::Events,
        Self::Intervals,
        Self::Replicas,
        Self::ReplicationRequests,
        Self::Runs,
    ];

    /// The tables that a publication writes before `sessions`, in that order.
    pub const DATA: [Self; 4] = [Self::Events, Self::Intervals, Self::Participants, Self::Replicas];

    /// The name in SQL, and of the folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stages => "stages",
            Self::Sessions => "sessions",
            Self::Participants => "participants",
            Self::Events => "events",
            Self::Intervals => "intervals",
            Self::Replicas => "replicas",
            Self::ReplicationRequests => "replication_requests",
            Self::Runs => "runs",
        }
    }

    /// What the table is for, in one sentence.
    #[must_use]
    pub fn doc(self) -> &'static str {
        match self {
            Self::Stages => "Stages as of last_seen_at.",
            Self::Sessions => {
                "The register: every session that a listing ever showed, and whether it is in the lake."
            }
            Self::Participants => {
                "Participants of collected sessions: the listing's summary, and details where they were asked for."
            }
            Self::Events => "Events of collected sessions, as the service told them.",
            Self::Intervals => {
                "From when to when: presence, publishing, subscriptions and replications, derived from events."
            }
            Self::Replicas => "Replications of participants of collected sessions, without times.",
            Self::ReplicationRequests => {
                "Replications that this program was asked to start or stop."
            }
            Self::Runs => "Runs of the collector, one row for each scope.",
        }
    }

    /// Its columns, the partition columns first.
    #[must_use]
    pub fn columns(self) -> Vec<Column> {
        let mut columns = partition_columns(self);
        columns.extend(match self {
            Self::Stages => stages(),
            Self::Sessions => sessions(),
            Self::Participants => participants(),
            Self::Events => events(),
            Self::Intervals => intervals(),
            Self::Replicas => replicas(),
            Self::ReplicationRequests => replication_requests(),
            Self::Runs => runs(),
        });
        columns
    }

    /// The names of its partition columns.
    #[must_use]
    pub fn partition_names(self) -> &'static [&'static str] {
        match self {
            Self::Stages | Self::ReplicationRequests | Self::Runs => &["account_id", "region"],
            _ => &["account_id", "region", "date"],
        }
    }

    /// The columns that name the session that a row belongs to.
    #[must_use]
    pub fn session_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Replicas => ("source_stage_arn", "source_session_id"),
            _ => ("stage_arn", "session_id"),
        }
    }

    /// The Arrow schema, the partition columns first.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        let fields: Vec<Field> = self.columns().into_iter().map(Column::into_field).collect();
        Arc::new(Schema::new(fields))
    }
}

/// A column and what it means.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub data_type: DataType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it means.
    pub doc: &'static str,
}

impl Column {
    fn into_field(self) -> Field {
        Field::new(self.name, self.data_type, self.nullable)
    }
}

/// The type of every time in the lake.
#[must_use]
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// `map<string, string>`, named as the Parquet specification names it.
#[must_use]
pub fn text_map() -> DataType {
    map_of(DataType::Utf8)
}

fn map_of(value: DataType) -> DataType {
    let entry = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value, true),
    ]);
    DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry), false)), false)
}

/// A list, named as the Parquet specification names it.
#[must_use]
pub fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, true)))
}

/// The type of `previous_token` and `new_token`.
#[must_use]
pub fn exchanged_token() -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("capabilities", list_of(DataType::Utf8), true),
        Field::new("attributes", text_map(), true),
        Field::new("user_id", DataType::Utf8, true),
        Field::new("expiration_time", timestamp(), true),
    ]))
}

/// The type of `runs.sessions_left`.
#[must_use]
pub fn sessions_left() -> DataType {
    DataType::Struct(
        ["live", "unsettled", "waiting", "failed"]
            .map(|name| Field::new(name, DataType::Int64, true))
            .to_vec()
            .into(),
    )
}

/// The type of one entry of `runs.calls`.
#[must_use]
pub fn operation_calls() -> DataType {
    let mut fields: Vec<Field> = ["attempts", "ok", "retries", "throttles"]
        .map(|name| Field::new(name, DataType::Int64, true))
        .to_vec();
    fields.push(Field::new("waited_s", DataType::Float64, true));
    fields.push(Field::new("utilization", DataType::Float64, true));
    DataType::Struct(fields.into())
}

/// The type of one entry of `runs.failures`.
#[must_use]
pub fn failure() -> DataType {
    let mut fields: Vec<Field> =
        ["stage_arn", "session_id", "participant_id", "operation", "code", "message", "hint"]
            .map(|name| Field::new(name, DataType::Utf8, true))
            .to_vec();
    fields.push(Field::new("n", DataType::Int64, true));
    DataType::Struct(fields.into())
}

fn required(name: &'static str, data_type: DataType, doc: &'static str) -> Column {
    Column { name, data_type, nullable: false, doc }
}

fn optional(name: &'static str, data_type: DataType, doc: &'static str) -> Column {
    Column { name, data_type, nullable: true, doc }
}

use DataType::{Boolean, Date32, Float64, Int32, Int64, Utf8};

fn partition_columns(table: Table) -> Vec<Column> {
    table
        .partition_names()
        .iter()
        .map(|name| match *name {
            "account_id" => required("account_id", Utf8, "The AWS account; leading zeros count."),
            "region" => required("region", Utf8, "The AWS region."),
            _ => required(
                "date",
                Date32,
                "The UTC date on which the session started; not the date of an event.",
            ),
        })
        .collect()
}

fn session_key() -> Vec<Column> {
    vec![
        required("stage_arn", Utf8, "The stage."),
        required("session_id", Utf8, "The session of the stage."),
    ]
}

fn participant_key() -> Vec<Column> {
    let mut columns = session_key();
    columns.push(required(
        "participant_id",
        Utf8,
        "The participant; unique within the session only.",
    ));
    columns
}

fn stages() -> Vec<Column> {
    vec![
        required("stage_arn", Utf8, "The stage. Key."),
        optional("name", Utf8, "Its name, which need not be unique."),
        optional("active_session_id", Utf8, "The session that was live at last_seen_at."),
        optional("tags", text_map(), "Its tags."),
        required("first_seen_at", timestamp(), "When a listing first showed it."),
        required("last_seen_at", timestamp(), "When a listing last showed it."),
        optional("gone_at", timestamp(), "When a whole listing no longer showed it."),
    ]
}

fn sessions() -> Vec<Column> {
    let mut columns = session_key();
    columns.extend([
        optional("stage_name", Utf8, "The stage's name when the session was collected."),
        optional("stage_tags", text_map(), "The stage's tags when the session was collected."),
        required("start_time", timestamp(), "When the session began."),
        required("start_synthetic", Boolean, "The service gave an end but no start: start = end."),
        optional("end_time", timestamp(), "When the session ended; NULL while it is live."),
        required(
            "collection",
            Utf8,
            "LISTED (seen, not done), COMPLETE, INCOMPLETE (given up with what there was) or LOST.",
        ),
        required("listed_at", timestamp(), "When a listing last showed it while it was not done."),
        optional("as_of", timestamp(), "When the participants' listing behind its rows was begun."),
        optional("failing_since", timestamp(), "Since when fetching it has failed."),
        required("attempts_n", Int32, "Runs in which fetching it failed by its own fault."),
        optional("last_error", Utf8, "The code and message of the last failure."),
        optional("participants_n", Int64, "Participants in the lake."),
        optional("events_n", Int64, "Events in the lake."),
        optional("publication", Int64, "The publication that made it visible."),
        optional("intervals_rule", Int32, "The version of the rule that derived its intervals."),
        optional("pruned_at", timestamp(), "When its rows in the other tables were deleted."),
        required("run_id", Utf8, "The run that wrote this row."),
    ]);
    columns
}

fn participants() -> Vec<Column> {
    let mut columns = participant_key();
    columns.extend([
        optional("user_id", Utf8, "The customer's name for the person."),
        optional("state", Utf8, "CONNECTED or DISCONNECTED when the listing was read."),
        optional("first_join_time", timestamp(), "When it first joined this session."),
        required("published", Boolean, "It published at least once in this session."),
        optional("recording_state", Utf8, "How its recording stood."),
        optional("replication_type", Utf8, "SOURCE, REPLICA or NONE."),
        optional("replication_state", Utf8, "ACTIVE or STOPPED."),
        optional("source_stage_arn", Utf8, "The stage that a replica comes from."),
        optional("source_session_id", Utf8, "The session that a replica comes from."),
        required("redundant_ingest", Boolean, "One of several physical streams of one publisher."),
        optional("ingest_configuration_arn", Utf8, "The ingest configuration it streams through."),
        optional("attributes", text_map(), "The application's own attributes (GetParticipant)."),
        optional("isp_name", Utf8, "The internet service provider (GetParticipant)."),
        optional("os_name", Utf8, "The operating system (GetParticipant)."),
        optional("os_version", Utf8, "Its version (GetParticipant)."),
        optional("browser_name", Utf8, "The browser (GetParticipant)."),
        optional("browser_version", Utf8, "Its version (GetParticipant)."),
        optional("sdk_version", Utf8, "The version of the IVS SDK (GetParticipant)."),
        optional("protocol", Utf8, "UNKNOWN, WHIP, RTMP or RTMPS (GetParticipant)."),
        optional("recording_s3_bucket_name", Utf8, "Where it was recorded to (GetParticipant)."),
        optional("recording_s3_prefix", Utf8, "The prefix there (GetParticipant)."),
        required("details_status", Utf8, "FETCHED, FAILED or NOT_ASKED."),
        required("events_status", Utf8, "FETCHED, FAILED or NOT_ASKED."),
        required("replicas_status", Utf8, "FETCHED, FAILED or NOT_ASKED."),
        required("events_n", Int64, "Events in the lake; 0 where they were not fetched."),
        optional("events_fetched_at", timestamp(), "When the last page of its events was read."),
    ]);
    columns
}

fn events() -> Vec<Column> {
    let mut columns = participant_key();
    columns.extend([
        optional("event_time", timestamp(), "When, in whole seconds."),
        optional("name", Utf8, "What happened: JOINED, LEFT, PUBLISH_STARTED, ..."),
        optional("remote_participant_id", Utf8, "The publisher that a subscribe event is about."),
        optional("error_code", Utf8, "Why, for an error event."),
        optional("destination_stage_arn", Utf8, "Where a replication goes to."),
        optional("destination_session_id", Utf8, "The session there."),
        required(
            "replica",
            Boolean,
            "The participant is a replica; for a subscribe event, the remote is one.",
        ),
        optional("previous_token", exchanged_token(), "The token before an exchange."),
        optional("new_token", exchanged_token(), "The token after it."),
        required("occurrence", Int32, "0, 1, ... among otherwise equal events."),
        required("position", Int32, "Index in the service's answer: evidence, not an order."),
    ]);
    columns
}

fn intervals() -> Vec<Column> {
    let mut columns = participant_key();
    columns.extend([
        required("kind", Utf8, "PRESENCE, PUBLISH, SUBSCRIBE or REPLICATION."),
        optional("remote_participant_id", Utf8, "The publisher that was watched."),
        optional("destination_stage_arn", Utf8, "Where a replication went to."),
        optional("destination_session_id", Utf8, "The session there, as its start named it."),
        required(
            "replica",
            Boolean,
            "The participant (for SUBSCRIBE the remote) is a replica; false for REPLICATION.",
        ),
        required("start_time", timestamp(), "When it began."),
        required("end_time", timestamp(), "When it ended (half-open)."),
        required("end_reason", Utf8, "EXPLICIT, LEFT, REMOTE_GONE, SESSION_END or OPEN."),
        required("synthetic_start", Boolean, "It began without a start event of its own."),
        required("starts_n", Int32, "Start events that it holds."),
        required("anomalies", list_of(Utf8), "What is odd about it."),
        optional("user_id", Utf8, "The person as of the start."),
        required("publisher", Boolean, "The participant ever published in this session."),
    ]);
    columns
}

fn replicas() -> Vec<Column> {
    vec![
        required("source_stage_arn", Utf8, "The stage that the participant publishes on."),
        required("source_session_id", Utf8, "The session there."),
        required("participant_id", Utf8, "The participant, the same on both sides."),
        required("destination_stage_arn", Utf8, "The stage it is replicated to."),
        optional("destination_session_id", Utf8, "The session there."),
        optional("replication_state", Utf8, "ACTIVE or STOPPED."),
        required("listed_at", timestamp(), "When the listing was read."),
    ]
}

fn replication_requests() -> Vec<Column> {
    vec![
        required("request_id", Utf8, "The request (UUIDv7). Key."),
        required("requested_at", timestamp(), "When it was asked for."),
        optional("finished_at", timestamp(), "When the answer came."),
        optional("requested_by", Utf8, "User and host."),
        required("action", Utf8, "START or STOP."),
        required("source_stage_arn", Utf8, "The stage that the participant publishes on."),
        required("destination_stage_arn", Utf8, "The stage it is replicated to."),
        required("participant_id", Utf8, "The participant."),
        optional("reconnect_window_seconds", Int32, "How long a reconnect keeps it going."),
        optional("attributes", text_map(), "Attributes set on the replica."),
        required("outcome", Utf8, "PENDING, ACCEPTED, UNKNOWN (a lost answer) or the error code."),
        optional("message", Utf8, "The service's message."),
    ]
}

fn runs() -> Vec<Column> {
    vec![
        required("run_id", Utf8, "The run (UUIDv7)."),
        required("started_at", timestamp(), "When it began."),
        required("finished_at", timestamp(), "When it ended, or was found to have been killed."),
        required("status", Utf8, "complete, partial, deadline, interrupted, failed or killed."),
        required("version", Utf8, "The version of the program."),
        optional("duration_s", Float64, "How long it took."),
        optional("bytes_written", Int64, "Bytes written to the lake."),
        optional("stages", Int64, "Stages in scope."),
        optional("sessions", Int64, "Sessions published."),
        optional("sessions_left", sessions_left(), "Sessions that are not done, by why."),
        optional("given_up", Int64, "Sessions given up in this run."),
        optional("participants", Int64, "Participants published."),
        optional("events", Int64, "Events published."),
        optional("replicas", Int64, "Replicas published."),
        optional("calls", map_of(operation_calls()), "Calls by operation."),
        optional("failures", list_of(failure()), "What failed."),
    ]
}
