//! Who reads while the lake is written sees each session whole in every table of a statement, or not at all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::several_runs;
use crate::support::{LakeFiles, Ran, TestBed, text};

const COUNTS: &str = "
    WITH p AS (SELECT session_id, count(*) AS n FROM participants GROUP BY session_id),
         e AS (SELECT session_id, count(*) AS n FROM events GROUP BY session_id),
         i AS (SELECT session_id, count(*) AS n FROM intervals GROUP BY session_id)
    SELECT coalesce(s.session_id, p.session_id, e.session_id, i.session_id) AS id, s.collection,
           s.pruned_at, s.participants_n, s.events_n,
           coalesce(p.n, 0) AS participants, coalesce(e.n, 0) AS events, coalesce(i.n, 0) AS intervals
    FROM sessions s
    FULL JOIN p ON p.session_id = s.session_id
    FULL JOIN e ON e.session_id = s.session_id
    FULL JOIN i ON i.session_id = s.session_id";

/// Intervals by session, as they are in the end.
type Intervals = BTreeMap<String, i64>;

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// Fails unless every session of an answer is whole, or has no rows.
#[track_caller]
fn assert_whole(answer: &[Value], intervals: &Intervals) {
    for row in answer {
        let found = ["participants", "events", "intervals"].map(|name| number(&row[name]));
        let nothing = found == [0, 0, 0];
        if row["collection"] != "COMPLETE" {
            assert!(nothing && row["collection"].is_string(), "{row}");
            continue;
        }
        let whole = [&row["participants_n"], &row["events_n"]].map(number);
        let intervals_n = intervals.get(&text(&row["id"])).copied().unwrap_or(0);
        let is_whole = found == [whole[0], whole[1], intervals_n];
        assert!(is_whole || (nothing && row["pruned_at"].is_string()), "{intervals_n}: {row}");
    }
}

/// Asks as long as it is written; gives the answers.
fn ask_while(bed: &TestBed, write: impl FnOnce() + Send) -> Vec<Vec<Value>> {
    let is_written = AtomicBool::new(false);
    let ask = || {
        let ran = bed.query(&["--format", "json", COUNTS]).exits(0);
        ran.json().as_array().unwrap().clone()
    };
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = Vec::new();
            while !is_written.load(Ordering::Relaxed) {
                answers.push(ask());
            }
            answers.push(ask());
            answers
        });
        write();
        is_written.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    })
}

fn intervals(lake: &LakeFiles) -> Intervals {
    let mut counts = Intervals::new();
    for row in lake.rows("intervals") {
        *counts.entry(text(&row["session_id"])).or_default() += 1;
    }
    counts
}

#[test]
fn a_session_is_seen_whole_or_not_at_all_while_the_lake_is_written() {
    let bed = several_runs();
    let intervals = intervals(&bed.lake());
    let fresh = TestBed::serving(
        bed.server.edit(|world| world.clone()),
        ivsight::sim::Config {
            scenario: ivsight::sim::Scenario::Clean,
            tps: 0.0,
            ..ivsight::sim::Config::default()
        },
    );
    // Something must be there to be asked.
    fresh.collect(&["--from", "2026-11-01", "--to", "2026-11-09"]).exits(0);
    let on_lake = |args: &[&str]| -> Ran { fresh.ivsight(&[args, &["--lake", "lake"]].concat()) };
    let answers = ask_while(&fresh, || {
        for day in 9..16 {
            let (from, to) = (format!("2026-11-{day:02}"), format!("2026-11-{:02}", day + 1));
            fresh.collect(&["--from", &from, "--to", &to]).exits(0);
            if day % 3 == 0 {
                on_lake(&["compact"]).exits(0);
            }
        }
        fresh.collect(&["--refetch"]).exits(0);
        on_lake(&["compact"]).exits(0);
        on_lake(&["prune", "--before", "2026-11-12", "--yes"]).exits(0);
        on_lake(&["compact"]).exits(0);
    });
    for answer in &answers {
        assert_whole(answer, &intervals);
    }
    let complete_n =
        |answer: &Vec<Value>| answer.iter().filter(|row| row["collection"] == "COMPLETE").count();
    let seen: std::collections::BTreeSet<usize> = answers.iter().map(complete_n).collect();
    assert!(seen.len() > 2, "the lake was seen at different times: {seen:?}");
    let last = answers.last().unwrap();
    assert!(last.iter().any(|row| row["pruned_at"].is_string() && row["events"] == json!(0)));
}
