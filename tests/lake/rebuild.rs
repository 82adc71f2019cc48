//! Tests of `rebuild`: intervals come to be what today's rule derives, whenever it is killed, and nothing else changes.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::maintain::{on_lake, rows, rows_named, rows_of_data, tamper_file, without_first};
use super::several_runs;
use crate::support::{LakeFiles, Running, TestBed, copy, text};

/// The register as a program with another rule would have written it.
fn with_rule(rule: Option<i32>) -> impl Fn(&RecordBatch) -> Vec<RecordBatch> {
    move |batch| {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            let rules: ArrayRef = Arc::new(Int32Array::from(vec![rule; batch.num_rows()]));
            if field.name() == "intervals_rule" { rules } else { Arc::clone(column) }
        });
        vec![RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()]
    }
}

fn tamper_all(bed: &TestBed, table: &str, change: impl Fn(&RecordBatch) -> Vec<RecordBatch>) {
    for file in bed.lake().files(table, u64::MAX) {
        tamper_file(bed, table, &file, &change);
    }
}

/// A lake whose intervals were written by a rule of before, which gave one less in each file.
pub(crate) fn outdated(bed: &TestBed, rule: Option<i32>) {
    tamper_all(bed, "sessions", with_rule(rule));
    tamper_all(bed, "intervals", without_first);
}

fn commits_n(lake: &LakeFiles) -> Vec<usize> {
    ["events", "intervals", "participants", "replicas", "sessions", "stages", "runs"]
        .map(|table| lake.commits(table).len())
        .into()
}

#[test]
fn what_an_older_rule_wrote_is_derived_again_and_nothing_else_changes() {
    let bed = several_runs();
    let lake = bed.lake();
    let before = rows(&lake);
    let complete_n = lake.rows("sessions").iter().filter(|it| it["collection"] != "LISTED").count();
    bed.server.forget_calls();
    for rule in [Some(0), None] {
        outdated(&bed, rule);
        assert_ne!(rows(&lake), before);
        let commits = commits_n(&lake);
        let plan = on_lake(&bed, &["rebuild", "--dry-run", "--json"]).exits(0).json();
        assert_eq!((&plan["sessions"], &plan["intervals"]), (&json!(complete_n), &Value::Null));
        assert_eq!(plan["events"], lake.rows("events").len());
        assert_eq!(commits_n(&lake), commits);
        let done = on_lake(&bed, &["rebuild", "--json"]).exits(0).json();
        assert_eq!((&done["sessions"], &done["sessions_left"]), (&json!(complete_n), &json!(0)));
        assert_eq!(done["intervals"], before["intervals"].len());
        assert_eq!(done["participants"], before["participants"].len());
        assert_eq!(rows(&lake), before, "{rule:?}");
        assert_eq!(rows_named(&lake), rows_of_data(&before));
        on_lake(&bed, &["verify"]).exits(0);
    }
    let commits = commits_n(&lake);
    let again = on_lake(&bed, &["rebuild"]).exits(0).text();
    assert!(
        again.starts_with(&format!("nothing to do: the intervals of all {complete_n} ")),
        "{again}"
    );
    assert_eq!(commits_n(&lake), commits);
    assert_eq!(bed.server.calls().attempts_n(), 0);
}

#[test]
fn rebuilding_that_is_killed_at_any_commit_ends_right_when_it_is_run_again() {
    let bed = several_runs();
    let lake = bed.lake();
    let before = rows_of_data(&rows(&lake));
    outdated(&bed, Some(0));
    let outdated = rows_named(&lake);
    let pristine = bed.folder().join("pristine");
    copy(&bed.lake_path(), &pristine);
    let days = lake.files("intervals", u64::MAX).len();
    let mut killed_n = 0;
    for (table, nth) in [("intervals", 1), ("sessions", 1), ("intervals", 2), ("sessions", 2)] {
        fs::remove_dir_all(bed.lake_path()).unwrap();
        copy(&pristine, &bed.lake_path());
        let commits_n = lake.commits(table).len();
        let mut command = bed.program();
        command.args(["rebuild", "--lake", "lake"]);
        let mut rebuilding = Running::start(&mut command, bed.folder());
        rebuilding.until(|| lake.commits(table).len() >= commits_n + nth);
        killed_n += usize::from(rebuilding.kill());
        // Each session stands by the old rule or by the new one, and readers are told by which.
        let between = rows_named(&lake);
        let known: BTreeSet<_> = outdated["intervals"].iter().chain(&before["intervals"]).collect();
        assert!(between["intervals"].iter().all(|row| known.contains(row)));
        on_lake(&bed, &["verify"]).exits(0);
        bed.collect_anew(&[]).exits(0);
        assert!(bed.server.calls().log.iter().all(|it| it.operation.as_str().contains("Stage")));
        on_lake(&bed, &["rebuild"]).exits(0);
        assert_eq!(rows_named(&lake), before, "{table} {nth}");
        on_lake(&bed, &["verify"]).exits(0);
    }
    assert!(days > 2 && killed_n > 1, "{killed_n} of 4 were killed in time");
}

#[test]
fn a_session_that_turns_out_to_have_ended_later_is_due() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let lake = bed.lake();
    let (arn, id) = {
        let settled = bed.settled();
        let (stage, session) = settled.complete().max_by_key(|it| it.1.participants.len()).unwrap();
        (stage.arn().to_owned(), session.id().unwrap().to_owned())
    };
    // It answers less than before, so the rows stay; only the end is news.
    bed.server.edit(|world| {
        let session = world.session_mut(&arn, &id).unwrap();
        session.forget_participants(1);
        session.end_time = session.end_time.map(|end| end + TimeDelta::minutes(5));
    });
    assert_eq!(bed.collect(&[]).failures("SHRUNK").len(), 1);
    let row = lake.session(&arn, &id).unwrap();
    assert_eq!(row["intervals_rule"], Value::Null);
    let (before, events) = (lake.rows("intervals"), lake.rows("events"));
    let done = on_lake(&bed, &["rebuild", "--json"]).exits(0).json();
    assert_eq!(done["sessions"], 1);
    let row = lake.session(&arn, &id).unwrap();
    assert_eq!(row["intervals_rule"], 1);
    assert_eq!(lake.rows("events"), events);
    // What was open when the session ended is open a while longer, and nothing else is different.
    let after = lake.rows("intervals");
    assert_eq!(after.len(), before.len());
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (
        before.iter().map(Value::to_string).collect(),
        after.iter().map(Value::to_string).collect(),
    );
    let changed: Vec<&Value> = after.iter().filter(|it| !old.contains(&it.to_string())).collect();
    assert_eq!(changed.len(), old.difference(&new).count());
    for row in &changed {
        assert_eq!(
            (text(&row["session_id"]), &row["end_reason"]),
            (id.clone(), &json!("SESSION_END"))
        );
    }
    on_lake(&bed, &["verify"]).exits(0);
}

#[test]
fn a_session_whose_rows_are_not_whole_keeps_its_intervals_and_is_named() {
    let bed = several_runs();
    let lake = bed.lake();
    tamper_all(&bed, "sessions", with_rule(Some(0)));
    let days = lake.files("events", u64::MAX);
    tamper_file(&bed, "events", &days[0], without_first);
    let before = rows(&lake)["intervals"].clone();
    let ran =
        on_lake(&bed, &["rebuild", "--json"]).exits(3).says(&["left session `st-", "--refetch"]);
    let done = ran.json();
    assert_eq!(done["sessions_left"], 1);
    let left = done["left"][0].clone();
    let row = lake.session(&text(&left["stage_arn"]), &text(&left["session_id"])).unwrap();
    assert_eq!(row["intervals_rule"], 0);
    let rest = lake.rows("sessions").into_iter().filter(|it| it["collection"] != "LISTED");
    assert_eq!(rest.filter(|it| it["intervals_rule"] == 1).count(), done["sessions"]);
    assert_eq!(rows(&lake)["intervals"], before);
}

#[test]
fn what_is_pruned_is_not_derived_again() {
    let bed = several_runs();
    on_lake(&bed, &["prune", "--before", "2026-11-12", "--yes"]).exits(0);
    let lake = bed.lake();
    let (pruned, kept): (Vec<Value>, Vec<Value>) = lake
        .rows("sessions")
        .into_iter()
        .filter(|it| it["collection"] != "LISTED")
        .partition(|it| it["pruned_at"].is_string());
    assert!(!pruned.is_empty());
    let before = rows_named(&lake);
    tamper_all(&bed, "sessions", with_rule(None));
    let done = on_lake(&bed, &["rebuild", "--json"]).exits(0).json();
    assert_eq!(done["sessions"], kept.len());
    assert_eq!(rows_named(&lake), before);
}

#[test]
fn rebuilding_waits_for_nobody() {
    let bed = several_runs();
    bed.set_faults("slow=1,slow-ms=400");
    let mut run = bed.start_collect(&["--refetch"]);
    let begun = bed.lake_path().join("_inflight/111122223333/us-west-2/run.json");
    assert!(run.until(|| begun.exists()));
    on_lake(&bed, &["rebuild"]).exits(5).says(&["is held by"]);
    on_lake(&bed, &["rebuild", "--dry-run"]).exits(0);
    assert!(run.kill());
}
