//! What is typed wrongly, missing or broken: the exit code, what failed, why, and the next step.

use std::fs;
use std::path::PathBuf;

use ivsight::sim::Scenario;

use crate::support::{Ran, TestBed};

/// A folder and a simulator of nothing.
fn bare() -> TestBed {
    TestBed::of(Scenario::Empty)
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_names_it() {
    let bed = bare();
    for (args, says) in [
        (vec!["collect", "--no-such-flag"], "--no-such-flag"),
        (vec!["colect"], "collect"),
        (
            vec!["collect", "--stage", "arn:aws:ivs:nowhere"],
            "`arn:aws:ivs:nowhere` is not the ARN of a stage",
        ),
        (vec!["collect", "--from", "someday"], "`someday`"),
        (vec!["collect", "--to", "2026-13-01"], "`2026-13-01`"),
        (vec!["collect", "--settle", "a while"], "`a while`"),
        (vec!["collect", "--tag", "env"], "`env` is not a tag"),
        (vec!["collect", "--details", "some"], "some"),
        (vec!["collect", "--tps", "many"], "many"),
        (
            vec!["collect", "--tps=-1", "--region", "us-west-2"],
            "-1 is not a number of calls per second",
        ),
        (vec!["collect", "--endpoint-url", "here"], "`here` is not the URL of an endpoint"),
        (vec!["collect", "--region", "Mars/1", "--endpoint-url", "http://127.0.0.1:9"], "`Mars/1`"),
        (vec!["query", "error-code"], "did you mean `error-codes`?"),
        (vec!["query", "error-codes", "--param", "recovr=5s"], "did you mean `recover`?"),
        (vec!["query", "error-codes", "--param", "x"], "`x` is not a parameter"),
        (vec!["query", "select 1", "--format", "xml"], "xml"),
        (vec!["query", "select 1", "--memory-limit", "lots"], "`lots` is not a size"),
        (vec!["query", ""], "no SQL statement"),
        (vec!["query", "-f", "/nothing/there.sql"], "/nothing/there.sql"),
        (vec!["queries", "show", "error-code"], "did you mean `error-codes`?"),
        (vec!["schema", "event"], "there is no table `event`"),
        (vec!["sim", "--scenario", "dmo"], "`dmo`"),
        (vec!["sim", "--faults", "slwo=1"], "`slwo`"),
    ] {
        let ran = bed.ivsight(&args);
        let code = if args.contains(&"-f") { 1 } else { 2 };
        assert_eq!(ran.code, Some(code), "{args:?}\n{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}");
        ran.says(&[says]);
    }
    assert!(!bed.folder().join("ivs-lake").exists());
}

#[test]
fn help_and_version_are_results() {
    let bed = bare();
    for args in [vec!["--help"], vec!["collect", "--help"], vec!["--version"]] {
        let ran = bed.ivsight(&args).exits(0);
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty());
    }
    assert_eq!(bed.ivsight(&[]).code, Some(2));
}

#[test]
fn a_lake_that_can_be_none_fails_with_the_next_step() {
    let bed = TestBed::few();
    fs::write(bed.folder().join("file"), "no lake").unwrap();
    let url = bed.server.endpoint_url();
    let collect = |lake: &str| {
        bed.ivsight(&["collect", "--lake", lake, "--endpoint-url", &url, "--tps", "0", "--json"])
    };
    collect("file").exits(1).says(&["error: the lake `file` is a file, not a folder", "hint: "]);
    assert_eq!(bed.server.calls().attempts_n(), 0);
    collect("file/below").exits(1).says(&["error: cannot", "file/below", "caused by: "]);
    collect("/proc/lake").exits(1).says(&["error: cannot", "/proc/lake", "caused by: "]);
    collect("gs://bucket/prefix").exits(2).says(&["error: ", "`gs://bucket/prefix`", "hint: "]);
    let query = |lake: &str| bed.ivsight(&["query", "--lake", lake, "select * from sessions"]);
    query("file").exits(1).says(&["is a file, not a folder"]);
    query("nowhere").exits(1).says(&[
        "error: ",
        "there is no lake at `nowhere`",
        "ivsight collect",
    ]);
    query(".").exits(1).says(&["there is no lake at"]);
    // Without a table no lake is needed.
    bed.ivsight(&["query", "select 1 as one", "--lake", "nowhere"]).exits(0);
}

/// A run that was killed before the first commit of `sessions` leaves no lake, and no damage; a lake that lost its log does.
#[test]
fn a_lake_that_was_only_begun_is_none_and_one_without_its_log_is_damaged() {
    let bed = TestBed::few();
    let log = bed.lake_path().join("sessions/_delta_log");
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join("_commit_0.json.tmp"), "{").unwrap();
    for args in [&["query", "select * from sessions"][..], &["verify"], &["status"]] {
        bed.ivsight(&[args, &["--lake", "lake"]].concat()).exits(1).says(&["there is no lake at"]);
    }
    bed.collect(&[]).exits(0);
    bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
    fs::remove_dir_all(&log).unwrap();
    fs::create_dir(&log).unwrap();
    bed.ivsight(&["query", "select * from sessions", "--lake", "lake"])
        .exits(1)
        .says(&["cannot open table `sessions`", "restore the file from a backup"]);
    // An empty table in its place would hide what there is.
    bed.collect(&[]).exits(1).says(&["cannot open table `sessions`"]);
}

#[test]
fn without_credentials_or_region_nothing_is_asked() {
    let bed = bare();
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = bed.program();
        command.env("AWS_EC2_METADATA_DISABLED", "true").envs(env.iter().copied());
        Ran::to_end(command.args(["collect", "--json"]).args(args))
    };
    run(&["--region", "us-west-2"], &[]).exits(1).says(&["no usable AWS credentials", "hint: "]);
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    run(&[], &keys).exits(1).says(&["error: no region found", "hint: give `--region`"]);
    run(&["--profile", "nobody", "--region", "us-west-2"], &keys)
        .exits(1)
        .says(&["there is no profile `nobody`", "list-profiles"]);
    assert!(!bed.folder().join("ivs-lake").exists());
}

/// A file of a table, to be damaged.
fn a_file(bed: &TestBed, table: &str) -> PathBuf {
    let lake = bed.lake();
    lake.path().join(lake.files(table, u64::MAX)[0].path())
}

#[test]
fn what_is_damaged_is_named_and_the_rest_can_be_asked() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let path = a_file(&bed, "events");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let ran = bed.query(&["select max(name) from events"]).exits(1);
    let name = path.file_name().unwrap().to_str().unwrap();
    ran.says(&["error: ", name, "hint: "]);
    bed.query(&["select count(*) from participants"]).exits(0);
    let mut garbled = bytes.clone();
    garbled[4..bytes.len() / 3].reverse();
    fs::write(&path, &garbled).unwrap();
    bed.query(&["select * from events"]).exits(1).says(&["error: "]);
    let log = bed.lake_path().join("participants/_delta_log/00000000000000000001.json");
    fs::write(&log, "{\"add\": not json").unwrap();
    let ran = bed.query(&["select max(user_id) from participants"]).exits(1);
    ran.says(&["error: ", "`participants`", "hint: "]);
    // The collector must not make it worse.
    let log = bed.lake_path().join("sessions/_delta_log/00000000000000000001.json");
    fs::write(&log, "garbage").unwrap();
    bed.collect(&[]).exits(1).says(&["error: ", "`sessions`", "hint: "]);
    assert_eq!(fs::read(&log).unwrap(), b"garbage");
}

#[test]
fn sql_that_makes_no_sense_fails_where_it_stands() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    for (sql, code, says) in [
        ("selec 1", 1, "cannot read the SQL"),
        ("select nme from events", 1, "did you mean `name`?"),
        ("select * from evnts", 1, "did you mean `events`?"),
        ("error-codes --from", 1, "cannot read the SQL"),
        ("drop table events", 2, "refused"),
        ("create table x as select 1", 2, "refused"),
        ("copy events to 'x.parquet'", 2, "refused"),
        ("set datafusion.execution.batch_size = 1", 2, "refused"),
        ("select * from '/etc/passwd'", 2, ""),
    ] {
        let ran = bed.query(&[sql]);
        assert!(matches!(ran.code, Some(1 | 2)), "{sql}: {ran:?}");
        if !says.is_empty() {
            assert_eq!(ran.code, Some(code), "{sql}: {}", ran.stderr);
        }
        assert!(ran.stdout.is_empty(), "{sql}");
        ran.says(&["error: ", says]);
    }
    let ran = bed.query(&["error-codes", "--from", "someday"]).exits(2);
    ran.says(&["error: ", "`from`", "`someday`"]);
}

#[test]
fn a_lake_that_is_no_address_is_refused_before_anything_is_asked() {
    let bed = TestBed::of(Scenario::Small);
    for lake in ["s3:/my-bucket/x", "s3://", "s3://My_Bucket/x", "https://my-bucket/x"] {
        for args in [
            &["collect"][..],
            &["status"],
            &["query", "select 1 from events"],
            &["schema", "--iam"],
        ] {
            let ran = bed.ivsight(&[args, &["--lake", lake]].concat()).exits(2);
            ran.says(&[&format!("`{lake}` is neither"), "hint: name a folder or `s3://"]);
        }
    }
    assert_eq!(bed.server.calls().log.len(), 0);
}
