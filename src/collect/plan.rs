//! What to do with a session: what the lake knows and what the service shows, in; a verdict, out.
//!
//! Pure, so that every rule about what is final, and when, can be read and tested in one place.

use chrono::TimeDelta;

use crate::model::{StageSession, Timestamp};

/// How long a participant may still be connected after the end of a session: the service's own limit on one connection.
pub const CONNECTED_MAX: TimeDelta = TimeDelta::hours(24);

/// Runs in which a session must have failed by its own fault before it is given up.
pub const ATTEMPTS_MAX: i32 = 5;
/// How long it must have been failing by then.
pub const FAILING_MIN: TimeDelta = TimeDelta::hours(72);

/// What the lake's register says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When it began; with it, the partition that its rows lie in.
    pub start_time: Timestamp,
    /// When it ended, as far as any listing said.
    pub end_time: Option<Timestamp>,
    /// When a listing last showed it while it was not done.
    pub listed_at: Timestamp,
    /// It is in the lake, or given up.
    pub done: bool,
    /// Its rows were deleted on purpose, so that nothing brings them back.
    pub pruned: bool,
    /// Participants and events in the lake.
    pub rows_n: (i64, i64),
    /// Runs in which fetching it failed by its own fault.
    pub attempts_n: i32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

/// How fetching a session failed in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The failure is the session's own, and the service answered other calls well.
    pub counts: bool,
    /// Something new of it was fetched, so counting begins anew.
    pub progressed: bool,
    /// When it failed.
    pub at: Timestamp,
}

/// Whether a session that failed once more is given up.
#[must_use]
pub fn gives_up(known: &Known, attempt: Attempt) -> bool {
    let Some(since) = known.failing_since else { return false };
    attempt.counts
        && !attempt.progressed
        && known.attempts_n + 1 >= ATTEMPTS_MAX
        && attempt.at - since >= FAILING_MIN
}

/// What this run's listing says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The listing shows it.
    Shown(StageSession),
    /// A whole listing does not show it, or its stage is gone.
    Absent,
}

/// What to do with a session now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: what the service had is in the lake.
    Done,
    /// Nothing yet: it goes on.
    Live,
    /// Nothing yet: it ended a short while ago.
    Unsettled,
    /// Fetch it.
    Collect(Collect),
}

/// A session to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// When it ended, or was last seen alive.
    pub ended: Timestamp,
    /// Nobody can be connected any more, whatever the listing says.
    pub connections_over: bool,
    /// The service no longer shows it, so it goes before all others.
    pub urgent: bool,
}

/// When a session is left alone, and what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The service's clock.
    pub now: Timestamp,
    /// How long after its end a session is left alone.
    pub settle: TimeDelta,
}

/// Decides about one session.
#[must_use]
pub fn judge(known: Option<&Known>, sight: &Sight, timing: Timing) -> Verdict {
    if known.is_some_and(|known| known.pruned || (known.done && !reopened(known, sight))) {
        return Verdict::Done;
    }
    let known_end = known.filter(|known| !known.done).and_then(|known| known.end_time);
    match sight {
        Sight::Shown(session) => match session.end_time.or(known_end) {
            Some(end) => after_end(end, timing),
            None => Verdict::Live,
        },
        Sight::Absent => match (known_end, known) {
            (Some(end), _) => after_end(end, timing),
            (None, Some(known)) => Verdict::Collect(Collect {
                ended: known.listed_at,
                connections_over: timing.now >= known.listed_at + CONNECTED_MAX,
                urgent: true,
            }),
            (None, None) => Verdict::Done,
        },
    }
}

/// A session that is done goes on after all: it has no end, or a later one than it was collected with. One that was
/// collected without an end had ended when it was last listed.
fn reopened(known: &Known, sight: &Sight) -> bool {
    match sight {
        Sight::Absent => false,
        Sight::Shown(session) => {
            let ended = known.end_time.unwrap_or(known.listed_at);
            session.end_time.is_none_or(|shown| shown > ended)
        }
    }
}

fn after_end(end: Timestamp, timing: Timing) -> Verdict {
    // A time that can't be told is one that never comes.
    let settled = end.checked_add_signed(timing.settle);
    if settled.is_none_or(|settled| timing.now < settled) {
        return Verdict::Unsettled;
    }
    Verdict::Collect(Collect {
        ended: end,
        connections_over: timing.now >= end + CONNECTED_MAX,
        urgent: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionId;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn timing(now: &str) -> Timing {
        Timing { now: at(now), settle: TimeDelta::hours(1) }
    }

    fn shown(end: Option<&str>) -> Sight {
        Sight::Shown(StageSession {
            session_id: SessionId::new("st-1").unwrap(),
            start_time: Some(at("2026-11-01T10:00:00Z")),
            end_time: end.map(at),
        })
    }

    fn known(end: Option<&str>, done: bool) -> Known {
        Known {
            start_time: at("2026-11-01T10:00:00Z"),
            end_time: end.map(at),
            listed_at: at("2026-11-01T11:30:00Z"),
            done,
            pruned: false,
            rows_n: (0, 0),
            attempts_n: 0,
            failing_since: None,
        }
    }

    #[test]
    fn a_session_is_given_up_after_five_runs_and_three_days() {
        let failing = |attempts_n| Known {
            attempts_n,
            failing_since: Some(at("2026-11-01T12:00:00Z")),
            ..known(Some(END), false)
        };
        let failed = |now| Attempt { counts: true, progressed: false, at: at(now) };
        let late = failed("2026-11-04T12:00:00Z");
        assert!(gives_up(&failing(4), late));
        assert!(!gives_up(&failing(3), late));
        assert!(!gives_up(&failing(9), failed("2026-11-04T11:59:59Z")));
        assert!(!gives_up(&failing(9), Attempt { counts: false, ..late }));
        assert!(!gives_up(&failing(9), Attempt { progressed: true, ..late }));
        assert!(!gives_up(&known(Some(END), false), late));
    }

    const END: &str = "2026-11-01T12:00:00Z";

    #[test]
    fn a_session_is_left_alone_until_it_has_ended_and_settled() {
        assert_eq!(judge(None, &shown(None), timing(END)), Verdict::Live);
        assert_eq!(
            judge(None, &shown(Some(END)), timing("2026-11-01T12:59:59Z")),
            Verdict::Unsettled
        );
        assert_eq!(
            judge(None, &shown(Some(END)), timing("2026-11-01T13:00:00Z")),
            Verdict::Collect(Collect { ended: at(END), connections_over: false, urgent: false })
        );
    }

    #[test]
    fn after_a_day_nobody_is_connected_any_more() {
        let Verdict::Collect(collect) =
            judge(None, &shown(Some(END)), timing("2026-11-02T12:00:00Z"))
        else {
            panic!()
        };
        assert!(collect.connections_over);
    }

    #[test]
    fn what_is_done_is_left_alone_unless_it_goes_on() {
        let now = timing("2026-11-03T00:00:00Z");
        let done = known(Some(END), true);
        assert_eq!(judge(Some(&done), &shown(Some(END)), now), Verdict::Done);
        assert_eq!(judge(Some(&done), &Sight::Absent, now), Verdict::Done);
        assert_eq!(judge(Some(&done), &shown(None), now), Verdict::Live);
        let later = shown(Some("2026-11-01T12:30:00Z"));
        assert!(matches!(judge(Some(&done), &later, now), Verdict::Collect(_)));
        let earlier = shown(Some("2026-11-01T11:00:00Z"));
        assert_eq!(judge(Some(&done), &earlier, now), Verdict::Done);
        let without_end = known(None, true);
        assert_eq!(judge(Some(&without_end), &shown(None), now), Verdict::Live);
        assert!(matches!(judge(Some(&without_end), &shown(Some(END)), now), Verdict::Collect(_)));
        let before = shown(Some("2026-11-01T11:30:00Z"));
        assert_eq!(judge(Some(&without_end), &before, now), Verdict::Done);
    }

    #[test]
    fn what_is_pruned_is_never_fetched_again() {
        let now = timing("2026-11-03T00:00:00Z");
        // Also where it is asked for again, and where it goes on.
        let pruned = Known { pruned: true, ..known(Some(END), false) };
        for sight in [shown(Some(END)), shown(Some("2026-11-01T12:30:00Z")), shown(None)] {
            assert_eq!(judge(Some(&pruned), &sight, now), Verdict::Done);
        }
    }

    #[test]
    fn a_live_session_that_disappears_ended_when_it_was_last_listed() {
        let live = known(None, false);
        assert_eq!(
            judge(Some(&live), &Sight::Absent, timing("2026-11-01T11:40:00Z")),
            Verdict::Collect(Collect {
                ended: at("2026-11-01T11:30:00Z"),
                connections_over: false,
                urgent: true
            })
        );
    }

    #[test]
    fn an_end_once_known_stays_known() {
        let ended = known(Some(END), false);
        let now = timing("2026-11-01T13:00:00Z");
        assert!(matches!(judge(Some(&ended), &shown(None), now), Verdict::Collect(_)));
        assert!(matches!(judge(Some(&ended), &Sight::Absent, now), Verdict::Collect(_)));
    }
}
