use std::sync::Arc;

use super::*;
use crate::query::{Engine, MemorySource, Options, Script};

fn engine(library: Library) -> Engine {
    Engine::new(Arc::new(MemorySource::default()), Arc::new(library), &Options::default()).unwrap()
}

fn names_in(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = sql_files(&folder).unwrap();
    files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn names_of(embedded: &[(&str, &str)], folder: &str) -> Vec<String> {
    let mut names: Vec<String> =
        embedded.iter().map(|(file, _)| file.strip_prefix(folder).unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    assert_eq!(names_of(QUERIES, "queries/"), names_in("queries"));
    assert_eq!(names_of(VIEWS, "queries/views/"), names_in("queries/views"));
}

#[tokio::test]
async fn every_embedded_header_fits_its_statement() {
    let library = Library::embedded();
    let engine = engine(library.clone());
    for file in library.views().chain(library.queries()) {
        engine.check(file).await.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Among statements a name alone runs its query, so it must be no statement itself.
#[test]
fn no_name_of_a_query_is_sql() {
    for canned in Library::embedded().queries() {
        let name = &canned.header().name;
        for given in ["", " from=7d", " --from 7d"] {
            let text = format!("{name}{given}");
            assert!(Script::parse(&text).is_err(), "{text}");
        }
    }
}

#[test]
fn the_page_of_reports_is_that_of_the_headers() {
    let page = Library::embedded().markdown();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reports.md");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        page.trim_end() == written.trim_end(),
        "run `ivsight queries markdown > docs/reports.md`"
    );
}

/// A header that is right, with a statement of one's own.
fn file(header: &str, sql: &str) -> String {
    let common = ["name = \"mine\"", "group = \"g\"", "title = \"t\"", "question = \"q\""];
    let lines: Vec<String> =
        common.into_iter().chain(header.lines()).map(|line| format!("-- {line}\n")).collect();
    lines.concat() + sql
}

const COLUMN_A: &str = "columns = [\n  { name = \"a\", type = \"integer\", help = \"h\" },\n]";

/// What is wrong with a file, and in which line.
async fn fault(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let library = match Library::embedded().overlay(folder.path()) {
        Ok(library) => library,
        Err(error) => return strip(&error, folder.path()),
    };
    match engine(library.clone()).check(library.find("mine").unwrap()).await {
        Ok(()) => String::new(),
        Err(error) => strip(&error, folder.path()),
    }
}

fn strip(error: &Error, folder: &Path) -> String {
    assert!(matches!(error, Error::Header { .. }), "{error:?}");
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

/// Lines of a header, a statement, and what is wrong with the two; nothing, where nothing is.
fn files() -> Vec<(String, &'static str, &'static str)> {
    let with = |more: &str| format!("{COLUMN_A}\n{more}");
    vec![
        (with(""), "SELECT 1 AS a", ""),
        (with("colour = 1"), "SELECT 1 AS a", "mine.sql:8: unknown field `colour`"),
        (with("colour ="), "SELECT 1 AS a", "mine.sql:8: "),
        (with(""), "SELECT 1 AS a,\n  FROM", "mine.sql:9: cannot read the SQL"),
        (with(""), "SELECT 1 AS a; SELECT 2 AS a", "mine.sql:1: expected one SQL statement"),
        (
            with(""),
            "SELECT 1 AS b",
            "mine.sql:6: the header's column 1 is `a`, the statement's is `b`",
        ),
        (
            with(""),
            "SELECT 'x' AS a",
            "mine.sql:6: the header says that `a` is integer, the statement makes it text",
        ),
        (
            with(""),
            "SELECT 1 AS a, 2 AS b",
            "mine.sql:5: the statement has a column `b` that the header does not declare",
        ),
        (
            with(""),
            "SELECT 1 AS a\nWHERE 1 = $x",
            "mine.sql:9: the header does not declare the parameter `x`",
        ),
        (
            with("shared = [\"limit\"]"),
            "SELECT 1 AS a",
            "mine.sql:8: nothing uses the parameter `limit`",
        ),
        (
            with("shared = [\"limits\"]"),
            "SELECT 1 AS a",
            "mine.sql:8: no shared parameter is called `limits`",
        ),
        (
            with(
                "params = [{ name = \"x\", type = \"integer\", help = \"h\", default = \"3\", choices = [\"1\"] }]",
            ),
            "SELECT $x AS a",
            "mine.sql:8: the default of `x` is none of its choices",
        ),
        (
            with("chart = { kind = \"bar\", x = \"a\", y = \"z\" }"),
            "SELECT 1 AS a",
            "mine.sql:8: the chart has no column `z`",
        ),
        (with(""), "SELECT count(*) AS a FROM errors", "mine.sql:1: `uses` leaves out `errors`"),
        (
            with("uses = [\"events\"]"),
            "SELECT 1 AS a",
            "mine.sql:8: the statement does not use `events`",
        ),
        (
            with("uses = [\"errors\"]"),
            "SELECT count(*) AS a FROM errors",
            "mine.sql:1: the header does not declare the parameter `from`",
        ),
        (
            with(
                "uses = [\"errors\"]\nshared = [\"from\", \"to\", \"stage\", \"session\"]\nparams = [{ name = \"recover\", type = \"text\", help = \"h\" }]",
            ),
            "SELECT count(*) AS a FROM errors",
            "mine.sql:10: `recover` has another type in the view that takes it",
        ),
    ]
}

#[tokio::test]
async fn a_file_that_does_not_fit_itself_is_told_with_its_line() {
    for (header, sql, expected) in files() {
        let found = fault("mine.sql", &file(&header, sql)).await;
        if expected.is_empty() {
            assert_eq!(found, "");
        }
        assert!(found.starts_with(expected), "{found}\n  instead of {expected}");
    }
    let found = fault("other.sql", &file(COLUMN_A, "SELECT 1 AS a")).await;
    assert_eq!(found, "other.sql:1: the name `mine` is not the file's");
}

#[tokio::test]
async fn a_check_goes_by_a_column_that_can_tell() {
    for (check, expected) in [
        ("column = \"z\"", "mine.sql:8: the check has no column `z`"),
        ("column = \"a\"", "mine.sql:8: `a` is neither boolean nor text"),
    ] {
        let header = format!("{COLUMN_A}\ncheck = {{ {check} }}");
        assert_eq!(fault("mine.sql", &file(&header, "SELECT 1 AS a")).await, expected);
    }
}

#[tokio::test]
async fn a_folder_of_ones_own_adds_and_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    std::fs::create_dir(&views).unwrap();
    let view = file(COLUMN_A, "SELECT 7 AS a").replace("\"mine\"", "\"seven\"");
    std::fs::write(views.join("seven.sql"), view).unwrap();
    let query = file(&format!("uses = [\"seven\"]\n{COLUMN_A}"), "SELECT a FROM seven")
        .replace("\"mine\"", "\"error-codes\"");
    std::fs::write(folder.path().join("error-codes.sql"), query).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no query").unwrap();
    let library = Library::embedded().overlay(folder.path()).unwrap();
    let own = library.find("error-codes").unwrap();
    assert_eq!(own.sql(), "SELECT a FROM seven");
    engine(library.clone()).check(own).await.unwrap();
    assert!(library.find("coverage").is_ok());
    let error = Library::default().overlay(&folder.path().join("none")).unwrap_err();
    assert!(matches!(error, Error::ReadFile { .. }));
}

#[tokio::test]
async fn a_view_that_stands_on_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    std::fs::create_dir(&views).unwrap();
    let view = file(&format!("uses = [\"mine\"]\n{COLUMN_A}"), "SELECT a FROM mine");
    std::fs::write(views.join("mine.sql"), view).unwrap();
    let library = Library::embedded().overlay(folder.path()).unwrap();
    let view = library.view("mine").unwrap();
    let error = engine(library.clone()).check(view).await.unwrap_err();
    assert!(error.to_string().ends_with("it stands on itself"), "{error}");
}
