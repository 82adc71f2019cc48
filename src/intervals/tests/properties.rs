//! What holds for any events whatever.
//!
//! Sessions are drawn small and crowded: three people, thirteen seconds, every name, so that most
//! instants are ties and most keys are odd.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::bed::{Bed, at, ended, line, live, parse};
use crate::intervals::{Publishers, derive_session};
use crate::model::{
    Anomaly, EndReason, Event, EventName, Interval, IntervalKind, ReplicationType, Timestamp,
};

const PEOPLE: [&str; 3] = ["a", "b", "c"];

fn some_event() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => prop::sample::select(vec!["P", "p", "P", "p", "L", "J"]).prop_map(str::to_owned),
        4 => (prop::sample::select(vec!["S", "s"]), prop::sample::select(vec!["", ":a", ":b", ":ghost"]))
            .prop_map(|(name, about)| format!("{name}@{about}")),
        2 => (
            prop::sample::select(vec!["R", "r"]),
            prop::sample::select(vec!["", ":x", ":x/s", ":x/t", ":home"])
        )
            .prop_map(|(name, about)| format!("{name}@{about}")),
        1 => prop::sample::select(vec!["E", "F:a", "G", "X", "T@:u>v", "T@:v>u", "T@:>w"])
            .prop_map(str::to_owned),
    ];
    (name, 0..13_u8, prop::bool::weighted(0.1)).prop_map(|(name, time, replica)| {
        let event = if name.contains('@') {
            name.replace('@', &time.to_string())
        } else {
            let (letter, about) = name.split_at(1);
            format!("{letter}{time}{about}")
        };
        format!("{event}{}", if replica { "*" } else { "" })
    })
}

fn some_session() -> impl Strategy<Value = Bed> {
    let person = (
        prop::collection::vec(some_event(), 0..14),
        prop::option::weighted(0.5, -3.0..13.0),
        prop::option::weighted(0.2, Just(ReplicationType::Replica)),
    );
    let session = prop_oneof![Just(ended()), Just(live(8.0))];
    (session, prop::collection::vec(person, 3)).prop_map(|(mut bed, people)| {
        // The session ends before some of its events do.
        bed.session.end = bed.session.end.map(|_| at(10.0));
        for (id, (events, joined, replication_type)) in PEOPLE.iter().zip(people) {
            bed = bed.who(id, &events.join(" ")).with(|who| {
                who.first_join_time = joined.map(at);
                who.replication_type = replication_type;
                who.user_id = Some("listed".to_owned());
            });
        }
        bed
    })
}

/// A session, and the same one with its rows and its people in another order.
fn shuffled() -> impl Strategy<Value = (Bed, Bed)> {
    some_session().prop_flat_map(|bed| {
        let orders = bed
            .people
            .iter()
            .map(|(who, events)| {
                let who = who.clone();
                Just(events.clone()).prop_shuffle().prop_map(move |rows| (who.clone(), rows))
            })
            .collect::<Vec<_>>();
        let session = bed.session.clone();
        let other = orders
            .prop_flat_map(|people| Just(people).prop_shuffle())
            .prop_map(move |people| Bed { session: session.clone(), people });
        (Just(bed), other)
    })
}

fn derived(bed: &Bed) -> Vec<Interval> {
    derive_session(&bed.session, &bed.people)
}

type Key = (String, IntervalKind, Option<String>, Option<String>);

fn key(interval: &Interval) -> Key {
    (
        interval.participant_id.to_string(),
        interval.kind,
        interval.remote_participant_id.as_ref().map(ToString::to_string),
        interval.destination_stage_arn.clone(),
    )
}

fn by_key(intervals: &[Interval]) -> BTreeMap<Key, Vec<&Interval>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for interval in intervals {
        keys.entry(key(interval)).or_default().push(interval);
    }
    keys
}

/// The rows of the interval's key: starts or stops.
fn rows<'a>(
    bed: &'a Bed,
    (id, kind, remote, destination): &Key,
    starts: bool,
) -> impl Iterator<Item = &'a Event> + use<'a> {
    let name = match (kind, starts) {
        (IntervalKind::Presence, true) => EventName::Joined,
        (IntervalKind::Presence, false) => EventName::Left,
        (IntervalKind::Publish, true) => EventName::PublishStarted,
        (IntervalKind::Publish, false) => EventName::PublishStopped,
        (IntervalKind::Subscribe, true) => EventName::SubscribeStarted,
        (IntervalKind::Subscribe, false) => EventName::SubscribeStopped,
        (IntervalKind::Replication, true) => EventName::ReplicationStarted,
        (IntervalKind::Replication, false) => EventName::ReplicationStopped,
    };
    let (kind, remote, destination) = (*kind, remote.clone(), destination.clone());
    events_of(bed, id).iter().filter(move |event| {
        let same_remote = event.remote_participant_id.as_ref().map(ToString::to_string) == remote;
        event.name.as_ref() == Some(&name)
            && (kind != IntervalKind::Subscribe || same_remote)
            && (kind != IntervalKind::Replication || event.destination_stage_arn == destination)
    })
}

fn events_of<'a>(bed: &'a Bed, id: &str) -> &'a [Event] {
    &bed.people.iter().find(|(who, _)| who.participant_id.as_str() == id).unwrap().1
}

fn times<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Timestamp> {
    events.filter_map(|event| event.time).collect()
}

fn lefts(bed: &Bed, id: &str) -> Vec<Timestamp> {
    let left = |event: &&Event| event.name == Some(EventName::Left);
    times(events_of(bed, id).iter().filter(left))
}

fn is_copy_of_publishing(bed: &Bed, interval: &Interval) -> bool {
    let who = bed.people.iter().find(|(who, _)| who.participant_id == interval.participant_id);
    interval.kind == IntervalKind::Presence
        && interval.synthetic_start
        && who.unwrap().0.replication_type == Some(ReplicationType::Replica)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn no_order_matters((bed, other) in shuffled()) {
        prop_assert_eq!(derived(&bed), derived(&other));
    }

    #[test]
    fn observing_twice_is_observing_once(bed in some_session()) {
        let mut publishers = Publishers::default();
        for (who, events) in bed.people.iter().chain(bed.people.iter().rev()) {
            publishers.observe(&bed.session, who, events);
        }
        let twice = bed.people.iter().flat_map(|(who, events)| {
            crate::intervals::derive(&bed.session, who, events, &publishers)
        });
        prop_assert_eq!(twice.collect::<Vec<_>>(), derived(&bed));
    }

    #[test]
    fn every_start_is_counted_once(bed in some_session()) {
        let intervals = derived(&bed);
        for id in PEOPLE {
            let counted = |kind| {
                let of_kind = |i: &&Interval| i.kind == kind && i.participant_id.as_str() == id;
                intervals.iter().filter(of_kind).map(|i| i.starts_n).sum::<i32>()
            };
            let told = |name: &EventName| {
                let own_stage = Some(bed.session.stage_arn.as_str());
                let same = |event: &&Event| event.name.as_ref() == Some(name)
                    && event.destination_stage_arn.as_deref() != own_stage;
                i32::try_from(events_of(&bed, id).iter().filter(same).count()).unwrap()
            };
            prop_assert_eq!(counted(IntervalKind::Presence), told(&EventName::Joined));
            prop_assert_eq!(counted(IntervalKind::Publish), told(&EventName::PublishStarted));
            prop_assert_eq!(counted(IntervalKind::Subscribe), told(&EventName::SubscribeStarted));
            prop_assert_eq!(counted(IntervalKind::Replication), told(&EventName::ReplicationStarted));
        }
    }

    #[test]
    fn starts_are_counted_where_they_lie(bed in some_session()) {
        let intervals = derived(&bed);
        for interval in intervals.iter().filter(|i| !is_copy_of_publishing(&bed, i)) {
            let within = |time: &Timestamp| interval.start <= *time && *time <= interval.end;
            let starts = times(rows(&bed, &key(interval), true));
            let held = starts.iter().filter(|time| within(time)).count();
            // What a session's end cut may have had starts after it.
            let beyond = interval.end_reason == EndReason::SessionEnd;
            let counted = usize::try_from(interval.starts_n).unwrap();
            prop_assert!(counted == held || beyond && counted > held, "{}", line(interval));
        }
    }

    #[test]
    fn intervals_of_one_key_never_overlap(bed in some_session()) {
        for (key, intervals) in by_key(&derived(&bed)) {
            for pair in intervals.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start, "{key:?}: {}, {}", line(pair[0]), line(pair[1]));
                prop_assert!(pair[0].start < pair[1].start);
            }
        }
    }

    #[test]
    fn starts_and_ends_are_moments_of_events(bed in some_session()) {
        for interval in derived(&bed).iter().filter(|i| !is_copy_of_publishing(&bed, i)) {
            let key = key(interval);
            let starts = times(rows(&bed, &key, true));
            prop_assert_eq!(starts.contains(&interval.start), !interval.synthetic_start);
            let last_event = times(events_of(&bed, &key.0).iter()).into_iter().max().unwrap();
            let end = interval.end;
            let true_end = match interval.end_reason {
                EndReason::Explicit => times(rows(&bed, &key, false)).contains(&end),
                EndReason::Left => lefts(&bed, &key.0).contains(&end),
                EndReason::RemoteGone => {
                    let remote = key.2.clone().unwrap();
                    let stops = rows(&bed, &(remote.clone(), IntervalKind::Publish, None, None), false);
                    let gone = [times(stops), lefts(&bed, &remote)].concat();
                    gone.contains(&end) || end == interval.start
                }
                EndReason::SessionEnd => {
                    bed.session.end.is_some_and(|session| end == session.max(interval.start))
                }
                EndReason::Open => {
                    bed.session.end.is_none() && end == bed.session.as_of.max(last_event)
                }
            };
            prop_assert!(true_end, "{}", line(interval));
        }
    }

    #[test]
    fn nothing_goes_on_through_a_left(bed in some_session()) {
        let closed_by_left =
            |i: &&Interval| i.kind != IntervalKind::Replication && !is_copy_of_publishing(&bed, i);
        for interval in derived(&bed).iter().filter(closed_by_left) {
            let restarts = times(rows(&bed, &key(interval), true));
            for left in lefts(&bed, interval.participant_id.as_str()) {
                let through = interval.start < left && left < interval.end;
                prop_assert!(!through || restarts.contains(&left), "{}", line(interval));
            }
        }
    }

    #[test]
    fn nothing_ends_before_it_starts_and_oddities_say_so(bed in some_session()) {
        for interval in derived(&bed) {
            prop_assert!(interval.start <= interval.end);
            let has = |anomaly| interval.anomalies.contains(&anomaly);
            prop_assert_eq!(interval.start == interval.end, has(Anomaly::ZeroLength));
            prop_assert!(interval.anomalies.is_sorted_by(|a, b| a < b));
            if has(Anomaly::NegativeClamped) {
                prop_assert_eq!(interval.end_reason, EndReason::SessionEnd);
                prop_assert!(has(Anomaly::ZeroLength));
            }
            let double = has(Anomaly::DoubleStart);
            prop_assert!(!double || interval.starts_n >= 2, "{}", line(&interval));
            prop_assert!(!interval.synthetic_start || interval.starts_n == 0);
        }
    }

    #[test]
    fn nobody_watches_a_publishing_longer_than_it_lasted(bed in some_session()) {
        let intervals = derived(&bed);
        let second = TimeDelta::seconds(1);
        for watched in intervals.iter().filter(|i| i.kind == IntervalKind::Subscribe) {
            let publishing = intervals.iter().rfind(|i| {
                i.kind == IntervalKind::Publish
                    && Some(&i.participant_id) == watched.remote_participant_id.as_ref()
                    && i.start <= watched.start + second
                    && watched.start <= i.end + second
            });
            let gone = publishing
                .filter(|i| matches!(i.end_reason, EndReason::Explicit | EndReason::Left))
                .map(|i| i.end.max(watched.start));
            match watched.end_reason {
                EndReason::Explicit => {}
                EndReason::RemoteGone => prop_assert_eq!(Some(watched.end), gone),
                EndReason::Left | EndReason::SessionEnd | EndReason::Open => {
                    // What was cut at the session's end was not yet seen to end.
                    prop_assert!(gone.is_none_or(|gone| watched.end <= gone), "{}", line(watched));
                }
            }
        }
    }

    #[test]
    fn a_shift_of_all_times_shifts_all_intervals(bed in some_session(), by in -100_000_i64..100_000) {
        let by = TimeDelta::milliseconds(by);
        let mut later = bed.clone();
        later.session.start += by;
        later.session.end = later.session.end.map(|end| end + by);
        later.session.as_of += by;
        for (who, events) in &mut later.people {
            who.first_join_time = who.first_join_time.map(|time| time + by);
            for event in events {
                event.time = event.time.map(|time| time + by);
            }
        }
        let mut expected = derived(&bed);
        for interval in &mut expected {
            interval.start += by;
            interval.end += by;
        }
        prop_assert_eq!(derived(&later), expected);
    }

    #[test]
    fn what_nobody_knows_changes_nothing(mut bed in some_session(), time in 0..13_u8) {
        // In a live session even an unknown event tells until when something is known.
        bed.session.end = Some(at(10.0));
        let mut other = bed.clone();
        for (_, events) in &mut other.people {
            events.extend(parse(&format!("X{time} X{time}* G{time}")));
            let nameless = Event { name: None, ..parse("L5").remove(0) };
            let timeless = Event { time: None, ..parse("P5").remove(0) };
            events.extend([nameless, timeless]);
        }
        // A participant of whom something is known but no presence has no intervals either way.
        prop_assert_eq!(derived(&other), derived(&bed));
    }

    #[test]
    fn each_participant_depends_on_the_publishing_of_others_alone(bed in some_session()) {
        let mut other = bed.clone();
        let keeps = |event: &Event| {
            use EventName::{Left, PublishStarted, PublishStopped};
            matches!(event.name, Some(Left | PublishStarted | PublishStopped)) || event.replica
        };
        for (_, events) in &mut other.people[1..] {
            events.retain(keeps);
        }
        prop_assert_eq!(other.intervals_of("a"), bed.intervals_of("a"));
    }
}
