//! Asking a lake that was collected.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::{Command, Stdio};

use ivsight::model::IntervalKind;
use ivsight::sim::Scenario;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::support::{Ran, TestBed, text};

fn collected(scenario: Scenario) -> TestBed {
    let bed = TestBed::of(scenario);
    bed.collect(&[]).exits(0);
    bed
}

fn few() -> TestBed {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    bed
}

const BY_NAME: &str = "SELECT name, count(*) AS n, min(event_time) AS first, max(error_code) AS code \
                       FROM events GROUP BY name ORDER BY name";

#[test]
fn every_format_holds_the_same_rows() {
    let bed = few();
    let mut truth: BTreeMap<String, u64> = BTreeMap::new();
    for event in bed.settled().events() {
        *truth.entry(text(&event["name"])).or_default() += 1;
    }
    let rows = |format: &str| bed.query(&[BY_NAME, "--format", format]).exits(0);
    let json: Vec<Value> = serde_json::from_slice(&rows("json").stdout).unwrap();
    let counted = json.iter().map(|row| (text(&row["name"]), row["n"].as_u64().unwrap()));
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), truth);
    assert!(json.iter().any(|row| row["code"].is_null()), "a NULL is there as null");
    assert!(json.iter().all(|row| text(&row["first"]).ends_with('Z')));
    let lines = rows("ndjson").text();
    let ndjson: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(ndjson, json);
    let csv = rows("csv").text();
    assert_eq!(csv, rows("auto").text(), "CSV is what a pipe gets");
    assert_eq!(csv.lines().count(), json.len() + 1);
    let first = &json[0];
    let line = format!("{},{},", text(&first["name"]), first["n"]);
    assert!(csv.starts_with("name,n,first,code\r\n") && csv.contains(&line), "{csv}");
    assert_eq!(rows("tsv").text().lines().next(), Some("name\tn\tfirst\tcode"));
    bed.query(&[BY_NAME, "-o", "out.parquet"]).exits(0);
    let file = File::open(bed.folder().join("out.parquet")).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), json.len());
}

#[test]
fn no_rows_are_a_header_and_a_table_says_what_it_left_out() {
    let bed = few();
    let none = "SELECT name FROM events WHERE name = 'X'";
    assert_eq!(bed.query(&[none, "--format", "csv"]).exits(0).text(), "name\r\n");
    assert_eq!(bed.query(&[none, "--format", "json"]).exits(0).json(), json!([]));
    let sql = "SELECT participant_id FROM participants";
    let table = bed.query(&[sql, "--format", "table", "--max-rows", "5"]).exits(0).text();
    let footer = format!("(5 of {} rows shown)", bed.settled().participants().len());
    assert!(table.contains(&footer), "{table}");
}

#[test]
fn error_codes_are_those_of_the_truth() {
    let bed = TestBed::of(Scenario::Small);
    // One session goes on: its answer is not there yet.
    bed.server.edit(|world| {
        let stage = world.stages.iter_mut().next().unwrap();
        stage.sessions.iter_mut().next().unwrap().end_time = None;
    });
    bed.collect(&[]).exits(0);
    let mut truth: BTreeMap<(String, String), u64> = BTreeMap::new();
    for event in bed.settled().events() {
        let name = text(&event["name"]);
        let is_replica = event["replica"] == true && name != "SUBSCRIBE_ERROR";
        if name.ends_with("_ERROR") && !is_replica {
            let code = event["error_code"].as_str().unwrap_or("(none)").to_owned();
            *truth.entry((name, code)).or_default() += 1;
        }
    }
    assert!(truth.len() > 3);
    let ran = bed.query(&["error-codes", "--format", "json"]).exits(0);
    let rows = ran.json();
    let rows = rows.as_array().unwrap();
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in rows {
        let key = (text(&row["event"]), text(&row["error_code"]));
        *counted.entry(key).or_default() += row["events_n"].as_u64().unwrap();
        assert!(!text(&row["explanation"]).is_empty());
    }
    assert_eq!(counted, truth);
    let share: f64 = rows.iter().map(|row| row["share_of_errors"].as_f64().unwrap()).sum();
    assert!((share - 1.0).abs() < 1e-9, "{share}");
    // What the period lacks is said beside the answer.
    let settled = bed.settled();
    let (all, missing) =
        (settled.all().count(), settled.all().count() - settled.complete().count());
    let note = format!("{missing} of {all} sessions of this period are not in the lake yet");
    assert!(ran.stderr.contains(&note), "{}", ran.stderr);
    let quiet = bed.query(&["error-codes", "-q"]).exits(0);
    assert_eq!(quiet.stderr, "");
    let outside = bed.query(&["error-codes", "--to", "2026-11-01", "--format", "json"]).exits(0);
    let note = "note: a lower bound: network errors of the client and bad token signatures leave no event\n";
    assert_eq!((outside.json(), outside.stderr.as_str()), (json!([]), note));
}

#[test]
fn replications_last_as_long_as_they_did() {
    let bed = collected(Scenario::Clean);
    let mut truth = BTreeSet::new();
    for (_, session) in bed.settled().complete() {
        for person in session.participants.iter() {
            for stay in &session.life(person).stays {
                if stay.kind == IntervalKind::Replication {
                    let seconds = (stay.to.unwrap() - stay.from).num_seconds();
                    truth.insert((
                        session.id().unwrap().to_owned(),
                        person.id().unwrap().to_owned(),
                        seconds,
                    ));
                }
            }
        }
    }
    assert!(truth.len() > 3);
    let rows = bed.query(&["replication-durations", "--format", "json"]).exits(0).json();
    let counted: BTreeSet<(String, String, i64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["open"], &row["replica_row_found"]),
                (&json!(false), &json!(true)),
                "{row}"
            );
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let seconds = row["duration_s"].as_f64().unwrap() as i64;
            (text(&row["source_session"]), text(&row["participant"]), seconds)
        })
        .collect();
    assert_eq!(counted, truth);
    let edges = bed.query(&["replication-durations", "--by", "edge", "--format", "json"]).exits(0);
    assert!(edges.json().as_array().unwrap().len() < truth.len());
}

#[test]
fn a_parameter_is_bound_and_never_pasted() {
    let bed = few();
    let hostile = "'; DROP TABLE events; --";
    let ran = bed.query(&[
        "SELECT $who AS who",
        "--param",
        &format!("who={hostile}"),
        "--format",
        "json",
    ]);
    assert_eq!(ran.exits(0).json(), json!([{"who": hostile}]));
    bed.query(&["SELECT count(*) FROM events"]).exits(0);
}

#[test]
fn sql_comes_from_a_file_or_from_stdin_too() {
    let bed = few();
    std::fs::write(bed.folder().join("q.sql"), "SELECT 1 AS one;").unwrap();
    assert_eq!(bed.query(&["-f", "q.sql"]).exits(0).text(), "one\r\n1\r\n");
    let mut command = bed.program();
    command.args(["query", "--lake", "lake"]);
    command.stdin(File::open(bed.folder().join("q.sql")).unwrap());
    assert_eq!(Ran::to_end(&mut command).exits(0).text(), "one\r\n1\r\n");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let bed = few();
    let program = env!("CARGO_BIN_EXE_ivsight");
    // The status of the first of a pipe is told on stderr.
    let many = "SELECT a.name, b.name FROM events a CROSS JOIN events b";
    for format in ["csv", "json"] {
        let script = format!(
            "({program} query --lake lake '{many}' --format {format}; echo $? >&2) | head -1"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin");
        command.current_dir(bed.folder()).stdin(Stdio::null());
        let ran = Ran::to_end(&mut command);
        assert_eq!(ran.stderr.trim(), "0", "{format}");
        assert_eq!(ran.text().lines().count(), 1);
    }
}
