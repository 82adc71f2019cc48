use std::sync::Arc;

use futures::future::join_all;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::Timestamp;

fn lane(tps: Option<f64>) -> (Arc<ManualClock>, Lane) {
    let clock = ManualClock::skipping(Timestamp::UNIX_EPOCH);
    let shared: SharedClock = clock.clone();
    (clock, Lane::new(shared, tps))
}

fn rate(lane: &Lane) -> f64 {
    lane.meter().unwrap().rate.unwrap()
}

async fn starts(lane: &Lane, count: usize) -> Vec<Duration> {
    join_all((0..count).map(|_| async {
        let _attempt = lane.attempt();
        lane.permit().await
    }))
    .await
}

#[tokio::test]
async fn starts_are_spaced_and_in_the_order_of_asking() {
    let (_, lane) = lane(Some(4.0));
    let starts = starts(&lane, 40).await;
    for (at, start) in starts.iter().enumerate() {
        assert_eq!(start.as_millis(), at as u128 * 250);
    }
    let meter = lane.meter().unwrap();
    assert_eq!(meter.attempts, 40);
    assert_eq!(meter.waited, Duration::from_millis(250 * (0..40).sum::<u64>()));
    assert_eq!(meter.utilization, Some(1.0));
}

#[tokio::test]
async fn without_a_rate_nothing_waits_until_a_throttle_halves_what_was_measured() {
    let (clock, lane) = lane(None);
    for _ in 0..50 {
        lane.permit().await;
        clock.advance(Duration::from_millis(100));
    }
    assert_eq!(clock.monotonic(), Duration::from_secs(5));
    assert_eq!(lane.meter().unwrap().rate, None);
    let halved = lane.throttled(Duration::from_millis(4_900), None).halved_to.unwrap();
    assert!((halved - 5.0).abs() < 1e-9, "{halved}");
    assert!((rate(&lane) - halved).abs() < 1e-9);
    clock.advance(RECOVERY);
    assert!((rate(&lane) - 10.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_burst_counts_over_a_second_at_least() {
    let (_, lane) = lane(None);
    let starts = starts(&lane, 20).await;
    lane.throttled(starts[19], None);
    // The first cut was by an attempt that started at the same moment as it: all twenty are one burst.
    for start in starts {
        lane.throttled(start, None);
    }
    assert!((rate(&lane) - 10.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_flight_of_throttles_halves_once_and_the_rate_comes_back() {
    let (clock, lane) = lane(Some(4.0));
    let starts = starts(&lane, 8).await;
    for start in starts {
        lane.throttled(start, None);
    }
    assert!((rate(&lane) - 2.0).abs() < 1e-9);
    let before = clock.monotonic();
    let start = lane.permit().await;
    assert!(start > before + Duration::from_millis(450), "{start:?} {before:?}");
    lane.throttled(start, None);
    let twice = rate(&lane);
    assert!(twice < 1.1, "{twice}");
    clock.advance(Duration::from_mins(1));
    assert!((rate(&lane) - 4.0).abs() < 1e-9);
}

#[tokio::test]
async fn the_rate_has_a_floor() {
    let (_, lane) = lane(Some(4.0));
    for _ in 0..50 {
        let start = lane.permit().await;
        lane.throttled(start, None);
    }
    assert!(rate(&lane) >= RATE_MIN);
}

#[tokio::test]
async fn a_pause_holds_the_whole_operation_but_not_for_ever() {
    let (clock, lane) = lane(Some(4.0));
    let start = lane.permit().await;
    lane.throttled(start, Some(Duration::from_secs(7)));
    assert_eq!(lane.permit().await, Duration::from_secs(7));
    let now = clock.monotonic();
    lane.throttled(now, Some(Duration::from_secs(1_000_000)));
    assert_eq!(lane.permit().await, now + HOLD_MAX);
}

#[tokio::test]
async fn an_operation_starves_on_throttles_alone() {
    let (clock, lane) = lane(Some(4.0));
    let start = lane.permit().await;
    let starved = || lane.throttled(start, None).starved;
    assert!(!starved());
    clock.advance(Duration::from_mins(14));
    assert!(!starved());
    lane.succeeded();
    clock.advance(Duration::from_mins(14));
    assert!(!starved());
    clock.advance(STARVED_AFTER);
    assert!(starved());
}

#[tokio::test]
async fn utilization_leaves_out_the_time_without_work() {
    let (clock, lane) = lane(Some(4.0));
    starts(&lane, 5).await;
    clock.advance(Duration::from_hours(1));
    starts(&lane, 5).await;
    assert_eq!(lane.meter().unwrap().utilization, Some(1.0));
    // One attempt that takes a second: four permits could have been used, one is.
    {
        let _attempt = lane.attempt();
        lane.permit().await;
        clock.advance(Duration::from_secs(1));
    }
    starts(&lane, 1).await;
    let share = lane.meter().unwrap().utilization.unwrap();
    assert!((share - 11.0 / 14.0).abs() < 1e-9, "{share}");
}

#[tokio::test]
async fn a_place_that_is_given_up_holds_nobody_back() {
    let (_, lane) = lane(Some(1.0));
    lane.permit().await;
    {
        let mut waiting = Box::pin(lane.permit());
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    assert_eq!(lane.permit().await, Duration::from_secs(1));
}

#[test]
fn an_operation_that_was_not_asked_has_no_meter() {
    let (_, lane) = lane(Some(4.0));
    assert_eq!(lane.meter(), None);
}
