//! Tests of `lake::maintain`: what is rewritten stays what it was, whenever it is killed; what is broken is named.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::record_batch::RecordBatch;
use chrono::TimeDelta;
use ivsight::lake::Lake;
use ivsight::lake::maintain::Exclusive;
use ivsight::lake::maintain::compact::compact;
use ivsight::model::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::{keys, several_runs};
use crate::support::{LakeFiles, LiveFile, Ran, Running, TestBed, almost_same, copy, take_back};

const TABLES: [&str; 7] =
    ["events", "intervals", "participants", "replicas", "sessions", "stages", "runs"];

/// The rows of every table, without their order.
pub(crate) fn rows(lake: &LakeFiles) -> BTreeMap<&'static str, Vec<String>> {
    TABLES.into_iter().map(|table| (table, sorted(&lake.rows(table)))).collect()
}

/// The rows that our own reader sees of the data tables.
pub(crate) fn rows_named(lake: &LakeFiles) -> BTreeMap<&'static str, Vec<String>> {
    let versions = lake.commits("sessions").last().unwrap().named_versions();
    let named = |table: &'static str| (table, sorted(&lake.rows_at(table, versions[table])));
    LakeFiles::DATA.into_iter().map(named).collect()
}

fn sorted(rows: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    lines.sort();
    lines
}

pub(super) fn on_lake(bed: &TestBed, args: &[&str]) -> Ran {
    bed.ivsight(&[args, &["--lake", "lake"]].concat())
}

fn files_n(lake: &LakeFiles) -> usize {
    LakeFiles::DATA.iter().map(|table| lake.files(table, u64::MAX).len()).sum()
}

fn parquet_n(folder: &Path) -> usize {
    let mut found = Vec::new();
    super::walk(folder, &mut found);
    found.iter().filter(|it| it.ends_with(".parquet") && !it.contains("_delta_log")).count()
}

/// A lake of many small files: every session collected by a run of its own, as an hourly job does.
pub(super) fn scattered() -> TestBed {
    let bed = several_runs();
    let arns: Vec<String> =
        bed.server.truth().stages.iter().map(|stage| stage.arn().to_owned()).collect();
    for arn in arns {
        bed.collect(&["--refetch", "--stage", &arn]).exits(0);
    }
    bed
}

/// Reports that between them read each of the large tables.
const REPORTS: [&str; 3] = ["attendance", "session-health", "token-exchanges"];

#[test]
fn compacting_leaves_rows_and_reports_and_fewer_files_and_the_next_has_nothing_to_do() {
    let bed = scattered();
    let lake = bed.lake();
    let told = || REPORTS.map(|name| bed.query(&[name, "--format", "json"]).exits(0).json());
    let told_before = told();
    let (before, before_n) = (rows(&lake), files_n(&lake));
    on_lake(&bed, &["verify"]).exits(0);
    let done = on_lake(&bed, &["compact", "--json"]).exits(0).json();
    assert_eq!(rows(&lake), before);
    assert_eq!(rows_named(&lake), rows_of_data(&before));
    let days = lake.files("sessions", u64::MAX).len();
    assert!(files_n(&lake) < before_n, "{before_n} files of {days} days: {done:#}");
    assert!(lake.files("events", u64::MAX).len() <= days);
    assert_eq!(lake.files("runs", u64::MAX).len(), 1);
    on_lake(&bed, &["verify"]).exits(0);
    for ((name, before), after) in REPORTS.iter().zip(told_before).zip(told()) {
        assert!(!before.as_array().unwrap().is_empty(), "{name} has no rows");
        assert!(almost_same(&after, &before), "{name}: {after:#} instead of {before:#}");
    }
    // Rows did not change, and whoever follows the changes of a table is told so.
    let newest = lake.commits("events").pop().unwrap();
    for action in &newest.actions {
        let file = action.get("add").or(action.get("remove"));
        assert!(file.is_none_or(|file| file["dataChange"] == false), "{action}");
    }
    let commits = |table| lake.commits(table).len();
    let before = TABLES.map(commits);
    on_lake(&bed, &["compact"]).exits(0);
    assert_eq!(TABLES.map(commits), before);
}

pub(crate) fn rows_of_data(
    all: &BTreeMap<&'static str, Vec<String>>,
) -> BTreeMap<&'static str, Vec<String>> {
    LakeFiles::DATA.into_iter().map(|table| (table, all[table].clone())).collect()
}

#[test]
fn a_file_that_is_not_sorted_is_left_as_it_is() {
    let bed = several_runs();
    let arn = bed.server.truth().stages.iter().next().unwrap().arn().to_owned();
    bed.collect(&["--refetch", "--stage", &arn]).exits(0);
    tamper(&bed, "events", first_last);
    let lake = bed.lake();
    let before = rows(&lake);
    let done = on_lake(&bed, &["compact", "--json"]).exits(0).json();
    assert_eq!(done["tables"][0]["files_unsorted"], 1, "{done:#}");
    assert_eq!(rows(&lake), before);
}

#[test]
fn old_files_go_when_no_snapshot_of_a_week_needs_them() {
    let bed = scattered();
    let lake = bed.lake();
    let before = rows(&lake);
    on_lake(&bed, &["compact"]).exits(0);
    let kept_n = parquet_n(&bed.lake_path().join("events"));
    let live_n = lake.files("events", u64::MAX).len();
    assert!(kept_n > live_n, "nothing is a week old");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let now: Timestamp = chrono::DateTime::from_timestamp_millis(newest_commit(&lake)).unwrap();
    let compact_at = |now| {
        runtime.block_on(async {
            let opened = Lake::at(&bed.lake_path()).unwrap();
            let held = Exclusive::take(&opened, "a test").await.unwrap();
            compact(&opened, &held, now).await.unwrap()
        })
    };
    let states = states(&lake);
    compact_at(now + TimeDelta::days(6));
    assert_eq!(parquet_n(&bed.lake_path().join("events")), kept_n);
    // Whoever opened any state of these days can go on reading it.
    let after = self::states(&lake);
    assert!(states.len() > 5 && states.iter().zip(&after).all(|(before, after)| before == after));
    compact_at(now + TimeDelta::days(8));
    assert_eq!(parquet_n(&bed.lake_path().join("events")), live_n);
    assert_eq!(rows(&lake), before);
    on_lake(&bed, &["verify"]).exits(0);
    bed.collect_anew(&[]).exits(0);
    assert_eq!(rows_named(&lake), rows_of_data(&before));
}

/// The data tables as every commit to `sessions` names them, by the number of their rows.
fn states(lake: &LakeFiles) -> Vec<Vec<usize>> {
    let commits = lake.commits("sessions");
    let rows_n = |commit: &crate::support::Commit| {
        let versions = commit.named_versions();
        LakeFiles::DATA.map(|table| lake.rows_at(table, versions[table]).len()).to_vec()
    };
    commits.iter().map(rows_n).collect()
}

fn newest_commit(lake: &LakeFiles) -> i64 {
    let commit = lake.commits("sessions").pop().unwrap();
    let info = commit.actions.iter().find_map(|action| action.get("commitInfo")).unwrap();
    info["timestamp"].as_i64().unwrap()
}

#[test]
fn compacting_waits_for_nobody() {
    let bed = several_runs();
    bed.set_faults("slow=1,slow-ms=400");
    let mut run = bed.start_collect(&["--refetch"]);
    let lock = bed.lake_path().join("_inflight/111122223333/us-west-2/run.json");
    assert!(run.until(|| lock.exists()));
    on_lake(&bed, &["compact"]).exits(5).says(&["is held by"]);
    assert!(run.kill());
}

#[test]
fn compacting_that_is_killed_at_any_moment_costs_nothing() {
    let bed = scattered();
    let lake = bed.lake();
    let before = rows(&lake);
    let pristine = bed.folder().join("pristine");
    copy(&bed.lake_path(), &pristine);
    let mut dice = ChaCha8Rng::seed_from_u64(20_261_121);
    let mut killed_n = 0;
    let tables = TABLES.into_iter().map(Some).chain(std::iter::repeat_n(None, 3));
    for table in tables {
        fs::remove_dir_all(bed.lake_path()).unwrap();
        copy(&pristine, &bed.lake_path());
        let (files, more) = (parquet_n(&bed.lake_path()), dice.random_range(1..20));
        let commits_n = table.map(|table| (table, lake.commits(table).len()));
        let mut command = bed.program();
        command.args(["compact", "--lake", "lake"]);
        let mut compacting = Running::start(&mut command, bed.folder());
        // As soon as the table's commit is seen, or when so many files have been written.
        compacting.until(|| match commits_n {
            Some((table, commits_n)) => lake.commits(table).len() > commits_n,
            None => parquet_n(&bed.lake_path()) >= files + more,
        });
        killed_n += usize::from(compacting.kill());
        assert_eq!(rows(&lake), before, "{table:?}");
        assert_eq!(rows_named(&lake), rows_of_data(&before), "{table:?}");
        bed.collect_anew(&[]).exits(0);
        assert!(bed.server.calls().log.iter().all(|it| it.operation.as_str().contains("Stage")));
        on_lake(&bed, &["compact"]).exits(0);
        assert_eq!(rows_named(&lake), rows_of_data(&before), "{table:?}");
        on_lake(&bed, &["verify"]).exits(0);
    }
    assert!(killed_n > 2, "{killed_n} of 10 were killed in time");
}

/// Replaces the rows of a table's file with the most sessions, behind the lake's back.
fn tamper(bed: &TestBed, table: &str, change: impl Fn(&RecordBatch) -> Vec<RecordBatch>) {
    let files = bed.lake().files(table, u64::MAX);
    let sessions_n = |file: &&LiveFile| keys(&file.rows(&bed.lake_path())).len();
    tamper_file(bed, table, files.iter().max_by_key(sessions_n).unwrap(), change);
}

/// Replaces the rows of one file, behind the lake's back.
pub(super) fn tamper_file(
    bed: &TestBed,
    table: &str,
    file: &LiveFile,
    change: impl Fn(&RecordBatch) -> Vec<RecordBatch>,
) {
    let path = bed.lake_path().join(file.path());
    let old = fs::metadata(&path).unwrap().len();
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    let whole = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), schema, None).unwrap();
    for batch in change(&whole) {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    let new = fs::metadata(&path).unwrap().len();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    for entry in fs::read_dir(bed.lake_path().join(table).join("_delta_log")).unwrap() {
        let log = entry.unwrap().path();
        if log.extension().is_some_and(|it| it == "json") {
            let text = fs::read_to_string(&log).unwrap();
            let resized =
                |line: &str| line.replace(&format!("\"size\":{old}"), &format!("\"size\":{new}"));
            let lines = text
                .lines()
                .map(|line| if line.contains(&name) { resized(line) } else { line.to_owned() });
            fs::write(&log, lines.collect::<Vec<_>>().join("\n")).unwrap();
        }
    }
}

/// The promises that `verify` finds broken, with the tables.
fn broken(bed: &TestBed) -> Vec<(String, String)> {
    let verified = on_lake(bed, &["verify", "--json"]).exits(1).json();
    let breaches = verified["breaches"].as_array().unwrap();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    breaches.iter().map(|it| (text(it, "promise"), text(it, "table"))).collect()
}

pub(super) fn without_first(batch: &RecordBatch) -> Vec<RecordBatch> {
    vec![batch.slice(1, batch.num_rows() - 1)]
}

fn first_last(batch: &RecordBatch) -> Vec<RecordBatch> {
    vec![batch.slice(1, batch.num_rows() - 1), batch.slice(0, 1)]
}

fn first_twice(batch: &RecordBatch) -> Vec<RecordBatch> {
    vec![batch.slice(0, 1), batch.clone()]
}

#[test]
fn verify_names_what_is_broken() {
    type Change = fn(&RecordBatch) -> Vec<RecordBatch>;
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let sound = on_lake(&bed, &["verify", "--json"]).exits(0).json();
    assert_eq!(sound["sessions"], bed.settled().all().count());
    assert_eq!(sound["events"], bed.settled().events().len());
    assert_eq!(sound["intervals"], bed.lake().rows("intervals").len());
    let pristine = bed.folder().join("pristine");
    copy(&bed.lake_path(), &pristine);
    let cases: [(&str, Change, &str, &str); 9] = [
        ("events", without_first, "counts", "events"),
        ("events", first_last, "sorted", "events"),
        ("events", first_twice, "sorted", "events"),
        ("participants", without_first, "counts", "participants"),
        ("participants", first_last, "sorted", "participants"),
        ("participants", first_twice, "unique", "participants"),
        ("intervals", without_first, "intervals", "intervals"),
        ("sessions", without_first, "visible", "events"),
        ("sessions", first_twice, "unique", "sessions"),
    ];
    for (table, change, promise, named) in cases {
        fs::remove_dir_all(bed.lake_path()).unwrap();
        copy(&pristine, &bed.lake_path());
        tamper(&bed, table, change);
        let found = broken(&bed);
        let expected = (promise.to_owned(), named.to_owned());
        assert!(found.contains(&expected), "`{table}`: {expected:?} is not in {found:?}");
    }
    fs::remove_dir_all(bed.lake_path()).unwrap();
    copy(&pristine, &bed.lake_path());
    let file = bed.lake().files("events", u64::MAX)[0].path().to_owned();
    fs::remove_file(bed.lake_path().join(&file)).unwrap();
    let named = on_lake(&bed, &["verify"]).exits(1).text();
    assert!(named.contains("readable") && named.contains(file.to_str().unwrap()), "{named}");

    fs::remove_dir_all(bed.lake_path()).unwrap();
    copy(&pristine, &bed.lake_path());
    take_back(&bed.lake_path(), "events");
    assert!(broken(&bed).contains(&("versions".to_owned(), "events".to_owned())));
}

#[test]
fn pruned_sessions_leave_their_row_and_are_never_fetched_again() {
    const BEFORE: &str = "2026-11-12";
    let bed = several_runs();
    let lake = bed.lake();
    let (before, sessions) = (rows(&lake), lake.rows("sessions"));
    let is_old = |row: &Value| row["date"].as_str().unwrap() < BEFORE;
    let is_done = |row: &Value| row["collection"] == "COMPLETE";
    let old_n = sessions.iter().filter(|row| is_old(row) && is_done(row)).count();
    assert!(old_n > 0 && old_n < sessions.len());

    let plan = on_lake(&bed, &["prune", "--before", BEFORE, "--json"]).exits(0).json();
    assert_eq!(plan["sessions"], old_n);
    assert_eq!(rows(&lake), before, "nothing goes without `--yes`");
    let kept = LakeFiles::DATA.map(|table| {
        let rows: Vec<Value> = lake.rows(table).into_iter().filter(|it| !is_old(it)).collect();
        (table, sorted(&rows))
    });
    // Killed as soon as a table's rows are gone, then done again.
    for table in ["sessions", "events", "participants"] {
        let commits_n = lake.commits(table).len();
        let mut command = bed.program();
        command.args(["prune", "--lake", "lake", "--before", BEFORE, "--yes"]);
        let mut pruning = Running::start(&mut command, bed.folder());
        pruning.until(|| lake.commits(table).len() > commits_n);
        pruning.kill();
    }
    on_lake(&bed, &["prune", "--before", BEFORE, "--yes"]).exits(0);
    assert_eq!(rows_named(&lake), kept.clone().into());
    on_lake(&bed, &["verify"]).exits(0);
    for row in lake.rows("sessions") {
        assert_eq!(row["pruned_at"].is_null(), !(is_old(&row) && is_done(&row)), "{row}");
    }
    bed.collect_anew(&["--to", BEFORE, "--refetch"]).exits(0);
    assert!(bed.server.calls().log.iter().all(|it| it.operation.as_str().contains("Stage")));
    assert_eq!(rows_named(&lake), kept.into());
    let status = on_lake(&bed, &["status", "--json"]).exits(0).json();
    assert_eq!(status["sessions"]["pruned"], old_n);
    on_lake(&bed, &["prune", "--before", "someday"]).exits(2).says(&["`someday`"]);
}
