//! How far a run is, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that only grow. Reading them is cheap and needs no lock.
#[derive(Debug, Default)]
pub struct Progress {
    counts: [AtomicU64; Count::COUNT],
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Stages found.
    Stages,
    /// Stages whose sessions were listed.
    StagesListed,
    /// Sessions to be fetched.
    Sessions,
    /// Sessions that are staged whole, or failed.
    SessionsFetched,
    /// Participants whose events are to be fetched.
    Participants,
    /// Participants whose events were fetched, or failed.
    ParticipantsFetched,
}

impl Count {
    const COUNT: usize = 6;
}

impl Progress {
    /// Adds to a count.
    pub(super) fn add(&self, count: Count, n: u64) {
        self.counts[count as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// A count as it is now.
    #[must_use]
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }
}
