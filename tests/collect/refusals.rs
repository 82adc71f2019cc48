//! What the machine refuses: room on the disk, the right time, credentials that last. Nothing that was fetched is lost.

use std::fs;
use std::process::Command;

use chrono::{SecondsFormat, TimeDelta};
use ivsight::clock::SystemClock;
use ivsight::sim::{Config, Scenario};

use super::truth::assert_truth;
use crate::kills::Durable;
use crate::support::{Ran, TestBed, asked, text};

/// The same command, where no file may grow beyond so many blocks. What would is refused, as on a full disk.
fn limited(command: &Command, blocks: u64) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.arg("-c").arg(script).arg(command.get_program()).args(command.get_args());
    limited.env_clear().current_dir(command.get_current_dir().unwrap());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.env("PATH", "/usr/bin:/bin");
    limited
}

#[test]
fn a_disk_without_room_ends_the_run_and_loses_nothing() {
    let bed = TestBed::few();
    let (mut failed_n, mut places) = (0, std::collections::BTreeSet::new());
    for blocks in [0, 1, 4, 12, 20, 30, 45, 60, 1_000_000] {
        let durable = Durable::of(&bed, &[]);
        bed.server.forget_calls();
        let ran = Ran::to_end(&mut limited(&bed.collector(&[]), blocks));
        durable.assert_not_asked_again(&bed.server.calls());
        if ran.code != Some(0) {
            let ran = ran.exits(1).says(&["error: ", "hint: "]);
            let first = ran.stderr.lines().find(|line| line.starts_with("error:"));
            places.insert(first.unwrap().split('`').next().unwrap().to_owned());
            failed_n += 1;
        }
        let verified = bed.ivsight(&["verify", "--lake", "lake"]);
        assert!(verified.code == Some(0) || verified.stderr.contains("no lake"), "{verified:?}");
    }
    assert!(failed_n > 2, "{failed_n} of 9 had too little room: {places:?}");
    assert_truth(&bed);
}

#[test]
fn a_clock_that_is_a_year_off_changes_nothing() {
    for days in [365, -365] {
        let now = SystemClock::shared().now() + TimeDelta::days(days);
        let bed = TestBed::with(Config {
            scenario: Scenario::Small,
            tps: 0.0,
            now: Some(now),
            ..Config::default()
        });
        bed.collect(&[]).exits(0);
        assert_truth(&bed);
        // What is said of times is said by the service's clock.
        let runs = bed.lake().rows("runs");
        let year = |time: &str| time[..4].parse::<i32>().unwrap();
        let expected = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        assert!((year(&text(&runs[0]["finished_at"])) - year(&expected)).abs() <= 1);
        assert_eq!(text(&runs[0]["started_at"])[..7], expected[..7]);
        bed.collect_anew(&[]).exits(0);
        assert_eq!(asked(&bed.server.calls(), "ListParticipants").count(), 0);
        bed.ivsight(&["compact", "--lake", "lake"]).exits(0);
        bed.ivsight(&["verify", "--lake", "lake"]).exits(0);
        assert_truth(&bed);
    }
}

/// A profile whose credentials have just ended, and can be had so many times.
fn expiring(bed: &TestBed, times: usize) {
    let folder = bed.folder().join(".aws");
    fs::create_dir_all(&folder).unwrap();
    let script = folder.join("credentials.sh");
    // So the SDK asks anew for each call: it does from up to 10 seconds before the end, a draw says when.
    let expires = SystemClock::shared().now();
    let expires = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"secret","Expiration":"{expires}"}}"#
    );
    let count = folder.join("count");
    let text = format!(
        "printf x >> '{count}'\nif [ $(wc -c < '{count}') -gt {times} ]; then exit 1; fi\necho '{answer}'\n",
        count = count.display()
    );
    fs::write(&script, text).unwrap();
    let profile = format!("[profile fading]\ncredential_process = sh {}\n", script.display());
    fs::write(folder.join("config"), profile).unwrap();
}

#[test]
fn credentials_that_end_in_the_middle_end_the_run_with_what_it_has() {
    let bed = TestBed::few();
    expiring(&bed, 12);
    // One call after the other: calls at the same time share what was asked for.
    let mut command = bed.collector(&["--profile", "fading", "--tps", "10"]);
    command.env("PATH", "/usr/bin:/bin");
    let ran = Ran::to_end(&mut command);
    let ran = ran.exits(3).says(&["the credentials no longer serve", "aws sso login"]);
    assert_eq!(ran.scope()["status"], "partial");
    let durable = Durable::of(&bed, &[]);
    bed.collect_anew(&[]).exits(0);
    durable.assert_not_asked_again(&bed.server.calls());
    assert_truth(&bed);
}
