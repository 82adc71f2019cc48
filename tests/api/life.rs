//! A client's life: connecting, telling the time, many calls at once, stopping.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use ivsight::api::{Client, ConnectError, ErrorKind, Operation, Settings};
use ivsight::clock::{ManualClock, SharedClock};
use ivsight::model::Timestamp;
use serde_json::json;

use super::server::{Reply, Server};
use super::{Bed, session, stage, wall};

fn fine() -> Reply {
    Reply::ok(&json!({ "stage": { "arn": stage().as_str() } }))
}

fn http_date(time: Timestamp) -> String {
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test]
async fn now_is_the_services_now_though_the_local_clock_is_a_year_off() {
    let truth = wall() + TimeDelta::days(365);
    let script = vec![
        Reply::status(404, "").with("date", &http_date(truth)),
        fine().with("date", &http_date(truth - TimeDelta::hours(1))),
        fine().with("date", "yesterday or so"),
        fine().with("date", &http_date(truth + TimeDelta::minutes(30))),
    ];
    let bed = Bed::with(Settings { tps: 0.0, ..Settings::default() }, script).await;
    assert!(!bed.client.has_service_time());
    assert_eq!(bed.client.now(), wall());
    bed.client.stage(&stage()).await.unwrap_err();
    assert!(bed.client.has_service_time());
    assert_eq!(bed.client.now(), truth);
    bed.clock.advance(Duration::from_mins(10));
    bed.clock.set_wall(wall() - TimeDelta::days(1));
    for _ in 0..2 {
        bed.client.stage(&stage()).await.unwrap();
        assert_eq!(bed.client.now(), truth + TimeDelta::minutes(10));
    }
    bed.client.stage(&stage()).await.unwrap();
    assert_eq!(bed.client.now(), truth + TimeDelta::minutes(30));
}

#[tokio::test]
async fn time_never_goes_back_by_the_fraction_that_a_date_lacks() {
    let date = http_date(wall());
    let bed = Bed::new(vec![fine().with("date", &date)]).await;
    bed.client.stage(&stage()).await.unwrap();
    bed.clock.advance(Duration::from_millis(900));
    bed.client.stage(&stage()).await.unwrap();
    assert_eq!(bed.client.now(), wall() + TimeDelta::milliseconds(900));
}

#[tokio::test]
async fn hundreds_of_calls_share_one_pace() {
    let settings = Settings { tps: 50.0, ..Settings::default() };
    let bed = Bed::with(settings, vec![fine()]).await;
    let calls = (0..300).map(|_| {
        let client = bed.client.clone();
        tokio::spawn(async move { client.stage(&stage()).await })
    });
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }
    let meters = bed.client.meters();
    assert_eq!(meters.keys().collect::<Vec<_>>(), [&Operation::GetStage]);
    let meter = meters[&Operation::GetStage];
    assert_eq!((meter.attempts, meter.ok, meter.retries), (300, 300, 0));
    assert_eq!(bed.client.meters()[&Operation::GetStage].utilization, Some(1.0));
    assert!(meter.waited >= Duration::from_millis(20) * (0..300).sum::<u32>());
}

#[tokio::test]
async fn operations_do_not_wait_for_each_other() {
    let settings = Settings { tps: 0.001, ..Settings::default() };
    let clock = ManualClock::held(wall());
    let bed = Bed::on(Arc::clone(&clock), settings, vec![Reply::ok(&json!({}))]).await;
    assert!(bed.client.stages().next().await.is_ok());
    assert!(bed.client.stage_sessions(&stage()).next().await.is_ok());
    assert!(bed.client.participants(&session()).next().await.is_ok());
}

#[tokio::test]
async fn cancelling_ends_the_wait_for_permits() {
    let clock = ManualClock::held(wall());
    let bed = Bed::on(Arc::clone(&clock), Settings::default(), vec![fine()]).await;
    assert!(bed.client.stage(&stage()).await.is_ok());
    let waiting = (0..3).map(|_| {
        let client = bed.client.clone();
        tokio::spawn(async move { client.stage(&stage()).await })
    });
    let waiting = waiting.collect::<Vec<_>>();
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    bed.client.cancel();
    for call in join_all(waiting).await {
        assert_eq!(call.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    }
    let error = bed.client.stage(&stage()).await.unwrap_err();
    assert_eq!((error.kind, error.attempts, error.hint()), (ErrorKind::Cancelled, 0, None));
    assert_eq!(bed.server.requests().len(), 1);
}

#[tokio::test]
async fn cancelling_ends_a_back_off() {
    let clock = ManualClock::held(wall());
    let script = vec![Reply::status(500, "")];
    let bed = Bed::on(Arc::clone(&clock), Settings::default(), script).await;
    let client = bed.client.clone();
    let call = tokio::spawn(async move { client.stage(&stage()).await });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    bed.client.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Cancelled, 1));
}

async fn connect(settings: Settings) -> Result<Client, ConnectError> {
    let clock: SharedClock = ManualClock::held(wall());
    Client::connect(settings, clock).await
}

#[tokio::test]
async fn what_can_be_wrong_before_the_first_call_is_told_by_name() {
    let default = Settings::default;
    let unknown = connect(Settings { profile: Some("no-such-profile".into()), ..default() }).await;
    let error = unknown.unwrap_err();
    assert!(
        matches!(&error, ConnectError::UnknownProfile { profile } if profile == "no-such-profile")
    );
    assert!(error.hint().contains("list-profiles"));
    let url = connect(Settings { endpoint_url: Some("127.0.0.1:80".into()), ..default() }).await;
    assert!(matches!(url, Err(ConnectError::EndpointUrl { .. })));
    let region = connect(Settings { region: Some("mars/1".into()), ..default() }).await;
    assert!(matches!(region, Err(ConnectError::RegionName { .. })));
    for tps in [-1.0, f64::NAN, f64::INFINITY] {
        let rate = connect(Settings { tps, ..default() }).await;
        assert!(matches!(rate, Err(ConnectError::Tps { .. })), "{tps}");
    }
}

#[tokio::test]
async fn a_profile_that_is_missing_is_told_though_a_region_is_given() {
    let settings = Settings {
        profile: Some("no-such-profile".into()),
        region: Some("us-west-2".into()),
        ..Settings::default()
    };
    let error = connect(settings).await.unwrap_err();
    assert!(matches!(error, ConnectError::UnknownProfile { .. }), "{error}");
}

#[tokio::test]
async fn a_simulator_on_this_machine_needs_no_aws_set_up() {
    let clock: SharedClock = ManualClock::skipping(wall());
    let server = Server::start(Arc::clone(&clock), vec![fine()]).await;
    let settings = Settings { endpoint_url: Some(server.url.clone()), ..Settings::default() };
    let client = Client::connect(settings, clock).await.unwrap();
    assert!(client.stage(&stage()).await.is_ok());
}

#[tokio::test]
async fn a_listing_can_be_read_by_another_task() {
    let bed = Bed::new(vec![Reply::ok(&json!({ "participants": [] }))]).await;
    let mut pages = bed.client.participants(&session());
    let page = tokio::spawn(async move { pages.next().await }).await.unwrap();
    assert!(page.unwrap().unwrap().is_last);
}
