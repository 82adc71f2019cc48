use datafusion::sql::sqlparser::dialect::{
    ClickHouseDialect, DatabricksDialect, Dialect as Syntax, DuckDbDialect,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::*;

const HOSTILE: &str = "/srv/o'brien's \\lake; DROP";

fn statements(dialect: Dialect, location: &str) -> String {
    dialect.statements(location, &Library::embedded()).unwrap()
}

fn location(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Athena { "s3://bucket/o'brien/" } else { HOSTILE }
}

#[test]
fn every_table_and_column_is_named_in_each_dialect() {
    for dialect in Dialect::ALL {
        let text = statements(dialect, location(dialect));
        for table in Table::ALL {
            assert!(text.contains(table.name()) && text.contains(&format!("/{}", table.name())));
            for column in table.columns() {
                assert!(text.contains(column.name), "{} {}", dialect.name(), column.name);
            }
        }
        for view in Library::embedded().views() {
            assert!(text.contains(&view.header().name), "a view, or why there is none");
        }
    }
}

#[test]
fn a_path_stays_a_path_whatever_it_holds() {
    for (dialect, quoted) in [
        (Dialect::DuckDb, "delta_scan('/srv/o''brien''s \\lake; DROP/events')"),
        (Dialect::Spark, "delta.`/srv/o'brien's \\lake; DROP/events`"),
        (Dialect::Trino, "'local:///srv/o''brien''s \\lake; DROP/events'"),
        (Dialect::ClickHouse, "DeltaLakeLocal('/srv/o\\'brien\\'s \\\\lake; DROP/events')"),
    ] {
        let text = statements(dialect, HOSTILE);
        assert!(text.contains(quoted), "{}", dialect.name());
    }
    let text = statements(Dialect::DuckDb, "/a\nDROP TABLE x");
    assert!(text.starts_with("-- The lake at /a DROP TABLE x in DuckDB.\n"));
    assert!(statements(Dialect::Spark, "/a`b").contains("delta.`/a``b/runs`"));
}

#[test]
fn object_stores_are_reached_by_each_engines_own_way() {
    let place = |dialect| statements(dialect, "s3://bucket/lake/");
    assert!(place(Dialect::DuckDb).contains("delta_scan('s3://bucket/lake/events')"));
    assert!(place(Dialect::DuckDb).contains("credential_chain"));
    assert!(place(Dialect::Spark).contains("delta.`s3a://bucket/lake/events`"));
    assert!(place(Dialect::Athena).contains("LOCATION 's3://bucket/lake/events/'"));
    assert!(place(Dialect::Trino).contains("table_location => 's3://bucket/lake/events'"));
    let refused = Dialect::Athena.statements("/srv/lake", &Library::embedded());
    assert!(matches!(refused, Err(Unopenable::Folder { .. })));
}

#[test]
fn the_statements_are_sql() {
    let dialects: [(Dialect, Box<dyn Syntax>); 3] = [
        (Dialect::DuckDb, Box::new(DuckDbDialect {})),
        (Dialect::Spark, Box::new(DatabricksDialect {})),
        (Dialect::ClickHouse, Box::new(ClickHouseDialect {})),
    ];
    for (dialect, syntax) in dialects {
        let text = statements(dialect, HOSTILE);
        let views = text.split("CREATE OR REPLACE VIEW ").skip(1);
        let mut n = 0;
        for view in views {
            let (_, query) = view.split_once("AS").unwrap();
            let (query, _) = query.split_once(";\n").unwrap();
            if !query.contains("delta") {
                let parsed = Parser::parse_sql(&*syntax, query);
                assert!(parsed.is_ok(), "{}: {query}\n{parsed:?}", dialect.name());
                n += 1;
            }
        }
        assert!(n > 10 || dialect == Dialect::ClickHouse, "{n} views in {}", dialect.name());
    }
}

#[test]
fn parameters_are_gone_and_what_they_decide_is_decided() {
    for dialect in [Dialect::DuckDb, Dialect::Spark] {
        let text = statements(dialect, "/lake");
        for left in
            ["$", "arrow_cast", "NULL IS NULL", "est(NULL", ", NULL)", "WHERE true", "WHERE false"]
        {
            assert!(!text.contains(left), "{} holds `{left}`:\n{text}", dialect.name());
        }
    }
}

#[test]
fn a_view_comes_after_what_it_stands_on() {
    let library = Library::embedded();
    let ordered = ordered_views(&library);
    assert_eq!(ordered.len(), library.views().count());
    for (index, view) in ordered.iter().enumerate() {
        for later in &ordered[index..] {
            assert!(!view.header().uses.contains(&later.header().name));
        }
    }
}

#[test]
fn a_query_is_written_in_types_that_the_other_engine_has() {
    let library = Library::embedded();
    let written = |dialect: Dialect, name: &str| {
        let canned = library.queries().find(|it| it.header().name == name).unwrap();
        dialect.query(canned, &library).unwrap()
    };
    for dialect in [Dialect::DuckDb, Dialect::Spark] {
        let timeline = written(dialect, "timeline");
        assert!(timeline.contains("CAST(NULL AS TIMESTAMP"), "{timeline}");
        assert!(!timeline.contains("TIMESTAMP("), "{timeline}");
    }
    assert!(!written(Dialect::Spark, "timeline").contains("WITH TIME ZONE"));
    // DuckDB sums whole numbers to wider ones than an interval takes.
    let funnel = written(Dialect::DuckDb, "funnel");
    assert!(funnel.contains("to_microseconds(CAST("), "{funnel}");
    assert!(!funnel.split("to_microseconds(").skip(1).any(|it| !it.starts_with("CAST(")));
}
