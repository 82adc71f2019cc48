//! What was tried, what failed, and how soon it worked.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::EventName;

use super::truth::{Person, Span, seconds};
use super::{Figures, Week, agree, count, float};

pub(super) fn check(week: &Week) {
    error_codes(week);
    failure_rates(week);
    publish_startup(week);
    subscribe_startup(week);
    token_exchanges(week);
    durations(week);
    funnel(week);
}

/// mid_stream, start_recovered or start_terminal.
fn class(person: &Person, at: i64) -> &'static str {
    if person.published.iter().any(|(from, to)| *from < at && at <= *to) {
        "mid_stream"
    } else if person.published.iter().any(|(from, _)| (0..=30).contains(&(from - at))) {
        "start_recovered"
    } else {
        "start_terminal"
    }
}

fn error_codes(week: &Week) {
    let mut expected = Figures::new();
    let (mut people, mut sessions) = (BTreeSet::new(), BTreeSet::new());
    for person in week.natives() {
        for event in person.events.iter().filter(|event| event.error_code.is_some()) {
            let class = class(person, event.time.unwrap().timestamp());
            let key = vec![event.error_code.as_ref().unwrap().to_string(), class.to_owned()];
            let figures = expected.entry(key.clone()).or_insert_with(|| vec![0.0; 3]);
            figures[0] += 1.0;
            figures[1] +=
                f64::from(u8::from(people.insert((key.clone(), &person.session, &person.id))));
            figures[2] += f64::from(u8::from(sessions.insert((key, &person.session))));
        }
    }
    let classes: BTreeSet<&str> = expected.keys().map(|key| key[1].as_str()).collect();
    assert_eq!(classes.len(), 3, "{classes:?}");
    let numbers = ["events_n", "participants_n", "sessions_n"];
    agree(
        "error-codes",
        &week.report(&["error-codes"], &["error_code", "class"], &numbers),
        &expected,
    );
}

fn failure_rates(week: &Week) {
    let mut expected = Figures::new();
    let mut add = |action: &str, starts: usize, failures: usize, mid_stream: usize| {
        let figures = expected.entry(vec![action.to_owned()]).or_insert_with(|| vec![0.0; 6]);
        figures[0] += count(starts + failures);
        figures[1] += count(failures);
        figures[2] += f64::from(u8::from(starts + failures > 0));
        figures[3] += f64::from(u8::from(starts == 0 && failures > 0));
        figures[4] += f64::from(u8::from(failures > 0));
        figures[5] += count(mid_stream);
    };
    for person in &week.people {
        let errors = person.errors(&EventName::PublishError);
        let mid_stream = errors.iter().filter(|at| class(person, **at) == "mid_stream").count();
        if !person.replica {
            add("join", person.present.len(), 0, 0);
            add("publish", person.published.len(), errors.len() - mid_stream, mid_stream);
        }
        add("subscribe", person.watched.len(), 0, 0);
    }
    let numbers =
        ["attempts_n", "attempt_failures_n", "participants_n", "never_n", "any_n", "mid_stream_n"];
    agree("failure-rates", &week.report(&["failure-rates"], &["action"], &numbers), &expected);
}

/// When a token first let someone publish.
fn promoted_at(person: &Person) -> Vec<i64> {
    let allows = |capabilities: &Option<Vec<String>>| {
        capabilities.as_ref().is_some_and(|all| all.iter().any(|one| one == "PUBLISH"))
    };
    let exchanges =
        person.events.iter().filter_map(|event| Some((event, event.exchange.as_ref()?)));
    exchanges
        .filter(|(_, tokens)| !allows(&tokens.0.capabilities) && allows(&tokens.1.capabilities))
        .map(|(event, _)| event.time.unwrap().timestamp())
        .collect()
}

fn publish_startup(week: &Week) {
    let mut on_time: Vec<i64> = Vec::new();
    let (mut connections, mut published, mut late, mut failed, mut none) = (0, 0, 0, 0, 0);
    for person in week.natives() {
        for (joined, left) in &person.present {
            connections += 1;
            let during = |at: &i64| joined <= at && at <= left;
            let start = person.published.iter().map(|span| span.0).find(during);
            let promoted = promoted_at(person);
            match start {
                Some(start) => {
                    published += 1;
                    let was_promoted = promoted.iter().any(|at| joined <= at && *at <= start);
                    if was_promoted || start - joined > 30 {
                        late += 1;
                    } else {
                        on_time.push(start - joined);
                    }
                }
                None if person.errors(&EventName::PublishError).iter().any(during) => failed += 1,
                None => none += 1,
            }
        }
    }
    let within = |seconds: i64| count(on_time.iter().filter(|it| **it <= seconds).count());
    let score: f64 = on_time.iter().map(|it| 800.0 / (8.0 + float(*it))).sum();
    let values = vec![
        float(connections),
        float(published),
        within(1),
        within(5),
        count(on_time.len()) + float(failed),
        float(late),
        float(failed),
        float(none),
        score / count(on_time.len()),
        percentile(&mut on_time, 0.5),
        percentile(&mut on_time, 0.9),
    ];
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
    let found = week.report(&["publish-startup"], &["dimension"], &numbers);
    agree("publish-startup", &found, &Figures::from([(vec!["all".to_owned()], values)]));
}

/// Between the two nearest, in proportion.
fn percentile(values: &mut [i64], share: f64) -> f64 {
    values.sort_unstable();
    let place = share * count(values.len() - 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(values.len() - 1);
    let (low, high) = (float(values[below]), float(values[above]));
    low + (high - low) * (place - place.floor())
}

fn subscribe_startup(week: &Week) {
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
            let figures = expected.entry(vec![replica.to_string()]).or_insert_with(|| vec![0.0; 3]);
            figures[0] += 1.0;
            let Some(start) = start else { continue };
            let joined =
                person.present.iter().map(|span| span.0).filter(|at| *at <= from + 1).max();
            figures[1] += 1.0;
            figures[2] += f64::from(u8::from(from - start.max(joined.unwrap()) <= 2));
        }
    }
    assert_eq!(expected.len(), 2);
    let found = week.report(
        &["subscribe-startup"],
        &["remote_is_replica"],
        &["subs_n", "matched_n", "within_2s_n"],
    );
    agree("subscribe-startup", &found, &expected);
}

fn token_exchanges(week: &Week) {
    let mut expected = Figures::new();
    for person in &week.people {
        for event in &person.events {
            let Some(tokens) = &event.exchange else { continue };
            let time = event.time.unwrap();
            let left = |expires: Option<ivsight::model::Timestamp>| {
                float((expires.unwrap() - time).num_seconds())
            };
            let grants = promoted_at(person).contains(&time.timestamp());
            let key = vec![
                person.session.clone(),
                person.id.clone(),
                time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                if grants { "[\"PUBLISH\"]" } else { "[]" }.to_owned(),
                if grants { "[]" } else { "[\"PUBLISH\"]" }.to_owned(),
                "[\"role\"]".to_owned(),
            ];
            let values =
                vec![left(tokens.0.expiration_time), left(tokens.1.expiration_time), 0.0, 0.0];
            expected.insert(key, values);
        }
    }
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
        let errors = person.errors(&EventName::PublishError);
        let attempts = errors.iter().filter(|at| class(person, **at) != "mid_stream").count();
        let role = if person.published.len() + attempts > 0 { "publisher" } else { "viewer" };
        let media =
            seconds(person.watched.iter().map(|it| it.2).chain(person.published.iter().copied()));
        let tried = !media.is_empty() || attempts > 0;
        let left = person.present.iter().map(|span| span.1).max();
        let is_clean =
            left.is_some_and(|left| !errors.iter().any(|at| (0..=10).contains(&(left - at))));
        let steps = [
            ("tried", true),
            ("joined", left.is_some()),
            ("media_tried", tried),
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
