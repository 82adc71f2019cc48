//! Pace: the limiter of one operation, and what it has measured.
//!
//! Starts are at least 1/rate apart and granted in the order they were asked for. A throttle halves the
//! rate, once for all attempts that were under way together; afterwards it rises in proportion to time
//! until it is what was permitted again. Time comes from the clock alone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Meter;
use crate::clock::SharedClock;

/// A throttled rate never falls below this many starts per second, unless less is permitted.
const RATE_MIN: f64 = 0.1;
/// From half to the whole of the permitted rate in this time.
const RECOVERY: Duration = Duration::from_secs(20);
/// What is looked back at to measure a rate that nobody permitted.
const MEASURED: Duration = Duration::from_secs(5);
/// Most starts that a measurement remembers.
const MEASURED_STARTS_MAX: usize = 4_096;
/// Longest pause that the service may ask for.
const HOLD_MAX: Duration = Duration::from_mins(5);
/// An operation that gets nothing but throttles for this long is starved.
const STARVED_AFTER: Duration = Duration::from_mins(15);

/// The limiter of one operation.
#[derive(Debug)]
pub(super) struct Lane {
    clock: SharedClock,
    /// Whoever holds it is next; tokio hands it on in the order of asking.
    turnstile: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
}

/// What a throttle leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Throttled {
    /// The rate is now this; `None` where the throttle told nothing new.
    pub(super) halved_to: Option<f64>,
    /// The operation has got nothing but throttles for too long.
    pub(super) starved: bool,
}

impl Lane {
    /// A limiter of `tps` starts per second, or of none for `None`.
    pub(super) fn new(clock: SharedClock, tps: Option<f64>) -> Self {
        let pace = Mutex::new(Pace { permitted: tps, ..Pace::default() });
        Self { clock, turnstile: tokio::sync::Mutex::new(()), pace }
    }

    /// Waits for a permit; gives the moment of the start. Dropping the future gives up the place.
    pub(super) async fn permit(&self) -> Duration {
        let asked = self.clock.monotonic();
        let _turn = self.turnstile.lock().await;
        loop {
            let now = self.clock.monotonic();
            let wait = self.pace().try_start(now, asked);
            match wait {
                None => return now,
                Some(wait) => self.clock.sleep(wait).await,
            }
        }
    }

    /// Marks an attempt, from asking for its permit to its end: while one is there, permits count as usable.
    pub(super) fn attempt(&self) -> Attempt<'_> {
        self.pace().begin_attempt(self.clock.monotonic());
        Attempt { lane: self }
    }

    /// An attempt repeats an earlier one.
    pub(super) fn count_retry(&self) {
        self.pace().meter.retries += 1;
    }

    /// An attempt was answered well.
    pub(super) fn succeeded(&self) {
        let mut pace = self.pace();
        pace.meter.ok += 1;
        pace.throttled_since = None;
    }

    /// An attempt failed, but not by a throttle.
    pub(super) fn failed(&self) {
        self.pace().throttled_since = None;
    }

    /// The attempt that started at `start` was throttled; the service may have asked for a pause.
    pub(super) fn throttled(&self, start: Duration, pause: Option<Duration>) -> Throttled {
        let now = self.clock.monotonic();
        let mut pace = self.pace();
        pace.meter.throttles += 1;
        let halved_to = pace.slow_down(now, start);
        if let Some(pause) = pause {
            pace.not_before = pace.not_before.max(now + pause.min(HOLD_MAX));
        }
        let since = *pace.throttled_since.get_or_insert(now);
        Throttled { halved_to, starved: now.saturating_sub(since) >= STARVED_AFTER }
    }

    /// What has been measured so far; `None` where nothing was asked.
    pub(super) fn meter(&self) -> Option<Meter> {
        let pace = self.pace();
        let asked = pace.meter.attempts > 0 || pace.outstanding > 0;
        asked.then(|| Meter {
            rate: pace.rate(self.clock.monotonic()),
            utilization: pace.usage.share(),
            ..pace.meter
        })
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that waits or is under way; ends when dropped.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    lane: &'a Lane,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = self.lane.clock.monotonic();
        self.lane.pace().end_attempt(now);
    }
}

/// The state behind a limiter.
#[derive(Debug, Default)]
struct Pace {
    permitted: Option<f64>,
    cut: Option<Cut>,
    last_start: Option<Duration>,
    not_before: Duration,
    /// The latest starts; kept only where no rate is permitted that could be halved.
    recent: VecDeque<Duration>,
    throttled_since: Option<Duration>,
    meter: Meter,
    usage: Usage,
    outstanding: usize,
}

/// A rate that was halved, and grows since.
#[derive(Clone, Copy, Debug)]
struct Cut {
    base: f64,
    growth: f64,
    since: Duration,
}

impl Pace {
    /// Starts now, or tells how long not to.
    fn try_start(&mut self, now: Duration, asked: Duration) -> Option<Duration> {
        let wait = self.next_start(now).saturating_sub(now);
        if !wait.is_zero() {
            return Some(wait);
        }
        self.usage.start(now, self.permitted);
        self.last_start = Some(now);
        self.meter.attempts += 1;
        self.meter.waited += now.saturating_sub(asked);
        if self.permitted.is_none() {
            self.remember(now);
        }
        None
    }

    fn next_start(&self, now: Duration) -> Duration {
        let spaced = self.last_start.zip(self.rate(now)).map(|(last, rate)| last + interval(rate));
        self.not_before.max(spaced.unwrap_or_default())
    }

    /// Starts per second that are allowed at a moment; `None` where nothing limits them.
    fn rate(&self, now: Duration) -> Option<f64> {
        let grown = self
            .cut
            .map(|cut| cut.growth.mul_add(now.saturating_sub(cut.since).as_secs_f64(), cut.base));
        match (grown, self.permitted) {
            (Some(grown), Some(permitted)) => Some(grown.min(permitted)),
            (grown, permitted) => grown.or(permitted),
        }
    }

    /// Halves the rate. Attempts that started before the last halving tell nothing of the halved rate.
    fn slow_down(&mut self, now: Duration, start: Duration) -> Option<f64> {
        if self.cut.is_some_and(|cut| start <= cut.since) {
            return None;
        }
        let rate = self.rate(now).unwrap_or_else(|| self.measured(now));
        let floor = self.permitted.map_or(RATE_MIN, |permitted| permitted.min(RATE_MIN));
        let base = (rate / 2.0).max(floor);
        let growth =
            self.permitted.map_or(base, |permitted| permitted / 2.0) / RECOVERY.as_secs_f64();
        self.cut = Some(Cut { base, growth, since: now });
        Some(base)
    }

    fn remember(&mut self, now: Duration) {
        self.recent.push_back(now);
        let oldest = now.saturating_sub(MEASURED);
        while self.recent.len() > MEASURED_STARTS_MAX
            || self.recent.front().is_some_and(|start| *start < oldest)
        {
            self.recent.pop_front();
        }
    }

    /// Starts per second of late, counted over a second at least: a quota knows no shorter time.
    #[expect(clippy::cast_precision_loss, reason = "at most some thousand starts")]
    fn measured(&self, now: Duration) -> f64 {
        let span = self.recent.front().map_or(Duration::ZERO, |first| now.saturating_sub(*first));
        self.recent.len() as f64 / span.max(Duration::from_secs(1)).as_secs_f64()
    }

    fn begin_attempt(&mut self, now: Duration) {
        if self.outstanding == 0 {
            self.usage.busy_since = Some(now);
        }
        self.outstanding += 1;
    }

    fn end_attempt(&mut self, now: Duration) {
        self.outstanding -= 1;
        if self.outstanding == 0 {
            self.usage.pause(now);
        }
    }
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

/// How many of the permits were used; see [`Meter::utilization`].
#[derive(Debug, Default)]
struct Usage {
    busy_since: Option<Duration>,
    /// Time with an attempt waiting or under way, since the last start.
    busy: Duration,
    started: bool,
    used: Duration,
    usable: Duration,
}

impl Usage {
    fn start(&mut self, now: Duration, permitted: Option<f64>) {
        self.pause(now);
        self.busy_since = Some(now);
        if let (true, Some(permitted)) = (self.started, permitted) {
            let interval = interval(permitted);
            self.used += interval;
            self.usable += self.busy.max(interval);
        }
        self.started = true;
        self.busy = Duration::ZERO;
    }

    fn pause(&mut self, now: Duration) {
        if let Some(since) = self.busy_since.take() {
            self.busy += now.saturating_sub(since);
        }
    }

    fn share(&self) -> Option<f64> {
        (!self.usable.is_zero()).then(|| self.used.as_secs_f64() / self.usable.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;
