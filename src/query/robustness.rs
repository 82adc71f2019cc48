//! Whatever is typed, given or written into a file is read or refused; nothing panics, and what is read means what was
//! written. Statements are in `lexing`, times and durations in `times`.

use std::path::Path;

use chrono::DateTime;
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use super::arguments::{Kind, Parameter};
use super::header::HeadedSql;
use super::{Engine, Library, MemorySource, Options, Script};
use crate::model::Timestamp;

fn now() -> Timestamp {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn parameter(kind: Kind) -> Parameter {
    Parameter {
        name: "x".to_owned(),
        kind,
        default: None,
        help: String::new(),
        choices: Vec::new(),
        required: false,
    }
}

fn value(kind: Kind, given: &str) -> Result<ScalarValue, super::Error> {
    parameter(kind).value("the statement", &[given.to_owned()], now())
}

const KINDS: [Kind; 7] = [
    Kind::Text,
    Kind::Globs,
    Kind::Integer,
    Kind::Float,
    Kind::Boolean,
    Kind::Timestamp,
    Kind::Duration,
];

/// A text as TOML reads it: JSON quotes alike.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(lines in prop::collection::vec("(-- )?(name = |columns = \\[|\\]|\\{|[a-z]{1,8} = )?\\PC{0,20}", 0..12)) {
        let _ = HeadedSql::parse(Path::new("queries/x.sql"), &lines.join("\n"));
    }

    #[test]
    fn a_header_survives_being_written(
        title in "\\PC{1,30}", question in "\\PC{1,30}", caveat in "\\PC{1,30}", help in "\\PC{1,30}"
    ) {
        let text = format!(
            "-- name = \"x\"\n-- group = \"g\"\n-- title = {}\n-- question = {}\n-- caveats = [{}]\n\
             -- columns = [{{ name = \"a\", type = \"integer\", help = {} }}]\nSELECT 1 AS a\n",
            quoted(&title), quoted(&question), quoted(&caveat), quoted(&help),
        );
        let header = HeadedSql::parse(Path::new("queries/x.sql"), &text).unwrap().header;
        prop_assert_eq!((header.title, header.question), (title, question));
        prop_assert_eq!((&header.caveats[0], &header.columns[0].help), (&caveat, &help));
    }

    #[test]
    fn any_value_is_read_or_refused(given in "\\PC{0,30}") {
        for kind in KINDS {
            let _ = value(kind, &given);
        }
    }

    #[test]
    fn values_survive_being_written(integer: i64, float in prop::num::f64::NORMAL, text in "\\PC{0,30}") {
        prop_assert_eq!(value(Kind::Integer, &integer.to_string()).unwrap(), ScalarValue::from(integer));
        prop_assert_eq!(value(Kind::Float, &float.to_string()).unwrap(), ScalarValue::from(float));
        prop_assert_eq!(value(Kind::Text, &text).unwrap(), ScalarValue::from(text.as_str()));
    }

    #[test]
    fn any_text_is_sql_or_an_error(text in "(select|from|where|events|\\(|\\)|'|\"|\\$x|;|,|[ a-z0-9*=<>.]|\\PC){0,40}") {
        let _ = Script::parse(&text);
    }
}

#[test]
fn nothing_typed_reaches_beyond_the_lake() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let library = std::sync::Arc::new(Library::embedded());
    let source = std::sync::Arc::new(MemorySource::default());
    let engine = Engine::new(source, library, &Options::default()).unwrap();
    let file = std::env::temp_dir().join("ivsight-must-not-be-read.csv");
    let path = file.to_str().unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let opened = prop::sample::select(vec![
        "select * from '{}'",
        "select * from \"{}\"",
        "select * from `{}`",
        "select * from read_csv('{}')",
        "select * from ReAd_PaRqUeT('{}')",
        "select * from csv_scan('{}')",
        "select * from lake.public.\"{}\"",
        "select * from \"file\".\"{}\"",
        "/* */ copy (select 1) to '{}'",
        "-- x\ncreate external table t stored as csv location '{}'",
        "explain analyze copy (select 1) to '{}'",
        "with a as (select * from '{}') select 1",
        "select (select count(*) from '{}')",
        "select 1 union all select * from '{}'",
        "select * from events e, lateral (select * from '{}') f",
        "set datafusion.catalog.location = '{}'",
        "prepare p as select * from '{}'",
        "execute p('{}')",
        "select * from information_schema.\"{}\"",
        "describe '{}'",
        "show columns from \"{}\"",
        "insert into \"{}\" values (1)",
    ]);
    let around = (prop::bool::ANY, opened);
    runner
        .run(&around, |(is_second, form)| {
            let sql = form.replace("{}", path);
            let sql = if is_second { format!("select 1; {sql}") } else { sql };
            let arguments = super::Arguments::new(now());
            let ran = runtime.block_on(async {
                use futures::TryStreamExt;
                let script = engine.script(&sql, &arguments)?;
                for statement in script.statements() {
                    let answer = engine.run(statement, &arguments).await?;
                    answer.batches.try_collect::<Vec<_>>().await?;
                }
                Ok::<(), super::Error>(())
            });
            prop_assert!(ran.is_err(), "{} was run", sql);
            prop_assert!(!file.exists(), "{} wrote a file", sql);
            Ok(())
        })
        .unwrap();
}
