//! What an earlier run left behind, when something happened to it or to the lake in between.

use std::fs;
use std::path::{Path, PathBuf};

use ivsight::sim::{Config, Scenario, World};
use serde_json::Value;

use super::truth::assert_truth;
use crate::support::{LakeFiles, Running, TestBed, asked, copy, signal, take_back, text};

const SCOPE: &str = "_inflight/111122223333/us-west-2";

fn in_flight(bed: &TestBed) -> PathBuf {
    bed.lake_path().join(SCOPE)
}

/// Everything in flight at the moment when a publication of this run was begun; the run goes on to its end.
fn begun(bed: &TestBed, lake: &str, args: &[&str]) -> PathBuf {
    let (folder, kept) = (bed.folder().join(lake).join(SCOPE), bed.folder().join("begun"));
    let mut command = bed.collector(&[&["--lake", lake], args].concat());
    let mut run = Running::start(&mut command, bed.folder());
    assert!(run.until(|| folder.join("publication.arrows").exists()));
    signal(run.id(), "STOP");
    let _ = fs::remove_dir_all(&kept);
    copy(&folder, &kept);
    signal(run.id(), "CONT");
    let ran = run.wait();
    assert!(kept.join("publication.arrows").exists(), "{}", ran.stderr);
    fs::remove_file(kept.join("run.json")).unwrap();
    kept
}

fn staged(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_session =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("session-");
    let mut paths: Vec<PathBuf> = paths.filter(is_session).collect();
    paths.sort();
    paths
}

/// Puts staged sessions back, as if a run had been killed before it published them.
fn put_back(bed: &TestBed, from: &Path) {
    for path in staged(from) {
        fs::copy(&path, in_flight(bed).join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn what_was_pruned_while_it_was_staged_again_stays_pruned() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let again = begun(&bed, "lake", &["--refetch"]);
    put_back(&bed, &again);
    // The publication that the staged copies were once part of is done, so nothing resumes it.
    bed.ivsight(&["prune", "--lake", "lake", "--before", "2027-01-01", "--yes"]).exits(0);
    for args in [&[][..], &["--refetch"]] {
        bed.collect_anew(args).exits(0);
        assert_eq!(staged(&in_flight(&bed)), Vec::<PathBuf>::new());
        for table in LakeFiles::DATA {
            assert_eq!(bed.lake().rows(table), Vec::<Value>::new(), "{table}");
        }
        let done = |row: &Value| row["collection"] == "COMPLETE";
        let rows = bed.lake().rows("sessions");
        assert!(rows.iter().filter(|row| done(row)).all(|row| row["pruned_at"].is_string()));
        assert_eq!(asked(&bed.server.calls(), "ListParticipants").count(), 0);
    }
    bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
}

#[test]
fn a_shorter_answer_that_was_staged_before_a_kill_does_not_replace_the_longer_one() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let before = bed.lake().rows("events").len();
    let keys: Vec<(String, String)> = {
        let settled = bed.settled();
        let keys = settled.complete();
        keys.map(|(stage, session)| (stage.arn().to_owned(), session.id().unwrap().to_owned()))
            .collect()
    };
    bed.server.edit(|world| {
        for (arn, id) in &keys {
            world.session_mut(arn, id).unwrap().forget_participants(2);
        }
    });
    let shorter = begun(&bed, "another", &[]);
    put_back(&bed, &shorter);
    bed.collect_anew(&[]).exits(0);
    assert_eq!(bed.lake().rows("events").len(), before);
    assert_eq!(staged(&in_flight(&bed)), Vec::<PathBuf>::new());
    bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
}

/// The lake as it is when a publication dies after so many tables have its number.
fn dies_after(bed: &TestBed, begun: &Path, tables_n: usize) {
    for table in LakeFiles::DATA.into_iter().skip(tables_n).chain(["sessions"]) {
        take_back(&bed.lake_path(), table);
    }
    fs::remove_dir_all(in_flight(bed)).unwrap();
    copy(begun, &in_flight(bed));
}

#[test]
fn a_publication_whose_staged_copies_are_damaged_is_taken_back_and_done_again() {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let bed = TestBed::with(config);
    let begun = begun(&bed, "lake", &[]);
    let pristine = bed.folder().join("pristine");
    copy(&bed.lake_path(), &pristine);
    for tables_n in 0..=3 {
        fs::remove_dir_all(bed.lake_path()).unwrap();
        copy(&pristine, &bed.lake_path());
        dies_after(&bed, &begun, tables_n);
        let files = staged(&in_flight(&bed));
        assert!(files.len() > 2);
        fs::remove_file(&files[0]).unwrap();
        let length = fs::metadata(&files[1]).unwrap().len();
        fs::File::options().write(true).open(&files[1]).unwrap().set_len(length / 2).unwrap();
        // Maintenance is not held up either, and shows nothing of it.
        if tables_n == 2 {
            bed.ivsight(&["compact", "--lake", "lake"]).exits(0);
            let done = |row: &Value| row["collection"] == "COMPLETE";
            assert!(!bed.lake().rows("sessions").iter().any(done));
            assert_eq!(bed.lake().rows("events"), Vec::<Value>::new());
        }
        bed.collect_anew(&[]).exits(0);
        assert_truth(&bed);
        bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
        // What was whole is not asked for again.
        let calls = bed.server.calls();
        let again: std::collections::BTreeSet<&str> =
            asked(&calls, "ListParticipantEvents").map(|call| call.session_id.as_str()).collect();
        assert!((1..=2).contains(&again.len()), "{tables_n}: {again:?}");
    }
}

#[test]
fn rows_that_a_damaged_publication_was_to_replace_are_still_there() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let before: Vec<usize> = LakeFiles::DATA.map(|table| bed.lake().rows(table).len()).into();
    let begun = begun(&bed, "lake", &["--refetch"]);
    dies_after(&bed, &begun, 3);
    fs::remove_file(&staged(&in_flight(&bed))[0]).unwrap();
    // The service has forgotten everything meanwhile.
    bed.server.edit(|world: &mut World| world.stages.retain(|_| false));
    let arn = text(&bed.lake().rows("sessions")[0]["stage_arn"]);
    bed.collect_anew(&["--stage", &arn]).exits(0);
    let after: Vec<usize> = LakeFiles::DATA.map(|table| bed.lake().rows(table).len()).into();
    assert_eq!(after, before);
    bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
}
