//! Rows of one key that share an instant, taken together as one group.
//!
//! The order of rows within an instant means nothing, so a group is judged by its counts: more openers
//! than closers opens, fewer closes, as many is a tie. A tie can be a restart while open or a flash
//! while closed; what the key does next tells which state it left. A LEFT on the way ends the search:
//! it closes in either case, so that what follows it says nothing of the tie.

use crate::model::{Anomaly, Timestamp};

/// What one row does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The key's start event.
    Start,
    /// The key's stop event.
    Stop,
    /// Someone was there already: it opens, but is no start event.
    SyntheticStart,
}

/// One row of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    pub(super) role: Role,
    /// The event's own replica flag.
    pub(super) replica: bool,
}

/// What a group does to the state of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is open afterwards.
    Opens,
    /// It is closed afterwards.
    Closes,
    /// It is what it was.
    Keeps,
}

/// The rows of one key in one instant.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) time: Timestamp,
    /// Start events.
    pub(super) starts: u32,
    /// Stop events.
    pub(super) stops: u32,
    /// A start that is no event is among the openers.
    pub(super) synthetic: bool,
    /// The participant left in this instant, where that closes.
    pub(super) left: bool,
    /// One of the key's own rows is flagged as a replica's.
    pub(super) replica: bool,
    pub(super) outcome: Outcome,
    /// Set for a tie: how it was decided.
    pub(super) tie: Option<Anomaly>,
}

impl Group {
    fn at(time: Timestamp, marks: &[Mark], left: bool) -> Self {
        let count = |role| {
            let n = marks.iter().filter(|mark| mark.role == role).count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        Self {
            time,
            starts: count(Role::Start),
            stops: count(Role::Stop),
            synthetic: count(Role::SyntheticStart) > 0,
            left,
            replica: marks.iter().any(|mark| mark.replica),
            outcome: Outcome::Keeps,
            tie: None,
        }
    }

    /// Start events, and the synthetic start.
    pub(super) fn openers(&self) -> u32 {
        self.starts + u32::from(self.synthetic)
    }

    /// Openers beyond the closers; negative where there are fewer. A LEFT closes once, and not on top
    /// of the stops: it is the same end, told twice.
    pub(super) fn balance(&self) -> i64 {
        i64::from(self.openers()) - i64::from(self.stops.max(u32::from(self.left)))
    }
}

/// The groups of one key in order of time, each with its outcome. `lefts` are the instants at which
/// the participant left, ascending, for a kind that LEFT closes; empty for one that it does not.
pub(super) fn groups(mut marks: Vec<Mark>, lefts: &[Timestamp]) -> Vec<Group> {
    marks.sort_by_key(|mark| mark.time);
    let mut groups = Vec::new();
    for instant in marks.chunk_by(|a, b| a.time == b.time) {
        let time = instant[0].time;
        close_gap(&mut groups, time, lefts);
        groups.push(Group::at(time, instant, lefts.binary_search(&time).is_ok()));
    }
    close_gap(&mut groups, Timestamp::MAX_UTC, lefts);
    decide(&mut groups);
    groups
}

/// Adds the first LEFT between the last group and `until`. Further ones would find the key closed, so
/// they are left out: a key costs what its own rows cost, however often the participant left.
fn close_gap(groups: &mut Vec<Group>, until: Timestamp, lefts: &[Timestamp]) {
    let Some(last) = groups.last() else { return };
    let first_after = lefts.partition_point(|left| *left <= last.time);
    if let Some(left) = lefts.get(first_after).filter(|left| **left < until) {
        groups.push(Group::at(*left, &[], true));
    }
}

/// Gives each group its outcome, from the last to the first, because ties look ahead.
fn decide(groups: &mut [Group]) {
    let mut next = None;
    for group in groups.iter_mut().rev() {
        (group.outcome, group.tie) = match (group.balance(), next) {
            (1.., _) => (Outcome::Opens, None),
            (..=-1, _) => (Outcome::Closes, None),
            (0, Some(Outcome::Closes)) => (Outcome::Opens, Some(Anomaly::TieResolvedByLookahead)),
            (0, Some(Outcome::Opens)) => (Outcome::Closes, Some(Anomaly::TieResolvedByLookahead)),
            (0, Some(Outcome::Keeps) | None) => (Outcome::Keeps, Some(Anomaly::TieAmbiguous)),
        };
        next = evidence(group).or(next);
    }
}

/// What a group tells a tie before it: by the key's own rows alone, or, where they are even, that the
/// search ends at a LEFT. `None` passes the question on to the next group.
fn evidence(group: &Group) -> Option<Outcome> {
    match group.openers().cmp(&group.stops) {
        std::cmp::Ordering::Greater => Some(Outcome::Opens),
        std::cmp::Ordering::Less => Some(Outcome::Closes),
        std::cmp::Ordering::Equal => group.left.then_some(Outcome::Keeps),
    }
}
