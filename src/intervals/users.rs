//! Who the participant was for the customer, as of any moment.
//!
//! A token may be exchanged for one of another user, and the listing shows the last user alone. So what
//! was before is read from the exchanges: a name holds from its exchange until the next, half-open.

use std::collections::BTreeMap;

use super::person::Dated;
use crate::model::{EventName, ExchangedToken, Participant, Timestamp};

/// The user ids of one participant over time.
#[derive(Debug)]
pub(super) struct UserHistory<'a> {
    /// Until the first exchange, or at all times if there is none.
    first: Option<&'a str>,
    /// From when on each of the others holds, ascending.
    changes: Vec<(Timestamp, Option<&'a str>)>,
}

/// One exchange; ordered so that those of one second have a canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Exchange<'a> {
    time: Timestamp,
    /// A later expiry is the better guess at a later token, where tokens don't chain.
    expires: Option<Timestamp>,
    previous: Option<&'a ExchangedToken>,
    new: Option<&'a ExchangedToken>,
}

impl<'a> UserHistory<'a> {
    pub(super) fn new(participant: &'a Participant, events: &[Dated<'a>]) -> Self {
        let exchanges = in_order(events);
        let latest = participant.user_id.as_deref();
        // Exchanges that never name a user say nothing of users.
        if !exchanges.iter().any(Exchange::names_a_user) {
            return Self { first: latest, changes: Vec::new() };
        }
        // From the last to the first: where a token is missing, nothing says that the user changed.
        let mut holds = latest;
        let mut changes = Vec::with_capacity(exchanges.len());
        for exchange in exchanges.iter().rev() {
            holds = exchange.new.map_or(holds, user);
            changes.push((exchange.time, holds));
            holds = exchange.previous.map_or(holds, user);
        }
        changes.reverse();
        Self { first: holds, changes }
    }

    /// The user as of a moment; an exchange holds from its own instant on.
    pub(super) fn as_of(&self, time: Timestamp) -> Option<&'a str> {
        let changed = self.changes.partition_point(|(since, _)| *since <= time);
        self.changes[..changed].last().map_or(self.first, |(_, user)| *user)
    }
}

impl Exchange<'_> {
    fn changes(&self) -> bool {
        self.previous != self.new
    }

    fn names_a_user(&self) -> bool {
        self.previous.and_then(user).or(self.new.and_then(user)).is_some()
    }
}

fn user(token: &ExchangedToken) -> Option<&str> {
    token.user_id.as_deref()
}

/// The participant's exchanges by time; those of one second by the chain of their tokens.
fn in_order<'a>(events: &[Dated<'a>]) -> Vec<Exchange<'a>> {
    let mut exchanges = events
        .iter()
        .filter(|dated| *dated.name == EventName::TokenExchanged)
        .map(|dated| Exchange {
            time: dated.time,
            expires: dated.event.new_token.as_ref().and_then(|token| token.expiration_time),
            previous: dated.event.previous_token.as_ref(),
            new: dated.event.new_token.as_ref(),
        })
        .collect::<Vec<_>>();
    exchanges.sort_unstable();
    let mut ordered = Vec::with_capacity(exchanges.len());
    for instant in exchanges.chunk_by(|a, b| a.time == b.time) {
        chain(instant, &mut ordered);
    }
    ordered
}

/// Appends the exchanges of one instant so that, where it can be had, each one's previous token is the
/// new one before it. The chain goes on from the instant before, else it begins with what no other
/// leads to; among equals the earlier expiry comes first.
fn chain<'a>(instant: &[Exchange<'a>], ordered: &mut Vec<Exchange<'a>>) {
    let mut leading_to = BTreeMap::<_, usize>::new();
    let mut waiting = BTreeMap::<_, Vec<Exchange<'a>>>::new();
    for exchange in instant {
        *leading_to.entry(exchange.new).or_default() += usize::from(exchange.changes());
        waiting.entry(exchange.previous).or_default().push(*exchange);
    }
    let mut heads = instant.to_vec();
    heads.sort_by_key(|exchange| leading_to.get(&exchange.previous).is_some_and(|n| *n > 0));
    let before = ordered.last().map(|last| last.new);
    for start in before.into_iter().chain(heads.iter().map(|exchange| exchange.previous)) {
        ordered.extend(trail(start, &mut waiting));
    }
}

/// Takes from `waiting` all that can be reached from a token, in one trail if there is one (Hierholzer's
/// walk: go on until stuck, then fill in the detours). What branches off for good comes by expiry, since
/// the walk takes the latest first and lays its steps out from the last.
fn trail<'a>(
    start: Option<&'a ExchangedToken>,
    waiting: &mut BTreeMap<Option<&'a ExchangedToken>, Vec<Exchange<'a>>>,
) -> Vec<Exchange<'a>> {
    let mut steps = vec![(start, None)];
    let mut taken = Vec::new();
    while let Some((token, exchange)) = steps.last().copied() {
        if let Some(next) = waiting.get_mut(&token).and_then(Vec::pop) {
            steps.push((next.new, Some(next)));
        } else {
            steps.pop();
            taken.extend(exchange);
        }
    }
    taken.reverse();
    taken
}
