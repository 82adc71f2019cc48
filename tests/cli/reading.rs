//! What the engine tells of the files it reads, and of statements that make no sense over real files.

use std::sync::Arc;

use futures::TryStreamExt;
use ivsight::clock::SystemClock;
use ivsight::lake::place::Place;
use ivsight::query::{Arguments, Engine, LakeSource, Library, Options};

use crate::support::TestBed;

#[test]
fn the_files_of_a_statement_are_counted_as_they_are_read() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let lake = Place::folder(&bed.lake_path()).unwrap();
    let library = Arc::new(Library::embedded());
    let engine =
        Engine::new(Arc::new(LakeSource::new(&lake)), library, &Options::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
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
