//! Tests of `intervals` against a second opinion: the SQL of the design, mended to keep intervals of zero
//! length, run by DataFusion over random events.
//!
//! Events are drawn dense, many to a second, of every name, and of many small sessions, so that a few
//! thousand participants hold each tie that there is many times over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use chrono::TimeDelta;
use datafusion::prelude::SessionContext;
use ivsight::intervals::{Session, derive_session};
use ivsight::model::{
    Event, EventName, Interval, IntervalKind, Participant, ParticipantId, StageArn, Timestamp,
};
use rand::prelude::*;
use rand_chacha::ChaCha8Rng;

const HOME: &str = "arn:aws:ivs:us-east-1:111122223333:stage/home";
const DESTINATIONS: [Option<&str>; 4] =
    [None, Some(HOME), Some("arn:aws:ivs:us-east-1:111122223333:stage/x"), Some("elsewhere")];
const SESSIONS: usize = 400;
const PEOPLE: [&str; 4] = ["a", "b", "c", "d"];

struct Drawn {
    session: Session,
    people: Vec<(Participant, Vec<Event>)>,
}

/// What both sides are held to: participant, remote or destination, start, end, reason, starts.
type Row = (String, String, i64, i64, String, i64);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp_secs(1_800_000_000).unwrap() + TimeDelta::seconds(seconds)
}

fn seconds(time: Timestamp) -> i64 {
    (time - at(0)).num_seconds()
}

fn draw(rng: &mut ChaCha8Rng) -> Drawn {
    let session = Session {
        stage_arn: StageArn::parse(HOME).unwrap(),
        start: at(0),
        end: rng.random_bool(0.6).then(|| at(rng.random_range(15..45))),
        as_of: at(rng.random_range(20..40)),
    };
    let people = PEOPLE.map(|id| {
        let events_n = rng.random_range(0..24);
        let latest = rng.random_range(3..40);
        let joins = rng.random_bool(0.8);
        let events = (0..events_n)
            .map(|_| draw_event(rng, latest))
            .filter(|event| joins || event.name != Some(EventName::Joined))
            .collect();
        let joined = rng.random_bool(0.5).then(|| at(rng.random_range(-5..20)));
        (participant(id, joined), events)
    });
    Drawn { session, people: people.into() }
}

fn draw_event(rng: &mut ChaCha8Rng, latest: i64) -> Event {
    use EventName::{
        JoinError, Joined, Left, PublishError, PublishStarted, PublishStopped, ReplicationStarted,
        ReplicationStopped, SubscribeStarted, SubscribeStopped, TokenExchanged,
    };
    let weighted = [
        (Joined, 3),
        (Left, 3),
        (PublishStarted, 5),
        (PublishStopped, 5),
        (SubscribeStarted, 5),
        (SubscribeStopped, 3),
        (ReplicationStarted, 2),
        (ReplicationStopped, 2),
        (PublishError, 1),
        (JoinError, 1),
        (TokenExchanged, 1),
    ];
    let (name, _) = weighted.choose_weighted(rng, |(_, weight)| *weight).unwrap().clone();
    let remotes = ["a", "b", "c", "ghost", ""];
    let subscribes = matches!(name, SubscribeStarted | SubscribeStopped);
    let replicates = matches!(name, ReplicationStarted | ReplicationStopped);
    let remote = remotes.choose(rng).filter(|_| subscribes);
    let destination = DESTINATIONS.choose(rng).copied().flatten().filter(|_| replicates);
    Event {
        time: Some(at(rng.random_range(0..latest))),
        name: Some(name),
        remote_participant_id: remote.and_then(|id| ParticipantId::new(id).ok()),
        error_code: None,
        destination_stage_arn: destination.map(str::to_owned),
        destination_session_id: None,
        replica: false,
        previous_token: None,
        new_token: None,
        position: 0,
    }
}

fn participant(id: &str, first_join_time: Option<Timestamp>) -> Participant {
    Participant {
        participant_id: ParticipantId::new(id).unwrap(),
        user_id: None,
        state: None,
        first_join_time,
        published: false,
        recording_state: None,
        replication_type: None,
        replication_state: None,
        source_stage_arn: None,
        source_session_id: None,
        redundant_ingest: false,
        ingest_configuration_arn: None,
    }
}

/// Pairs rows `keyed(pk, about, ts, o, c, l, s)`: opens, closes, left, and is a start event. As in the
/// design, with two more things: `flash`, which is what it dropped, and the count of starts.
const PAIR: &str = "
g0 AS (SELECT pk, about, ts, sum(o) n_open, sum(c) n_close, max(l) n_impl, sum(s) n_start
    FROM keyed GROUP BY pk, about, ts),
g1 AS (SELECT *, n_open - greatest(n_close, n_impl) AS net,
    lead(CASE WHEN n_open > n_close THEN 1 WHEN n_close > n_open THEN -1 WHEN n_impl = 1 THEN 0 END)
        IGNORE NULLS OVER (PARTITION BY pk, about ORDER BY ts) AS nxt FROM g0),
g2 AS (SELECT *, CASE WHEN net > 0 THEN 1 WHEN net < 0 THEN -1
    WHEN nxt = -1 THEN 1 WHEN nxt = 1 THEN -1 END AS st FROM g1),
g3 AS (SELECT *, coalesce(last_value(st) IGNORE NULLS OVER (PARTITION BY pk, about ORDER BY ts
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), -1) AS state FROM g2),
g4 AS (SELECT *, coalesce(lag(state) OVER (PARTITION BY pk, about ORDER BY ts), -1) AS prev FROM g3),
bounds AS (SELECT *, lead(ts) OVER (PARTITION BY pk, about ORDER BY ts) AS stop_ts,
    lead(n_close) OVER (PARTITION BY pk, about ORDER BY ts) AS stop_n FROM g4 WHERE state <> prev),
pairs AS (
    SELECT pk, about, ts AS start_ts, stop_ts, stop_n FROM bounds WHERE state = 1
    UNION ALL
    SELECT pk, about, ts AS start_ts, ts AS stop_ts, n_close AS stop_n FROM g4 WHERE state = -1 AND prev = -1 AND n_open > 0),
counted AS (SELECT p.pk, p.about, p.start_ts, p.stop_ts, p.stop_n, sum(g.n_start) AS starts_n
    FROM pairs p JOIN g0 g ON g.pk = p.pk AND g.about = p.about AND g.ts >= p.start_ts
        AND (p.stop_ts IS NULL OR g.ts <= p.stop_ts)
    GROUP BY p.pk, p.about, p.start_ts, p.stop_ts, p.stop_n),
paired AS (SELECT i.pk, i.about, i.start_ts,
    greatest(i.start_ts, coalesce(i.stop_ts, x.end_ts, x.known_until)) AS end_ts,
    CASE WHEN i.stop_ts IS NOT NULL AND i.stop_n > 0 THEN 'EXPLICIT' WHEN i.stop_ts IS NOT NULL THEN 'LEFT'
        WHEN x.end_ts IS NOT NULL THEN 'SESSION_END' ELSE 'OPEN' END AS reason, i.starts_n
    FROM counted i JOIN people x ON x.pk = i.pk)";

const PUBLISH: &str = "keyed AS (SELECT pk, '' AS about, ts,
    CAST(name = 'PUBLISH_STARTED' AS BIGINT) AS o, CAST(name = 'PUBLISH_STOPPED' AS BIGINT) AS c,
    CAST(name = 'LEFT' AS BIGINT) AS l, CAST(name = 'PUBLISH_STARTED' AS BIGINT) AS s
    FROM ev WHERE name IN ('PUBLISH_STARTED', 'PUBLISH_STOPPED', 'LEFT'))";

const PRESENCE: &str =
    "proof AS (SELECT pk, min(ts) AS first_ts FROM ev WHERE name <> 'JOIN_ERROR' GROUP BY pk),
keyed AS (SELECT pk, '' AS about, ts, CAST(name = 'JOINED' AS BIGINT) AS o,
    CAST(name = 'LEFT' AS BIGINT) AS c, 0 AS l, CAST(name = 'JOINED' AS BIGINT) AS s
    FROM ev WHERE name IN ('JOINED', 'LEFT')
    UNION ALL
    SELECT x.pk, '', least(greatest(coalesce(x.joined_ts, p.first_ts), 0), p.first_ts), 1, 0, 0, 0
    FROM people x JOIN proof p ON p.pk = x.pk
    WHERE x.pk NOT IN (SELECT pk FROM ev WHERE name = 'JOINED'))";

const SUBSCRIBE: &str = "own AS (SELECT pk, about, ts, name FROM ev
    WHERE name IN ('SUBSCRIBE_STARTED', 'SUBSCRIBE_STOPPED')),
keyed AS (SELECT pk, about, ts, CAST(name = 'SUBSCRIBE_STARTED' AS BIGINT) AS o,
    CAST(name = 'SUBSCRIBE_STOPPED' AS BIGINT) AS c, 0 AS l,
    CAST(name = 'SUBSCRIBE_STARTED' AS BIGINT) AS s FROM own
    UNION ALL
    SELECT k.pk, k.about, e.ts, 0, 0, 1, 0 FROM (SELECT DISTINCT pk, about FROM own) k
    JOIN ev e ON e.pk = k.pk AND e.name = 'LEFT')";

const REPLICATION: &str =
    "keyed AS (SELECT pk, about, ts, CAST(name = 'REPLICATION_STARTED' AS BIGINT) AS o,
    CAST(name = 'REPLICATION_STOPPED' AS BIGINT) AS c, 0 AS l,
    CAST(name = 'REPLICATION_STARTED' AS BIGINT) AS s
    FROM ev WHERE name IN ('REPLICATION_STARTED', 'REPLICATION_STOPPED') AND NOT mirror)";

/// A subscription without a stop of its own, cut where its publisher went.
const GONE: &str = "
SELECT s.pk, s.about, s.start_ts, s.end_ts, s.reason, s.starts_n,
    CASE WHEN p.reason IN ('EXPLICIT', 'LEFT') THEN greatest(p.end_ts, s.start_ts) END AS sooner
FROM subscribe s JOIN people x ON x.pk = s.pk
LEFT JOIN publish p ON p.pk = x.session_id || '/' || s.about
    AND p.start_ts - 1 <= s.start_ts AND s.start_ts <= p.end_ts + 1
QUALIFY row_number() OVER (PARTITION BY s.pk, s.about, s.start_ts ORDER BY p.start_ts DESC) = 1";

/// A replication without a stop, cut where its publisher left for good.
const LEFT_FOR_GOOD: &str = "
SELECT r.pk, r.about, r.start_ts, r.end_ts, r.reason, r.starts_n,
    CASE WHEN y.left_ts > r.start_ts AND NOT (coalesce(y.joined_ts > y.left_ts, FALSE)
        OR coalesce(y.joined_ts = y.left_ts, FALSE) AND y.there) THEN y.left_ts END AS sooner
FROM replication r LEFT JOIN (
    SELECT e.pk, max(CASE WHEN e.name = 'LEFT' THEN e.ts END) AS left_ts,
        max(CASE WHEN e.name = 'JOINED' THEN e.ts END) AS joined_ts,
        coalesce(bool_or(p.reason IN ('SESSION_END', 'OPEN')), FALSE) AS there
    FROM ev e LEFT JOIN presence p ON p.pk = e.pk GROUP BY e.pk) y ON y.pk = r.pk";

struct Oracle {
    context: SessionContext,
}

impl Oracle {
    /// With those of the tables of intervals that are asked for.
    async fn over(sessions: &[Drawn], tables: &[(&str, &str)]) -> Self {
        let context = SessionContext::new();
        context.register_batch("ev", events_table(sessions)).unwrap();
        context.register_batch("people", people_table(sessions)).unwrap();
        let oracle = Self { context };
        for (name, keyed) in tables {
            let sql = format!("WITH {keyed}, {PAIR} SELECT * FROM paired");
            let batch = oracle.batch(&sql).await;
            oracle.context.register_batch(*name, batch).unwrap();
        }
        oracle
    }

    async fn batch(&self, sql: &str) -> RecordBatch {
        let frame = self.context.sql(sql).await.unwrap();
        let schema = Arc::clone(frame.schema().inner());
        arrow::compute::concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
    }

    async fn rows(&self, table: &str) -> BTreeSet<Row> {
        rows(&self.batch(&format!("SELECT * FROM {table}")).await).into_iter().collect()
    }

    /// The rows of a query that has the sooner end in a seventh column, each with that end.
    async fn rows_with_sooner_end(&self, sql: &str) -> Vec<(Row, Option<i64>)> {
        let batch = self.batch(sql).await;
        rows(&batch).into_iter().zip(numbers(&batch, 6)).collect()
    }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let [pk, about, reason] = [0, 1, 4].map(|column| texts(batch, column));
    let [start, end, starts_n] = [2, 3, 5].map(|column| numbers(batch, column));
    (0..batch.num_rows())
        .map(|i| {
            let number = |numbers: &[Option<i64>]| numbers[i].unwrap();
            let (pk, about, reason) = (pk[i].clone(), about[i].clone(), reason[i].clone());
            (pk, about, number(&start), number(&end), reason, number(&starts_n))
        })
        .collect()
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    let column = cast(batch.column(column), &DataType::Utf8).unwrap();
    column.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
}

fn numbers(batch: &RecordBatch, column: usize) -> Vec<Option<i64>> {
    let column = cast(batch.column(column), &DataType::Int64).unwrap();
    column.as_primitive::<Int64Type>().iter().collect()
}

fn events_table(sessions: &[Drawn]) -> RecordBatch {
    let events = people_of(sessions)
        .flat_map(|(pk, _, _, events)| events.iter().map(move |event| (pk.clone(), event)))
        .collect::<Vec<_>>();
    let about = |event: &Event| match &event.remote_participant_id {
        Some(remote) => remote.to_string(),
        None => event.destination_stage_arn.clone().unwrap_or_default(),
    };
    let mirror = |event: &Event| event.destination_stage_arn.as_deref() == Some(HOME);
    let times = events.iter().map(|(_, event)| event.time.map(seconds));
    let names = events.iter().map(|(_, event)| event.name.as_ref().map(EventName::as_str));
    RecordBatch::try_from_iter([
        (
            "pk",
            Arc::new(events.iter().map(|(pk, _)| Some(pk)).collect::<StringArray>()) as ArrayRef,
        ),
        ("about", Arc::new(events.iter().map(|(_, e)| Some(about(e))).collect::<StringArray>())),
        ("ts", Arc::new(times.collect::<Int64Array>())),
        ("name", Arc::new(names.collect::<StringArray>())),
        ("mirror", Arc::new(events.iter().map(|(_, e)| Some(mirror(e))).collect::<BooleanArray>())),
    ])
    .unwrap()
}

fn people_table(sessions: &[Drawn]) -> RecordBatch {
    let people = people_of(sessions).collect::<Vec<_>>();
    let known_until = |session: &Session, events: &[Event]| {
        events.iter().filter_map(|event| event.time).chain([session.as_of]).max().map(seconds)
    };
    let session_ids = people.iter().map(|(pk, ..)| pk.split_once('/').map(|(id, _)| id));
    let ends = people.iter().map(|(_, session, ..)| session.end.map(seconds));
    let known = people.iter().map(|(_, session, _, events)| known_until(session, events));
    let joined = people.iter().map(|(_, _, who, _)| who.first_join_time.map(seconds));
    RecordBatch::try_from_iter_with_nullable([
        (
            "pk",
            Arc::new(people.iter().map(|(pk, ..)| Some(pk)).collect::<StringArray>()) as ArrayRef,
            false,
        ),
        ("session_id", Arc::new(session_ids.collect::<StringArray>()), false),
        ("end_ts", Arc::new(ends.collect::<Int64Array>()), true),
        ("known_until", Arc::new(known.collect::<Int64Array>()), false),
        ("joined_ts", Arc::new(joined.collect::<Int64Array>()), true),
    ])
    .unwrap()
}

/// Every participant with a key that is unique over all sessions.
fn people_of(
    sessions: &[Drawn],
) -> impl Iterator<Item = (String, &Session, &Participant, &[Event])> {
    sessions.iter().enumerate().flat_map(|(n, drawn)| {
        drawn.people.iter().map(move |(who, events)| {
            (format!("{n}/{}", who.participant_id), &drawn.session, who, events.as_slice())
        })
    })
}

fn derived(sessions: &[Drawn], kind: IntervalKind) -> BTreeSet<Row> {
    let rows = sessions.iter().enumerate().flat_map(|(n, drawn)| {
        derive_session(&drawn.session, &drawn.people)
            .into_iter()
            .filter(move |interval| interval.kind == kind)
            .map(move |interval| row_of(n, &interval))
    });
    rows.collect()
}

fn row_of(session: usize, interval: &Interval) -> Row {
    let remote = interval.remote_participant_id.as_ref().map(ToString::to_string);
    (
        format!("{session}/{}", interval.participant_id),
        remote.or(interval.destination_stage_arn.clone()).unwrap_or_default(),
        seconds(interval.start),
        seconds(interval.end),
        interval.end_reason.as_str().to_owned(),
        i64::from(interval.starts_n),
    )
}

fn sessions(seed: u64) -> Vec<Drawn> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..SESSIONS).map(|_| draw(&mut rng)).collect()
}

#[track_caller]
fn assert_same(derived: &BTreeSet<Row>, oracle: &BTreeSet<Row>) {
    let ours = derived.difference(oracle).take(5).collect::<Vec<_>>();
    let theirs = oracle.difference(derived).take(5).collect::<Vec<_>>();
    assert!(ours.is_empty() && theirs.is_empty(), "derived {ours:#?}, by SQL {theirs:#?}");
    assert!(oracle.len() > SESSIONS, "too few to mean anything: {}", oracle.len());
    for reason in ["EXPLICIT", "SESSION_END", "OPEN"] {
        assert!(oracle.iter().any(|row| row.4 == reason), "none ends by {reason}");
    }
    assert!(oracle.iter().any(|row| row.2 == row.3), "none has zero length");
}

#[tokio::test]
async fn publishing_is_what_sql_makes_of_it() {
    let sessions = sessions(1);
    let oracle = Oracle::over(&sessions, &[("publish", PUBLISH)]).await;
    assert_same(&derived(&sessions, IntervalKind::Publish), &oracle.rows("publish").await);
}

#[tokio::test]
async fn presence_is_what_sql_makes_of_it() {
    let sessions = sessions(2);
    let oracle = Oracle::over(&sessions, &[("presence", PRESENCE)]).await;
    assert_same(&derived(&sessions, IntervalKind::Presence), &oracle.rows("presence").await);
}

#[tokio::test]
async fn subscribing_is_what_sql_makes_of_it() {
    let mut sessions = sessions(3);
    // Nobody publishes, so nothing cuts a subscription but its own subscriber.
    for (_, events) in sessions.iter_mut().flat_map(|drawn| &mut drawn.people) {
        events.retain(|event| event.name != Some(EventName::PublishStarted));
    }
    let oracle = Oracle::over(&sessions, &[("subscribe", SUBSCRIBE)]).await;
    assert_same(&derived(&sessions, IntervalKind::Subscribe), &oracle.rows("subscribe").await);
}

#[tokio::test]
async fn subscribing_ends_with_the_publishing_as_sql_says() {
    let sessions = sessions(4);
    let oracle = Oracle::over(&sessions, &[("publish", PUBLISH), ("subscribe", SUBSCRIBE)]).await;
    let rows = oracle.rows_with_sooner_end(GONE).await;
    assert_cut(&sessions, IntervalKind::Subscribe, rows, "REMOTE_GONE");
}

#[tokio::test]
async fn replication_is_what_sql_makes_of_it() {
    let sessions = sessions(5);
    let oracle =
        Oracle::over(&sessions, &[("presence", PRESENCE), ("replication", REPLICATION)]).await;
    let rows = oracle.rows_with_sooner_end(LEFT_FOR_GOOD).await;
    assert_cut(&sessions, IntervalKind::Replication, rows, "LEFT");
}

/// Cuts what has no stop of its own at its sooner end, and holds the derived intervals against it.
///
/// Where a start follows the cut, the SQL knows of no second interval: there the first one alone is held
/// against it, by its end, and what begins after the cut is taken as given.
fn assert_cut(sessions: &[Drawn], kind: IntervalKind, rows: Vec<(Row, Option<i64>)>, reason: &str) {
    let starts = start_times(sessions, kind);
    let mut derived = derived(sessions, kind);
    let mut oracle = BTreeSet::new();
    let (mut cut_n, mut split_n) = (0, 0);
    for (row, sooner) in rows {
        let (pk, about, start, end, natural, starts_n) = row.clone();
        let closed = match natural.as_str() {
            "EXPLICIT" => Some(i64::MIN),
            "LEFT" => Some(end),
            _ => None,
        };
        let Some(cut) = sooner.filter(|cut| closed.is_none_or(|closed| *cut < closed)) else {
            oracle.insert(row);
            continue;
        };
        cut_n += 1;
        let until = closed.unwrap_or(i64::MAX);
        let after = starts.get(&(pk.clone(), about.clone())).into_iter().flatten();
        let after_n = after.filter(|time| **time > cut && **time <= until).count();
        if after_n > 0 {
            split_n += 1;
            // The rest of this span, up to what closed it.
            let first = (pk.clone(), about.clone(), cut + 1, i64::MIN, String::new(), 0);
            let last = (pk.clone(), about.clone(), until, i64::MAX, String::new(), 0);
            let rest = derived.range(first..=last).cloned().collect::<Vec<_>>();
            let rest_starts = rest.iter().map(|row| row.5).sum::<i64>();
            assert_eq!(rest_starts, i64::try_from(after_n).unwrap(), "{row:?}");
            derived.retain(|row| !rest.contains(row));
        }
        let held = starts_n - i64::try_from(after_n).unwrap();
        oracle.insert((pk, about, start, cut, reason.to_owned(), held));
    }
    assert!(cut_n > 50 && split_n > 5, "too few to mean anything: {cut_n} cut, {split_n} split");
    assert_same(&derived, &oracle);
}

/// When the start events of each key of a kind lie.
fn start_times(sessions: &[Drawn], kind: IntervalKind) -> BTreeMap<(String, String), Vec<i64>> {
    let name = match kind {
        IntervalKind::Presence => EventName::Joined,
        IntervalKind::Publish => EventName::PublishStarted,
        IntervalKind::Subscribe => EventName::SubscribeStarted,
        IntervalKind::Replication => EventName::ReplicationStarted,
    };
    let mut times = BTreeMap::<_, Vec<_>>::new();
    for (pk, _, _, events) in people_of(sessions) {
        for event in events.iter().filter(|event| event.name.as_ref() == Some(&name)) {
            let remote = event.remote_participant_id.as_ref().map(ToString::to_string);
            let about = remote.or(event.destination_stage_arn.clone()).unwrap_or_default();
            times.entry((pk.clone(), about)).or_default().extend(event.time.map(seconds));
        }
    }
    times
}
