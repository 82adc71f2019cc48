//! SQL and the canned queries over lakes made by hand: what is expected was worked out on paper.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::json::ReaderBuilder;
use futures::TryStreamExt;
use ivsight::lake::tables::Table;
use ivsight::model::Timestamp;
use ivsight::query::{
    Answer, Arguments, Engine, Error, Library, MemorySource, Options, Snapshot, Source,
    SourceError, coverage,
};
use serde_json::{Value, json};

mod access;
mod guard;
mod lakes;
mod money;
mod people;
mod people_over_time;
mod promises;
mod quality;
mod rates;
mod replication;
mod replication_journal;
mod reports;
mod spread;
mod steps;
mod zones;

use lakes::Lake;

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn arguments(given: &[(&str, &str)]) -> Arguments {
    let mut arguments = Arguments::new(now());
    for (name, value) in given {
        arguments.push(name, value);
    }
    arguments
}

fn engine_over(source: impl Source + 'static) -> Engine {
    let library = Arc::new(Library::embedded());
    // Small lakes: more partitions cost more to plan than they gain.
    let options = Options { partitions: Some(1), ..Options::default() };
    Engine::new(Arc::new(source), library, &options).unwrap()
}

async fn rows(answer: Answer) -> Vec<Value> {
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap();
    let mut text = Vec::new();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(&mut text);
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The answer of a canned query; only some of its columns.
async fn report(
    lake: Lake,
    name: &str,
    given: &[(&str, &str)],
    columns: &[&str],
) -> Vec<Vec<Value>> {
    let engine = engine_over(lake.into_source());
    let library = Library::embedded();
    let mut arguments = arguments(given);
    let query = library.choose(name, &mut arguments).unwrap();
    let rows = rows(engine.run_canned(query, &arguments).await.unwrap()).await;
    rows.iter().map(|row| columns.iter().map(|name| row[name].clone()).collect()).collect()
}

/// What a query can't do without.
fn required<'a>(name: &str, rates: &'a str) -> Vec<(&'static str, &'a str)> {
    match name {
        "timeline" => vec![("session", "*")],
        "cost-estimate" => vec![("rates", rates)],
        _ => Vec::new(),
    }
}

async fn sql(engine: &Engine, text: &str, given: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
    Ok(rows(engine.query(text, &arguments(given)).await?).await)
}

fn some_sessions() -> MemorySource {
    Lake::default()
        .session("alpha", "st-1", "10:00:00", Some("11:00:00"))
        .session("beta", "st-2", "12:00:00", Some("13:00:00"))
        .into_source()
}

#[tokio::test]
async fn several_statements_run_in_turn_and_one_is_wanted_otherwise() {
    let engine = engine_over(some_sessions());
    let text = "SELECT 1 AS a; -- two\nSELECT 2 AS b;";
    let script = engine.script(text, &arguments(&[])).unwrap();
    let mut found = Vec::new();
    for statement in script.statements() {
        found.extend(rows(engine.run(statement, &arguments(&[])).await.unwrap()).await);
    }
    assert_eq!(found, [json!({"a": 1}), json!({"b": 2})]);
    let error = engine.query(text, &arguments(&[])).await.unwrap_err();
    assert!(matches!(error, Error::SeveralStatements { found: 2 }));
    let error = engine.query(" -- nothing\n ;", &arguments(&[])).await.unwrap_err();
    assert!(matches!(error, Error::NoStatement), "{error}");
}

#[tokio::test]
async fn parameters_are_bound_with_the_type_that_they_are_compared_with() {
    let engine = engine_over(some_sessions());
    let text = "SELECT session_id FROM sessions WHERE stage_name = $name AND attempts_n < $n \
                AND start_time >= $from AND start_time < $until LIMIT $rows";
    let given = [("name", "alpha"), ("n", "7"), ("from", "2d"), ("until", "now"), ("rows", "5")];
    assert_eq!(sql(&engine, text, &given).await.unwrap(), [json!({"session_id": "st-1"})]);
    let hostile =
        [("name", "x' OR '1' = '1"), ("n", "7"), ("from", "2d"), ("until", "now"), ("rows", "5")];
    assert_eq!(sql(&engine, text, &hostile).await.unwrap(), [] as [Value; 0]);
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let engine = engine_over(some_sessions());
    let text = "SELECT * FROM sessions WHERE attempts_n < $attempts";
    let error = sql(&engine, text, &[]).await.unwrap_err();
    assert!(matches!(&error, Error::MissingParameter { name, .. } if name == "attempts"));
    let error = sql(&engine, text, &[("atempts", "1")]).await.unwrap_err();
    assert_eq!(error.to_string(), "the statement takes no parameter `atempts`");
    assert_eq!(error.hint().unwrap(), "did you mean `attempts`?");
    let error = sql(&engine, text, &[("attempts", "many")]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the parameter `attempts` can't be `many`: it is compared with values of type integer"
    );
    let library = Library::embedded();
    let query = library.find("error-codes").unwrap();
    let error = engine.run_canned(query, &arguments(&[("bucket", "1h")])).await.unwrap_err();
    assert_eq!(error.to_string(), "the query `error-codes` takes no parameter `bucket`");
    assert!(error.hint().unwrap().contains("`replicas`, `limit`, `recover`"), "{error:?}");
    let error = engine.run_canned(query, &arguments(&[("replicas", "some")])).await.unwrap_err();
    assert!(error.to_string().ends_with("choose exclude, include, only"), "{error}");
    let query = library.find("failure-rates").unwrap();
    for (by, reason) in [
        (
            "os,system",
            "can't be `system`: choose none, stage, session, sdk, os, browser, isp, protocol",
        ),
        ("os,none", "can't be `none`: it stands alone, and others were given with it"),
        ("", "can't be ``: choose none, stage, session, sdk, os, browser, isp, protocol"),
    ] {
        let error = engine.run_canned(query, &arguments(&[("by", by)])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the parameter `by` {reason}"));
    }
    let error = library.find("eror-code").unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `error-codes`?");
    let error = library.choose("replication-durations", &mut arguments(&[("by", "node")]));
    assert_eq!(error.unwrap_err().hint().unwrap(), "it can be grouped by `edge`");
}

#[tokio::test]
async fn what_does_not_exist_is_told_with_what_is_near() {
    let engine = engine_over(some_sessions());
    for (text, message, hint) in [
        (
            "SELECT * FROM sesions",
            "there is no table `sesions` at line 1, column 15\n  1 | SELECT * FROM sesions\n    |               ^",
            "did you mean `sessions`?",
        ),
        (
            "SELECT * FROM zebra",
            "there is no table `zebra` at line 1, column 15\n  1 | SELECT * FROM zebra\n    |               ^",
            "`SHOW TABLES` lists what there is",
        ),
        (
            "SELECT stage_nam\nFROM sessions",
            "there is no column `stage_nam` at line 1, column 8\n  1 | SELECT stage_nam\n    |        ^",
            "did you mean `stage_name`?",
        ),
        (
            "SELECT\n  cuont(*) FROM sessions",
            "there is no function `cuont` at line 2, column 3\n  2 |   cuont(*) FROM sessions\n    |   ^",
            "did you mean `count`?",
        ),
    ] {
        let error = sql(&engine, text, &[]).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.hint().as_deref(), Some(hint));
    }
    let error = sql(&engine, "SELECT *\nFROM sessions WHERE\n  )", &[]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot read the SQL: expected"), "{text}");
    assert!(text.ends_with(" at line 3, column 3\n  3 |   )\n    |   ^"), "{text}");
}

#[tokio::test]
async fn planning_and_running_errors_are_sentences() {
    let engine = engine_over(some_sessions());
    for text in [
        "SELECT sum(stage_name) FROM sessions",
        "SELECT stage_name, count(*) FROM sessions",
        "SELECT 1 / (attempts_n - attempts_n) FROM sessions",
        "SELECT CAST(stage_name AS INT) FROM sessions",
        "SELECT session_id FROM sessions a JOIN sessions b ON a.stage_arn = b.stage_arn",
        "SELECT stage_tags + 1 FROM sessions",
        "SELECT upper() FROM sessions",
        "SELECT * FROM sessions WHERE stage_name",
        "SELECT date_trunc('fortnight', start_time) FROM sessions",
        "SELECT (SELECT session_id FROM sessions) FROM sessions",
        "SELECT * FROM sessions ORDER BY 99",
        "SELECT 1 UNION SELECT 1, 2",
        "SELECT CAST('x' AS TIMESTAMP)",
        "SELECT a.b.c.d.e FROM sessions",
        "SELECT 1 AS x, 2 AS x FROM sessions a, sessions a",
    ] {
        let error = match engine.query(text, &arguments(&[])).await {
            Ok(answer) => answer.batches.try_collect::<Vec<_>>().await.unwrap_err(),
            Err(error) => error,
        };
        let message = error.to_string();
        for debug in ["DataFusionError", "Error during planning", "{", "\n\n"] {
            assert!(!message.contains(debug), "{message}");
        }
    }
}

#[tokio::test]
async fn too_little_memory_is_told_with_a_hint() {
    let options = Options { memory_limit: Some(1_000), partitions: Some(1), ..Options::default() };
    let library = Arc::new(Library::embedded());
    let engine = Engine::new(Arc::new(some_sessions()), library, &options).unwrap();
    let text = "SELECT value % 100000 AS k, count(*) FROM generate_series(1, 1000000) GROUP BY 1";
    let answer = engine.query(text, &arguments(&[])).await.unwrap();
    let error = answer.batches.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--memory-limit"));
}

#[tokio::test]
async fn a_sort_beyond_the_memory_spills() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        memory_limit: Some(8 << 20),
        partitions: Some(1),
        spill_folder: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let library = Arc::new(Library::embedded());
    let engine = Engine::new(Arc::new(some_sessions()), library, &options).unwrap();
    // 16 MB of text, most of which must go to the disk and come back in order.
    let text = "SELECT 200000 - value AS n, repeat('x', 80) AS t FROM generate_series(1, 200000) ORDER BY n";
    let answer = engine.query(text, &arguments(&[])).await.unwrap();
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 200_000);
    let first = batches[0].column(0).as_primitive::<Int64Type>().value(0);
    let last = batches.last().unwrap();
    let last = last.column(0).as_primitive::<Int64Type>().value(last.num_rows() - 1);
    assert_eq!((first, last), (0, 199_999));
}

#[tokio::test]
async fn an_answer_is_rendered_as_it_comes() {
    use ivsight::render::{Format, Options, render};
    let engine = engine_over(some_sessions());
    let text = "SELECT stage_name, start_time FROM sessions ORDER BY 1";
    let answer = engine.query(text, &arguments(&[])).await.unwrap();
    let mut out = Vec::new();
    let options = Options::new(Format::Table);
    render(&answer.schema, answer.batches, &options, &mut out).await.unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "stage_name │ start_time\n───────────┼─────────────────────\n\
         alpha      │ 2026-11-20T10:00:00Z\nbeta       │ 2026-11-20T12:00:00Z\n(2 rows)\n"
    );
}

#[tokio::test]
async fn a_glob_without_wildcards_is_the_text_itself() {
    let odd = "a.b+c(d)[e]{f}|^$\\#&~-!\"'%@,;=<g> é_:/";
    let lake = Lake::default()
        .session("alpha", odd, "10:00:00", None)
        .session("alpha", "axb", "10:00:00", None);
    let columns = ["sessions_n"];
    for (glob, sessions_n) in [(odd, 1), ("a.b*", 1), ("a?b", 1), ("*/", 1), ("a*", 2), ("a", 0)] {
        let found = report(lake.clone(), "coverage", &[("session", glob)], &columns).await;
        assert_eq!(found, [[json!(sessions_n)]], "{glob}");
    }
}

#[tokio::test]
async fn short_forms_mean_what_they_say_in_plain_sql() {
    let engine = engine_over(some_sessions());
    let text = "SELECT session_id FROM sessions WHERE stage_name = $stage AND start_time >= $from";
    let given = [("stage", "alpha"), ("from", "2026-11-20T10:00:00Z")];
    assert_eq!(sql(&engine, text, &given).await.unwrap(), [json!({"session_id": "st-1"})]);
}

/// The logical plan among the rows of an explanation, each line without its indent.
fn logical(explained: &[Value]) -> String {
    let row = explained.iter().find(|row| row["plan_type"] == "logical_plan").unwrap();
    row["plan"].as_str().unwrap().lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

/// The plan of a canned query over a lake.
async fn plan_of(engine: &Engine, name: &str, given: &[(&str, &str)]) -> String {
    let library = Library::embedded();
    let query = library.find(name).unwrap();
    logical(&rows(engine.explain_canned(query, &arguments(given)).await.unwrap()).await)
}

#[tokio::test]
async fn a_period_and_a_stage_reach_the_scans_as_constants() {
    let engine = engine_over(CountingSource::default());
    let arn = lakes::arn("alpha");
    let given = [("from", "2026-11-20"), ("to", "2026-11-21"), ("stage", arn.as_str())];
    for name in ["error-codes", "replication-durations"] {
        let plan = plan_of(&engine, name, &given).await;
        for line in plan.lines().filter(|line| line.starts_with("Filter: events")) {
            assert!(line.contains("events.event_time >= Timestamp"), "{line}");
            assert!(line.contains("events.event_time <"), "{line}");
        }
        assert!(!plan.contains('$'), "{plan}");
    }
    let selected = sql(&engine, "EXPLAIN SELECT * FROM selected_sessions", &given).await.unwrap();
    let plan = logical(&selected);
    assert!(plan.contains(&format!("sessions.stage_arn = Utf8(\"{arn}\")")), "{plan}");
}

/// Sessions that start a minute apart.
fn many_sessions() -> MemorySource {
    let minutes =
        (0..600).map(|n| (format!("st-{n:03}"), format!("{:02}:{:02}:00", n / 60, n % 60)));
    minutes
        .fold(Lake::default(), |lake, (id, start)| lake.session("alpha", &id, &start, None))
        .into_source()
}

/// Each session beside the one before it.
const NEIGHBOURS: &str = "SELECT a.session_id AS a, b.session_id AS b FROM selected_sessions a \
    LEFT JOIN selected_sessions b ON b.session_no = a.session_no - 1 ORDER BY a.session_no";

#[tokio::test]
async fn a_kept_view_is_read_once_where_it_is_joined_or_named_more_than_once() {
    let engine = engine_over(many_sessions());
    let plan = plan_of(&engine, "error-codes", &[]).await;
    assert_eq!(plan.matches("TableScan: sessions").count(), 0, "{plan}");
    assert!(plan.matches("TableScan: selected_sessions").count() > 1, "{plan}");
    let named_once = sql(&engine, "EXPLAIN SELECT * FROM selected_sessions", &[]).await.unwrap();
    let plan = logical(&named_once);
    assert_eq!(plan.matches("TableScan: sessions").count(), 1, "{plan}");
    let joined = "EXPLAIN SELECT * FROM selected_sessions JOIN stages USING (stage_arn)";
    let plan = logical(&sql(&engine, joined, &[]).await.unwrap());
    assert_eq!(plan.matches("TableScan: sessions").count(), 0, "{plan}");
    // Amid an expression as well, and with the values of this statement alone.
    let text = "SELECT count(*) AS n FROM selected_sessions \
                WHERE session_no = (SELECT max(session_no) FROM selected_sessions)";
    for (session, n) in [("*", 1), ("st-00?", 1), ("nothing", 0)] {
        let found = sql(&engine, text, &[("session", session)]).await.unwrap();
        assert_eq!(found, [json!({"n": n})], "{session}");
    }
    let found = sql(&engine, NEIGHBOURS, &[("session", "st-00?")]).await.unwrap();
    assert_eq!(found.len(), 10);
    assert_eq!(found[9], json!({"a": "st-009", "b": "st-008"}));
}

#[tokio::test]
async fn a_kept_view_with_too_many_rows_is_read_wherever_it_is_named() {
    let library = Arc::new(Library::embedded());
    let limit = |memory_limit| Options { memory_limit, partitions: Some(1), ..Options::default() };
    let few = Engine::new(Arc::new(many_sessions()), Arc::clone(&library), &limit(None)).unwrap();
    let small = limit(Some(600 << 10));
    let many = Engine::new(Arc::new(many_sessions()), library, &small).unwrap();
    let explained = format!("EXPLAIN {NEIGHBOURS}");
    let scans = |rows: Vec<Value>| logical(&rows).matches("TableScan: sessions").count();
    assert_eq!(scans(sql(&few, &explained, &[]).await.unwrap()), 0);
    assert_eq!(scans(sql(&many, &explained, &[]).await.unwrap()), 2);
    let found = sql(&few, NEIGHBOURS, &[]).await.unwrap();
    assert_eq!(found.len(), 600);
    assert_eq!(sql(&many, NEIGHBOURS, &[]).await.unwrap(), found);
}

#[tokio::test]
async fn a_view_of_ones_own_over_a_kept_one_answers() {
    let library = Arc::new(Library::embedded());
    let options = Options { allow_write: true, ..Options::default() };
    let engine = Engine::new(Arc::new(some_sessions()), library, &options).unwrap();
    sql(&engine, &format!("CREATE VIEW mine AS {NEIGHBOURS}"), &[]).await.unwrap();
    let found = sql(&engine, "SELECT * FROM mine ORDER BY a", &[]).await.unwrap();
    assert_eq!(found, [json!({"a": "st-1", "b": null}), json!({"a": "st-2", "b": "st-1"})]);
}

#[tokio::test]
async fn the_lake_describes_itself() {
    let engine = engine_over(some_sessions());
    let tables = sql(&engine, "SHOW TABLES", &[]).await.unwrap();
    let names: Vec<&str> = tables
        .iter()
        .filter(|row| row["table_schema"] == "public")
        .map(|row| row["table_name"].as_str().unwrap())
        .collect();
    for name in Table::ALL.map(Table::name).into_iter().chain(["errors", "replication"]) {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let columns = sql(&engine, "DESCRIBE events", &[]).await.unwrap();
    assert_eq!(columns.len(), Table::Events.columns().len());
    let columns = sql(&engine, "SHOW COLUMNS FROM replication", &[]).await.unwrap();
    assert!(columns.iter().any(|row| row["column_name"] == "dead_air_s"));
}

#[derive(Debug, Default)]
struct Counting {
    opened: std::sync::Mutex<Vec<Table>>,
    snapshots: std::sync::atomic::AtomicUsize,
}

#[derive(Clone, Debug, Default)]
struct CountingSource(Arc<Counting>);

#[async_trait::async_trait]
impl Source for CountingSource {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, SourceError> {
        self.0.snapshots.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl Snapshot for CountingSource {
    async fn open(
        &self,
        table: Table,
    ) -> Result<Arc<dyn datafusion::catalog::TableProvider>, SourceError> {
        self.0.opened.lock().unwrap().push(table);
        MemorySource::default().open(table).await
    }
}

#[tokio::test]
async fn a_statement_opens_what_it_names_once_in_one_snapshot() {
    let source = CountingSource::default();
    let engine = engine_over(source.clone());
    let text = "WITH events AS (SELECT * FROM sessions) \
                SELECT * FROM events a JOIN sessions b ON a.session_id = b.session_id \
                WHERE a.session_id IN (SELECT session_id FROM participants)";
    sql(&engine, text, &[]).await.unwrap();
    let mut opened = std::mem::take(&mut *source.0.opened.lock().unwrap());
    opened.sort();
    assert_eq!(opened, [Table::Sessions, Table::Participants]);
    assert_eq!(source.0.snapshots.load(std::sync::atomic::Ordering::Relaxed), 1);
    sql(&engine, "SHOW TABLES", &[]).await.unwrap();
    sql(&engine, "SELECT 1", &[]).await.unwrap();
    assert_eq!(source.0.opened.lock().unwrap().len(), 0);
    sql(&engine, "SELECT * FROM errors", &[]).await.unwrap();
    let mut opened = std::mem::take(&mut *source.0.opened.lock().unwrap());
    opened.sort();
    assert_eq!(opened, [Table::Sessions, Table::Participants, Table::Events, Table::Intervals]);
}

#[tokio::test]
async fn coverage_counts_the_sessions_of_the_period() {
    let lake = Lake::default()
        .session("alpha", "st-1", "10:00:00", Some("11:00:00"))
        .listed("alpha", "st-2", "12:00:00", "LISTED")
        .listed("alpha", "st-3", "13:00:00", "LOST")
        .listed("beta", "st-4", "20:00:00", "LISTED");
    let engine = engine_over(lake.into_source());
    let library = Library::embedded();
    let given =
        arguments(&[("from", "2026-11-20"), ("to", "2026-11-20T19:00:00Z"), ("limit", "1")]);
    let found = coverage(&engine, &library, &given).await.unwrap();
    assert_eq!((found.total_n, found.missing_n, found.gone_n), (3, 1, 1));
    assert_eq!(
        found.note().unwrap(),
        "1 of 3 sessions of this period are not in the lake yet (33.3 % are there)"
    );
    let found = coverage(&engine, &library, &arguments(&[("stage", "alp*")])).await.unwrap();
    assert_eq!(found.total_n, 3);
    let engine = engine_over(MemorySource::default());
    let empty = coverage(&engine, &library, &arguments(&[])).await.unwrap();
    assert_eq!((empty.share(), empty.note()), (None, None));
}
