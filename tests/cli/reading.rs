//! What the engine tells of the files it reads, and of statements that make no sense over real files.

use std::fs;
use std::sync::Arc;

use futures::TryStreamExt;
use ivsight::clock::SystemClock;
use ivsight::lake::place::Place;
use ivsight::query::{Arguments, Engine, LakeSource, Library, Options};

use ivsight::sim::Scenario;

use crate::support::{LakeFiles, TestBed, text};

#[test]
fn the_files_of_a_statement_are_counted_as_they_are_read() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let lake = Place::folder(&bed.lake_path()).unwrap();
    let library = Arc::new(Library::embedded());
    let engine =
        Engine::new(Arc::new(LakeSource::new(&lake)), library, &Options::default()).unwrap();
    // One thread: what reads runs when this one waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let arguments = Arguments::new(SystemClock::shared().now());
    runtime.block_on(async {
        let sql = "select name, count(*) from events group by name";
        let answer = engine.query(sql, &arguments).await.unwrap();
        let reading = answer.reading.clone().unwrap();
        let before = reading.so_far();
        let files = bed.lake().files("events", u64::MAX);
        assert_eq!((before.files_n, before.files_done_n), (files.len(), 0));
        answer.batches.try_collect::<Vec<_>>().await.unwrap();
        let after = reading.so_far();
        assert_eq!((after.files_n, after.files_done_n), (files.len(), files.len()));
        assert_eq!(after.bytes_n, before.bytes_n);
        assert!(0 < after.bytes_read_n && after.bytes_read_n <= after.bytes_n, "{after:?}");
    });
}

#[test]
fn mistakes_read_well_and_say_where() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    for (sql, says) in [
        ("select *\nfrom evnts", vec!["no table `evnts` at line 2, column 6", "  2 | from evnts"]),
        ("select * from events order by nme", vec!["line 1, column 31", "did you mean `name`?"]),
        ("select name, count(*) from events", vec!["`events.name` must stand in GROUP BY"]),
        ("select row_number() from events", vec!["`row_number` needs OVER"]),
        ("select sum(name) from events", vec!["`sum` does not take values of these types"]),
        ("select name from events where name = 5", vec!["cannot cast string 'JOINED'"]),
        ("select substr(name) from events", vec!["substring without for/from is not valid"]),
        ("select regexp_like(name, '(') from events", vec!["unclosed group"]),
        ("select 'it's'", vec!["unterminated string literal", "column 13"]),
        ("select date_trun('day', event_time) from events", vec!["did you mean `date_trunc`?"]),
    ] {
        let ran = bed.query(&[sql]).exits(1).says(&says);
        assert!(!ran.stderr.contains("restore the file"), "{sql}: {}", ran.stderr);
    }
}

/// Makes no Parquet of a table's files of other days: whoever opens one fails.
fn damage_other_days(lake: &LakeFiles, table: &str, day: &str) -> usize {
    let day = format!("date={day}");
    let files = lake.files(table, u64::MAX);
    let others = files.iter().filter(|file| !file.path().to_str().unwrap().contains(&day));
    others.map(|file| fs::write(lake.path().join(file.path()), "no Parquet").unwrap()).count()
}

/// Reports that read each of the large tables in one way or another.
const REPORTS: [&str; 6] =
    ["attendance", "completeness", "recovery", "session-health", "timeline", "top"];

#[test]
fn what_is_about_a_day_or_a_session_opens_no_file_of_another_day() {
    let bed = TestBed::of(Scenario::Demo);
    bed.collect(&[]).exits(0);
    let lake = bed.lake();
    let row = &lake.rows("events")[0];
    let (day, session) = (text(&row["date"]), text(&row["session_id"]));
    let of_the_day = format!(
        "select name, count(*) from events where date = '{day}' group by name order by name"
    );
    let before = bed.query(&[&of_the_day]).exits(0).text();
    for table in ["events", "intervals", "participants", "replicas"] {
        assert!(damage_other_days(&lake, table, &day) > 0, "{table} is of one day");
    }
    bed.query(&["select name, count(*) from events group by name"]).exits(1);
    assert_eq!(bed.query(&[&of_the_day]).exits(0).text(), before);
    // A join with the session that was asked for says which files the other side may leave unopened.
    for name in REPORTS {
        bed.query(&[name, "--session", &session]).exits(0);
    }
}

#[test]
fn partitions_are_asked_for_by_any_condition_even_where_there_are_none() {
    let bed = TestBed::of(Scenario::Small);
    bed.collect(&[]).exits(0);
    let events = bed.lake().rows("events");
    let day = text(&events[0]["date"]);
    let of_day = events.iter().filter(|row| row["date"] == events[0]["date"]).count();
    let conditions = [
        (format!("date = '{day}'"), of_day),
        (format!("date <> '{day}'"), events.len() - of_day),
        (format!("date = '{day}' and region like 'us-%' and account_id = '111122223333'"), of_day),
        (format!("extract(year from date) = 1999 or cast(date as text) = '{day}'"), of_day),
        (format!("date = '{day}' or name = 'JOINED' or true"), events.len()),
        ("date is null".to_owned(), 0),
        ("1 = 0".to_owned(), 0),
        ("random() >= 0".to_owned(), events.len()),
    ];
    let counted = |condition: &str| {
        let sql = format!("select count(*) as n from events where {condition}");
        bed.query(&[&sql, "--format", "json"]).exits(0).json()[0]["n"].clone()
    };
    for (condition, expected) in &conditions {
        assert_eq!(counted(condition), *expected, "{condition}");
    }
    bed.ivsight(&["prune", "--lake", "lake", "--before", "2100-01-01", "--yes"]).exits(0);
    for (condition, _) in &conditions {
        assert_eq!(counted(condition), 0, "{condition}");
    }
}

/// Of a join the side that is read first is held. To know which is smaller, one must know that many events are of one
/// session.
#[test]
fn a_join_holds_the_smaller_side() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let sql = "explain select * from participants p join \
               (select e.name, e.participant_id from events e join sessions s using (date, stage_arn, session_id)) e \
               on e.participant_id = p.participant_id";
    let plan = bed.query(&[sql, "--format", "json"]).exits(0).text();
    let physical = plan.split_once("physical_plan").unwrap().1;
    let place = |table: &str| physical.find(&format!("/{table}/")).unwrap();
    assert!(place("participants") < place("sessions"), "{physical}");
    assert!(place("sessions") < place("events"), "{physical}");
}
