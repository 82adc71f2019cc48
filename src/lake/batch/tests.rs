//! Tests of rows to batches and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;

use super::super::tables::list_of;
use super::*;
use crate::model::{
    Anomaly, EndReason, ErrorCode, Event, EventName, ExchangedToken, Interval, IntervalKind,
    Participant, ParticipantDetails, ParticipantId, ParticipantState, Replica, SessionId,
    SessionKey, Stage, StageArn, TextMap, Timestamp,
};

const ARN: &str = "arn:aws:ivs:us-west-2:012345678901:stage/AbCdEf";

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn session() -> SessionKey {
    SessionKey {
        stage_arn: StageArn::parse(ARN).unwrap(),
        session_id: SessionId::new("st-a1b2c3d4e5f6g").unwrap(),
    }
}

fn participant_id(text: &str) -> ParticipantId {
    ParticipantId::new(text).unwrap()
}

fn map(entries: &[(&str, &str)]) -> TextMap {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn event(time: Option<Timestamp>, name: Option<&str>) -> Event {
    Event {
        time,
        name: name.map(EventName::from),
        remote_participant_id: None,
        error_code: None,
        destination_stage_arn: None,
        destination_session_id: None,
        replica: false,
        previous_token: None,
        new_token: None,
        position: 0,
    }
}

fn odd_events() -> Vec<Event> {
    let token = ExchangedToken {
        capabilities: Some(vec![]),
        attributes: Some(map(&[("", ""), ("größe", "ünïcode 🎥"), ("b", "")])),
        user_id: Some("u".to_owned()),
        expiration_time: Some(time(9)),
    };
    let publish = Some(vec!["PUBLISH".to_owned(), "NEW".to_owned()]);
    vec![
        event(None, None),
        Event {
            previous_token: Some(token.clone()),
            new_token: Some(ExchangedToken { capabilities: publish, ..token }),
            ..event(Some(time(1)), Some("TOKEN_EXCHANGED"))
        },
        Event {
            new_token: Some(ExchangedToken::default()),
            error_code: Some(ErrorCode::Other("NEW_ERROR".to_owned())),
            destination_stage_arn: Some("not an arn".to_owned()),
            destination_session_id: Some("st-x".to_owned()),
            remote_participant_id: Some(participant_id("remote")),
            replica: true,
            position: 7,
            ..event(None, Some("NEW_EVENT"))
        },
    ]
}

fn event_batch(events: &[Event]) -> RecordBatch {
    let mut batch = EventBatch::default();
    for (occurrence, event) in (0..).zip(events) {
        batch.push(&session(), &participant_id("p"), event, occurrence);
    }
    assert_eq!(batch.len(), events.len());
    let rows = batch.finish();
    assert!(batch.is_empty());
    rows
}

/// The same rows as another engine may hand them over: other encodings, another order, more columns.
fn foreign(batch: &RecordBatch) -> RecordBatch {
    let mut fields = vec![Field::new("region", DataType::Utf8, false)];
    let region: ArrayRef = Arc::new(StringArray::from(vec!["us-west-2"; batch.num_rows()]));
    let mut arrays = vec![region];
    for (index, field) in batch.schema().fields().iter().enumerate().rev() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let to = match field.data_type() {
            DataType::Utf8 if index % 3 == 0 => DataType::Utf8View,
            DataType::Utf8 if index % 3 == 1 => DataType::LargeUtf8,
            DataType::Utf8 => dictionary,
            DataType::Timestamp(..) => {
                DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
            }
            DataType::List(_) => list_of(DataType::Utf8View),
            other => other.clone(),
        };
        arrays.push(cast(batch.column(index), &to).unwrap());
        fields.push(Field::new(field.name(), to, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[test]
fn batches_have_the_columns_of_their_table_without_its_partition() {
    for table in Table::ALL {
        let data = data_schema(table);
        let names = |schema: &SchemaRef| -> Vec<String> {
            schema.fields().iter().map(|field| field.name().clone()).collect()
        };
        let mut all: Vec<String> =
            table.partition_names().iter().map(|name| (*name).to_owned()).collect();
        all.extend(names(&data));
        assert_eq!(all, names(&table.schema()));
    }
}

#[test]
fn odd_events_come_back_as_they_were() {
    let events = odd_events();
    let batch = event_batch(&events);
    assert_eq!(batch.schema(), data_schema(Table::Events));
    for batch in [foreign(&batch), batch] {
        let rows = events_from_batch(&batch).unwrap();
        assert_eq!(rows.iter().map(|row| row.event.clone()).collect::<Vec<_>>(), events);
        assert!(rows.iter().all(|row| row.session == session()));
        assert!(rows.iter().all(|row| row.participant_id == participant_id("p")));
        assert_eq!(rows.iter().map(|row| row.occurrence).collect::<Vec<_>>(), [0, 1, 2]);
    }
}

#[test]
fn an_empty_map_is_null_and_an_empty_list_is_not() {
    let token = ExchangedToken {
        attributes: Some(TextMap::new()),
        capabilities: Some(vec![]),
        ..ExchangedToken::default()
    };
    let batch = event_batch(&[Event { new_token: Some(token), ..event(None, None) }]);
    let rows = events_from_batch(&batch).unwrap();
    let token = rows[0].event.new_token.clone().unwrap();
    assert_eq!(token.attributes, None);
    assert_eq!(token.capabilities, Some(vec![]));
}

fn participant_rows() -> Vec<ParticipantRow> {
    let participant = Participant {
        participant_id: participant_id("p1"),
        user_id: Some("user".to_owned()),
        state: Some(ParticipantState::Other("HOVERING".to_owned())),
        first_join_time: Some(time(3)),
        published: true,
        recording_state: Some("ACTIVE".into()),
        replication_type: Some("REPLICA".into()),
        replication_state: Some("STOPPED".into()),
        source_stage_arn: Some(ARN.to_owned()),
        source_session_id: Some(SessionId::new("st-s").unwrap()),
        redundant_ingest: true,
        ingest_configuration_arn: Some("arn".to_owned()),
    };
    let details = ParticipantDetails {
        attributes: Some(map(&[("k", "")])),
        isp_name: Some("isp".to_owned()),
        os_name: Some("os".to_owned()),
        os_version: Some("1".to_owned()),
        browser_name: Some("browser".to_owned()),
        browser_version: Some("2".to_owned()),
        sdk_version: Some("3".to_owned()),
        protocol: Some("WHIP".to_owned()),
        recording_s3_bucket_name: Some("bucket".to_owned()),
        recording_s3_prefix: Some("prefix".to_owned()),
    };
    let row = ParticipantRow {
        participant,
        details: Some(details),
        details_status: FetchStatus::Fetched,
        events_status: FetchStatus::Fetched,
        replicas_status: FetchStatus::Failed,
        events_n: 12,
        events_fetched_at: Some(time(4)),
    };
    let empty_details =
        ParticipantRow { details: Some(ParticipantDetails::default()), ..row.clone() };
    let not_asked = ParticipantRow {
        details: None,
        details_status: FetchStatus::NotAsked,
        events_status: FetchStatus::Failed,
        events_fetched_at: None,
        ..row.clone()
    };
    vec![row, empty_details, not_asked]
}

#[test]
fn participants_come_back_as_they_were() {
    let rows = participant_rows();
    let mut batch = ParticipantBatch::default();
    for row in &rows {
        batch.push(&session(), row);
    }
    let batch = batch.finish();
    for batch in [foreign(&batch), batch] {
        let read = participants_from_batch(&batch).unwrap();
        assert!(read.iter().all(|(key, _)| *key == session()));
        assert_eq!(read.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), rows);
    }
}

fn session_row() -> SessionRow {
    SessionRow {
        key: session(),
        stage_name: Some("stage".to_owned()),
        stage_tags: Some(map(&[("team", ""), ("a", "b")])),
        start_time: time(-1) + chrono::TimeDelta::microseconds(5),
        start_synthetic: true,
        end_time: Some(time(2)),
        collection: Collection::Incomplete,
        listed_at: time(3),
        as_of: Some(time(4)),
        failing_since: Some(time(5)),
        attempts_n: 6,
        last_error: Some("Code: message".to_owned()),
        participants_n: Some(7),
        events_n: Some(8),
        publication: Some(9),
        intervals_rule: Some(10),
        pruned_at: Some(time(11)),
        run_id: "run".to_owned(),
    }
}

#[test]
fn sessions_come_back_as_they_were() {
    let bare = SessionRow {
        stage_name: None,
        stage_tags: None,
        start_synthetic: false,
        end_time: None,
        collection: Collection::Listed,
        as_of: None,
        failing_since: None,
        attempts_n: 0,
        last_error: None,
        participants_n: None,
        events_n: None,
        publication: None,
        intervals_rule: None,
        pruned_at: None,
        ..session_row()
    };
    let rows = [session_row(), bare];
    let batch = sessions_to_batch(&rows);
    assert_eq!(sessions_from_batch(&foreign(&batch)).unwrap(), rows);
    assert_eq!(sessions_from_batch(&batch).unwrap(), rows);
    assert_eq!(rows[0].date().to_string(), "2023-11-14");
}

#[test]
fn stages_come_back_as_they_were() {
    let stage = Stage {
        arn: session().stage_arn,
        name: Some("name".to_owned()),
        active_session_id: Some(session().session_id),
        tags: Some(map(&[("a", "b")])),
    };
    let bare = Stage { name: None, active_session_id: None, tags: None, ..stage.clone() };
    let row =
        |stage, gone_at| StageRow { stage, first_seen_at: time(0), last_seen_at: time(1), gone_at };
    let rows = [row(stage, None), row(bare, Some(time(2)))];
    let batch = stages_to_batch(&rows);
    assert_eq!(stages_from_batch(&foreign(&batch)).unwrap(), rows);
    assert_eq!(stages_from_batch(&batch).unwrap(), rows);
}

#[test]
fn what_is_no_row_is_refused_by_name() {
    let batch = sessions_to_batch(&[session_row()]);
    let without = |name: &str| {
        let mut batch = batch.clone();
        batch.remove_column(batch.schema().index_of(name).unwrap());
        batch
    };
    let error = sessions_from_batch(&without("run_id")).unwrap_err();
    assert!(matches!(error, BatchError::MissingColumn { column } if column == "run_id"));
    assert_eq!(sessions_from_batch(&without("pruned_at")).unwrap()[0].pruned_at, None);

    let mut arrays = batch.columns().to_vec();
    let index = batch.schema().index_of("collection").unwrap();
    arrays[index] = Arc::new(StringArray::from(vec!["ELSEWHERE"]));
    let odd = RecordBatch::try_new(batch.schema(), arrays).unwrap();
    let error = sessions_from_batch(&odd).unwrap_err();
    assert_eq!(error.to_string(), "column `collection` holds `ELSEWHERE`");
}

#[test]
fn intervals_and_replicas_fill_their_columns() {
    let interval = Interval {
        participant_id: participant_id("p"),
        kind: IntervalKind::Subscribe,
        remote_participant_id: Some(participant_id("q")),
        destination_stage_arn: None,
        destination_session_id: None,
        replica: true,
        start: time(1),
        end: time(2),
        end_reason: EndReason::RemoteGone,
        synthetic_start: false,
        starts_n: 2,
        anomalies: vec![Anomaly::DoubleStart, Anomaly::RemoteUnknown],
        user_id: Some("u".to_owned()),
        publisher: true,
    };
    let mut batch = IntervalBatch::default();
    batch.push(&session(), &interval);
    batch.push(&session(), &Interval { anomalies: vec![], ..interval });
    let batch = batch.finish();
    let columns = Columns::from(&batch);
    assert_eq!(columns.text("end_reason").unwrap().get(0), Some("REMOTE_GONE"));
    let anomalies = columns.texts("anomalies").unwrap();
    assert_eq!(anomalies.get(0).unwrap(), ["double_start", "remote_unknown"]);
    assert_eq!(anomalies.get(1), Some(vec![]));

    let replica = Replica {
        source_stage_arn: session().stage_arn,
        source_session_id: session().session_id,
        participant_id: participant_id("p"),
        destination_stage_arn: ARN.to_owned(),
        destination_session_id: None,
        replication_state: Some("ACTIVE".into()),
    };
    let mut batch = ReplicaBatch::default();
    batch.push(&ReplicaRow { replica: replica.clone(), listed_at: time(1) });
    let batch = batch.finish();
    let columns = ReplicaColumns::new(&Columns::from(&batch)).unwrap();
    assert_eq!(columns.get(0).unwrap(), replica);
}

#[test]
fn runs_keep_their_nested_columns() {
    let calls =
        OperationCalls { attempts: 5, utilization: Some(0.98), ..OperationCalls::default() };
    let failure = FailureRow { code: Some("MALFORMED".to_owned()), n: 3, ..FailureRow::default() };
    let row = RunRow {
        run_id: "run".to_owned(),
        started_at: time(0) + chrono::TimeDelta::microseconds(1),
        finished_at: time(9),
        status: RunStatus::Killed,
        version: "0.1.0".to_owned(),
        duration_s: Some(1.5),
        bytes_written: None,
        stages: Some(1),
        sessions: Some(2),
        sessions_left: Some(SessionsLeft { live: 4, ..SessionsLeft::default() }),
        given_up: None,
        participants: Some(3),
        events: Some(4),
        replicas: Some(0),
        calls: [("ListStages".to_owned(), calls)].into(),
        failures: vec![failure],
    };
    let bare = RunRow { sessions_left: None, calls: [].into(), failures: vec![], ..row.clone() };
    let batch = runs_to_batch(&[row, bare]).unwrap();
    assert_eq!(batch.schema(), data_schema(Table::Runs));
    let columns = Columns::from(&batch);
    assert_eq!(
        columns.time("started_at").unwrap().some(1).unwrap(),
        time(0) + chrono::TimeDelta::microseconds(1)
    );
    assert_eq!(columns.text("status").unwrap().get(0), Some("killed"));
    let calls = batch.column_by_name("calls").unwrap().as_map();
    assert_eq!(calls.keys().as_string::<i32>().value(0), "ListStages");
    assert!(calls.is_null(1), "an empty map is NULL");
    let failures = batch.column_by_name("failures").unwrap().as_list::<i32>();
    assert_eq!(failures.value(0).as_struct().column_by_name("n").unwrap().len(), 1);
    assert_eq!(runs_to_batch(&[]).unwrap().num_rows(), 0);
}

fn some_event() -> impl Strategy<Value = Event> {
    let name = prop_oneof![
        Just(None),
        prop::sample::select(EventName::KNOWN).prop_map(Some),
        "[A-C]".prop_map(|text| Some(EventName::from(text.as_str()))),
    ];
    let remote = prop::option::of("[a-b]".prop_map(|text| participant_id(&text)));
    let token = prop::option::of(any::<bool>().prop_map(|empty| ExchangedToken {
        attributes: empty.then(TextMap::new),
        ..ExchangedToken::default()
    }));
    (prop::option::of(0..3_i64), name, remote, any::<bool>(), token).prop_map(
        |(seconds, name, remote_participant_id, replica, new_token)| Event {
            name,
            remote_participant_id,
            replica,
            new_token,
            ..event(seconds.map(time), None)
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_events_owes_nothing_to_the_answer(
        events in prop::collection::vec(some_event(), 0..40),
        seed in any::<u64>(),
    ) {
        let sorted = |mut events: Vec<Event>| {
            for (position, event) in (0..).zip(&mut events) {
                event.position = position;
            }
            let occurrences = order::sort_events(&mut events);
            let batch = event_batch(&events);
            let rows = events_from_batch(&batch).unwrap();
            rows.into_iter()
                .zip(occurrences)
                .map(|(row, occurrence)| (Event { position: 0, ..row.event }, occurrence))
                .collect::<Vec<_>>()
        };
        let mut shuffled = events.clone();
        shuffled.sort_by_cached_key(|event| {
            let text = format!("{event:?}{seed}");
            text.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
        });
        let rows = sorted(events);
        prop_assert_eq!(&rows, &sorted(shuffled));
        for (index, row) in rows.iter().enumerate() {
            prop_assert!(!rows[..index].contains(row), "the key is unique");
        }
        let times: Vec<_> = rows.iter().map(|(event, _)| event.time).collect();
        prop_assert!(times.iter().skip_while(|time| time.is_some()).all(Option::is_none));
        prop_assert!(times.windows(2).all(|pair| pair[1].is_none() || pair[0] <= pair[1]));
    }
}

#[test]
fn events_of_a_second_stand_by_rank_then_remote() {
    let at = |name: &str, remote: Option<&str>| Event {
        remote_participant_id: remote.map(participant_id),
        ..event(Some(time(0)), Some(name))
    };
    let mut events = vec![
        at("ZEBRA", None),
        at("LEFT", None),
        at("SUBSCRIBE_STARTED", None),
        at("SUBSCRIBE_STARTED", Some("b")),
        at("APE", None),
        at("SUBSCRIBE_STARTED", Some("a")),
        at("JOINED", None),
        at("SUBSCRIBE_STARTED", Some("a")),
        event(Some(time(0)), None),
        event(Some(time(-1)), Some("LEFT")),
    ];
    let occurrences = order::sort_events(&mut events);
    let names: Vec<_> = events
        .iter()
        .map(|event| {
            let name = event.name.as_ref().map_or("-", |name| name.as_str());
            let remote = event.remote_participant_id.as_ref().map_or("-", ParticipantId::as_str);
            format!("{name} {remote}")
        })
        .collect();
    assert_eq!(
        names,
        [
            "LEFT -",
            "JOINED -",
            "SUBSCRIBE_STARTED a",
            "SUBSCRIBE_STARTED a",
            "SUBSCRIBE_STARTED b",
            "SUBSCRIBE_STARTED -",
            "LEFT -",
            "APE -",
            "ZEBRA -",
            "- -"
        ]
    );
    assert_eq!(occurrences, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}
