//! Files and streams of statements and commands: what the prompt does, without a terminal.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::process::{Command, Stdio};

use ivsight::sim::Scenario;

use crate::support::{Ran, Running, TestBed, signal};

fn bare() -> TestBed {
    TestBed::of(Scenario::Empty)
}

fn run_file(bed: &TestBed, text: &str, args: &[&str]) -> Ran {
    fs::write(bed.folder().join("script.sql"), text).unwrap();
    let mut all = vec!["query", "-f", "script.sql"];
    all.extend(args);
    bed.ivsight(&all)
}

#[test]
fn commands_stand_between_statements() {
    let bed = bare();
    let script = "select 1 as a; -- one\n\
                  \\format json\n\
                  select ';' as b\n;\n\
                  .output out.csv\n\
                  select 3 as c;\n\
                  \\o\n\
                  \\x on\n\
                  .mode table\n\
                  select 4 as d;\n\
                  \\q\n\
                  select 5 as e;\n";
    let ran = run_file(&bed, script, &[]).exits(0);
    assert_eq!(ran.text(), "a\r\n1\r\n[\n{\"b\":\";\"}\n]\n── row 1 ──\nd │ 4\n");
    // The format that was chosen holds for the file, too.
    assert_eq!(fs::read_to_string(bed.folder().join("out.csv")).unwrap(), "[\n{\"c\":3}\n]\n");
    let mut command = bed.program();
    command.arg("query").stdin(fs::File::open(bed.folder().join("script.sql")).unwrap());
    assert_eq!(Ran::to_end(&mut command).exits(0).text(), ran.text());
}

#[test]
fn a_file_includes_another_and_not_itself() {
    let bed = bare();
    fs::write(bed.folder().join("other.sql"), "select 2 as b;").unwrap();
    let ran = run_file(&bed, "select 1 as a;\n\\i other.sql\nselect 3 as c;", &[]).exits(0);
    assert_eq!(ran.text(), "a\r\n1\r\nb\r\n2\r\nc\r\n3\r\n");
    fs::write(bed.folder().join("back.sql"), "\\i ./script.sql\n").unwrap();
    let ran = run_file(&bed, "select 1 as a;\n\\i back.sql\n", &[]).exits(1);
    let ran = ran.says(&["cannot run `back.sql`", "caused by: `./script.sql` includes itself"]);
    assert_eq!(ran.text(), "a\r\n1\r\n");
    run_file(&bed, "\\i nowhere.sql\n", &[]).exits(1).says(&["cannot read `nowhere.sql`"]);
}

#[test]
fn nothing_is_run_of_a_text_that_makes_no_sense() {
    let bed = bare();
    let ran = run_file(&bed, "\\format csv\nselect 1;\nselect 2;\n  selec 3;\n", &[]).exits(1);
    let ran = ran.says(&["line 4, column 3", "  4 |   selec 3", "    |   ^"]);
    assert_eq!(ran.text(), "");
    let ran = run_file(&bed, "select 1;\n\\formt csv\n", &[]).exits(2);
    let ran = ran.says(&["there is no command `\\formt`", "did you mean `\\format`?"]);
    assert_eq!(ran.text(), "");
}

#[test]
fn what_there_is_can_be_listed_without_a_lake() {
    let bed = bare();
    for (command, says) in [
        ("\\dt", vec!["events,table,", "presence,view,"]),
        ("\\d events", vec!["event_time,", "When"]),
        ("\\d presence", vec!["duration_s,float,"]),
        ("\\df split_par", vec!["split_part,"]),
        ("\\queries", vec!["error-codes,"]),
        ("\\queries slo", vec!["question,", "parameter,", "column,"]),
        (".help", vec!["\\run NAME", ".timer"]),
    ] {
        let text = run_file(&bed, command, &[]).exits(0).text();
        for word in says {
            assert!(text.contains(word), "{command}: no `{word}` in\n{text}");
        }
    }
    run_file(&bed, "\\d evnts", &[]).exits(1).says(&["no table `evnts`", "did you mean `events`?"]);
    run_file(&bed, "\\queries sol", &[]).exits(2).says(&["there is no query `sol`"]);
}

#[test]
fn canned_queries_are_run_with_their_parameters() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let alone = bed.query(&["error-codes", "--from", "2026-01-01", "--format", "csv", "-q"]);
    let script = "\\run error-codes --from 2026-01-01\n";
    let ran = run_file(&bed, script, &["--lake", "lake", "-q"]).exits(0);
    assert_eq!(ran.text(), alone.exits(0).text());
    // What was given to the whole holds where nothing else was given.
    let script = "\\run error-codes\n\\run error-codes to=2099-01-01\nselect 1 as a;";
    let ran = run_file(&bed, script, &["--lake", "lake", "--to", "2026-01-01", "-q"]).exits(0);
    let header = ran.text().lines().next().unwrap().to_owned();
    let whole = bed.query(&["error-codes", "--format", "csv", "-q"]).exits(0).text();
    assert_eq!(ran.text(), format!("{header}\r\n{whole}a\r\n1\r\n"));
    for mark in ["", "\\run "] {
        let wrong = format!("{mark}error-codes form=7d\n");
        let wrong = run_file(&bed, &wrong, &["--lake", "lake"]).exits(2);
        wrong.says(&["takes no parameter `form`", "did you mean `from`?"]);
    }
    // A name has its line, as a command has, with what would be a comment in SQL.
    let script = "select 1 as a; -- one\nerror-codes --to 2026-01-01 --from 2025-01-01\nselect 2 as b;\nerror-codes";
    let ran = run_file(&bed, script, &["--lake", "lake", "-q"]).exits(0);
    assert_eq!(ran.text(), format!("a\r\n1\r\n{header}\r\nb\r\n2\r\n{whole}"));
    // What is neither a name nor SQL, and a word that leaves a prompt, are mistakes.
    for wrong in ["error-code from=7d", "quit"] {
        run_file(&bed, wrong, &["--lake", "lake"]).exits(1).says(&["cannot read the SQL", wrong]);
    }
}

#[test]
fn a_binary_file_holds_one_result() {
    let bed = bare();
    let ran = bed.ivsight(&["query", "select 1; select 2;", "-o", "x.parquet"]).exits(2);
    ran.says(&["parquet holds one result"]);
    assert!(!bed.folder().join("x.parquet").exists());
}

#[test]
fn an_interrupted_query_leaves_no_half_file() {
    let bed = bare();
    let endless = "select a.value from generate_series(1, 3000000) a, generate_series(1, 3000000) b \
                   where a.value < b.value";
    let mut command: Command = bed.program();
    command.args(["query", endless, "-o", "out.csv"]).stdin(Stdio::null());
    let mut running = Running::start(&mut command, bed.folder());
    let partial = bed.folder().join("out.csv.partial");
    let written = || fs::metadata(&partial).is_ok_and(|file| file.len() > 0);
    assert!(running.until(written), "it runs until it is stopped");
    signal(running.id(), "INT");
    let ran = running.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(!partial.exists() && !bed.folder().join("out.csv").exists());
}

#[test]
fn a_pipe_is_written_to_and_a_link_followed() {
    let bed = bare();
    let pipe = bed.folder().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    bed.ivsight(&["query", "select 7 as a", "-o", "pipe"]).exits(0);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo(), "no file took its place");
    assert_eq!(reader.join().unwrap(), "a\r\n7\r\n");
    let target = bed.folder().join("target.csv");
    fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, bed.folder().join("link.csv")).unwrap();
    bed.ivsight(&["query", "select 7 as a", "-o", "link.csv"]).exits(0);
    assert!(bed.folder().join("link.csv").is_symlink());
    assert_eq!(fs::read_to_string(target).unwrap(), "a\r\n7\r\n");
    bed.ivsight(&["query", "select 7 as a", "-o", "."]).exits(1).says(&["cannot write `.`"]);
}
