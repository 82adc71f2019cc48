//! The service's clock, read off the `Date` header of whatever it answers.
//!
//! Ids, ages and times of a run follow it, so that a wrong local clock harms nothing.

use std::sync::{Mutex, PoisonError};

use aws_sdk_ivsrealtime::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_ivsrealtime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ivsrealtime::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_types::date_time::{DateTime, Format};
use chrono::TimeDelta;

use crate::api::convert;
use crate::clock::SharedClock;
use crate::model::Timestamp;

/// The largest `Date` seen, carried on by the monotonic clock.
#[derive(Debug)]
pub(super) struct ServiceTime {
    clock: SharedClock,
    /// The service's time when the monotonic clock stood at zero.
    origin: Mutex<Option<Timestamp>>,
}

impl ServiceTime {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, origin: Mutex::new(None) }
    }

    /// The service's time; the local clock's before the first answer.
    pub(super) fn now(&self) -> Timestamp {
        self.origin()
            .and_then(|origin| origin.checked_add_signed(self.elapsed()))
            .unwrap_or_else(|| self.clock.now())
    }

    /// The service has told its time.
    pub(super) fn is_known(&self) -> bool {
        self.origin().is_some()
    }

    /// Takes a `Date` header. It is cut to seconds and may be older than what is known already: only one
    /// that is ahead of the time as carried on says anything new.
    pub(super) fn observe(&self, date: &str) {
        let Some(date) = DateTime::from_str(date, Format::HttpDate).ok().and_then(convert::time)
        else {
            return;
        };
        let Some(seen) = date.checked_sub_signed(self.elapsed()) else {
            return;
        };
        let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        *origin = (*origin).max(Some(seen));
    }

    fn origin(&self) -> Option<Timestamp> {
        *self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> TimeDelta {
        TimeDelta::from_std(self.clock.monotonic()).unwrap_or(TimeDelta::MAX)
    }
}

/// Shows every answer's `Date` to a [`ServiceTime`], errors included.
#[derive(Debug)]
pub(super) struct DateObserver(pub(super) std::sync::Arc<ServiceTime>);

#[dyn_dispatch_hint]
impl Intercept for DateObserver {
    fn name(&self) -> &'static str {
        "DateObserver"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.0.observe(date);
        }
        Ok(())
    }
}
