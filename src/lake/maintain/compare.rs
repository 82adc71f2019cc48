//! What the lake holds against what the service answers, both as rows of the lake: column by column, in words.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::lake::LakeError;
use crate::lake::batch::order::sort_events;
use crate::lake::batch::{
    EventBatch, EventRow, ParticipantBatch, ParticipantRow, ReplicaBatch, ReplicaRow,
};
use crate::lake::tables::Table;
use crate::model::{Event, ParticipantId, Replica, SessionKey, Timestamp};

/// Differing rows that are named for one participant; the rest is counted.
const ROWS_MAX: usize = 5;

/// Columns that say how a row came to be, rather than what the service told.
const OURS: [&str; 7] = [
    "details_status",
    "events_status",
    "replicas_status",
    "events_n",
    "events_fetched_at",
    "position",
    "listed_at",
];

/// How a participant's row differs from the one that the answer makes.
///
/// # Errors
/// [`LakeError::Shape`] where a value has no text.
pub fn participants(
    session: &SessionKey,
    held: &ParticipantRow,
    answered: &ParticipantRow,
) -> Result<Vec<String>, LakeError> {
    let mut rows = ParticipantBatch::default();
    rows.push(session, held);
    rows.push(session, answered);
    let mut texts = texts(Table::Participants, &rows.finish())?.into_iter();
    let (Some(held), Some(answered)) = (texts.next(), texts.next()) else { return Ok(vec![]) };
    let differs = |(held, answered): (Cell, Cell)| {
        let (name, held, answered) =
            (held.0, value(held.1.as_deref()), value(answered.1.as_deref()));
        (held != answered)
            .then(|| format!("`{name}` is {held} in the lake, and {answered} at the service"))
    };
    Ok(held.into_iter().zip(answered).filter_map(differs).collect())
}

/// Which of a participant's events are in one place alone, whatever their order.
///
/// # Errors
/// [`LakeError::Shape`] where a value has no text.
pub fn events(
    session: &SessionKey,
    participant_id: &ParticipantId,
    held: &[EventRow],
    mut answered: Vec<Event>,
) -> Result<Vec<String>, LakeError> {
    let (mut ours, mut theirs) = (EventBatch::default(), EventBatch::default());
    for row in held {
        ours.push(session, participant_id, &row.event, row.occurrence);
    }
    let occurrences = sort_events(&mut answered);
    for (event, occurrence) in answered.iter().zip(occurrences) {
        theirs.push(session, participant_id, event, occurrence);
    }
    one_sided(Table::Events, &ours.finish(), &theirs.finish())
}

/// Which of a participant's replicas are in one place alone.
///
/// # Errors
/// [`LakeError::Shape`] where a value has no text.
pub fn replicas(held: Vec<Replica>, answered: Vec<Replica>) -> Result<Vec<String>, LakeError> {
    let batch = |replicas: Vec<Replica>| {
        let mut rows = ReplicaBatch::default();
        for replica in replicas {
            rows.push(&ReplicaRow { replica, listed_at: Timestamp::UNIX_EPOCH });
        }
        rows.finish()
    };
    one_sided(Table::Replicas, &batch(held), &batch(answered))
}

/// A column's name and value; none for NULL.
type Cell = (String, Option<String>);

fn value(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("`{text}`"))
}

/// Rows that stand more often in one batch than in the other.
fn one_sided(
    table: Table,
    held: &RecordBatch,
    answered: &RecordBatch,
) -> Result<Vec<String>, LakeError> {
    let mut counts: BTreeMap<Vec<Cell>, i64> = BTreeMap::new();
    for row in texts(table, held)? {
        *counts.entry(row).or_default() += 1;
    }
    for row in texts(table, answered)? {
        *counts.entry(row).or_default() -= 1;
    }
    counts.retain(|_, n| *n != 0);
    let rows_n = counts.len();
    let mut messages: Vec<String> = counts
        .into_iter()
        .take(ROWS_MAX)
        .map(|(row, n)| {
            let place = if n > 0 { "the lake" } else { "the service's answer" };
            format!("in {place} alone: {}", in_words(&row))
        })
        .collect();
    if rows_n > ROWS_MAX {
        messages.push(format!("and {} more", rows_n - ROWS_MAX));
    }
    Ok(messages)
}

fn in_words(row: &[Cell]) -> String {
    let is_telling = |name: &str| !matches!(name, "stage_arn" | "session_id" | "participant_id");
    let cells = row.iter().filter(|(name, value)| is_telling(name) && value.is_some());
    let words: Vec<String> =
        cells.map(|(name, text)| format!("{name} {}", value(text.as_deref()))).collect();
    words.join(", ")
}

/// Rows as text, without the columns that are ours.
fn texts(table: Table, batch: &RecordBatch) -> Result<Vec<Vec<Cell>>, LakeError> {
    let rows = || -> Result<Vec<Vec<Cell>>, ArrowError> {
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = vec![Vec::new(); batch.num_rows()];
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if OURS.contains(&field.name().as_str()) {
                continue;
            }
            let texts = ArrayFormatter::try_new(column, &options)?;
            for (at, row) in rows.iter_mut().enumerate() {
                let text = column.is_valid(at).then(|| texts.value(at).try_to_string());
                row.push((field.name().clone(), text.transpose()?));
            }
        }
        Ok(rows)
    };
    rows().map_err(|source| LakeError::Shape { table, source: source.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::batch::FetchStatus;
    use crate::model::{EventName, Participant, ParticipantDetails, SessionId, StageArn};

    fn session() -> SessionKey {
        SessionKey {
            stage_arn: StageArn::parse("arn:aws:ivs:us-west-2:111122223333:stage/a").unwrap(),
            session_id: SessionId::new("st-1").unwrap(),
        }
    }

    fn event(second: i64, position: i32) -> Event {
        Event {
            time: Timestamp::from_timestamp(second, 0),
            name: Some(EventName::PublishError),
            remote_participant_id: None,
            error_code: None,
            destination_stage_arn: None,
            destination_session_id: None,
            replica: false,
            previous_token: None,
            new_token: None,
            position,
        }
    }

    fn id() -> ParticipantId {
        ParticipantId::new("p").unwrap()
    }

    fn rows(mut events: Vec<Event>) -> Vec<EventRow> {
        let occurrences = sort_events(&mut events);
        let rows = events.into_iter().zip(occurrences);
        rows.map(|(event, occurrence)| EventRow {
            session: session(),
            participant_id: id(),
            event,
            occurrence,
        })
        .collect()
    }

    #[test]
    fn events_are_compared_as_multisets() {
        let held = rows(vec![event(1, 0), event(1, 1), event(2, 2)]);
        let same = vec![event(2, 0), event(1, 1), event(1, 2)];
        assert_eq!(events(&session(), &id(), &held, same).unwrap(), Vec::<String>::new());
        let found = events(&session(), &id(), &held, vec![event(1, 0), event(3, 1)]).unwrap();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found.iter().filter(|it| it.starts_with("in the lake alone")).count(), 2);
        assert!(found[2].contains("1970-01-01T00:00:03Z") && found[2].contains("PUBLISH_ERROR"));
        let many = events(&session(), &id(), &[], (0..9).map(|at| event(at.into(), at)).collect());
        assert_eq!(many.unwrap().last().unwrap(), "and 4 more");
    }

    #[test]
    fn participants_are_compared_column_by_column() {
        let row = |user: Option<&str>, isp: Option<&str>, events_n| ParticipantRow {
            participant: Participant {
                participant_id: id(),
                user_id: user.map(str::to_owned),
                state: None,
                first_join_time: None,
                published: true,
                recording_state: None,
                replication_type: None,
                replication_state: None,
                source_stage_arn: None,
                source_session_id: None,
                redundant_ingest: false,
                ingest_configuration_arn: None,
            },
            details: Some(ParticipantDetails {
                isp_name: isp.map(str::to_owned),
                ..ParticipantDetails::default()
            }),
            details_status: FetchStatus::Fetched,
            events_status: FetchStatus::Fetched,
            replicas_status: FetchStatus::NotAsked,
            events_n,
            events_fetched_at: None,
        };
        let held = row(Some("alice"), None, 3);
        let same = participants(&session(), &held, &row(Some("alice"), None, 5)).unwrap();
        assert_eq!(same, Vec::<String>::new(), "counts are ours");
        assert_eq!(
            participants(&session(), &held, &row(None, Some("net"), 3)).unwrap(),
            [
                "`user_id` is `alice` in the lake, and NULL at the service",
                "`isp_name` is NULL in the lake, and `net` at the service"
            ]
        );
    }
}
