//! Whether the lake keeps its own promises: one snapshot, day by day, each session against all of its rows.
//!
//! Reads everything once, and events twice; in memory is a day of the register, the participants of one session, and
//! the events of one of them.

mod session;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;
use serde::Serialize;

use self::session::SessionCheck;
use super::sessions::{SessionStream, shape};
use crate::lake::LakeError;
use crate::lake::batch::{Collection, SessionRow, sessions_from_batch};
use crate::lake::delta;
use crate::lake::partition::Partition;
use crate::lake::place::Place;
use crate::lake::snapshot::Snapshot;
use crate::lake::tables::Table;
use crate::model::SessionKey;

/// The version of the result as JSON.
pub const VERIFIED_VERSION: u32 = 1;

/// Broken promises that are named; the rest is counted.
const BREACHES_MAX: usize = 1_000;

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// The version of this shape.
    pub version: u32,
    /// Sessions that were looked at.
    pub sessions: u64,
    /// Participants that were read.
    pub participants: u64,
    /// Events that were read.
    pub events: u64,
    /// Intervals that were derived again.
    pub intervals: u64,
    /// Promises that are broken.
    pub breaches: Vec<Breach>,
    /// More of these than are named.
    pub breaches_left_out: u64,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which: `readable`, `versions`, `partition`, `sorted`, `unique`, `counts`, `visible` or `intervals`.
    pub promise: &'static str,
    /// The table.
    pub table: &'static str,
    /// The file, from the lake's folder, or the partition.
    pub place: Option<String>,
    /// The stage of the session.
    pub stage_arn: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl Verified {
    /// Whether every promise is kept.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.breaches.is_empty()
    }

    fn add(&mut self, breach: Breach) {
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(breach);
        } else {
            self.breaches_left_out += 1;
        }
    }

    fn of_place(
        &mut self,
        promise: &'static str,
        table: Table,
        place: Option<String>,
        message: impl Into<String>,
    ) {
        self.add(Breach {
            promise,
            table: table.name(),
            place,
            stage_arn: None,
            session_id: None,
            message: message.into(),
        });
    }

    fn of_session(
        &mut self,
        promise: &'static str,
        table: Table,
        session: &SessionKey,
        message: impl Into<String>,
    ) {
        self.add(Breach {
            promise,
            table: table.name(),
            place: None,
            stage_arn: Some(session.stage_arn.to_string()),
            session_id: Some(session.session_id.to_string()),
            message: message.into(),
        });
    }
}

/// Checks a lake.
///
/// # Errors
/// Where there is no lake, or its register can't be opened; whatever else is broken is in the result.
pub async fn verify(place: &Place) -> Result<Verified, LakeError> {
    let mut verified = Verified { version: VERIFIED_VERSION, ..Verified::default() };
    let snapshot = Snapshot::of(place).await?;
    let mut tables = BTreeMap::new();
    tables.insert(Table::Sessions, snapshot.open(Table::Sessions).await?);
    for table in Table::ALL {
        match snapshot.open(table).await {
            Ok(opened) => {
                tables.insert(table, opened);
            }
            Err(error) => verified.of_place("versions", table, None, chain(&error)),
        }
    }
    let mut days: BTreeMap<Partition, Day> = BTreeMap::new();
    for (table, opened) in &tables {
        for (partition, files) in delta::files_by_partition(*table, opened)? {
            if partition.date.is_some() {
                days.entry(partition).or_default().insert(*table, files);
            } else {
                read_all(*table, opened, &files, &mut verified).await;
            }
        }
    }
    let mut seen = Seen::default();
    for (partition, files) in days {
        let mut day = DayCheck { partition, tables: &tables, files, verified: &mut verified };
        if let Err(error) = day.check(&mut seen).await {
            day.note_unreadable(&error);
        }
    }
    Ok(verified)
}

/// The files of one partition, by table.
type Day = BTreeMap<Table, Vec<LogicalFileView>>;

/// Every session that had a row so far, as a hash: a lake may know of millions.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Seen {
    fn is_new(&mut self, session: &SessionKey) -> bool {
        self.hashes.insert(self.hasher.hash_one(session))
    }
}

/// An error with its causes, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn read_all(
    table: Table,
    opened: &DeltaTable,
    files: &[LogicalFileView],
    verified: &mut Verified,
) {
    for file in files {
        if let Err(error) = delta::read_file(table, opened, file).await {
            let place = format!("{}/{}", table.name(), file.path());
            verified.of_place("readable", table, Some(place), chain(&error));
        }
    }
}

/// One partition of all tables.
struct DayCheck<'a> {
    partition: Partition,
    tables: &'a BTreeMap<Table, DeltaTable>,
    files: Day,
    verified: &'a mut Verified,
}

impl DayCheck<'_> {
    async fn check(&mut self, seen: &mut Seen) -> Result<(), LakeError> {
        let mut rows = self.register(seen).await?;
        let mut streams = Streams {
            people: self.stream(Table::Participants).await?,
            observed: self.stream(Table::Events).await?,
            derived: self.stream(Table::Events).await?,
            intervals: self.stream(Table::Intervals).await?,
            replicas: self.stream(Table::Replicas).await?,
        };
        while let Some(key) = streams.head().into_iter().chain(rows.keys()).min().cloned() {
            match rows.remove(&key) {
                Some(row) if has_rows(&row) => {
                    let mut check = SessionCheck::new(&row, self.verified);
                    check.run(&mut streams).await?;
                    self.verified.sessions += 1;
                }
                row => {
                    self.verified.sessions += u64::from(row.is_some());
                    self.refuse_rows(&key, row.as_ref(), &mut streams).await?;
                }
            }
        }
        for (table, stream) in streams.all() {
            let disordered: BTreeSet<PathBuf> = stream.disordered().iter().cloned().collect();
            for path in disordered {
                let place = Some(path.display().to_string());
                let message = "sessions are out of order, or one stands in two places";
                self.verified.of_place("sorted", table, place, message);
            }
        }
        Ok(())
    }

    /// The partition's rows of `sessions`.
    async fn register(
        &mut self,
        seen: &mut Seen,
    ) -> Result<BTreeMap<SessionKey, SessionRow>, LakeError> {
        let table = Table::Sessions;
        let (mut rows, no_files) = (BTreeMap::new(), Vec::new());
        for file in self.files.get(&table).unwrap_or(&no_files) {
            for batch in delta::read_file(table, &self.tables[&table], file).await? {
                for row in sessions_from_batch(&batch).map_err(|error| shape(table, error))? {
                    let is_here = *row.key.stage_arn.scope() == self.partition.scope
                        && Some(row.date()) == self.partition.date;
                    if !is_here {
                        let message = format!("it lies in {}", place(&self.partition));
                        self.verified.of_session("partition", table, &row.key, message);
                    }
                    if !seen.is_new(&row.key) {
                        let message = "it has more than one row";
                        self.verified.of_session("unique", table, &row.key, message);
                    }
                    rows.insert(row.key.clone(), row);
                }
            }
        }
        Ok(rows)
    }

    async fn stream(&self, table: Table) -> Result<SessionStream, LakeError> {
        match (self.tables.get(&table), self.files.get(&table)) {
            (Some(opened), Some(files)) => SessionStream::open(table, opened, files).await,
            _ => Ok(SessionStream::empty(table)),
        }
    }

    /// A session that is not done, is pruned, or has no row here has no rows in the other tables.
    async fn refuse_rows(
        &mut self,
        session: &SessionKey,
        row: Option<&SessionRow>,
        streams: &mut Streams,
    ) -> Result<(), LakeError> {
        let why = match row {
            None => format!("and `sessions` has no row of it in {}", place(&self.partition)),
            Some(row) if row.pruned_at.is_some() => "and it is pruned".to_owned(),
            Some(row) => format!("and it is {}", row.collection.as_str()),
        };
        while streams.derived.take(session).await?.is_some() {}
        for (table, stream) in streams.all() {
            let mut rows_n = 0;
            while let Some(rows) = stream.take(session).await? {
                rows_n += rows.num_rows();
            }
            if rows_n > 0 {
                let message = format!("there are {rows_n} rows of it, {why}");
                self.verified.of_session("visible", table, session, message);
            }
        }
        Ok(())
    }

    fn note_unreadable(&mut self, error: &LakeError) {
        let (table, file) = match error {
            LakeError::Unreadable { path, .. } => {
                let name = path.iter().next().and_then(|name| name.to_str());
                let table = Table::ALL.into_iter().find(|table| Some(table.name()) == name);
                (table.unwrap_or(Table::Sessions), path.display().to_string())
            }
            LakeError::Shape { table, .. } => (*table, place(&self.partition)),
            _ => (Table::Sessions, place(&self.partition)),
        };
        self.verified.of_place("readable", table, Some(file), chain(error));
    }
}

fn has_rows(row: &SessionRow) -> bool {
    row.collection != Collection::Listed && row.pruned_at.is_none()
}

fn place(partition: &Partition) -> String {
    let values = partition.values().into_iter().map(|(name, value)| format!("{name}={value}"));
    values.collect::<Vec<_>>().join("/")
}

/// A partition's rows of the data tables. Events are read twice.
struct Streams {
    people: SessionStream,
    observed: SessionStream,
    derived: SessionStream,
    intervals: SessionStream,
    replicas: SessionStream,
}

impl Streams {
    fn head(&self) -> Option<&SessionKey> {
        let streams = [&self.people, &self.observed, &self.intervals, &self.replicas];
        streams.into_iter().filter_map(SessionStream::head).min()
    }

    /// Each table once.
    fn all(&mut self) -> [(Table, &mut SessionStream); 4] {
        [
            (Table::Participants, &mut self.people),
            (Table::Events, &mut self.observed),
            (Table::Intervals, &mut self.intervals),
            (Table::Replicas, &mut self.replicas),
        ]
    }
}
