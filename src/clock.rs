//! Time as a parameter: everything that waits or asks what time it is takes a [`Clock`].

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Timestamp;

/// A clock that can be held by a test.
#[async_trait::async_trait]
pub trait Clock: Debug + Send + Sync {
    /// The wall clock. It may be wrong and may jump.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// A clock that is shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock. Sleeps are tokio's, so that a test may pause and advance them.
#[derive(Debug)]
pub struct SystemClock {
    origin: tokio::time::Instant,
}

impl SystemClock {
    /// The machine's clock, shared.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self { origin: tokio::time::Instant::now() })
    }
}

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until it is moved, or that skips from one sleep's end to the next.
///
/// For tests of whatever waits: nothing here takes real time.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<ManualState>,
    moves: watch::Sender<Duration>,
    skips: bool,
}

#[derive(Debug)]
struct ManualState {
    wall: Timestamp,
    monotonic: Duration,
    sleepers: BTreeSet<(Duration, u64)>,
    sleepers_n: u64,
}

impl ManualClock {
    /// A clock at `wall` that [`Self::advance`] alone moves.
    #[must_use]
    pub fn held(wall: Timestamp) -> Arc<Self> {
        Self::new(wall, false)
    }

    /// A clock at `wall` that moves to the earliest end of a sleep as soon as whoever sleeps is polled.
    #[must_use]
    pub fn skipping(wall: Timestamp) -> Arc<Self> {
        Self::new(wall, true)
    }

    fn new(wall: Timestamp, skips: bool) -> Arc<Self> {
        let state = ManualState {
            wall,
            monotonic: Duration::ZERO,
            sleepers: BTreeSet::new(),
            sleepers_n: 0,
        };
        Arc::new(Self { state: Mutex::new(state), moves: watch::Sender::default(), skips })
    }

    /// Lets time pass; wakes every sleep that ends by then.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.monotonic += duration;
        state.wall += duration;
        self.moves.send_replace(state.monotonic);
    }

    /// Puts the wall clock to another time, as a person or a time server would.
    pub fn set_wall(&self, wall: Timestamp) {
        self.state().wall = wall;
    }

    /// How many sleep now.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    fn state(&self) -> MutexGuard<'_, ManualState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lie_down(&self, duration: Duration) -> Sleeper<'_> {
        let mut state = self.state();
        state.sleepers_n += 1;
        let place = (state.monotonic + duration, state.sleepers_n);
        state.sleepers.insert(place);
        Sleeper { clock: self, place }
    }

    /// Moves to the end of the sleep that ends first, if it is this one.
    fn skip_to(&self, place: (Duration, u64)) {
        let state = self.state();
        let left = place.0.saturating_sub(state.monotonic);
        let is_first = state.sleepers.first() == Some(&place);
        drop(state);
        if is_first {
            self.advance(left);
        }
    }
}

/// A sleep under way; it is over when dropped, for whatever reason.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    place: (Duration, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.place);
    }
}

#[async_trait::async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().wall
    }

    fn monotonic(&self) -> Duration {
        self.state().monotonic
    }

    async fn sleep(&self, duration: Duration) {
        let sleeper = self.lie_down(duration);
        let mut moves = self.moves.subscribe();
        while self.monotonic() < sleeper.place.0 {
            if self.skips {
                tokio::task::yield_now().await;
                self.skip_to(sleeper.place);
            } else if moves.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn sleeps_end_in_the_order_of_their_ends() {
        let clock = ManualClock::skipping(Timestamp::UNIX_EPOCH);
        let ends = Mutex::new(vec![]);
        join_all([30_u64, 10, 20].map(|seconds| {
            let (clock, ends) = (&clock, &ends);
            async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                ends.lock().unwrap().push((seconds, clock.monotonic().as_secs()));
            }
        }))
        .await;
        assert_eq!(*ends.lock().unwrap(), [(10, 10), (20, 20), (30, 30)]);
    }

    #[tokio::test]
    async fn a_held_clock_waits_to_be_moved() {
        let clock = ManualClock::held(Timestamp::UNIX_EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(2));
        assert!(futures::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
        assert!(futures::poll!(&mut sleep).is_pending());
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_secs(1));
        assert!(futures::poll!(&mut sleep).is_ready());
        assert_eq!((clock.now().timestamp(), clock.sleepers()), (2, 0));
    }
}
