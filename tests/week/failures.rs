//! What became of failures: whether people got through in the end, what it made of a session, who was turned away.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::EventName;

use super::people::{DAY, Stays};
use super::truth::{Action, Failure, Person, by, levels};
use super::{Figures, Week, agree, count, float, percentile, percentile_95, stamp, wilson};

pub(super) fn check(week: &Week) {
    recovery(week);
    session_health(week);
    access_errors(week, None);
    access_errors(week, Some(DAY));
}

/// A run of failures of one participant who tried one thing again and again.
#[derive(Default)]
struct Chain<'a> {
    failures: Vec<&'a Failure<'a>>,
    /// From the first failure to the start that ended it.
    success_s: Option<i64>,
}

/// Attempts of one kind that failed, in chains: a start between two of them parts them, and so do more than 30 s.
fn chains<'a>(failures: &'a [Failure<'a>], starts: &[i64]) -> Vec<Chain<'a>> {
    let mut chains: Vec<Chain<'_>> = Vec::new();
    for failure in failures {
        let goes_on = |chain: &&mut Chain<'_>| {
            let before = chain.failures[chain.failures.len() - 1].at;
            failure.at - before <= 30 && !starts.iter().any(|at| (before..failure.at).contains(at))
        };
        match chains.last_mut().filter(goes_on) {
            Some(chain) => chain.failures.push(failure),
            None => chains.push(Chain { failures: vec![failure], success_s: None }),
        }
    }
    for chain in &mut chains {
        let (first, last) = (chain.failures[0].at, chain.failures[chain.failures.len() - 1].at);
        let success = starts.iter().filter(|at| (last..=last + 30).contains(at)).min();
        chain.success_s = success.map(|at| at - first);
    }
    chains
}

fn recovery(week: &Week) {
    // Of each action and code: the chains, and of those that ended well the tries and the seconds.
    let mut told: BTreeMap<Vec<String>, (usize, Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for person in week.natives() {
        let mut attempts: BTreeMap<(Action, Option<&str>), Vec<Failure<'_>>> = BTreeMap::new();
        for failure in person.failures().into_iter().filter(|it| !it.is_mid_stream()) {
            attempts.entry((failure.action, failure.remote)).or_default().push(failure);
        }
        for ((action, remote), failures) in attempts {
            for chain in chains(&failures, &person.successes(action, remote)) {
                let key = vec![action.name().to_owned(), chain.failures[0].code.clone()];
                let (chains, tries, seconds) = told.entry(key).or_default();
                *chains += 1;
                if let Some(success_s) = chain.success_s {
                    tries.push(i64::try_from(chain.failures.len()).unwrap() + 1);
                    seconds.push(success_s);
                }
            }
        }
    }
    let actions: BTreeSet<&String> = told.keys().map(|key| &key[0]).collect();
    assert_eq!(actions.len(), 3, "{actions:?}");
    let mut expected = Figures::new();
    for (key, (chains, mut tries, mut seconds)) in told {
        let recovered = tries.len();
        let mut values = vec![count(chains), count(recovered), count(recovered) / count(chains)];
        values.extend(wilson(recovered, chains));
        values.push(0.0);
        for of in [&mut tries, &mut seconds] {
            values.extend([percentile(of, 0.5), percentile_95(of)]);
        }
        expected.insert(key, values);
    }
    let numbers = [
        "chains_n",
        "recovered_n",
        "recovery_rate",
        "ci_lo",
        "ci_hi",
        "pending_n",
        "tries_p50",
        "tries_p95",
        "time_to_success_p50_s",
        "time_to_success_p95_s",
    ];
    agree("recovery", &week.report(&["recovery"], &["action", "error_code"], &numbers), &expected);
}

/// Persons who never succeeded at something that they tried: each with all of its devices.
fn never(people: &[&Person]) -> usize {
    let mut tries: BTreeMap<(&str, Action), (bool, bool)> = BTreeMap::new();
    for person in people {
        let failures = person.failures();
        for action in Action::ALL {
            let starts = person.starts(action);
            let mut attempts = failures.iter().filter(|it| !it.is_mid_stream());
            let has_failed = attempts.any(|it| it.action == action);
            let listed = person.listed.as_ref().unwrap_or(&person.id);
            let who = starts.iter().min().map_or(listed.as_str(), |at| person.person_at(*at));
            let (has_started, has_failed_before) = tries.entry((who, action)).or_default();
            *has_started |= !starts.is_empty();
            *has_failed_before |= has_failed;
        }
    }
    let failed = tries.iter().filter(|(_, (has_started, has_failed))| !has_started && *has_failed);
    failed.map(|((who, _), _)| who).collect::<BTreeSet<_>>().len()
}

/// Publishings that nothing but leaving ended, soon after an error.
fn dropped(people: &[&Person]) -> usize {
    let of = |person: &Person| {
        let stops = person.times(&EventName::PublishStopped);
        let errors = person.times(&EventName::PublishError);
        let is_cut_off = |(from, to): &(i64, i64)| {
            let troubled = errors.iter().any(|at| from < at && (to - 10..=*to).contains(at));
            !stops.contains(to) && troubled
        };
        person.published.iter().filter(|span| is_cut_off(span)).count()
    };
    people.iter().map(|person| of(person)).sum()
}

/// It was tried, and never worked.
fn only_failed(people: &[&Person], action: Action) -> bool {
    let mut attempts = people.iter().flat_map(|person| person.failures());
    attempts.any(|failure| failure.action == action && !failure.is_mid_stream())
        && people.iter().all(|person| person.starts(action).is_empty())
}

fn top_error(people: &[&Person]) -> Option<String> {
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for failure in people.iter().flat_map(|person| person.failures()) {
        *codes.entry(failure.code).or_default() += 1;
    }
    codes.into_iter().max_by_key(|(code, n)| (*n, Reverse(code.clone()))).map(|(code, _)| code)
}

fn session_health(week: &Week) {
    let settled = week.bed.settled();
    let lengths: BTreeMap<&str, f64> = settled
        .complete()
        .map(|(_, session)| {
            let length = session.end_time.unwrap() - session.start_time.unwrap();
            (session.id().unwrap(), length.as_seconds_f64())
        })
        .collect();
    let mut expected = Figures::new();
    for (session, people) in by(week.natives(), |person| person.session.clone()) {
        let reconnects = Stays::of(people.iter().copied()).by_person();
        let persons = reconnects.len();
        let reconnecting = reconnects.values().filter(|it| it.times >= 2).count();
        let (never, dropped) = (never(&people), dropped(&people));
        let is_failed = only_failed(&people, Action::Publish)
            || only_failed(&people, Action::Join) && persons == 0;
        let holds = [
            ("failed", is_failed),
            ("partial", never > 0),
            ("dropped", dropped > 0),
            ("churny", count(reconnecting) > 0.2 * count(persons)),
        ];
        let reasons: Vec<&str> =
            holds.into_iter().filter_map(|(reason, holds)| holds.then_some(reason)).collect();
        let listed: Vec<String> = reasons.iter().map(|reason| format!("\"{reason}\"")).collect();
        let listed = format!("[{}]", listed.join(","));
        let key = vec![
            session.clone(),
            reasons.first().copied().unwrap_or("ok").to_owned(),
            if reasons.is_empty() { "null".to_owned() } else { listed },
            top_error(&people).unwrap_or_else(|| "null".to_owned()),
        ];
        let mut values = vec![lengths[session.as_str()]];
        values.extend([persons, never, dropped, reconnecting].map(count));
        expected.insert(key, values);
    }
    let labels: BTreeSet<&String> = expected.keys().map(|key| &key[1]).collect();
    assert_eq!(labels.len(), 5, "{labels:?}");
    let texts = ["session", "label", "reasons", "top_error"];
    let numbers = ["duration_s", "persons_n", "never_n", "dropped_n", "reconnecting_n"];
    agree("session-health", &week.report(&["session-health"], &texts, &numbers), &expected);
}

const CODES: [&str; 5] = [
    "INSUFFICIENT_CAPABILITIES",
    "INVALID_STREAM_KEY",
    "REUSE_OF_STREAM_KEY",
    "INVALID_PROTOCOL",
    "QUOTA_EXCEEDED",
];

/// The moments at which a minute begins that holds errors, and how many it holds.
fn minutes(times: &[i64]) -> BTreeMap<i64, usize> {
    let within = |from: i64| times.iter().filter(|at| (from..from + 60).contains(*at)).count();
    times.iter().map(|from| (*from, within(*from))).collect()
}

/// When bursts begin: with a minute of five errors that begins in none before it.
fn bursts(minutes: &BTreeMap<i64, usize>) -> Vec<i64> {
    let dense: Vec<i64> = minutes.iter().filter(|(_, n)| **n >= 5).map(|(from, _)| *from).collect();
    let is_new = |from: &i64| !dense.iter().any(|before| before < from && *from < before + 60);
    dense.iter().copied().filter(is_new).collect()
}

fn access_errors(week: &Week, bucket: Option<i64>) {
    let mut denied: BTreeMap<[String; 4], Vec<i64>> = BTreeMap::new();
    for person in week.natives() {
        for failure in person.failures() {
            if CODES.contains(&failure.code.as_str()) {
                let who = person.person_at(failure.at).to_owned();
                let key = [failure.code, who, person.dimension("isp"), person.stage.clone()];
                denied.entry(key).or_default().push(failure.at);
            }
        }
    }
    let stages: BTreeMap<&str, [BTreeMap<i64, i64>; 2]> = by(&week.people, |it| it.stage.clone())
        .into_values()
        .map(|people| {
            let here = people.iter().filter(|it| !it.replica).flat_map(|it| it.present.clone());
            let on_air = people.iter().flat_map(|it| it.published.clone());
            (people[0].stage.as_str(), [levels(here), levels(on_air)])
        })
        .collect();
    let start_of = |at: i64| bucket.map(|width| stamp(at.div_euclid(width) * width));
    let mut expected = Figures::new();
    for (key, times) in &denied {
        let minutes = minutes(times);
        let bursts = bursts(&minutes);
        let buckets: BTreeSet<Option<String>> = times.iter().map(|at| start_of(*at)).collect();
        for bucket in buckets {
            let within = |at: &&i64| start_of(**at) == bucket;
            let here: Vec<i64> = times.iter().filter(within).copied().collect();
            let of_here = minutes.iter().filter(|(at, _)| within(at));
            let (peak_at, peak) = of_here.max_by_key(|(at, n)| (**n, Reverse(**at))).unwrap();
            let crowd = stages[key[3].as_str()].each_ref();
            let crowd = crowd.map(|levels| float(levels.get(peak_at).copied().unwrap_or(0)));
            let is_quota = key[0] == "QUOTA_EXCEEDED";
            let mut row = vec![bucket.clone().unwrap_or_else(|| "null".to_owned())];
            row.extend(key.iter().cloned());
            row.extend([here.iter().min(), here.iter().max()].map(|at| stamp(*at.unwrap())));
            let mut values =
                [bursts.iter().filter(within).count(), here.len(), *peak].map(count).to_vec();
            values.extend(crowd.map(|level| if is_quota { level } else { f64::NAN }));
            expected.insert(row, values);
        }
    }
    let most = |place: usize| expected.values().map(|values| values[place]).fold(0.0, f64::max);
    assert!(most(0) >= 2.0 && most(3) >= 2.0, "{expected:?}");
    let texts = ["bucket", "code", "person", "isp", "stage", "first", "last"];
    let numbers = ["bursts_n", "events_n", "peak_per_min", "ccu_at_peak", "publishers_at_peak"];
    let mut args = vec!["access-errors"];
    if bucket.is_some() {
        args.extend(["--bucket", "1d"]);
    }
    agree(&args.join(" "), &week.report(&args, &texts, &numbers), &expected);
}
