//! Lakes made by hand. All on 2026-11-20; times are given as `10:00:00`.

use super::*;

#[derive(Clone, Default)]
pub(super) struct Lake {
    rows: Vec<(Table, Value)>,
}

pub(super) fn arn(stage: &str) -> String {
    format!("arn:aws:ivs:eu-west-1:012345678901:stage/{stage}")
}

pub(super) fn at(time: &str) -> String {
    format!("2026-11-20T{time}Z")
}

impl Lake {
    /// A collected session; without an end it is live.
    pub(super) fn session(self, stage: &str, id: &str, start: &str, end: Option<&str>) -> Self {
        self.push(
            Table::Sessions,
            json!({
                "stage_arn": arn(stage), "session_id": id, "stage_name": stage, "start_time": at(start),
                "end_time": end.map(at), "collection": "COMPLETE"
            }),
        )
    }

    /// A session of an hour that is known, and no more.
    pub(super) fn listed(self, stage: &str, id: &str, start: &str, collection: &str) -> Self {
        self.push(
            Table::Sessions,
            json!({
                "stage_arn": arn(stage), "session_id": id, "stage_name": stage, "start_time": at(start),
                "collection": collection
            }),
        )
    }

    pub(super) fn participant(self, stage: &str, session: &str, id: &str, more: Value) -> Self {
        self.push(Table::Participants, merged(key(stage, session, id), more))
    }

    /// An event; further columns in `more`.
    pub(super) fn event(
        self,
        [stage, session, participant]: [&str; 3],
        time: &str,
        name: &str,
        more: Value,
    ) -> Self {
        let event = json!({"event_time": at(time), "name": name});
        self.push(Table::Events, merged(merged(key(stage, session, participant), event), more))
    }

    /// An interval; further columns in `more`.
    pub(super) fn interval(
        self,
        [stage, session, participant]: [&str; 3],
        kind: &str,
        [start, end]: [&str; 2],
        more: Value,
    ) -> Self {
        let interval = json!({
            "kind": kind, "start_time": at(start), "end_time": at(end), "end_reason": "EXPLICIT", "starts_n": 1
        });
        self.push(
            Table::Intervals,
            merged(merged(key(stage, session, participant), interval), more),
        )
    }

    /// A request from `home` to a stage, by this program; it is answered within a second.
    pub(super) fn request(self, to: &str, time: &str, action: &str, more: Value) -> Self {
        let number = self.rows.len();
        let request = json!({
            "request_id": number.to_string(), "requested_at": at(time), "finished_at": at(time),
            "action": action, "source_stage_arn": arn("home"), "destination_stage_arn": arn(to),
            "participant_id": "host", "outcome": "ACCEPTED", "requested_by": "ann@host",
        });
        self.push(Table::ReplicationRequests, merged(request, more))
    }

    /// The same rows in another order: the last `count` first, and all from the end.
    pub(super) fn turned(mut self, count: usize) -> Self {
        self.rows.rotate_right(count);
        self.rows.reverse();
        self
    }

    fn push(mut self, table: Table, row: Value) -> Self {
        self.rows.push((table, row));
        self
    }

    /// Sessions say how many events they have.
    pub(super) fn counted(mut self) -> Self {
        let names = |row: &Value| (row["stage_arn"].clone(), row["session_id"].clone());
        let of_events = self.rows.iter().filter(|(of, _)| *of == Table::Events);
        let of_events: Vec<_> = of_events.map(|(_, row)| names(row)).collect();
        for (_, row) in self.rows.iter_mut().filter(|(of, _)| *of == Table::Sessions) {
            let events_n = of_events.iter().filter(|it| **it == names(row)).count();
            row["events_n"] = json!(events_n);
        }
        self
    }

    pub(super) fn into_source(self) -> MemorySource {
        let mut source = MemorySource::default();
        for table in Table::ALL {
            let rows: Vec<Value> = self
                .rows
                .iter()
                .filter(|(of, _)| *of == table)
                .map(|(_, row)| merged(defaults(table), row.clone()))
                .collect();
            if !rows.is_empty() {
                source = source.with(table, batch(table, &rows));
            }
        }
        source
    }
}

fn key(stage: &str, session: &str, participant: &str) -> Value {
    json!({"stage_arn": arn(stage), "session_id": session, "participant_id": participant})
}

fn merged(mut base: Value, more: Value) -> Value {
    let Value::Object(more) = more else { return base };
    base.as_object_mut().unwrap().extend(more);
    base
}

/// Something for each column that must not be null.
fn defaults(table: Table) -> Value {
    use arrow::datatypes::DataType;
    let mut row = json!({});
    for field in table.schema().fields() {
        let value = match (field.name().as_str(), field.data_type()) {
            (_, _) if field.is_nullable() => continue,
            ("account_id", _) => json!("012345678901"),
            ("region", _) => json!("eu-west-1"),
            (_, DataType::Date32) => json!("2026-11-20"),
            (_, DataType::Utf8) => json!(""),
            (_, DataType::Boolean) => json!(false),
            (_, DataType::Timestamp(_, _)) => json!(at("00:00:00")),
            (_, DataType::List(_)) => json!([]),
            _ => json!(0),
        };
        row[field.name()] = value;
    }
    row
}

fn batch(table: Table, rows: &[Value]) -> RecordBatch {
    let mut decoder =
        ReaderBuilder::new(table.schema()).with_strict_mode(true).build_decoder().unwrap();
    decoder.serialize(rows).unwrap();
    decoder.flush().unwrap().unwrap()
}
