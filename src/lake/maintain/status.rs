//! What the lake holds: sessions by how far they are, how fresh they are, what is missing, and how big it all is.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use chrono::TimeDelta;
use deltalake_core::kernel::LogicalFileView;
use serde::Serialize;

use crate::lake::LakeError;
use crate::lake::batch::{
    BatchError, Collection, RunEnd, RunStatus, SessionRow, run_ends_from_batch,
    sessions_from_batch, stages_from_batch,
};
use crate::lake::delta;
use crate::lake::inflight;
use crate::lake::place::Place;
use crate::lake::snapshot::Snapshot;
use crate::lake::staging::StagedSize;
use crate::lake::tables::Table;
use crate::model::{Scope, SessionKey, StageArn, Timestamp};

/// The version of the status as JSON: keys are added, none removed.
pub const STATUS_VERSION: u32 = 1;

/// How long after its end a session that is not collected counts as a gap: the collector's own patience by default.
const SETTLE: TimeDelta = TimeDelta::hours(1);

/// Failed sessions that are named; the rest is counted.
const FAILED_MAX: usize = 1_000;

/// What a lake holds.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The version of this shape.
    pub version: u32,
    /// All sessions that were asked for.
    pub sessions: Sessions,
    /// Each account in each region.
    pub scopes: Vec<ScopeStatus>,
}

/// What a lake holds of one account in one region.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeStatus {
    /// The account.
    pub account_id: String,
    /// The region.
    pub region: String,
    /// The run that ended last, whatever it did.
    pub last_run: Option<RunEnd>,
    /// When a run last ended complete or partial.
    pub collected_at: Option<Timestamp>,
    /// The sessions of the stages below.
    pub sessions: Sessions,
    /// The stages that were asked for.
    pub stages: Vec<StageStatus>,
    /// Sessions that fetching failed for and that are not done.
    pub failed: Vec<FailedSession>,
    /// More of these than are named.
    pub failed_left_out: u64,
    /// What is fetched and not published.
    pub staged: Staged,
    /// The size of each table, whatever stages were asked for.
    pub tables: Vec<TableSize>,
}

/// What a lake holds of one stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageStatus {
    /// The stage.
    pub stage_arn: String,
    /// Its name.
    pub name: Option<String>,
    /// When a whole listing no longer showed it.
    pub gone_at: Option<Timestamp>,
    /// Its sessions.
    pub sessions: Sessions,
}

/// Sessions, counted by how far their collection is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// Seen, not done.
    pub listed: u64,
    /// Of these, the ones that ended more than an hour ago: nothing keeps them from being collected.
    pub gaps: u64,
    /// Everything that the service had is in the lake.
    pub complete: u64,
    /// Given up with what there was.
    pub incomplete: u64,
    /// Given up with nothing.
    pub lost: u64,
    /// Of the done ones, those whose rows were deleted.
    pub pruned: u64,
    /// Participants in the lake.
    pub participants: u64,
    /// Events in the lake.
    pub events: u64,
    /// The newest end of a session that is done.
    pub newest_end: Option<Timestamp>,
}

/// A session that fetching failed for.
#[derive(Clone, Debug, Serialize)]
pub struct FailedSession {
    /// The stage.
    pub stage_arn: String,
    /// The session.
    pub session_id: String,
    /// Runs in which it failed by its own fault.
    pub attempts_n: i32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// The code and message of the last failure.
    pub last_error: Option<String>,
}

/// What is fetched and not published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Staged {
    /// Sessions of which something is staged.
    pub sessions: u64,
    /// Bytes of staged files.
    pub bytes: u64,
}

/// The size of a table's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// The table's name.
    pub table: &'static str,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

impl Status {
    /// Looks at a lake. `takes_stage` says which stages are asked for, by ARN and name; `now` is what ages
    /// are measured from.
    ///
    /// # Errors
    /// Where there is no lake, or a table can't be read.
    pub async fn of(
        place: &Place,
        takes_stage: impl Fn(&StageArn, Option<&str>) -> bool,
        now: Timestamp,
    ) -> Result<Self, LakeError> {
        let snapshot = Snapshot::of(place).await?;
        let mut scopes = Scopes { takes_stage, now, found: BTreeMap::new() };
        for scope in inflight::scopes(place).await? {
            let StagedSize { sessions, bytes } = StagedSize::of(place, &scope).await?;
            scopes.of(&scope).staged = Staged { sessions, bytes };
        }
        for table in Table::ALL {
            scopes.read(table, &snapshot).await?;
        }
        let scopes: Vec<ScopeStatus> =
            scopes.found.into_iter().map(|(scope, found)| found.finish(&scope)).collect();
        let mut sessions = Sessions::default();
        for scope in &scopes {
            sessions.add(&scope.sessions);
        }
        Ok(Self { version: STATUS_VERSION, sessions, scopes })
    }

    /// Whether some scope has had no complete or partial run since `since`, or the lake has no scope at all.
    #[must_use]
    pub fn is_older_than(&self, since: Timestamp) -> bool {
        self.scopes.is_empty()
            || self.scopes.iter().any(|scope| scope.collected_at.is_none_or(|at| at < since))
    }
}

impl Sessions {
    fn count(&mut self, row: &SessionRow, now: Timestamp) {
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        match row.collection {
            Collection::Listed => {
                self.listed += 1;
                let is_gap = row.end_time.is_some_and(|end| end < now - SETTLE);
                self.gaps += u64::from(is_gap);
                return;
            }
            Collection::Complete => self.complete += 1,
            Collection::Incomplete => self.incomplete += 1,
            Collection::Lost => self.lost += 1,
        }
        self.newest_end = self.newest_end.max(row.end_time);
        if row.pruned_at.is_some() {
            self.pruned += 1;
        } else {
            self.participants += number(row.participants_n);
            self.events += number(row.events_n);
        }
    }

    fn add(&mut self, other: &Self) {
        self.listed += other.listed;
        self.gaps += other.gaps;
        self.complete += other.complete;
        self.incomplete += other.incomplete;
        self.lost += other.lost;
        self.pruned += other.pruned;
        self.participants += other.participants;
        self.events += other.events;
        self.newest_end = self.newest_end.max(other.newest_end);
    }
}

/// What was found of each scope so far.
struct Scopes<F> {
    takes_stage: F,
    now: Timestamp,
    found: BTreeMap<Scope, Found>,
}

#[derive(Default)]
struct Found {
    staged: Staged,
    stages: BTreeMap<StageArn, StageStatus>,
    failed: Vec<FailedSession>,
    failed_left_out: u64,
    last_run: Option<RunEnd>,
    collected_at: Option<Timestamp>,
    tables: Vec<TableSize>,
}

impl<F: Fn(&StageArn, Option<&str>) -> bool> Scopes<F> {
    fn of(&mut self, scope: &Scope) -> &mut Found {
        self.found.entry(scope.clone()).or_default()
    }

    async fn read(&mut self, table: Table, snapshot: &Snapshot) -> Result<(), LakeError> {
        let opened = snapshot.open(table).await?;
        for (partition, files) in delta::files_by_partition(table, &opened)? {
            for file in files {
                self.of(&partition.scope).add_file(table, &file);
                if !matches!(table, Table::Stages | Table::Sessions | Table::Runs) {
                    continue;
                }
                for batch in delta::read_file(table, &opened, &file).await? {
                    self.see_rows(table, &partition.scope, &batch)
                        .map_err(|error| LakeError::Shape { table, source: error.into() })?;
                }
            }
        }
        Ok(())
    }

    fn see_rows(
        &mut self,
        table: Table,
        scope: &Scope,
        batch: &RecordBatch,
    ) -> Result<(), BatchError> {
        match table {
            Table::Stages => {
                for row in stages_from_batch(batch)? {
                    self.see_stage(&row.stage.arn, row.stage.name.as_deref(), row.gone_at);
                }
            }
            Table::Sessions => {
                for row in sessions_from_batch(batch)? {
                    self.see_session(&row);
                }
            }
            _ => {
                let found = self.of(scope);
                for run in run_ends_from_batch(batch)? {
                    found.see_run(run);
                }
            }
        }
        Ok(())
    }

    fn see_stage(&mut self, arn: &StageArn, name: Option<&str>, gone_at: Option<Timestamp>) {
        if (self.takes_stage)(arn, name) {
            let status = StageStatus {
                stage_arn: arn.to_string(),
                name: name.map(str::to_owned),
                gone_at,
                sessions: Sessions::default(),
            };
            self.of(arn.scope()).stages.insert(arn.clone(), status);
        }
    }

    /// `stages` is read first, so a stage that is not there yet was not asked for, or has sessions alone.
    fn see_session(&mut self, row: &SessionRow) {
        let (arn, now) = (&row.key.stage_arn, self.now);
        if !self.of(arn.scope()).stages.contains_key(arn) {
            self.see_stage(arn, row.stage_name.as_deref(), None);
        }
        let found = self.of(arn.scope());
        let Some(stage) = found.stages.get_mut(arn) else { return };
        stage.sessions.count(row, now);
        if row.collection == Collection::Listed && row.last_error.is_some() {
            found.see_failed(&row.key, row);
        }
    }
}

impl Found {
    fn add_file(&mut self, table: Table, file: &LogicalFileView) {
        let name = table.name();
        if self.tables.last().is_none_or(|last| last.table != name) {
            self.tables.push(TableSize { table: name, files: 0, bytes: 0, rows: 0 });
        }
        let size = self.tables.last_mut().expect("one was pushed");
        size.files += 1;
        size.bytes += u64::try_from(file.size()).unwrap_or(0);
        size.rows += file.num_records().unwrap_or(0) as u64;
    }

    fn see_failed(&mut self, key: &SessionKey, row: &SessionRow) {
        if self.failed.len() >= FAILED_MAX {
            self.failed_left_out += 1;
            return;
        }
        self.failed.push(FailedSession {
            stage_arn: key.stage_arn.to_string(),
            session_id: key.session_id.to_string(),
            attempts_n: row.attempts_n,
            failing_since: row.failing_since,
            last_error: row.last_error.clone(),
        });
    }

    fn see_run(&mut self, run: RunEnd) {
        if matches!(run.status, RunStatus::Complete | RunStatus::Partial) {
            self.collected_at = self.collected_at.max(Some(run.finished_at));
        }
        if self.last_run.as_ref().is_none_or(|last| last.finished_at < run.finished_at) {
            self.last_run = Some(run);
        }
    }

    fn finish(self, scope: &Scope) -> ScopeStatus {
        let mut sessions = Sessions::default();
        for stage in self.stages.values() {
            sessions.add(&stage.sessions);
        }
        ScopeStatus {
            account_id: scope.account_id.to_string(),
            region: scope.region.to_string(),
            last_run: self.last_run,
            collected_at: self.collected_at,
            sessions,
            stages: self.stages.into_values().collect(),
            failed: self.failed,
            failed_left_out: self.failed_left_out,
            staged: self.staged,
            tables: self.tables,
        }
    }
}
