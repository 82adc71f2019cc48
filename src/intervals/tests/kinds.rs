//! What is particular to each kind: keys, implied closers, precedence of ends, and oddities.

use super::bed::{at, check, ended, live, parse, participant};
use crate::intervals::{Publishers, derive};
use crate::model::ReplicationType;

mod presence {
    use super::*;

    #[test]
    fn without_joined_it_starts_when_the_listing_says() {
        ended()
            .who("a", "P20 L30")
            .with(|who| who.first_join_time = Some(at(12.5)))
            .check("a", &["J 12.5-30 explicit x0 synthetic !left_without_join", "P 20-30 left"]);
    }

    #[test]
    fn a_synthetic_start_lies_within_the_session_and_not_after_the_first_event() {
        let joined = |seconds| {
            ended().who("a", "P20 L30").with(move |who| who.first_join_time = Some(at(seconds)))
        };
        joined(-50.0)
            .check("a", &["J 0-30 explicit x0 synthetic !left_without_join", "P 20-30 left"]);
        joined(25.0)
            .check("a", &["J 20-30 explicit x0 synthetic !left_without_join", "P 20-30 left"]);
        // An event before the session's start still comes first.
        ended()
            .who("a", "P-5 L30")
            .with(|who| who.first_join_time = Some(at(-20.0)))
            .check("a", &["J -5-30 explicit x0 synthetic !left_without_join", "P -5-30 left"]);
    }

    #[test]
    fn each_event_that_only_someone_present_can_have_proves_presence() {
        for event in ["P20", "p20", "E20", "S20", "s20", "F20", "R20:x", "r20:x", "T20:u>v"] {
            let bed = ended().who("a", event).who("b", "");
            let first = bed.intervals_of("a").remove(0);
            assert_eq!(
                super::super::bed::line(&first),
                "J 20-100 session_end x0 synthetic !join_without_left,left_without_join",
                "{event}"
            );
        }
        check(
            "L20",
            &["J 20-20 explicit x0 synthetic !zero_length,tie_ambiguous,left_without_join"],
        );
    }

    #[test]
    fn failing_to_join_proves_none() {
        check("G10 G11 X12", &[]);
        // Nor does it move the start of one who was there later.
        check("G10 L30 p20", &["J 20-30 explicit x0 synthetic !left_without_join"]);
    }

    #[test]
    fn one_joined_is_enough_for_no_synthetic_start() {
        check("L5 J10 L20", &["J 10-20 explicit"]);
        // What lay before it was outside.
        check("P5 p6 J10 L20", &["J 10-20 explicit", "P 5-6 explicit !media_outside_join"]);
    }

    #[test]
    fn a_replica_without_joined_is_present_while_it_publishes() {
        ended().replica("a", "P10 p20 P30 P31 L40").check(
            "a",
            &[
                "J 10-20 explicit x0 synthetic replica",
                "J 30-40 left x0 synthetic replica",
                "P 10-20 explicit replica",
                "P 30-40 left x2 replica !double_start",
            ],
        );
        ended().replica("a", "L40").check("a", &[]);
    }

    #[test]
    fn a_replica_that_joined_is_present_as_anyone() {
        ended()
            .replica("a", "J5 P10 p20 L40")
            .check("a", &["J 5-40 explicit replica", "P 10-20 explicit replica"]);
    }

    #[test]
    fn an_event_tells_of_a_replica_where_the_listing_does_not() {
        check("J0* L10", &["J 0-10 explicit replica"]);
        check("J0 P2* p3 L10", &["J 0-10 explicit", "P 2-3 explicit replica"]);
        check(
            "P2* L10",
            &["J 2-10 explicit x0 synthetic replica !left_without_join", "P 2-10 left replica"],
        );
        // On a subscribe event the flag is the remote's.
        ended().who("b", "").who("a", "S2:b* L10").check(
            "a",
            &["J 2-10 explicit x0 synthetic !left_without_join", "S:b 2-10 left replica"],
        );
    }

    #[test]
    fn in_a_session_that_goes_on_nobody_is_late_in_leaving() {
        live(50.0).who("a", "J10").check("a", &["J 10-50 open"]);
        ended().who("a", "J10").check("a", &["J 10-100 session_end !join_without_left"]);
    }

    #[test]
    fn media_after_the_last_presence_is_outside_of_it() {
        check("J0 L10 P20 p30", &["J 0-10 explicit", "P 20-30 explicit !media_outside_join"]);
        ended()
            .who("b", "")
            .who("a", "J0 L10 S20:b s30:b")
            .check("a", &["J 0-10 explicit", "S:b 20-30 explicit !media_outside_join"]);
        // A second is within the resolution of the times.
        check("J5 P4 p20 L19", &["J 5-19 explicit", "P 4-19 left"]);
        check("J5 P3 p20 L19", &["J 5-19 explicit", "P 3-19 left !media_outside_join"]);
        check("J0 L10 P10.5 p11", &["J 0-10 explicit", "P 10.5-11 explicit"]);
        check("J0 L10 P11 p11.5", &["J 0-10 explicit", "P 11-11.5 explicit !media_outside_join"]);
        // Nobody saw the end of a presence that the session's end cut.
        check("J0 P90 p104", &["J 0-100 session_end !join_without_left", "P 90-104 explicit"]);
    }

    #[test]
    fn far_beyond_the_session_is_odd() {
        check("J-300 L400", &["J -300-400 explicit"]);
        check("J-301 L50", &["J -301-50 explicit !event_outside_session"]);
        check("J0 L401", &["J 0-401 explicit !event_outside_session"]);
        live(50.0).who("a", "J0 L4000").check("a", &["J 0-4000 explicit"]);
    }
}

mod subscribe {
    use super::*;

    #[test]
    fn each_remote_is_a_key_of_its_own_and_left_closes_all() {
        ended().who("b", "J0").who("c", "J0").who("a", "J0 S1:b S2:c s9:c S12:c L20").check(
            "a",
            &["J 0-20 explicit", "S:b 1-20 left", "S:c 2-9 explicit", "S:c 12-20 left"],
        );
    }

    #[test]
    fn without_a_stop_it_ends_with_the_publishing_that_it_watches() {
        let bed = |viewer| ended().who("b", "J0 P5 p30 L90").who("a", viewer);
        bed("J0 S6:b L50").check("a", &["J 0-50 explicit", "S:b 6-30 remote_gone"]);
        bed("J0 S6:b")
            .check("a", &["J 0-100 session_end !join_without_left", "S:b 6-30 remote_gone"]);
        // The subscriber's LEFT, if it comes before; in one instant it has the precedence.
        bed("J0 S6:b L20").check("a", &["J 0-20 explicit", "S:b 6-20 left"]);
        bed("J0 S6:b L30").check("a", &["J 0-30 explicit", "S:b 6-30 left"]);
        // A stop of its own holds, however late.
        bed("J0 S6:b s45:b L50").check("a", &["J 0-50 explicit", "S:b 6-45 explicit"]);
    }

    #[test]
    fn a_stop_and_left_in_one_instant_are_explicit() {
        ended()
            .who("b", "J0 P5 p30")
            .who("a", "J0 P1 S6:b L30 s30:b p30")
            .check("a", &["J 0-30 explicit", "P 1-30 explicit", "S:b 6-30 explicit"]);
    }

    #[test]
    fn the_publishing_may_be_a_second_off() {
        let bed = |viewer: &str| ended().who("b", "J0 P10 p30").who("a", &format!("J0 {viewer}"));
        let starts = |viewer: &str| super::super::bed::line(&bed(viewer).intervals_of("a")[1]);
        assert_eq!(starts("S9:b"), "S:b 9-30 remote_gone");
        assert_eq!(starts("S8.9:b"), "S:b 8.9-100 session_end");
        assert_eq!(starts("S30:b"), "S:b 30-30 remote_gone !zero_length");
        assert_eq!(starts("S31:b"), "S:b 31-31 remote_gone !zero_length");
        assert_eq!(starts("S31.1:b"), "S:b 31.1-100 session_end");
    }

    #[test]
    fn of_several_publishings_the_one_that_starts_last_counts() {
        let bed = |viewer| ended().who("b", "J0 P5 p10 P11 p40").who("a", viewer);
        let second = |viewer| super::super::bed::line(&bed(viewer).intervals_of("a")[1]);
        assert_eq!(second("J0 S9:b"), "S:b 9-10 remote_gone");
        assert_eq!(second("J0 S10:b"), "S:b 10-40 remote_gone");
        assert_eq!(second("J0 S11:b"), "S:b 11-40 remote_gone");
    }

    #[test]
    fn it_may_end_after_the_session() {
        ended()
            .who("b", "J0 P5 p110")
            .who("a", "J0 S6:b")
            .check("a", &["J 0-100 session_end !join_without_left", "S:b 6-110 remote_gone"]);
    }

    #[test]
    fn a_publishing_without_an_end_of_its_own_ends_nothing() {
        ended()
            .who("b", "J0 P5")
            .who("a", "J0 S6:b")
            .check("a", &["J 0-100 session_end !join_without_left", "S:b 6-100 session_end"]);
        live(70.0)
            .who("b", "J0 P5")
            .who("a", "J0 S6:b")
            .check("a", &["J 0-70 open", "S:b 6-70 open"]);
        // Nor does one that ended before; the later one has no end.
        ended()
            .who("b", "J0 P5 p6 P6.5")
            .who("a", "J0 S6:b L50")
            .check("a", &["J 0-50 explicit", "S:b 6-50 left"]);
    }

    #[test]
    fn a_start_after_the_publisher_went_is_an_interval_of_its_own() {
        let host = "J0 P10 p20 P30 p40 P50 p60 L90";
        ended().who("b", host).who("a", "J0 S10:b S30:b S50:b S51:b L80").check(
            "a",
            &[
                "J 0-80 explicit",
                "S:b 10-20 remote_gone",
                "S:b 30-40 remote_gone",
                "S:b 50-60 remote_gone x2 !double_start",
            ],
        );
        // The last one ends at the LEFT where the publisher stays.
        ended()
            .who("b", "J0 P10 p20 P30")
            .who("a", "J0 S10:b S30:b L80")
            .check("a", &["J 0-80 explicit", "S:b 10-20 remote_gone", "S:b 30-80 left"]);
        // A start in the instant of the end counts to what ends there.
        ended()
            .who("b", host)
            .who("a", "J0 S10:b S20:b L80")
            .check("a", &["J 0-80 explicit", "S:b 10-20 remote_gone x2 !double_start"]);
        // A stop that follows them all says that it lasted until then.
        ended()
            .who("b", host)
            .who("a", "J0 S10:b S30:b s55:b L80")
            .check("a", &["J 0-80 explicit", "S:b 10-55 explicit x2 !double_start"]);
        // A start in the second of leaving.
        ended().who("b", host).who("a", "J0 S10:b L30 S30:b J35 S36:b s38:b L80").check(
            "a",
            &[
                "J 0-30 explicit",
                "J 35-80 explicit",
                "S:b 10-20 remote_gone",
                "S:b 30-30 left !zero_length,tie_resolved_by_lookahead",
                "S:b 36-38 explicit",
            ],
        );
    }

    #[test]
    fn a_remote_that_nobody_listed_is_unknown() {
        check("J0 S5:ghost L20", &["J 0-20 explicit", "S:ghost 5-20 left !remote_unknown"]);
        // One whose events were not fetched is known.
        ended()
            .who("b", "")
            .who("a", "J0 S5:b L20")
            .check("a", &["J 0-20 explicit", "S:b 5-20 left"]);
    }

    #[test]
    fn starts_without_a_remote_are_counted_under_a_key_of_their_own() {
        ended()
            .who("b", "")
            .who("a", "J0 S5 S6:b s8 L20")
            .check("a", &["J 0-20 explicit", "S 5-8 explicit !remote_unknown", "S:b 6-20 left"]);
    }

    #[test]
    fn the_replica_flag_is_the_remotes() {
        ended()
            .replica("b", "P1 p50")
            .who("c", "J0 P1* p50")
            .who("d", "J0 P1 p50")
            .replica("a", "J0 S2:b s3:b S2:c s3:c S2:d s3:d L9")
            .check(
                "a",
                &[
                    "J 0-9 explicit replica",
                    "S:b 2-3 explicit replica",
                    "S:c 2-3 explicit replica",
                    "S:d 2-3 explicit",
                ],
            );
    }
}

mod replication {
    use super::*;

    #[test]
    fn each_destination_is_a_key_of_its_own_and_named_by_the_start() {
        check(
            "J0 R1:x/sx R2:y r8:x/other r9:y/sy L20",
            &["J 0-20 explicit", "R:x/sx 1-8 explicit", "R:y 2-9 explicit"],
        );
        // Of several starts the first that names a session; of one instant the smallest.
        check(
            "J0 R1:x R2:x/sb R2:x/sa R3:x/s0 r8:x L20",
            &["J 0-20 explicit", "R:x/sa 1-8 explicit x4 !double_start"],
        );
        check("J0 R5:x R8:x/s r8:x r8:x L20", &["J 0-20 explicit", "R:x/s 5-8 explicit x2"]);
        check(
            "J0 R1:x/s1 r2:x R3:x/s3 r4:x L20",
            &["J 0-20 explicit", "R:x/s1 1-2 explicit", "R:x/s3 3-4 explicit"],
        );
    }

    #[test]
    fn without_a_stop_a_publisher_who_left_for_good_ends_it() {
        check("J0 R5:x L30", &["J 0-30 explicit", "R:x 5-30 left"]);
        check("J0 R5:x L30 J40 L50", &["J 0-30 explicit", "J 40-50 explicit", "R:x 5-50 left"]);
        check(
            "J0 R5:x L30 J40",
            &[
                "J 0-30 explicit",
                "J 40-100 session_end !join_without_left",
                "R:x 5-100 session_end",
            ],
        );
        check("J0 L30 R30:x", &["J 0-30 explicit", "R:x 30-100 session_end"]);
        check("J0 L30 R35:x", &["J 0-30 explicit", "R:x 35-100 session_end"]);
        // A start after that LEFT is no part of what it ended.
        check("J0 R5:x L30 R40:x", &["J 0-30 explicit", "R:x 5-30 left", "R:x 40-100 session_end"]);
        check("J0 R5:x L130", &["J 0-130 explicit", "R:x 5-130 left"]);
        live(60.0).who("a", "J0 R5:x").check("a", &["J 0-60 open", "R:x 5-60 open"]);
    }

    #[test]
    fn a_joined_in_the_second_of_the_last_left_is_judged_as_presence_is() {
        // Back within the second: still there at the end.
        check(
            "J0 R5:x L30 J30",
            &["J 0-100 session_end x2 !tie_ambiguous,join_without_left", "R:x 5-100 session_end"],
        );
        // In and out within the second: gone.
        check(
            "J0 R5:x L20 L30 J30",
            &["J 0-20 explicit", "J 30-30 explicit !zero_length,tie_ambiguous", "R:x 5-30 left"],
        );
    }

    #[test]
    fn left_does_not_stop_the_search_of_a_tie() {
        check(
            "J0 R5:x r10:x R10:x L20 r25:x",
            &["J 0-20 explicit", "R:x 5-25 explicit x2 !tie_resolved_by_lookahead"],
        );
    }

    #[test]
    fn rows_without_a_destination_are_counted_under_a_key_of_their_own() {
        check("J0 R5 R6:x r8 L20", &["J 0-20 explicit", "R 5-8 explicit", "R:x 6-20 left"]);
    }

    #[test]
    fn the_flag_of_a_replica_is_never_set() {
        ended()
            .replica("a", "J0 R5:x* r8:x* L20")
            .check("a", &["J 0-20 explicit replica", "R:x 5-8 explicit"]);
    }
}

#[test]
fn ties_are_judged_by_counts() {
    // Two stops for one start close; two starts for one stop open.
    check("J0 P5 P10 p10 p10 L30", &["J 0-30 explicit", "P 5-10 explicit x2"]);
    check("J0 P10 P10 p10 L30", &["J 0-30 explicit", "P 10-30 left x2"]);
    // A stop and a LEFT are one end, told twice.
    check(
        "J0 P5 P10 P10 p10 L10",
        &["J 0-10 explicit", "P 5-100 session_end x3 !double_start,media_outside_join"],
    );
    // Two flashes of one second are one interval of two starts.
    check(
        "J0 P10 P10 p10 p10 L30",
        &["J 0-30 explicit", "P 10-10 explicit x2 !zero_length,tie_ambiguous"],
    );
}

#[test]
fn ties_pass_the_question_on_to_what_follows_them() {
    check(
        "J0 p10 P10 p20 P20 p30 L40",
        &["J 0-40 explicit", "P 10-30 explicit x2 !tie_resolved_by_lookahead"],
    );
    check(
        "J0 P10 p20 P20 p30 P30 P40 p50 L60",
        &[
            "J 0-60 explicit",
            "P 10-20 explicit x2 !tie_resolved_by_lookahead",
            "P 30-30 explicit !zero_length,tie_resolved_by_lookahead",
            "P 40-50 explicit",
        ],
    );
    // A tie that holds a LEFT ends the search, one that opens or closes answers it.
    check(
        "J0 P5 p10 P10 p20 P20 L20 J20 p30 L40",
        &[
            "J 0-40 explicit x2 !tie_resolved_by_lookahead",
            "P 5-30 explicit x3 !tie_resolved_by_lookahead,tie_ambiguous",
        ],
    );
    check(
        "J0 P5 p10 P10 P20 L20 L40",
        &[
            "J 0-20 explicit",
            "P 5-10 explicit x2 !tie_resolved_by_lookahead",
            "P 20-20 left !zero_length,tie_ambiguous",
        ],
    );
}

#[test]
fn rows_without_a_time_or_a_name_are_ignored() {
    let plain = ended().who("a", "J0 P5 p10 L20");
    let mut odd = plain.clone();
    let events = &mut odd.people[0].1;
    events.extend(parse("P6 p7 L8 L30"));
    for event in &mut events[4..7] {
        event.time = None;
    }
    events[7].name = None;
    assert_eq!(odd.intervals_of("a"), plain.intervals_of("a"));
}

#[test]
fn a_publisher_is_one_who_published_by_the_listing_or_by_events() {
    let publisher = |bed: super::bed::Bed| bed.intervals_of("a")[0].publisher;
    assert!(!publisher(ended().who("a", "J0 E5 L9")));
    assert!(publisher(ended().who("a", "J0 P5 L9")));
    assert!(publisher(ended().who("a", "J0 L9").with(|who| who.published = true)));
}

#[test]
fn nobody_without_events_has_intervals() {
    let bed = ended().who("a", "").with(|who| who.first_join_time = Some(at(5.0)));
    assert_eq!(bed.intervals_of("a"), []);
}

#[test]
fn sorted_by_kind_start_end_remote_and_destination() {
    ended()
        .who("b", "")
        .who("c", "")
        .who("a", "J0 P2 S1:c s3:c S1:b s4:b S0:c s1:c R0:y r2:y R0:x r2:x L9")
        .check(
            "a",
            &[
                "J 0-9 explicit",
                "P 2-9 left",
                "S:c 0-3 explicit x2 !tie_resolved_by_lookahead",
                "S:b 1-4 explicit",
                "R:x 0-2 explicit",
                "R:y 0-2 explicit",
            ],
        );
}

#[test]
fn a_participant_seen_twice_counts_as_seen_last() {
    let session = ended().session;
    let viewer = (participant("a"), parse("J0 S5:b L50"));
    let mut publishers = Publishers::default();
    let mut host = participant("b");
    publishers.observe(&session, &host, &parse("P5 p20"));
    host.replication_type = Some(ReplicationType::Replica);
    publishers.observe(&session, &host, &parse("P5 p30"));
    let intervals = derive(&session, &viewer.0, &viewer.1, &publishers);
    assert_eq!(super::bed::line(&intervals[1]), "S:b 5-30 remote_gone replica");
}
