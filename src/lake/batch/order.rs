//! The lake's order of one participant's events. It is total and owes nothing to the order of the service's
//! answer, which has none; it says nothing of what came first within a second.

use std::cmp::Ordering;

use crate::model::{ErrorCode, Event, EventName, ExchangedToken};

/// Sorts one participant's events, and counts for each how many equal ones stand before it (`occurrence`).
pub fn sort_events(events: &mut [Event]) -> Vec<i32> {
    events.sort_by(|a, b| compare(a, b).then(a.position.cmp(&b.position)));
    let mut occurrences: Vec<i32> = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let repeats = index > 0 && compare(&events[index - 1], event).is_eq();
        occurrences.push(if repeats { occurrences[index - 1] + 1 } else { 0 });
    }
    occurrences
}

/// Compares all of the service's fields; equal means that the service told the same twice.
fn compare(a: &Event, b: &Event) -> Ordering {
    nulls_last(a.time.as_ref(), b.time.as_ref())
        .then_with(|| nulls_last(a.name.as_ref().map(rank), b.name.as_ref().map(rank)))
        .then_with(|| {
            nulls_last(a.remote_participant_id.as_ref(), b.remote_participant_id.as_ref())
        })
        .then_with(|| nulls_last(a.error_code.as_ref().map(code), b.error_code.as_ref().map(code)))
        .then_with(|| {
            nulls_last(a.destination_stage_arn.as_ref(), b.destination_stage_arn.as_ref())
        })
        .then_with(|| {
            nulls_last(a.destination_session_id.as_ref(), b.destination_session_id.as_ref())
        })
        .then_with(|| a.replica.cmp(&b.replica))
        .then_with(|| {
            nulls_last(a.previous_token.as_ref().map(token), b.previous_token.as_ref().map(token))
        })
        .then_with(|| nulls_last(a.new_token.as_ref().map(token), b.new_token.as_ref().map(token)))
}

fn rank(name: &EventName) -> (u8, &str) {
    (name.rank(), name.as_str())
}

fn code(code: &ErrorCode) -> &str {
    code.as_str()
}

/// The token as the lake keeps it, where an empty map is NULL.
fn token(token: &ExchangedToken) -> impl Ord {
    let attributes = token.attributes.as_ref().filter(|attributes| !attributes.is_empty());
    (token.capabilities.as_ref(), attributes, token.user_id.as_ref(), token.expiration_time)
}

fn nulls_last<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
