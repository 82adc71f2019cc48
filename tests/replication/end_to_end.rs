//! The built program against the simulator: start, let time pass, stop, collect, and compare the reports with what
//! happened.

use std::path::Path;
use std::process::{Command, Output};

use ivsight::model::EventName;
use ivsight::sim::world::{Event, Life, Participant};

use super::*;

struct Program<'a> {
    bed: &'a Bed,
    folder: &'a Path,
}

impl Program<'_> {
    /// Runs the program; gives its exit code, what it said, and what it complained of.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ivsight"));
        command
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .env("USER", "ann")
            .args(["--lake", "lake"])
            .args(arguments)
            .stdin(std::process::Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output());
        let Output { status, stdout, stderr } = ran.await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// `ivsight replication ACTION` of the host to a stage.
    async fn replication(&self, action: &str, to: &str, more: &[&str]) -> (i32, String, String) {
        let (home, to, url) = (arn("home"), arn(to), self.bed.server.endpoint_url());
        let mut arguments = vec![
            "replication",
            action,
            "--endpoint-url",
            &url,
            "--tps",
            "0",
            "--source-stage",
            &home,
            "--participant",
            "host",
        ];
        if action != "list" {
            arguments.extend(["--destination-stage", &to, "--yes"]);
        }
        arguments.extend(more);
        self.run(&arguments).await
    }

    /// A change that is accepted; gives what was printed.
    async fn accepted(&self, action: &str, to: &str, more: &[&str]) -> Value {
        let arguments = [&["--json"], more].concat();
        let (exit, out, err) = self.replication(action, to, &arguments).await;
        assert_eq!(exit, 0, "{out}{err}");
        let printed: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(printed["outcome"], "ACCEPTED");
        printed
    }

    async fn query(&self, text: &[&str]) -> Vec<Value> {
        let arguments = [&["query", "--format", "json"], text].concat();
        let (exit, out, err) = self.run(&arguments).await;
        assert_eq!(exit, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    async fn collect(&self) {
        let url = self.bed.server.endpoint_url();
        let arguments = [
            "collect",
            "--endpoint-url",
            &url,
            "--region",
            "us-west-2",
            "--tps",
            "0",
            "--progress",
            "none",
        ];
        let (exit, out, err) = self.run(&arguments).await;
        assert_eq!(exit, 0, "{out}{err}");
    }
}

/// Somebody who watches the host in a stage for a while.
fn watch(bed: &Bed, stage: &str, viewer: &str, replica: bool, (from, to): (i64, i64)) {
    let session_id = bed.session(stage);
    let mut events = vec![Event::new(EventName::Joined, bed.at(from))];
    for (name, second) in [(EventName::SubscribeStarted, from), (EventName::SubscribeStopped, to)] {
        events.push(Event::new(name, bed.at(second)).about("host", replica));
    }
    events.push(Event::new(EventName::Left, bed.at(to)));
    let mut participant = Participant::new(Some(viewer)).with_life(Life { events, stays: vec![] });
    participant.first_join_time = Some(bed.at(from));
    bed.server.edit(|world| {
        let session = world.session_mut(&arn(stage), &session_id).unwrap();
        session.participants.insert(participant);
    });
}

/// Ends what is live, and lets the sessions settle.
fn close(bed: &Bed, second: i64) {
    bed.pass_to(second);
    let at = bed.at(second);
    bed.server.edit(|world| {
        for stage in world.stages.iter_mut() {
            for session in stage.sessions.iter_mut().filter(|session| session.end_time.is_none()) {
                session.end(at);
            }
        }
    });
    bed.pass_to(second + 7_200);
}

/// Some columns of each row.
fn only(rows: &[Value], columns: &[&str]) -> Vec<Value> {
    rows.iter().map(|row| columns.iter().map(|name| row[name].clone()).collect()).collect()
}

fn seconds(bed: &Bed, time: &Value) -> f64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    (time - bed.begin).as_seconds_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reports_tell_what_happened_from_the_request_to_the_end() {
    let bed = Bed::new().await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program { bed: &bed, folder: folder.path() };
    let first = with_an_absence_inside_its_window_and_one_outside(&program).await;
    let second = stopped_by_us(&program).await;
    let third = left_by_the_publisher(&program).await;
    started_and_stopped_by_somebody_else(&bed).await;
    close(&bed, 800);
    program.collect().await;
    durations_are_right(&program, &[(&first, 60.0), (&second, 500.0), (&third, 600.0)]).await;
    each_request_has_its_effect(&program).await;
    audiences_are_right(&program).await;
}

/// From second 60 to 360. Gives the request.
async fn with_an_absence_inside_its_window_and_one_outside(program: &Program<'_>) -> Value {
    let bed = program.bed;
    bed.pass_to(60);
    let with_window = ["--reconnect-window", "60", "--attribute", "team=red", "--wait"];
    let first = program.accepted("start", "away", &with_window).await;
    assert_eq!(first["replication_state"], "ACTIVE");
    assert_eq!(bed.participant("away").await["attributes"], json!({ "team": "red" }));
    watch(bed, "away", "fan", true, (90, 150));
    watch(bed, "home", "friend", false, (50, 80));
    bed.disconnect(160);
    bed.reconnect(200);
    bed.disconnect(300);
    bed.reconnect(460);
    first
}

/// From second 500 to 560, with requests that are refused before and after.
async fn stopped_by_us(program: &Program<'_>) -> Value {
    let bed = program.bed;
    bed.pass_to(500);
    let second = program.accepted("start", "away", &[]).await;
    let (exit, out, err) = program.replication("start", "away", &[]).await;
    assert_eq!((exit, out.split(':').next()), (1, Some("ConflictException")), "{err}");
    assert!(err.contains("error: cannot start replicating") && err.contains("hint: "), "{err}");
    bed.pass_to(560);
    let stopped = program.accepted("stop", "away", &["--wait"]).await;
    assert_eq!(stopped["replication_state"], "STOPPED");
    let (exit, _, err) = program.replication("stop", "away", &[]).await;
    assert!(exit == 1 && err.contains("ResourceNotFoundException"), "{exit} {err}");
    second
}

/// From second 600 to 650; the answer to its start is lost.
async fn left_by_the_publisher(program: &Program<'_>) -> Value {
    let bed = program.bed;
    bed.pass_to(600);
    bed.server.set_faults("truncate=1".parse().unwrap());
    let (exit, out, err) = program.replication("start", "away", &["--json"]).await;
    bed.server.set_faults("".parse().unwrap());
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("the answer was lost") && err.contains("replication list"), "{err}");
    let third: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(third["outcome"], "UNKNOWN");
    bed.disconnect(650);
    third
}

/// From second 710 to 740.
async fn started_and_stopped_by_somebody_else(bed: &Bed) {
    bed.reconnect(700);
    bed.pass_to(710);
    assert_eq!(bed.start("away", json!({})).await.status, 200);
    bed.pass_to(740);
    assert_eq!(bed.stop("away").await.status, 200);
}

/// The requests of the first three, and when they started.
async fn durations_are_right(program: &Program<'_>, requests: &[(&Value, f64); 3]) {
    let rows = program.query(&["replication-durations"]).await;
    let columns = [
        "duration_s",
        "media_s",
        "dead_air_s",
        "reconnect_gaps_n",
        "longest_gap_s",
        "end_reason",
        "reconnect_window_s",
        "stopped_by",
    ];
    let expected = [
        json!([300.0, 200.0, 100.0, 1, 40.0, "EXPLICIT", 60, "WINDOW"]),
        json!([60.0, 60.0, 0.0, 0, 0.0, "EXPLICIT", 0, "STOP"]),
        json!([50.0, 50.0, 0.0, 0, 0.0, "EXPLICIT", 0, "PUBLISHER_LEFT"]),
        json!([30.0, 30.0, 0.0, 0, 0.0, "EXPLICIT", null, null]),
    ];
    assert_eq!(only(&rows, &columns), expected);
    for (row, (request, start)) in rows.iter().zip(requests) {
        let lag = row["request_to_start_s"].as_f64().unwrap();
        assert_eq!(row["requested_at"], request["requested_at"]);
        assert!(
            (start - lag - seconds(program.bed, &request["requested_at"])).abs() < 1e-3,
            "{row}"
        );
        assert!((0.0..30.0).contains(&lag), "{row}");
    }
    assert_eq!(
        (&rows[3]["requested_at"], &rows[3]["request_to_start_s"]),
        (&Value::Null, &Value::Null)
    );
}

async fn each_request_has_its_effect(program: &Program<'_>) {
    let rows = program.query(&["replication-requests"]).await;
    let columns = ["action", "requested_by", "outcome", "effect"];
    let by = rows[0]["requested_by"].clone();
    assert!(by.as_str().unwrap().starts_with("ann@"), "{by}");
    let expected = [
        json!(["START", by, "ACCEPTED", "STARTED"]),
        json!(["START", by, "ACCEPTED", "STARTED"]),
        json!(["START", by, "ConflictException", "NONE"]),
        json!(["STOP", by, "ACCEPTED", "STOPPED"]),
        json!(["STOP", by, "ResourceNotFoundException", "NONE"]),
        json!(["START", by, "UNKNOWN", "STARTED"]),
    ];
    let mut found = only(&rows, &columns);
    found.sort_by_key(ToString::to_string);
    let mut expected = expected.to_vec();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(found, expected);
}

async fn audiences_are_right(program: &Program<'_>) {
    let rows = program.query(&["replication-impact", "--limit", "1"]).await;
    let columns = [
        "start_lag_s",
        "replica_subscribers_n",
        "replica_subscriber_min",
        "native_subscribers_n",
        "replica_failure_rate",
    ];
    assert_eq!(only(&rows, &columns), [json!([0.0, 1, 1.0, 1, 0.0])]);
    // A minute on the replica, and of the friend's 30 seconds the 20 in which it was replicated.
    assert_eq!(rows[0]["audience_share"], json!(0.75));

    let rows = program.query(&["replication-fanout", "--param", "bucket=1d"]).await;
    let columns = ["scope", "who", "peak", "quota", "headroom", "refused_n"];
    let expected = [
        json!(["account", "111122223333/us-west-2", 1, null, null, 0]),
        json!(["destination", "away", 1, null, null, 0]),
        json!(["participant", "host", 1, 5, 4, 0]),
    ];
    assert_eq!(only(&rows, &columns), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_the_service_that_is_not_confirmed_or_can_not_be() {
    let bed = Bed::new().await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program { bed: &bed, folder: folder.path() };
    let (home, away, url) = (arn("home"), arn("away"), bed.server.endpoint_url());
    let route = ["--source-stage", &home, "--destination-stage", &away, "--participant", "host"];
    let base = ["replication", "start", "--endpoint-url", &url];
    let (exit, _, err) = program.run(&[&base[..], &route].concat()).await;
    assert!(exit == 2 && err.contains("--yes"), "{exit} {err}");
    for wrong in [
        &["--reconnect-window", "301"][..],
        &["--attribute", "novalue"],
        &["--wait", "--timeout", "soon"],
    ] {
        let (exit, _, err) = program.run(&[&base[..], &route, &["--yes"], wrong].concat()).await;
        assert_eq!(exit, 2, "{wrong:?} {err}");
    }
    let (exit, _, err) = program.replication("start", "home", &[]).await;
    assert!(exit == 2 && err.contains("same stage"), "{exit} {err}");
    assert_eq!(bed.server.calls().attempts_n(), 0);
    assert!(!folder.path().join("lake").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_journalled_before_its_call_and_a_list_is_read_to_its_end() {
    let bed = Bed::new().await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program { bed: &bed, folder: folder.path() };
    let (exit, out, _) = program.replication("list", "", &["--json"]).await;
    assert_eq!((exit, out.trim()), (0, "[]"));
    for number in 1..=5 {
        assert_eq!(bed.start(&format!("room{number}"), json!({})).await.status, 200);
    }
    let (exit, _, err) = program.replication("start", "away", &[]).await;
    assert!(exit == 1 && err.contains("ServiceQuotaExceededException"), "{err}");
    assert!(err.contains("hint: a participant can be replicated 5 times"), "{err}");
    let (exit, out, _) = program.replication("list", "", &[]).await;
    assert_eq!((exit, out.lines().filter(|line| line.starts_with("ACTIVE")).count()), (0, 5));
    assert_eq!(bed.stop("room2").await.status, 200);
    let (exit, _, err) = program.replication("start", "away", &["--wait", "--timeout", "0s"]).await;
    assert!(exit == 4 && err.contains("not listed as ACTIVE yet"), "{exit} {err}");
    bed.server.set_faults("deny=ListParticipantReplicas".parse().unwrap());
    let (exit, _, err) = program.replication("stop", "away", &["--wait"]).await;
    assert!(exit == 1 && err.contains("it was accepted, but cannot be watched"), "{exit} {err}");
    bed.server.set_faults("deny=StopParticipantReplication".parse().unwrap());
    let (exit, _, err) = program.replication("stop", "room1", &[]).await;
    assert!(exit == 1 && err.contains("ivs:StopParticipantReplication"), "{err}");
    let rows = program
        .query(&["SELECT action, outcome, message IS NOT NULL AS said, finished_at IS NOT NULL AS done FROM replication_requests ORDER BY request_id"])
        .await;
    let expected = [
        json!({ "action": "START", "outcome": "ServiceQuotaExceededException", "said": true, "done": true }),
        json!({ "action": "START", "outcome": "ACCEPTED", "said": false, "done": true }),
        json!({ "action": "STOP", "outcome": "ACCEPTED", "said": false, "done": true }),
        json!({ "action": "STOP", "outcome": "AccessDeniedException", "said": true, "done": true }),
    ];
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_lost_answer_can_be_waited_for() {
    let bed = Bed::new().await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program { bed: &bed, folder: folder.path() };
    // The first two answers are lost on the way: that to the start, and one to the listing, which is asked again.
    bed.server.set_faults("truncate=1".parse().unwrap());
    let waiting = program.replication("start", "away", &["--wait", "--json"]);
    let mending = async {
        while bed.server.calls().of(Operation::ListParticipantReplicas).attempts_n == 0 {
            tokio::task::yield_now().await;
        }
        bed.server.set_faults("".parse().unwrap());
    };
    let ((exit, out, err), ()) = tokio::join!(waiting, mending);
    assert_eq!(exit, 0, "{err}");
    let printed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&printed["outcome"], &printed["replication_state"]),
        (&json!("UNKNOWN"), &json!("ACTIVE"))
    );
    let starts = bed.server.calls().of(Operation::StartParticipantReplication);
    assert_eq!(starts.attempts_n, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_after_its_first_fifty() {
    let config = Config { scenario: Scenario::Traps, tps: 0.0, ..Config::default() };
    let server = Server::start(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let bed = Bed { begin: server.now(), server };
    let folder = tempfile::tempdir().unwrap();
    let program = Program { bed: &bed, folder: folder.path() };
    let (url, home) = (bed.server.endpoint_url(), arn("TrapHome"));
    let arguments =
        ["replication", "list", "--json", "--endpoint-url", &url, "--source-stage", &home];
    let (exit, out, err) =
        program.run(&[&arguments[..], &["--participant", "touring"]].concat()).await;
    assert_eq!(exit, 0, "{err}");
    let listed: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(listed.len(), 60);
    let calls = bed.server.calls();
    let sizes: Vec<usize> = calls.log.iter().map(|call| call.page_size).collect();
    assert_eq!(sizes, [50, 50]);
}
