//! A bucket that refuses, is not there, or can't be reached: a sentence, a next step, and nothing lost.

use super::{STALE, command, smallest};
use crate::collect::truth::assert_truth;
use crate::support::{Ran, asked};

#[test]
fn whoever_is_refused_is_told_why_and_what_to_do() {
    let bed = smallest();
    let gate = bed.s3().gate();
    for (status, code, hint) in [
        (403, "AccessDenied", "hint: allow what `ivsight schema --iam --lake s3://"),
        (403, "InvalidAccessKeyId", "hint: the bucket does not accept these credentials"),
        (400, "ExpiredToken", "hint: renew the credentials"),
        (301, "PermanentRedirect", "hint: the bucket is in another region"),
    ] {
        gate.refuse(Some((status, code)));
        for args in [&["status"][..], &["query", "SELECT * FROM events"]] {
            command(&bed, args).exits(1).says(&["s3://lake-bucket/lakes/one", hint]);
        }
        bed.collect(&[]).exits(1).says(&["s3://lake-bucket/lakes/one", hint]);
    }
    gate.refuse(None);
    bed.collect(&[]).exits(0);
    assert_truth(&bed);
}

#[test]
fn a_bucket_that_is_not_there_is_said_to_be_missing() {
    let bed = smallest();
    let ran = bed.collect(&["--lake", "s3://no-such-bucket/x"]).exits(1);
    ran.says(&["s3://no-such-bucket/", "NoSuchBucket", "hint: create the bucket"]);
    let ran = bed.ivsight(&["status", "--lake", "gs://bucket/x"]).exits(2);
    ran.says(&["`gs://bucket/x` is neither a folder nor `s3://BUCKET/PREFIX`", "hint:"]);
}

/// An empty table in its place would hide what there is.
#[test]
fn a_table_that_lost_its_log_is_not_made_anew() {
    let bed = smallest();
    bed.collect(&[]).exits(0);
    for table in ["events", "sessions"] {
        let log = bed.s3().path("lakes/one").join(table).join("_delta_log");
        let away = log.with_file_name("_away");
        std::fs::rename(&log, &away).unwrap();
        let said = format!("cannot open table `{table}`");
        bed.collect_anew(&[]).exits(1).says(&[&said, "restore the file from a backup"]);
        command(&bed, &["query", "SELECT count(*) FROM events"]).exits(1).says(&[&said]);
        assert!(bed.s3().objects(&format!("{table}/_delta_log")).is_empty());
        std::fs::rename(&away, &log).unwrap();
    }
    bed.collect_anew(&[]).exits(0);
    assert_truth(&bed);
}

#[test]
fn a_store_that_is_away_is_said_to_be_unreachable() {
    let bed = smallest();
    let mut status = bed.program();
    status.args(["status", "--lake", &bed.lake_name()]);
    let ran = Ran::to_end(status.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")).exits(1);
    ran.says(&[
        "cannot list `s3://lake-bucket/",
        "hint: check the network and AWS_ENDPOINT_URL_S3",
    ]);
}

#[test]
fn a_refusal_in_the_middle_of_a_run_loses_nothing() {
    let bed = smallest();
    let gate = bed.s3().gate();
    gate.hold(|request| request.contains("/events/_delta_log/00000000000000000001.json"));
    let mut run = bed.start_collect(&[]);
    assert!(run.until(|| gate.held().is_some()));
    gate.refuse(Some((403, "AccessDenied")));
    gate.discard();
    let ran = run.wait().exits(1);
    ran.says(&["AccessDenied", "hint:"]);
    gate.refuse(None);
    gate.advance(STALE);
    bed.collect_anew(&[]).exits(0);
    assert_eq!(asked(&bed.server.calls(), "ListParticipantEvents").count(), 0);
    assert_truth(&bed);
}

#[test]
fn profiles_of_the_lake_are_those_of_the_sdk() {
    let bed = smallest();
    let folder = bed.folder().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    // A process that gives credentials for a minute, so that they are asked for again.
    let script = bed.folder().join("credentials");
    std::fs::write(
        &script,
        "echo '{\"Version\": 1, \"AccessKeyId\": \"TESTKEY\", \"SecretAccessKey\": \"testsecret\", \
         \"Expiration\": \"'$(date -u -d '+60 seconds' +%Y-%m-%dT%H:%M:%SZ)'\"}'; \
         echo asked >> asked",
    )
    .unwrap();
    let profile = format!(
        "[profile lake]\nregion = eu-west-1\ncredential_process = sh {}\n",
        script.display()
    );
    std::fs::write(folder.join("config"), profile).unwrap();
    let mut collect = bed.collector(&["--lake-profile", "lake"]);
    collect.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    collect.env("PATH", std::env::var_os("PATH").unwrap());
    // Nor does a proxy stand between programs of one machine.
    collect.env("HTTP_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9");
    Ran::to_end(&mut collect).exits(0);
    assert_truth(&bed);
    let asked = std::fs::read_to_string(bed.folder().join("asked")).unwrap();
    assert!(asked.lines().count() > 1, "credentials that expire are asked for again");
    let unknown = bed.collect(&["--lake-profile", "nobody"]).exits(1);
    unknown.says(&["there is no profile `nobody`", "hint:"]);
}

#[test]
fn the_policy_names_the_bucket_and_the_prefix() {
    let bed = smallest();
    let policy = command(&bed, &["schema", "--iam"]).exits(0);
    let statements = policy.json()["Statement"].as_array().unwrap().clone();
    assert_eq!(statements.len(), 3);
    assert_eq!(statements[1]["Resource"], "arn:aws:s3:::lake-bucket");
    assert_eq!(statements[2]["Resource"], "arn:aws:s3:::lake-bucket/lakes/one/*");
    policy.says(&["ivs:StartParticipantReplication", "put-bucket-lifecycle-configuration"]);
    let local = bed.ivsight(&["schema", "--iam", "--lake", "lake"]).exits(0);
    assert_eq!(local.json()["Statement"].as_array().unwrap().len(), 1);
}
