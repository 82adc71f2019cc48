//! A clock for which all waiting is short.

use std::sync::Arc;
use std::time::Duration;

use ivsight::clock::{Clock, SharedClock, SystemClock};
use ivsight::model::Timestamp;

/// Real time, many times as fast.
#[derive(Debug)]
pub(crate) struct HurriedClock {
    real: SharedClock,
    began: Timestamp,
    factor: u32,
}

impl HurriedClock {
    pub(crate) fn shared(began: Timestamp, factor: u32) -> SharedClock {
        Arc::new(Self { real: SystemClock::shared(), began, factor })
    }
}

#[async_trait::async_trait]
impl Clock for HurriedClock {
    fn now(&self) -> Timestamp {
        self.began + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic() * self.factor
    }

    async fn sleep(&self, duration: Duration) {
        self.real.sleep(duration / self.factor).await;
    }
}
