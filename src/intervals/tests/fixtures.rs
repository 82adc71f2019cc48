//! The rows that analytics.md asks for, each with the answer made by hand.

use super::bed::{check, ended, live};

#[test]
fn the_example_of_the_documentation() {
    // LEFT and PUBLISH_STOPPED share a second, so do JOINED and PUBLISH_STARTED, newest first.
    check("L60 p60 J10 P10", &["J 10-60 explicit", "P 10-60 explicit"]);
    // Its second example appends the replication at the end, out of order.
    check(
        "L60 p60 J10 P10 R10:x r30:x",
        &["J 10-60 explicit", "P 10-60 explicit", "R:x 10-30 explicit"],
    );
}

#[test]
fn a_tie_while_closed_is_kept_with_zero_length() {
    check("J0 P10 p10 L50", &["J 0-50 explicit", "P 10-10 explicit !zero_length,tie_ambiguous"]);
}

#[test]
fn a_tie_while_open_is_a_restart() {
    check("J0 P10 p20 P20 L50", &["J 0-50 explicit", "P 10-50 left x2 !tie_ambiguous"]);
    check(
        "J0 P10 p20 P20 p40 L50",
        &["J 0-50 explicit", "P 10-40 explicit x2 !tie_resolved_by_lookahead"],
    );
}

#[test]
fn a_stop_without_a_start_makes_nothing() {
    check("J0 p10 L50", &["J 0-50 explicit"]);
    check("J0 p10 P20 p30 p31 L50", &["J 0-50 explicit", "P 20-30 explicit"]);
}

#[test]
fn a_second_start_neither_restarts_nor_adds_time() {
    check("J0 P10 P20 p30 L50", &["J 0-50 explicit", "P 10-30 explicit x2 !double_start"]);
    check("J0 P10 P10 p30 L50", &["J 0-50 explicit", "P 10-30 explicit x2 !double_start"]);
}

#[test]
fn a_lost_stop_ends_at_left() {
    check("J0 P10 L50", &["J 0-50 explicit", "P 10-50 left"]);
}

#[test]
fn a_late_stop_extends_nothing() {
    check("J0 P10 L50 p52", &["J 0-50 explicit", "P 10-50 left"]);
}

#[test]
fn a_rejoin_with_the_same_id_is_a_second_presence() {
    check(
        "J0 P1 p9 L10 J20 P21 p29 L30",
        &["J 0-10 explicit", "J 20-30 explicit", "P 1-9 explicit", "P 21-29 explicit"],
    );
    // Within one second the LEFT of the old connection and the JOINED of the new one are a restart.
    check("J0 L10 J10 L30", &["J 0-30 explicit x2 !tie_resolved_by_lookahead"]);
}

#[test]
fn a_second_joined_is_the_same_presence() {
    check("J0 J10 L30", &["J 0-30 explicit x2 !double_start"]);
}

#[test]
fn joined_while_publishing_with_nothing_between_is_told() {
    check(
        "J0 P1 J10 p20 L30",
        &["J 0-30 explicit x2 !double_start", "P 1-20 explicit !media_across_rejoin"],
    );
    // The first JOINED is no return, nor is one that the resolution of the times put after its media.
    check("P1 J10 p20 L30", &["J 10-30 explicit", "P 1-20 explicit !media_outside_join"]);
    check("J0 L5 P9 J10 p20 L30", &["J 0-5 explicit", "J 10-30 explicit", "P 9-20 explicit"]);
    // Here the LEFT of that second, or the restart, tells where it had been.
    check(
        "J0 P1 L10 J10 P10 p20 L30",
        &[
            "J 0-30 explicit x2 !tie_resolved_by_lookahead",
            "P 1-20 explicit x2 !tie_resolved_by_lookahead",
        ],
    );
    check(
        "J0 P1 J10 p10 P10 p20 L30",
        &["J 0-30 explicit x2 !double_start", "P 1-20 explicit x2 !tie_resolved_by_lookahead"],
    );
}

#[test]
fn stop_left_and_start_in_one_second() {
    // Away and back within the second: what was open goes on.
    check(
        "J0 P10 p50 L50 J50 P50 p70 L71",
        &[
            "J 0-71 explicit x2 !tie_resolved_by_lookahead",
            "P 10-70 explicit x2 !tie_resolved_by_lookahead",
        ],
    );
    // The same at the end of a first flash.
    check(
        "J0 p50 L50 J50 P50 p70 L71",
        &[
            "J 0-71 explicit x2 !tie_resolved_by_lookahead",
            "P 50-70 explicit !tie_resolved_by_lookahead",
        ],
    );
    // Nothing follows, and nobody came back: the state is kept, and the row says how doubtful it is.
    check(
        "J0 P10 p50 L50 P50",
        &["J 0-50 explicit", "P 10-100 session_end x2 !tie_ambiguous,media_outside_join"],
    );
    check("J0 p50 L50 P50", &["J 0-50 explicit", "P 50-50 explicit !zero_length,tie_ambiguous"]);
}

#[test]
fn a_late_stop_and_a_start_in_one_second() {
    // LEFT at 10, back at 12 with the old stop and the new start: only what follows saves the second one.
    check(
        "J0 P1 L10 J12 p12 P12 p30 L31",
        &[
            "J 0-10 explicit",
            "J 12-31 explicit",
            "P 1-10 left",
            "P 12-30 explicit !tie_resolved_by_lookahead",
        ],
    );
    // The search stops at a LEFT: the restart's stop was lost, and is not found in the next connection.
    check(
        "J0 P1 p10 P10 L20 J30 P31 p40 L41",
        &[
            "J 0-20 explicit",
            "J 30-41 explicit",
            "P 1-20 left x2 !tie_ambiguous",
            "P 31-40 explicit",
        ],
    );
}

#[test]
fn a_live_session_ends_where_the_knowledge_ends() {
    live(50.0).who("a", "J0 P10").check("a", &["J 0-50 open", "P 10-50 open"]);
    // Its events were read after its listing; at its last one it was still there.
    live(50.0)
        .who("a", "J0 P10 S12:b")
        .who("b", "J0 P11 J70")
        .check("a", &["J 0-50 open", "P 10-50 open", "S:b 12-50 open"])
        .check("b", &["J 0-70 open x2 !double_start", "P 11-70 open !media_across_rejoin"]);
}

#[test]
fn a_session_that_ended_without_left() {
    check("J0 P10", &["J 0-100 session_end !join_without_left", "P 10-100 session_end"]);
    // A LEFT after the session's end wins over it.
    check("J0 P10 L104", &["J 0-104 explicit", "P 10-104 left"]);
    // What began after the end, and never stopped, lasts no time.
    check(
        "J0 P103",
        &[
            "J 0-100 session_end !join_without_left",
            "P 103-103 session_end !zero_length,negative_clamped",
        ],
    );
}

#[test]
fn a_viewer_of_a_replica_is_no_replica() {
    ended()
        .who("viewer", "J0 S5:host* s50:host* L60")
        .replica("host", "P1* p50*")
        .check("viewer", &["J 0-60 explicit", "S:host 5-50 explicit replica"])
        .check("host", &["J 1-50 explicit x0 synthetic replica", "P 1-50 explicit replica"]);
}

#[test]
fn the_mirror_row_of_a_replication_is_not_counted() {
    check("J0 R5:home R6:x r9:home L60 r61:x", &["J 0-60 explicit", "R:x 6-61 explicit"]);
}

#[test]
fn a_reconnect_within_the_window_does_not_cut_a_replication() {
    check(
        "J0 P1 R10:x p30 L30 J40 P41 L80 r90:x",
        &[
            "J 0-30 explicit",
            "J 40-80 explicit",
            "P 1-30 explicit",
            "P 41-80 left",
            "R:x 10-90 explicit",
        ],
    );
}

#[test]
fn a_storm_of_retries_makes_no_interval() {
    let storm = "E10 E10 E10 E11 E12 F12:b F12:b F13:b";
    check(&format!("J0 {storm} L50"), &["J 0-50 explicit"]);
    check(&format!("J0 {storm} P14 p20 L50"), &["J 0-50 explicit", "P 14-20 explicit"]);
}

#[test]
fn an_error_in_mid_stream_ends_nothing() {
    check("J0 P10 E20 p30 L50", &["J 0-50 explicit", "P 10-30 explicit"]);
}
