//! What was tried, what failed, and how soon it worked.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::EventName;
use ivsight::sim::world::TokenState;

use super::truth::{Action, Person, Span, seconds};
use super::{Figures, Week, agree, count, float, percentile, stamp};

pub(super) fn check(week: &Week) {
    error_codes(week);
    for dimension in ["none", "stage", "browser", "isp", "session,os,protocol"] {
        failure_rates(week, dimension);
    }
    publish_startup(week, "none");
    publish_startup(week, "stage");
    publish_startup(week, "protocol");
    publish_startup(week, "stage,sdk");
    subscribe_startup(week, "none");
    subscribe_startup(week, "stage");
    token_exchanges(week);
    durations(week);
    funnel(week);
}

fn error_codes(week: &Week) {
    let mut expected = Figures::new();
    let (mut people, mut sessions) = (BTreeSet::new(), BTreeSet::new());
    for person in week.natives() {
        for failure in person.failures() {
            let event = failure.action.error().to_string();
            let key = vec![event, failure.code, failure.class.to_owned()];
            let figures = expected.entry(key.clone()).or_insert_with(|| vec![0.0; 3]);
            figures[0] += 1.0;
            figures[1] +=
                f64::from(u8::from(people.insert((key.clone(), &person.session, &person.id))));
            figures[2] += f64::from(u8::from(sessions.insert((key, &person.session))));
        }
    }
    let kinds: BTreeSet<&[String]> = expected.keys().map(|key| &key[..1]).collect();
    let classes: BTreeSet<&[String]> = expected.keys().map(|key| &key[2..]).collect();
    assert_eq!((kinds.len(), classes.len()), (3, 3), "{kinds:?} {classes:?}");
    let numbers = ["events_n", "participants_n", "sessions_n"];
    agree(
        "error-codes",
        &week.report(&["error-codes"], &["event", "error_code", "class"], &numbers),
        &expected,
    );
}

fn failure_rates(week: &Week, dimension: &str) {
    let mut expected = Figures::new();
    for person in week.natives() {
        let failures = person.failures();
        for action in Action::ALL {
            let of_action = || failures.iter().filter(|failure| failure.action == action);
            let mid_stream = of_action().filter(|failure| failure.is_mid_stream()).count();
            let starts = person.starts(action).len();
            let failures = of_action().count() - mid_stream;
            if starts + failures == 0 {
                continue;
            }
            let key = vec![person.dimensions(dimension), action.name().to_owned()];
            let figures = expected.entry(key).or_insert_with(|| vec![0.0; 6]);
            figures[0] += count(starts + failures);
            figures[1] += count(failures);
            figures[2] += 1.0;
            figures[3] += f64::from(u8::from(starts == 0));
            figures[4] += f64::from(u8::from(failures > 0));
            figures[5] += count(mid_stream);
        }
    }
    let numbers =
        ["attempts_n", "attempt_failures_n", "participants_n", "never_n", "any_n", "mid_stream_n"];
    let args = ["failure-rates", "--by", dimension];
    agree(&args.join(" "), &week.report(&args, &["dimension", "action"], &numbers), &expected);
}

/// What a token allows, where that is told.
fn allowed(token: &TokenState) -> Option<BTreeSet<&str>> {
    token.capabilities.as_ref().map(|all| all.iter().map(String::as_str).collect())
}

/// What the one token allows and the other does not; `None` where one of the two tells nothing.
pub(super) fn only_in<'a>(one: &'a TokenState, other: &'a TokenState) -> Option<Vec<&'a str>> {
    let (one, other) = (allowed(one)?, allowed(other)?);
    Some(one.difference(&other).copied().collect())
}

/// When a token first let someone publish.
fn promoted_at(person: &Person) -> Vec<i64> {
    let exchanges = person.exchanges().into_iter();
    exchanges
        .filter(|(_, old, new)| only_in(new, old).is_some_and(|added| added.contains(&"PUBLISH")))
        .map(|(at, _, _)| at)
        .collect()
}

/// What became of the connections of some people.
#[derive(Default)]
struct Startups {
    on_time: Vec<i64>,
    connections: usize,
    published: usize,
    late: usize,
    failed: usize,
    none: usize,
}

impl Startups {
    fn add(&mut self, person: &Person) {
        let promoted = promoted_at(person);
        let errors = person.times(&EventName::PublishError);
        for (joined, left) in &person.present {
            self.connections += 1;
            let during = |at: &i64| joined <= at && at <= left;
            match person.published.iter().map(|span| span.0).find(during) {
                Some(start) => {
                    self.published += 1;
                    let was_promoted = promoted.iter().any(|at| joined <= at && *at <= start);
                    if was_promoted || start - joined > 30 {
                        self.late += 1;
                    } else {
                        self.on_time.push(start - joined);
                    }
                }
                None if errors.iter().any(during) => self.failed += 1,
                None => self.none += 1,
            }
        }
    }

    fn values(mut self) -> Vec<f64> {
        let on_time = self.on_time.len();
        let within = |seconds: i64| count(self.on_time.iter().filter(|it| **it <= seconds).count());
        let score: f64 = self.on_time.iter().map(|it| 800.0 / (8.0 + float(*it))).sum();
        vec![
            count(self.connections),
            count(self.published),
            within(1),
            within(5),
            count(on_time + self.failed),
            count(self.late),
            count(self.failed),
            count(self.none),
            score / count(on_time),
            percentile(&mut self.on_time, 0.5),
            percentile(&mut self.on_time, 0.9),
        ]
    }
}

fn publish_startup(week: &Week, dimension: &str) {
    let mut startups: BTreeMap<Vec<String>, Startups> = BTreeMap::new();
    for person in week.natives().filter(|person| !person.present.is_empty()) {
        startups.entry(vec![person.dimensions(dimension)]).or_default().add(person);
    }
    let expected = startups.into_iter().map(|(key, startups)| (key, startups.values())).collect();
    let numbers = [
        "connections_n",
        "published_n",
        "within_1s_n",
        "within_5s_n",
        "within_5s_of_n",
        "late_intent_n",
        "failed_n",
        "no_attempt_n",
        "score",
        "p50_s",
        "p90_s",
    ];
    let args = ["publish-startup", "--by", dimension];
    agree(&args.join(" "), &week.report(&args, &["dimension"], &numbers), &expected);
}

fn subscribe_startup(week: &Week, dimension: &str) {
    let published: BTreeMap<(&str, &str), &Vec<Span>> = week
        .people
        .iter()
        .map(|it| ((it.session.as_str(), it.id.as_str()), &it.published))
        .collect();
    let mut expected = Figures::new();
    for person in &week.people {
        let mut seen = BTreeSet::new();
        let mut watched = person.watched.clone();
        watched.sort_by_key(|(_, _, span)| *span);
        for (remote, replica, (from, _)) in &watched {
            let known = published.get(&(person.session.as_str(), remote.as_str()));
            let start = known.into_iter().flat_map(|spans| spans.iter());
            let start = start
                .filter(|span| span.0 <= from + 1 && span.1 >= from - 1)
                .map(|span| span.0)
                .max();
            if start.is_some() && !seen.insert((remote.clone(), start)) {
                continue;
            }
            let key = vec![person.dimensions(dimension), replica.to_string()];
            let figures = expected.entry(key).or_insert_with(|| vec![0.0; 3]);
            figures[0] += 1.0;
            let Some(start) = start else { continue };
            let joined =
                person.present.iter().map(|span| span.0).filter(|at| *at <= from + 1).max();
            figures[1] += 1.0;
            figures[2] += f64::from(u8::from(from - start.max(joined.unwrap()) <= 2));
        }
    }
    assert!(expected.len() >= 2, "{expected:?}");
    let args = ["subscribe-startup", "--by", dimension];
    let texts = ["dimension", "remote_is_replica"];
    let found = week.report(&args, &texts, &["subs_n", "matched_n", "within_2s_n"]);
    agree(&args.join(" "), &found, &expected);
}

/// The names as a report lists them, in their order; NULL where nothing is known.
fn listed(names: Option<Vec<&str>>) -> String {
    let Some(names) = names else { return "null".to_owned() };
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// The attributes that differ.
fn changed<'a>(old: &'a TokenState, new: &'a TokenState) -> Vec<&'a str> {
    let (old, new) = (old.attributes.as_ref().unwrap(), new.attributes.as_ref().unwrap());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).map(String::as_str).collect()
}

fn token_exchanges(week: &Week) {
    let mut expected = Figures::new();
    for person in &week.people {
        for (at, old, new) in person.exchanges() {
            let left = |token: &TokenState| token.expiration_time.unwrap().timestamp() - at;
            let key = vec![
                person.session.clone(),
                person.id.clone(),
                stamp(at),
                listed(only_in(new, old)),
                listed(only_in(old, new)),
                listed(Some(changed(old, new))),
            ];
            let flags = [old.user_id != new.user_id, left(old) < 0];
            let mut values = vec![float(left(old)), float(left(new))];
            values.extend(flags.map(|flag| f64::from(u8::from(flag))));
            expected.insert(key, values);
        }
    }
    assert!(expected.values().any(|values| values[2..] == [1.0, 1.0]));
    let texts = [
        "session",
        "participant",
        "event_time",
        "capabilities_added",
        "capabilities_removed",
        "attributes_changed_keys",
    ];
    let numbers = ["ttl_before_s", "ttl_after_s", "user_changed", "used_expired"];
    agree("token-exchanges", &week.report(&["token-exchanges"], &texts, &numbers), &expected);
}

/// Some of the spans of a participant.
type Spans = fn(&Person) -> &Vec<Span>;

fn durations(week: &Week) {
    let edges = [0, 10, 60, 300, 900, 1800, 3600, i64::MAX];
    let mut expected = Figures::new();
    let spans_of: [(&str, Spans); 2] =
        [("join", |it| &it.present), ("publish", |it| &it.published)];
    for (kind, of) in spans_of {
        let mut lengths: Vec<i64> =
            week.natives().flat_map(of).map(|(from, to)| to - from).collect();
        let median = percentile(&mut lengths, 0.5);
        for pair in edges.windows(2) {
            let within: Vec<i64> =
                lengths.iter().copied().filter(|it| (pair[0]..pair[1]).contains(it)).collect();
            let hours = float(within.iter().sum()) / 3600.0;
            let key = vec![kind.to_owned(), format!("{}.0", pair[0])];
            expected.insert(key, vec![count(within.len()), hours, median]);
        }
    }
    let mut found =
        week.report(&["durations"], &["kind", "bucket_from_s"], &["n", "total_h", "p50_s"]);
    found.retain(|key, _| key[0] != "visit");
    agree("durations", &found, &expected);
}

fn funnel(week: &Week) {
    let mut expected = Figures::new();
    for person in week.natives() {
        let failures = person.failures();
        let tried = |action: Action| {
            let mut attempts = failures.iter().filter(|it| !it.is_mid_stream());
            !person.starts(action).is_empty() || attempts.any(|it| it.action == action)
        };
        let role = if tried(Action::Publish) { "publisher" } else { "viewer" };
        let media =
            seconds(person.watched.iter().map(|it| it.2).chain(person.published.iter().copied()));
        let left = person.present.iter().map(|span| span.1).max();
        let is_clean = left.is_some_and(|left| {
            !failures.iter().any(|failure| (0..=10).contains(&(left - failure.at)))
        });
        let steps = [
            ("tried", true),
            ("joined", left.is_some()),
            ("media_tried", tried(Action::Publish) || tried(Action::Subscribe)),
            ("media_started", !media.is_empty()),
            ("sustained", media.len() >= 30),
            ("clean_exit", is_clean),
        ];
        let mut reached = true;
        for (step, holds) in steps {
            reached &= holds;
            let key = vec![role.to_owned(), step.to_owned()];
            expected.entry(key).or_insert_with(|| vec![0.0])[0] += f64::from(u8::from(reached));
        }
    }
    agree("funnel", &week.report(&["funnel"], &["role", "step"], &["n"]), &expected);
}
