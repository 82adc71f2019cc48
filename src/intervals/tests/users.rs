//! The user as of the start of an interval.

use super::bed::{Bed, ended};
use crate::model::Event;

/// The users of the participant's publishing at 10, 20, 30, 40 s, with these events besides, in each
/// order; `latest` is the user of the listing.
#[track_caller]
fn check(latest: Option<&str>, exchanges: &str, expected: [Option<&str>; 4]) {
    let publishing = "P10 p15 P20 p25 P30 p35 P40 p45";
    let bed = ended()
        .who("a", &format!("J0 {publishing} {exchanges} L50"))
        .with(|who| who.user_id = latest.map(str::to_owned));
    let mut rows = bed.people[0].1.clone();
    for turn in 0..rows.len() {
        rows.rotate_left(1);
        if turn % 2 == 1 {
            rows.reverse();
        }
        assert_eq!(users(&bed, &rows), expected, "{exchanges} in order number {turn}");
    }
}

fn users(bed: &Bed, rows: &[Event]) -> Vec<Option<&'static str>> {
    let mut bed = bed.clone();
    bed.people[0].1 = rows.to_vec();
    let name = |user: Option<String>| user.map(|user| &*user.leak());
    bed.intervals_of("a").into_iter().skip(1).map(|interval| name(interval.user_id)).collect()
}

#[test]
fn without_an_exchange_it_is_the_listing_that_tells() {
    check(Some("u"), "", [Some("u"); 4]);
    check(None, "", [None; 4]);
}

#[test]
fn a_user_holds_from_the_exchange_until_the_next() {
    check(Some("w"), "T15:u>v T35:v>w", [Some("u"), Some("v"), Some("v"), Some("w")]);
    // Half-open: what starts in the instant of the exchange is the new one's.
    check(Some("w"), "T20:u>v T30:v>w", [Some("u"), Some("v"), Some("w"), Some("w")]);
    // The listing's user is the last one only where the exchanges don't say.
    check(Some("z"), "T20:u>v", [Some("u"), Some("v"), Some("v"), Some("v")]);
}

#[test]
fn a_token_of_nobody_makes_nobody() {
    check(None, "T15:u>- T35:->w", [Some("u"), None, None, Some("w")]);
}

#[test]
fn exchanges_that_name_nobody_ever_say_nothing() {
    check(Some("u"), "T15:->- T35:->-", [Some("u"); 4]);
}

#[test]
fn a_missing_token_changes_nobody() {
    check(Some("z"), "T15:>v T35:v>w", [Some("v"), Some("v"), Some("v"), Some("w")]);
    check(Some("z"), "T15:u> T35:v>w", [Some("u"), Some("v"), Some("v"), Some("w")]);
    check(Some("z"), "T15:u>v T35:v>", [Some("u"), Some("v"), Some("v"), Some("z")]);
}

#[test]
fn exchanges_of_one_second_follow_the_chain_of_tokens() {
    check(None, "T15:u>v T15:v>w T15:w>x", [Some("u"), Some("x"), Some("x"), Some("x")]);
    // The chain goes on from the second before, round and back.
    check(
        None,
        "T5:a>u T15:u>v T15:v>u T15:u>w T35:w>z",
        [Some("u"), Some("w"), Some("w"), Some("z")],
    );
    // An exchange for an equal token is no end of the chain.
    check(None, "T15:u>u T15:u>v", [Some("u"), Some("v"), Some("v"), Some("v")]);
    check(None, "T15:a>a T15:a>b T15:m>n", [Some("a"), Some("n"), Some("n"), Some("n")]);
    // A circle begins where the second before ended.
    check(None, "T5:a>u T15:u>b T15:b>u", [Some("u"); 4]);
    // What no other leads to comes first, whatever expires when.
    check(None, "T15:u@9>v@5 T15:v@5>w@1", [Some("u"), Some("w"), Some("w"), Some("w")]);
}

#[test]
fn exchanges_of_one_second_without_a_chain_follow_their_expiry() {
    check(None, "T15:a@1>u@9 T15:b@1>v@5", [Some("b"), Some("u"), Some("u"), Some("u")]);
    check(None, "T15:a@1>u@5 T15:a@1>v@9", [Some("a"), Some("v"), Some("v"), Some("v")]);
    // A circle has no beginning.
    check(None, "T15:u@5>v@9 T15:v@9>u@5", [Some("v"), Some("v"), Some("v"), Some("v")]);
}
