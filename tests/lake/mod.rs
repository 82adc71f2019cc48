//! Tests of `lake`: what other engines see of the tables, commit by commit.

pub(crate) mod maintain;
mod readers;
pub(crate) mod rebuild;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ivsight::sim::{Config, Scenario, World};
use serde_json::Value;

use crate::support::{Commit, LakeFiles, TestBed, only, take_back, text};

const APPLICATION: &str = "ivsight/111122223333/us-west-2";

/// A lake of three publications, each of some days.
fn several_runs() -> TestBed {
    let config = Config { scenario: Scenario::Clean, tps: 0.0, ..Config::default() };
    let mut world = World::generate(&config);
    let arns: Vec<String> = world.stages.iter().map(|stage| stage.arn().to_owned()).collect();
    for arn in &arns[3..] {
        world.stages.remove(arn);
    }
    let bed = TestBed::serving(world, config);
    for (from, to) in
        [("2026-11-01", "2026-11-11"), ("2026-11-11", "2026-11-13"), ("2026-11-13", "2026-11-30")]
    {
        bed.collect(&["--from", from, "--to", to]).exits(0);
    }
    bed
}

/// The number of the publication that a commit belongs to.
fn publication(commit: &Commit) -> Option<i64> {
    let (application, number) = commit.transaction()?;
    assert_eq!(application, APPLICATION);
    Some(number)
}

fn keys(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| only(row, &["stage_arn", "session_id"]).to_string()).collect()
}

#[test]
fn publications_are_numbered_and_whole_and_leave_nothing_about() {
    let bed = several_runs();
    assert_numbered_and_never_behind(&bed.lake());
    assert_each_session_lies_in_one_day(&bed.lake());
    assert_nothing_lies_about(&bed.lake());
}

fn assert_numbered_and_never_behind(lake: &LakeFiles) {
    for table in LakeFiles::DATA.into_iter().chain(["sessions"]) {
        let numbers: Vec<i64> = lake.commits(table).iter().filter_map(publication).collect();
        assert_eq!(numbers, [1, 2, 3], "{table}");
    }
    let mut last = BTreeMap::new();
    for commit in lake.commits("sessions") {
        let versions = commit.named_versions();
        assert_eq!(versions.keys().map(String::as_str).collect::<Vec<_>>(), LakeFiles::DATA);
        assert!(last.iter().all(|(table, version)| versions[table] >= *version), "{versions:?}");
        let done: Vec<Value> = lake
            .rows_at("sessions", commit.version)
            .into_iter()
            .filter(|row| row["collection"] == "COMPLETE")
            .collect();
        for table in ["events", "participants", "intervals"] {
            let there = keys(&lake.rows_at(table, versions[table]));
            assert_eq!(there, keys(&done), "`{table}` at version {} of sessions", commit.version);
        }
        for row in &done {
            let people = lake.rows_at("participants", versions["participants"]);
            let mine = people.iter().filter(|it| it["session_id"] == row["session_id"]).count();
            assert_eq!(row["participants_n"], mine);
        }
        last = versions;
    }
    let newest: BTreeMap<String, u64> = LakeFiles::DATA
        .into_iter()
        .map(|table| (table.to_owned(), lake.commits(table).last().unwrap().version))
        .collect();
    assert_eq!(last, newest);
}

#[test]
fn our_reader_stands_on_the_versions_that_sessions_names() {
    let bed = several_runs();
    // Between two commits of a publication `events` is ahead of `sessions`. The last run made two commits to
    // `sessions`, one for its listings and one for its publication, or one alone.
    let before = bed.lake().commits("sessions");
    let published = before.iter().rposition(|commit| publication(commit).is_some());
    for _ in published.unwrap()..before.len() {
        take_back(&bed.lake_path(), "sessions");
    }
    let lake = bed.lake();
    let versions = lake.commits("sessions").last().unwrap().named_versions();
    assert!(versions["events"] < lake.commits("events").last().unwrap().version);
    let expected = lake.rows_at("events", versions["events"]).len();
    assert!(expected > 0 && expected < lake.rows("events").len());
    let counted = bed.query(&["SELECT count(*) AS n FROM events"]).exits(0).text();
    assert_eq!(counted, format!("n\r\n{expected}\r\n"));
}

#[test]
fn a_log_is_summed_up_every_ten_commits_so_that_readers_need_not_read_it_all() {
    let bed = several_runs();
    for _ in 0..8 {
        bed.collect(&["--from", "2026-11-11", "--to", "2026-11-13", "--refetch"]).exits(0);
    }
    let count = ["SELECT count(*), (SELECT sum(events_n) FROM sessions) FROM events"];
    let counted = bed.query(&count).exits(0).text();
    for table in LakeFiles::DATA.into_iter().chain(["sessions"]) {
        let newest = bed.lake().commits(table).last().unwrap().version;
        let log = bed.lake_path().join(table).join("_delta_log");
        let pointer = fs::read_to_string(log.join("_last_checkpoint")).unwrap();
        let pointer: Value = serde_json::from_str(&pointer).unwrap();
        let summed_up = pointer["version"].as_u64().unwrap();
        assert!(newest - summed_up < 10, "{table}: {newest} commits, {pointer}");
        // As a program does that takes old parts of a log away.
        for version in 0..summed_up {
            fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
        }
    }
    assert_eq!(bed.query(&count).exits(0).text(), counted);
    bed.ivsight(&["verify", "--lake", &bed.lake_name()]).exits(0);
}

fn assert_each_session_lies_in_one_day(lake: &LakeFiles) {
    let day_of: BTreeMap<String, String> = lake
        .rows("sessions")
        .iter()
        .map(|row| {
            let started = text(&row["start_time"]);
            assert!(started.starts_with(&text(&row["date"])), "{row}");
            (text(&row["session_id"]), text(&row["date"]))
        })
        .collect();
    for table in ["events", "participants", "intervals"] {
        let files = lake.files(table, u64::MAX);
        assert!(files.len() >= day_of.values().collect::<BTreeSet<_>>().len());
        for row in lake.rows(table) {
            assert_eq!(day_of[&text(&row["session_id"])], text(&row["date"]));
        }
    }
}

fn assert_nothing_lies_about(lake: &LakeFiles) {
    let path = lake.path();
    let staged = fs::read_dir(path.join("_inflight/111122223333/us-west-2")).unwrap();
    assert_eq!(staged.count(), 0);
    for table in LakeFiles::DATA {
        let live = lake.files(table, u64::MAX).len();
        let mut found = Vec::new();
        walk(&path.join(table), &mut found);
        let parquet = |it: &&String| it.ends_with(".parquet") && !it.contains("_delta_log");
        assert_eq!(found.iter().filter(parquet).count(), live, "{table}: {found:?}");
        assert!(!found.iter().any(|it| it.contains("_aside_")), "{found:?}");
    }
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}
