//! What is refused, and what is not.

use super::*;

const REFUSED: &[&str] = &[
    "INSERT INTO sessions SELECT * FROM sessions",
    "UPDATE sessions SET stage_name = 'x'",
    "DELETE FROM sessions",
    "TRUNCATE TABLE sessions",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE OR REPLACE VIEW mine AS SELECT 1",
    "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE DATABASE mine",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION f(DOUBLE) RETURNS DOUBLE RETURN $1",
    "DROP TABLE sessions",
    "DROP VIEW errors",
    "ALTER TABLE sessions ADD COLUMN x INT",
    "COPY sessions TO '/tmp/x.parquet'",
    "COPY (SELECT 1) TO '/tmp/x.csv'",
    "SET datafusion.execution.batch_size = 1",
    "RESET datafusion.execution.batch_size",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "BEGIN",
    "COMMIT",
    "USE mine",
    "GRANT SELECT ON sessions TO me",
    "EXPLAIN INSERT INTO sessions SELECT * FROM sessions",
    "EXPLAIN ANALYZE COPY sessions TO '/tmp/x.parquet'",
    "SELECT 1 AS a INTO mine",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'mine.parquet'",
    "SELECT * FROM \"s3://bucket/x.csv\"",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_parquet('x')",
    "SELECT * FROM parquet_scan('x')",
    "WITH x AS (SELECT * FROM '/etc/passwd') SELECT 1",
];

#[tokio::test]
async fn what_writes_or_leaves_the_lake_is_refused_with_a_sentence() {
    let engine = engine_over(some_sessions());
    for text in REFUSED {
        let error = sql(&engine, text, &[]).await.expect_err(text);
        assert!(matches!(error, Error::Refused { .. }), "{text}: {error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("--allow-write")), "{text}");
        assert!(error.is_usage());
    }
}

#[tokio::test]
async fn what_reads_is_run() {
    let engine = engine_over(some_sessions());
    for text in [
        "SELECT count(*) FROM lake.public.sessions",
        "VALUES (1), (2)",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 3) SELECT * FROM a",
        "EXPLAIN SELECT * FROM sessions",
        "EXPLAIN ANALYZE SELECT * FROM sessions",
        "DESCRIBE sessions",
        "DESCRIBE errors",
        "SHOW TABLES",
        "SHOW COLUMNS FROM sessions",
        "SHOW FUNCTIONS",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT unnest([1, 2, 3])",
        "SELECT stage_tags['x'] FROM sessions",
    ] {
        let found = sql(&engine, text, &[]).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!found.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn writing_when_allowed_spares_the_lake() {
    let library = Arc::new(Library::embedded());
    let options = Options { allow_write: true, ..Options::default() };
    let engine = Engine::new(Arc::new(some_sessions()), library, &options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.csv");
    let copy = format!(
        "COPY (SELECT stage_name FROM sessions ORDER BY 1) TO '{}' STORED AS CSV",
        file.display()
    );
    sql(&engine, &copy, &[]).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "stage_name\nalpha\nbeta\n");
    sql(&engine, "CREATE TABLE mine AS SELECT stage_name FROM sessions", &[]).await.unwrap();
    assert_eq!(sql(&engine, "SELECT * FROM mine", &[]).await.unwrap().len(), 2);
    sql(&engine, "SET datafusion.execution.batch_size = 7", &[]).await.unwrap();
    let shown = sql(&engine, "SHOW datafusion.execution.batch_size", &[]).await.unwrap();
    assert_eq!(shown[0]["value"], "7");
    for text in [
        "INSERT INTO sessions SELECT * FROM sessions",
        "EXPLAIN ANALYZE INSERT INTO sessions SELECT * FROM sessions",
        "DROP TABLE sessions",
        "DROP VIEW errors",
        "CREATE TABLE events AS SELECT 1 AS a",
        "CREATE OR REPLACE VIEW errors AS SELECT 1 AS a",
    ] {
        let error = sql(&engine, text, &[]).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{text}: {error}");
        assert_eq!(sql(&engine, "SELECT * FROM sessions", &[]).await.unwrap().len(), 2);
    }
}
