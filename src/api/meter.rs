//! What the calls of a run have cost.

use std::time::Duration;

/// The calls of one operation so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meter {
    /// Attempts that were started: each took a permit.
    pub attempts: u64,
    /// Attempts that were answered well.
    pub ok: u64,
    /// Attempts that repeated an earlier one of the same call, after a throttle or a failure.
    pub retries: u64,
    /// Attempts that the service throttled.
    pub throttles: u64,
    /// Sum over all attempts of the time they waited for a permit.
    pub waited: Duration,
    /// Starts per second that are allowed now; less than permitted after a throttle. `None`: no pacing.
    pub rate: Option<f64>,
    /// Share of the permitted starts that were used.
    ///
    /// Between a start and the next, a permit may be used every 1/tps seconds while an attempt of the
    /// operation is waiting or under way; time without any is not counted. With `n` starts and `t`
    /// seconds of such time between the first and the last, it is `(n - 1) / (t * tps)`, never above 1.
    /// What a throttled rate leaves unused counts as unused. `None` before the second start, and
    /// without pacing.
    pub utilization: Option<f64>,
}
