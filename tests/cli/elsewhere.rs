//! What opens the lake in other programs: statements, completions, manual pages.

use ivsight::sim::Scenario;

use crate::support::TestBed;

#[test]
fn the_statements_name_the_lake_from_wherever_one_stands() {
    let bed = TestBed::of(Scenario::Empty);
    let path = bed.folder().join("a lake/events");
    for engine in ["duckdb", "spark", "trino", "clickhouse"] {
        let ran = bed.ivsight(&["schema", "--ddl", engine, "--lake", "a lake"]).exits(0);
        assert!(ran.text().contains(path.to_str().unwrap()), "{engine}");
        let ran = bed.ivsight(&["schema", "--ddl", engine, "--lake", "s3://bucket/x"]).exits(0);
        assert!(ran.text().contains("://bucket/x/events"), "{engine}");
    }
    let athena = |lake: &str| bed.ivsight(&["schema", "--ddl", "athena", "--lake", lake]);
    assert!(athena("s3://bucket/x").exits(0).text().contains("LOCATION 's3://bucket/x/events/'"));
    athena("lake").exits(2).says(&["Athena can't read the folder", "hint: "]);
    bed.ivsight(&["schema", "--ddl", "oracle"]).exits(2).says(&["oracle"]);
    let show = |name: &str| bed.ivsight(&["queries", "show", name, "--ddl", "duckdb"]);
    let sql = show("error-codes").exits(0).text();
    assert!(sql.starts_with("WITH") && !sql.contains('$'), "{sql}");
    show("concurrency").exits(1).says(&["stands on the view `levels`", "`buckets`"]);
}

#[test]
fn shells_complete_every_command() {
    let bed = TestBed::of(Scenario::Empty);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bed.ivsight(&["completions", shell]).exits(0).text();
        for word in ["collect", "query", "memory-limit", "ddl"] {
            assert!(script.contains(word), "{shell} knows no `{word}`");
        }
    }
    bed.ivsight(&["completions", "cmd"]).exits(2).says(&["cmd"]);
}

#[test]
fn there_is_a_page_for_each_command() {
    let bed = TestBed::of(Scenario::Empty);
    let page = bed.ivsight(&["man"]).exits(0).text();
    assert!(page.contains(".TH ivsight 1") && page.contains("memory") | page.contains("lake"));
    bed.ivsight(&["man", "pages"]).exits(0);
    for name in ["ivsight", "ivsight-collect", "ivsight-query", "ivsight-replication-start"] {
        let path = bed.folder().join("pages").join(format!("{name}.1"));
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{name}");
    }
    bed.ivsight(&["man", "/proc/nowhere"]).exits(1).says(&["cannot write manual pages"]);
}
