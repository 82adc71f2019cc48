//! The register: the tables `sessions` and `stages`, and what may change in them.
//!
//! The register is the collector's only memory. A change is applied to the row that is there, by rules that don't
//! depend on the order in which runs see the same facts; what results is written partition by partition, in one commit.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use deltalake_core::DeltaTable;
use serde_json::{Value, json};

use super::LakeError;
use super::batch::{
    Collection, SessionRow, StageRow, sessions_from_batch, sessions_to_batch, stages_from_batch,
    stages_to_batch,
};
use super::delta::{self, CommitNote, FileWriter, Tables};
use super::partition::Partition;
use super::tables::Table;
use crate::model::{Scope, SessionKey, StageArn, Timestamp};

/// The key under which a commit to `sessions` names the versions of the other tables that go with it.
pub const VERSIONS_KEY: &str = "ivsight.versions";

/// The versions of the data tables that belong to one state of the register.
pub type Versions = BTreeMap<Table, u64>;

/// Something that was learned about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A listing showed it. Its row is LISTED and carries no failures.
    Listed(SessionRow),
    /// Fetching it failed in a run.
    Failed(Failed),
    /// It is done.
    Done(SessionRow),
    /// It is done, and ended later than was known; what is in the lake stays.
    Ended(Ended),
}

/// A later end of a session whose rows stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which session.
    pub key: SessionKey,
    /// When it began, which says where its row is.
    pub start_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// The run.
    pub run_id: String,
}

/// A failure to fetch a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which session.
    pub key: SessionKey,
    /// When it began, which says where its row is.
    pub start_time: Timestamp,
    /// When it failed.
    pub at: Timestamp,
    /// The failure is the session's own and counts as an attempt.
    pub counts: bool,
    /// The run got something new of it before it failed, so counting begins anew.
    pub progressed: bool,
    /// The code and message.
    pub error: String,
    /// The run.
    pub run_id: String,
}

impl Change {
    fn key(&self) -> &SessionKey {
        match self {
            Self::Listed(row) | Self::Done(row) => &row.key,
            Self::Failed(failed) => &failed.key,
            Self::Ended(ended) => &ended.key,
        }
    }

    fn date(&self) -> NaiveDate {
        match self {
            Self::Listed(row) | Self::Done(row) => row.date(),
            Self::Failed(failed) => failed.start_time.date_naive(),
            Self::Ended(ended) => ended.start_time.date_naive(),
        }
    }

    /// The row after the change; `None` where there was none and there is none.
    fn apply(self, known: Option<SessionRow>) -> Option<SessionRow> {
        match (self, known) {
            (Self::Listed(row), None) => Some(row),
            (Self::Listed(row), Some(known)) => Some(later_listing(known, row)),
            (Self::Failed(failed), Some(known)) => Some(after_failure(known, failed)),
            (Self::Done(row), known) => Some(after_collection(row, known)),
            (Self::Failed(_) | Self::Ended(_), None) => None,
            (Self::Ended(ended), Some(known)) => Some(after_end(known, ended)),
        }
    }
}

fn later_listing(known: SessionRow, listed: SessionRow) -> SessionRow {
    if known.collection != Collection::Listed || listed.listed_at < known.listed_at {
        return known;
    }
    SessionRow {
        stage_name: listed.stage_name.or(known.stage_name),
        stage_tags: listed.stage_tags,
        end_time: listed.end_time.or(known.end_time),
        listed_at: listed.listed_at,
        run_id: listed.run_id,
        ..known
    }
}

fn after_failure(known: SessionRow, failed: Failed) -> SessionRow {
    if known.collection != Collection::Listed {
        return known;
    }
    let (attempts_n, failing_since) =
        if failed.progressed { (0, None) } else { (known.attempts_n, known.failing_since) };
    SessionRow {
        attempts_n: attempts_n + i32::from(failed.counts),
        // Failures that are not the session's own say nothing about how long it has been failing.
        failing_since: failing_since.or(failed.counts.then_some(failed.at)),
        last_error: Some(failed.error),
        run_id: failed.run_id,
        ..known
    }
}

/// Its intervals were derived with another end, so they are due to be derived again.
fn after_end(known: SessionRow, ended: Ended) -> SessionRow {
    let end_time = ended.end_time.or(known.end_time);
    let intervals_rule = known.intervals_rule.filter(|_| end_time == known.end_time);
    SessionRow { end_time, intervals_rule, run_id: ended.run_id, ..known }
}

/// A session keeps the start of its first row, and with it its partition.
fn after_collection(row: SessionRow, known: Option<SessionRow>) -> SessionRow {
    let Some(known) = known else { return row };
    SessionRow { start_time: known.start_time, start_synthetic: known.start_synthetic, ..row }
}

/// Applies changes to `sessions` and commits what became different. Gives the bytes of new files.
///
/// With a `publication` the commit is made in any case and carries its number and versions; else it carries the
/// versions of the commit before.
///
/// # Errors
/// Where the table can't be read or written.
pub async fn commit_changes(
    tables: &Tables,
    scope: &Scope,
    changes: Vec<Change>,
    publication: Option<(String, i64, Versions)>,
) -> Result<u64, LakeError> {
    let opened = tables.open(Table::Sessions, None).await?;
    let mut writer = FileWriter::new(Table::Sessions, &opened)?;
    let mut is_due = publication.is_some();
    for (date, changes) in by_date(changes) {
        let partition = Partition { scope: scope.clone(), date: Some(date) };
        is_due |= rewrite_sessions(&opened, &mut writer, &partition, changes).await?;
    }
    if !is_due {
        return Ok(0);
    }
    let note = match publication {
        Some((application, number, versions)) => CommitNote {
            transaction: Some((application, number)),
            metadata: vec![(VERSIONS_KEY.to_owned(), versions_to_json(&versions))],
        },
        None => CommitNote {
            transaction: None,
            metadata: vec![(VERSIONS_KEY.to_owned(), versions_to_json(&versions(&opened).await?))],
        },
    };
    let (_, bytes_written) = writer.commit(&opened, note).await?;
    Ok(bytes_written)
}

/// Moves the snapshot: a commit to `sessions` that changes no row and names these versions.
///
/// # Errors
/// Where the table can't be written.
pub async fn commit_versions(opened: &DeltaTable, versions: &Versions) -> Result<(), LakeError> {
    let note = CommitNote { transaction: None, metadata: versions_note(versions) };
    FileWriter::rewriting(Table::Sessions, opened)?.commit(opened, note).await?;
    Ok(())
}

/// What a commit to `sessions` says of the versions that go with it.
pub(super) fn versions_note(versions: &Versions) -> Vec<(String, Value)> {
    vec![(VERSIONS_KEY.to_owned(), versions_to_json(versions))]
}

fn by_date(changes: Vec<Change>) -> BTreeMap<NaiveDate, Vec<Change>> {
    let mut dates: BTreeMap<NaiveDate, Vec<Change>> = BTreeMap::new();
    for change in changes {
        dates.entry(change.date()).or_default().push(change);
    }
    dates
}

/// Writes a partition of `sessions` anew if a change made a row different; says whether one did.
async fn rewrite_sessions(
    opened: &DeltaTable,
    writer: &mut FileWriter,
    partition: &Partition,
    changes: Vec<Change>,
) -> Result<bool, LakeError> {
    let files = delta::partition_files(Table::Sessions, opened, partition)?;
    let mut rows = BTreeMap::new();
    for file in &files {
        for row in read_sessions(opened, file).await? {
            rows.insert(row.key.clone(), row);
        }
    }
    let mut is_different = false;
    for change in changes {
        let key = change.key().clone();
        let known = rows.remove(&key);
        let row = change.apply(known.clone());
        is_different |= row != known;
        rows.extend(row.map(|row| (key, row)));
    }
    if is_different {
        for file in &files {
            writer.remove(file);
        }
        let rows: Vec<_> = rows.into_values().collect();
        writer.write(partition, sessions_to_batch(&rows)).await?;
    }
    Ok(is_different)
}

async fn read_sessions(
    opened: &DeltaTable,
    file: &deltalake_core::kernel::LogicalFileView,
) -> Result<Vec<SessionRow>, LakeError> {
    let mut rows = Vec::new();
    for batch in delta::read_file(Table::Sessions, opened, file).await? {
        let batch = sessions_from_batch(&batch)
            .map_err(|error| LakeError::Shape { table: Table::Sessions, source: error.into() })?;
        rows.extend(batch);
    }
    Ok(rows)
}

/// Shows each session of a scope to `see`, one file at a time.
///
/// # Errors
/// Where the table can't be read.
pub async fn visit_sessions(
    tables: &Tables,
    scope: &Scope,
    see: impl FnMut(SessionRow),
) -> Result<(), LakeError> {
    visit_partitions(tables, [Partition { scope: scope.clone(), date: None }], see).await
}

/// Shows each session of some partitions to `see`, one file at a time.
///
/// # Errors
/// Where the table can't be read.
pub async fn visit_partitions(
    tables: &Tables,
    partitions: impl IntoIterator<Item = Partition>,
    mut see: impl FnMut(SessionRow),
) -> Result<(), LakeError> {
    let opened = tables.open(Table::Sessions, None).await?;
    for partition in partitions {
        for file in delta::partition_files(Table::Sessions, &opened, &partition)? {
            read_sessions(&opened, &file).await?.into_iter().for_each(&mut see);
        }
    }
    Ok(())
}

/// The versions that the newest commit to `sessions` names. A commit of a foreign tool names none: then those of
/// the one before it hold.
///
/// # Errors
/// Where the log can't be read, or no commit that is left names versions.
pub async fn versions(opened: &DeltaTable) -> Result<Versions, LakeError> {
    const FOREIGN_COMMITS_MAX: u64 = 1_000;
    let newest = opened.version().unwrap_or(0);
    for version in (newest.saturating_sub(FOREIGN_COMMITS_MAX)..=newest).rev() {
        let named = delta::commit_metadata(Table::Sessions, opened, version, VERSIONS_KEY).await?;
        if let Some(versions) = named.as_ref().and_then(versions_from_json) {
            return Ok(versions);
        }
    }
    Err(LakeError::Foreign { table: Table::Sessions })
}

pub(super) fn versions_to_json(versions: &Versions) -> Value {
    json!(
        versions.iter().map(|(table, version)| (table.name(), version)).collect::<BTreeMap<_, _>>()
    )
}

pub(super) fn versions_from_json(value: &Value) -> Option<Versions> {
    Table::DATA.into_iter().map(|table| Some((table, value.get(table.name())?.as_u64()?))).collect()
}

/// The stages of a scope, by ARN.
///
/// # Errors
/// Where the table can't be read.
pub async fn stages(
    tables: &Tables,
    scope: &Scope,
) -> Result<BTreeMap<StageArn, StageRow>, LakeError> {
    let opened = tables.open(Table::Stages, None).await?;
    read_stages(&opened, scope).await
}

async fn read_stages(
    opened: &DeltaTable,
    scope: &Scope,
) -> Result<BTreeMap<StageArn, StageRow>, LakeError> {
    let partition = Partition { scope: scope.clone(), date: None };
    let mut stages = BTreeMap::new();
    for file in delta::partition_files(Table::Stages, opened, &partition)? {
        for batch in delta::read_file(Table::Stages, opened, &file).await? {
            let rows = stages_from_batch(&batch)
                .map_err(|error| LakeError::Shape { table: Table::Stages, source: error.into() })?;
            stages.extend(rows.into_iter().map(|row| (row.stage.arn.clone(), row)));
        }
    }
    Ok(stages)
}

/// Adds stages that the table does not know, such as those of listings that outlived their run.
///
/// # Errors
/// Where the table can't be read or written.
pub async fn add_stages(
    tables: &Tables,
    scope: &Scope,
    mut seen: Vec<StageRow>,
) -> Result<u64, LakeError> {
    let known = stages(tables, scope).await?;
    seen.retain(|row| !known.contains_key(&row.stage.arn));
    commit_stages(tables, scope, seen).await
}

/// Replaces rows of `stages`, in one commit; a stage keeps when it was first seen. Gives the bytes of the new file.
///
/// # Errors
/// Where the table can't be read or written.
pub async fn commit_stages(
    tables: &Tables,
    scope: &Scope,
    seen: Vec<StageRow>,
) -> Result<u64, LakeError> {
    if seen.is_empty() {
        return Ok(0);
    }
    let opened = tables.open(Table::Stages, None).await?;
    let mut rows = read_stages(&opened, scope).await?;
    for row in seen {
        let first_seen_at = rows
            .get(&row.stage.arn)
            .map_or(row.first_seen_at, |known| known.first_seen_at.min(row.first_seen_at));
        rows.insert(row.stage.arn.clone(), StageRow { first_seen_at, ..row });
    }
    let partition = Partition { scope: scope.clone(), date: None };
    let mut writer = FileWriter::new(Table::Stages, &opened)?;
    for file in delta::partition_files(Table::Stages, &opened, &partition)? {
        writer.remove(&file);
    }
    let rows: Vec<_> = rows.into_values().collect();
    writer.write(&partition, stages_to_batch(&rows)).await?;
    let (_, bytes_written) = writer.commit(&opened, CommitNote::default()).await?;
    Ok(bytes_written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn row(collection: Collection, listed_at: i64) -> SessionRow {
        SessionRow {
            key: SessionKey {
                stage_arn: StageArn::parse("arn:aws:ivs:us-west-2:111122223333:stage/a").unwrap(),
                session_id: crate::model::SessionId::new("st-1").unwrap(),
            },
            stage_name: Some("a".into()),
            stage_tags: None,
            start_time: at(0),
            start_synthetic: false,
            end_time: None,
            collection,
            listed_at: at(listed_at),
            as_of: None,
            failing_since: None,
            attempts_n: 0,
            last_error: None,
            participants_n: None,
            events_n: None,
            publication: None,
            intervals_rule: None,
            pruned_at: None,
            run_id: "run".into(),
        }
    }

    fn failed(second: i64, counts: bool, progressed: bool) -> Change {
        Change::Failed(Failed {
            key: row(Collection::Listed, 0).key,
            start_time: at(0),
            at: at(second),
            counts,
            progressed,
            error: "X: it failed".into(),
            run_id: "run 2".into(),
        })
    }

    #[test]
    fn a_listing_never_overwrites_what_is_done() {
        let done = row(Collection::Complete, 10);
        let listed = SessionRow { end_time: Some(at(99)), ..row(Collection::Listed, 20) };
        assert_eq!(Change::Listed(listed).apply(Some(done.clone())), Some(done));
    }

    #[test]
    fn of_two_listings_the_later_counts_and_a_known_end_stays() {
        let ended = SessionRow { end_time: Some(at(5)), ..row(Collection::Listed, 10) };
        let later = SessionRow { stage_name: Some("b".into()), ..row(Collection::Listed, 20) };
        let merged = Change::Listed(later.clone()).apply(Some(ended.clone())).unwrap();
        assert_eq!(merged.end_time, Some(at(5)));
        assert_eq!(merged.stage_name.as_deref(), Some("b"));
        assert_eq!(merged.listed_at, at(20));
        assert_eq!(Change::Listed(ended).apply(Some(later.clone())), Some(later));
    }

    #[test]
    fn attempts_count_from_the_first_failure_and_begin_anew_after_progress() {
        let once = failed(100, true, false).apply(Some(row(Collection::Listed, 0))).unwrap();
        assert_eq!((once.attempts_n, once.failing_since), (1, Some(at(100))));
        let not_its_own = failed(200, false, false).apply(Some(once.clone())).unwrap();
        assert_eq!((not_its_own.attempts_n, not_its_own.failing_since), (1, Some(at(100))));
        let anew = failed(300, true, true).apply(Some(once)).unwrap();
        assert_eq!((anew.attempts_n, anew.failing_since), (1, Some(at(300))));
    }

    #[test]
    fn a_session_keeps_its_first_start_and_partition() {
        let done = SessionRow { start_time: at(90_000), ..row(Collection::Complete, 1) };
        let merged = Change::Done(done).apply(Some(row(Collection::Listed, 0))).unwrap();
        assert_eq!(merged.start_time, at(0));
        assert_eq!(merged.collection, Collection::Complete);
    }
}
