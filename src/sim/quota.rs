//! The service's quotas: a token bucket for each operation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::wire::Operation;

/// Calls that may come at once.
const CAPACITY: f64 = 5.0;

/// The buckets of an account in a region.
#[derive(Debug)]
pub(super) struct Quota {
    tps: f64,
    buckets: BTreeMap<Operation, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    calls: f64,
    filled_at: Duration,
}

impl Quota {
    /// Full buckets, refilled at this rate; at 0 or less nothing is limited.
    pub(super) fn new(tps: f64) -> Self {
        Self { tps, buckets: BTreeMap::new() }
    }

    /// Takes a call from the bucket of an operation. False where it is empty.
    pub(super) fn take(&mut self, operation: Operation, now: Duration) -> bool {
        if self.tps <= 0.0 {
            return true;
        }
        let full = Bucket { calls: CAPACITY, filled_at: now };
        let bucket = self.buckets.entry(operation).or_insert(full);
        let passed = now.saturating_sub(bucket.filled_at).as_secs_f64();
        bucket.calls = (bucket.calls + passed * self.tps).min(CAPACITY);
        bucket.filled_at = now;
        // A hair under one call is one: the sum of many small refills is not exact.
        let allowed = bucket.calls >= 1.0 - 1e-9;
        if allowed {
            bucket.calls -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(quota: &mut Quota, millis: u64) -> bool {
        quota.take(Operation::ListStages, Duration::from_millis(millis))
    }

    #[test]
    fn five_at_once_and_then_five_a_second() {
        let mut quota = Quota::new(5.0);
        let at_once = (0..20).filter(|_| take(&mut quota, 1000)).count();
        assert_eq!(at_once, 5);
        let later = (0..1000).filter(|step| take(&mut quota, 1000 + step * 10)).count();
        assert_eq!(later, 49);
    }

    #[test]
    fn a_steady_client_at_the_rate_is_never_throttled() {
        let mut quota = Quota::new(5.0);
        assert!((0..1000).all(|step| take(&mut quota, step * 200)));
    }

    #[test]
    fn a_rest_fills_the_bucket_and_no_more() {
        let mut quota = Quota::new(5.0);
        while take(&mut quota, 0) {}
        assert_eq!((0..20).filter(|_| take(&mut quota, 600_000)).count(), 5);
    }

    #[test]
    fn operations_have_buckets_of_their_own_and_no_rate_is_no_limit() {
        let mut quota = Quota::new(5.0);
        while take(&mut quota, 0) {}
        assert!(quota.take(Operation::GetStage, Duration::ZERO));
        let mut open = Quota::new(0.0);
        assert!((0..1000).all(|_| take(&mut open, 0)));
    }
}
