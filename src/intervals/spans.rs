//! From groups to spans: the walk through the states of one key, closed, open, closed.
//!
//! A group belongs to one span at most, so the starts of all spans add up to the starts of all groups.

use super::ties::{Group, Outcome};
use crate::model::{Anomaly, EndReason, Timestamp};

/// A stretch in which a key was open: the groups from the one that opened it on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'g> {
    /// Never empty; the last one is what closed it, where it was closed. One group alone that opens
    /// and closes is a span of zero length.
    pub(super) groups: &'g [Group],
    /// Whether a group closed it.
    pub(super) closed: bool,
}

impl Span<'_> {
    /// When it opened.
    pub(super) fn start(&self) -> Timestamp {
        self.groups[0].time
    }

    /// When and by what a group closed it. A stop of its own comes before a LEFT of the same instant.
    pub(super) fn close(&self) -> Option<(Timestamp, EndReason)> {
        let last = self.groups.last().filter(|_| self.closed)?;
        let reason = if last.stops > 0 { EndReason::Explicit } else { EndReason::Left };
        Some((last.time, reason))
    }

    /// The part until an end that no group gave, and the part from the first start after it on.
    pub(super) fn split(self, end: Timestamp) -> (Self, Option<Self>) {
        let held = self.groups.partition_point(|group| group.time <= end);
        let (until, after) = self.groups.split_at(held);
        let next = after.iter().position(|group| group.starts > 0);
        let rest = next.map(|first| Self { groups: &after[first..], closed: self.closed });
        (Self { groups: until, closed: false }, rest)
    }

    /// Start events that it holds, those in the instant that closes it among them.
    pub(super) fn starts_n(&self) -> i32 {
        let starts = self.groups.iter().map(|group| u64::from(group.starts)).sum::<u64>();
        i32::try_from(starts).unwrap_or(i32::MAX)
    }

    /// Whether it began without a start event.
    pub(super) fn synthetic_start(&self) -> bool {
        self.groups[0].synthetic
    }

    /// Whether one of its own rows is flagged as a replica's.
    pub(super) fn replica(&self) -> bool {
        self.groups.iter().any(|group| group.replica)
    }

    /// What its groups tell of oddities: ties, and starts beyond what they closed.
    pub(super) fn anomalies(&self) -> impl Iterator<Item = Anomaly> {
        let opened_twice = self.groups[0].balance() > 1;
        let opened_again = self.groups[1..].iter().any(|group| group.balance() > 0);
        let double_start = (opened_twice || opened_again).then_some(Anomaly::DoubleStart);
        self.groups.iter().filter_map(|group| group.tie).chain(double_start)
    }
}

/// The spans of one key, in order of time.
///
/// A closer that finds nothing open makes no span.
pub(super) fn spans(groups: &[Group]) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut open = None;
    for (i, group) in groups.iter().enumerate() {
        let stays_open = match group.outcome {
            Outcome::Opens => true,
            Outcome::Closes => false,
            Outcome::Keeps => open.is_some(),
        };
        match (open, stays_open) {
            (None, true) => open = Some(i),
            (Some(first), false) => {
                spans.push(Span { groups: &groups[first..=i], closed: true });
                open = None;
            }
            (None, false) if group.openers() > 0 => {
                spans.push(Span { groups: &groups[i..=i], closed: true });
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    spans.extend(open.map(|first| Span { groups: &groups[first..], closed: false }));
    spans
}
