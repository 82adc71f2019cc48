//! How long, how many at once, who watched whom.

use std::collections::{BTreeMap, BTreeSet};

use super::truth::{Action, Person, Span, by, holds, length, levels, seconds};
use super::{Figures, Week, agree, count, float, stamp};

pub(super) fn check(week: &Week) {
    sessions(week);
    attendance(week);
    concurrency(week, "all", "1d", DAY);
    concurrency(week, "session", "1h", HOUR);
    hours(week);
    audience(week);
    tiers_and_occupancy(week);
    waste(week);
    replications(week);
}

fn native<'a>(people: &[&'a Person]) -> Vec<&'a Person> {
    people.iter().copied().filter(|person| !person.replica).collect()
}

/// Its stays, and who it was when each began.
fn who(person: &Person) -> impl Iterator<Item = (&str, Span)> {
    person.present.iter().map(|stay| (person.person_at(stay.0), *stay))
}

fn spans<'a>(
    people: &'a [&'a Person],
    of: fn(&Person) -> &Vec<Span>,
) -> impl Iterator<Item = Span> + 'a {
    people.iter().flat_map(move |person| of(person).iter().copied())
}

fn total(people: &[&Person], of: fn(&Person) -> &Vec<Span>) -> f64 {
    float(people.iter().map(|person| length(of(person))).sum())
}

fn peak(levels: &BTreeMap<i64, i64>) -> f64 {
    float(levels.values().copied().max().unwrap_or(0))
}

fn watch_seconds(people: &[&Person]) -> f64 {
    float(people.iter().flat_map(|it| &it.watched).map(|(_, _, (from, to))| to - from).sum())
}

fn sessions(week: &Week) {
    let numbers = [
        "participants_n",
        "persons_n",
        "joins_n",
        "publishers_n",
        "peak_ccu",
        "peak_publishers",
        "replicas_in_n",
        "replicas_out_n",
        "occupied_s",
        "participant_min",
        "publish_min",
        "subscribe_min",
        "open_n",
    ];
    let mut expected = Figures::new();
    for (session, all) in by(&week.people, |person| person.session.clone()) {
        let people = native(&all);
        let publishers = people.iter().filter(|it| !it.published.is_empty()).count();
        let there = people.iter().filter(|it| !it.present.is_empty()).count();
        let users: BTreeSet<&str> = people.iter().flat_map(|it| who(it)).map(|it| it.0).collect();
        let values = vec![
            count(there),
            count(users.len()),
            count(people.iter().map(|it| it.starts(Action::Join).len()).sum()),
            count(publishers),
            peak(&levels(spans(&people, |it| &it.present))),
            peak(&levels(spans(&people, |it| &it.published))),
            count(all.len() - people.len()),
            count(people.iter().map(|it| it.replicated.len()).sum()),
            count(seconds(spans(&people, |it| &it.present)).len()),
            total(&people, |it| &it.present) / 60.0,
            total(&people, |it| &it.published) / 60.0,
            watch_seconds(&all) / 60.0,
            0.0,
        ];
        expected.insert(vec![session], values);
    }
    agree("sessions", &week.report(&["sessions"], &["session"], &numbers), &expected);
}

fn attendance(week: &Week) {
    let mut expected = Figures::new();
    for (session, all) in by(&week.people, |person| person.session.clone()) {
        let people = native(&all);
        let occupied = count(seconds(spans(&people, |it| &it.present)).len());
        let mut users: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for (user, stay) in people.iter().flat_map(|person| who(person)) {
            users.entry(user).or_default().push(stay);
        }
        for (user, stays) in users {
            let present = count(seconds(stays.iter().copied()).len());
            let first = stays.iter().map(|span| span.0).min().unwrap();
            let last = stays.iter().map(|span| span.1).max().unwrap();
            let share = present / occupied;
            let attended = f64::from(u8::from(share >= 0.85));
            let values =
                vec![present, float(last - first) - present, share, count(stays.len()), attended];
            expected.insert(vec![session.clone(), user.to_owned()], values);
        }
    }
    let numbers = ["present_s", "away_s", "share", "entries_n", "attended"];
    agree("attendance", &week.report(&["attendance"], &["session", "person"], &numbers), &expected);
}

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

fn day(at: i64) -> String {
    stamp(at.div_euclid(DAY) * DAY)
}

/// From the first to the last bucket in which anything was up.
fn concurrency(week: &Week, dimension: &str, bucket: &str, width: i64) {
    let mut expected = Figures::new();
    for (scope, all) in by(&week.people, |person| person.dimension(dimension)) {
        let people = native(&all);
        let present = levels(spans(&people, |it| &it.present));
        let published = levels(spans(&people, |it| &it.published));
        let replicas: Vec<&Person> = all.iter().copied().filter(|it| it.replica).collect();
        let replicas = levels(spans(&replicas, |it| &it.published));
        let watched = levels(all.iter().flat_map(|it| it.watched.iter().map(|(_, _, span)| *span)));
        let each = [&present, &published, &replicas, &watched];
        let Some(first) = each.iter().filter_map(|levels| levels.keys().next()).min() else {
            continue;
        };
        let last = each.iter().filter_map(|levels| levels.keys().next_back()).max().unwrap();
        for start in first.div_euclid(width)..=last.div_euclid(width) {
            let within = start * width..(start + 1) * width;
            let tops = each.map(|levels| {
                let tops = levels.range(within.clone()).map(|(_, level)| *level);
                float(tops.max().unwrap_or(0))
            });
            let ccu: Vec<i64> = present.range(within.clone()).map(|(_, level)| *level).collect();
            let lowest = if ccu.len() < within.count() { 0 } else { *ccu.iter().min().unwrap() };
            let average = float(ccu.iter().sum()) / float(width);
            let key = vec![stamp(start * width), scope.clone()];
            let mut values = tops.to_vec();
            values.extend([float(lowest), average]);
            expected.insert(key, values);
        }
    }
    let numbers = [
        "peak_ccu",
        "peak_publishers",
        "peak_replica_publishers",
        "peak_subscriptions",
        "min_ccu",
        "avg_ccu",
    ];
    let args = ["concurrency", "--by", dimension, "--bucket", bucket];
    agree(&args.join(" "), &week.report(&args, &["bucket", "scope"], &numbers), &expected);
}

/// Hours by day and role; all of one month too.
fn hours(week: &Week) {
    let mut by_day: BTreeMap<Vec<String>, BTreeSet<(usize, i64)>> = BTreeMap::new();
    for (number, person) in week.people.iter().enumerate() {
        for at in seconds(person.present.iter().copied()) {
            let role = match (person.replica, person.publishes(at)) {
                (true, _) => "replica",
                (false, true) => "publisher",
                (false, false) => "viewer",
            };
            by_day.entry(vec![day(at), role.to_owned()]).or_default().insert((number, at));
        }
    }
    let mut expected = Figures::new();
    let mut month: BTreeMap<String, f64> = BTreeMap::new();
    for (key, seconds) in by_day {
        let people: BTreeSet<usize> = seconds.iter().map(|(number, _)| *number).collect();
        *month.entry(key[1].clone()).or_default() += count(seconds.len()) / 3600.0;
        expected.insert(key, vec![count(seconds.len()) / 3600.0, count(people.len())]);
    }
    let args = ["participant-hours", "--by", "all"];
    let numbers = ["participant_h", "participants_n"];
    agree("participant-hours", &week.report(&args, &["bucket", "role"], &numbers), &expected);
    let rates =
        "line,role,currency,unit_price\na,publisher,XXX,2\nb,viewer,XXX,1\nc,replica,XXX,4\n";
    let path = week.bed.folder().join("rates.csv");
    std::fs::write(&path, rates).unwrap();
    let priced = [("publisher", 2.0), ("viewer", 1.0), ("replica", 4.0)];
    let expected =
        priced.map(|(role, price)| (vec![role.to_owned()], vec![month[role], month[role] * price]));
    let args = ["cost-estimate", "--param", "rates=rates.csv"];
    let found = week.report(&args, &["role"], &["quantity_h", "cost"]);
    agree("cost-estimate", &found, &expected.into_iter().collect());
    let mut expected = Figures::new();
    for (stage, people) in by(&week.people, |person| person.stage.clone()) {
        let errors = people.iter().filter(|it| !it.replica).flat_map(|it| &it.events);
        let errors = errors.filter(|it| it.error_code.is_some()).count();
        expected.insert(
            vec![stage],
            vec![total(&native(&people), |it| &it.present) / 3600.0, count(errors)],
        );
    }
    agree("top", &week.report(&["top"], &["value"], &["hours", "errors_n"]), &expected);
}

fn audience(week: &Week) {
    let mut expected = Figures::new();
    for (session, people) in by(&week.people, |person| person.session.clone()) {
        for publisher in people.iter().filter(|it| !it.published.is_empty()) {
            let watching = people.iter().flat_map(|it| &it.watched);
            let of_it = watching.filter(|(remote, _, _)| *remote == publisher.id);
            let audience = levels(of_it.map(|(_, _, span)| *span));
            let on_air: Vec<i64> = seconds(publisher.published.iter().copied())
                .iter()
                .map(|at| audience.get(at).copied().unwrap_or(0))
                .collect();
            let values = vec![
                count(on_air.len()),
                count(on_air.iter().filter(|level| **level > 0).count()),
                float(on_air.iter().sum()) / 60.0,
                float(on_air.iter().copied().max().unwrap_or(0)),
            ];
            expected.insert(vec![session.clone(), publisher.id.clone()], values);
        }
    }
    let numbers = ["publish_s", "watched_s", "subscriber_min", "peak_audience"];
    agree("audience", &week.report(&["audience"], &["session", "publisher"], &numbers), &expected);
}

fn tiers_and_occupancy(week: &Week) {
    let (mut tiers, mut islands) = (Figures::new(), Figures::new());
    for (stage, all) in by(&week.people, |person| person.stage.clone()) {
        let people = native(&all);
        let present = levels(spans(&people, |it| &it.present));
        let published = levels(spans(&all, |it| &it.published));
        for (at, ccu) in &present {
            let publishers = published.get(at).copied().unwrap_or(0).to_string();
            let tier = tiers.entry(vec![stage.clone(), publishers]).or_insert_with(|| vec![0.0; 2]);
            tier[0] += 1.0 / 60.0;
            tier[1] += float(*ccu) / 60.0;
        }
        let mut island: Option<(Span, i64)> = None;
        let busy = present.iter().filter(|(_, ccu)| **ccu >= 2).map(|(at, ccu)| (*at, *ccu));
        for (at, ccu) in busy.chain([(i64::MAX - 1, 0)]) {
            island = match island {
                Some(((from, to), top)) if at - to <= 60 => Some(((from, at + 1), top.max(ccu))),
                before => {
                    if let Some(((from, to), top)) = before {
                        let number = islands.keys().filter(|key| key[0] == stage).count() + 1;
                        let key = vec![stage.clone(), number.to_string()];
                        islands.insert(key, vec![float(to - from), float(top)]);
                    }
                    Some(((at, at + 1), ccu))
                }
            };
        }
    }
    let numbers = ["wall_min", "participant_min"];
    agree(
        "publisher-tiers",
        &week.report(&["publisher-tiers"], &["scope", "publishers_n"], &numbers),
        &tiers,
    );
    agree(
        "occupancy",
        &week.report(&["occupancy"], &["stage", "island"], &["dur_s", "peak_ccu"]),
        &islands,
    );
}

fn waste(week: &Week) {
    let mut expected = Figures::new();
    for all in by(&week.people, |person| person.session.clone()).into_values() {
        let people = native(&all);
        let present = levels(spans(&people, |it| &it.present));
        let published = levels(spans(&all, |it| &it.published));
        for person in &people {
            let watching: Vec<Span> = all
                .iter()
                .flat_map(|it| &it.watched)
                .filter(|(remote, _, _)| *remote == person.id)
                .map(|(_, _, span)| *span)
                .collect();
            let last = person.published.iter().map(|span| span.1).max();
            for at in seconds(person.present.iter().copied()) {
                let is_publishing = person.publishes(at);
                let kind = if present[&at] == 1 {
                    "solo"
                } else if !published.contains_key(&at) {
                    "no_publisher"
                } else if is_publishing && !watching.iter().any(|span| holds(*span, at)) {
                    "unwatched_publish"
                } else if !is_publishing && !person.watches(at) {
                    "idle_viewer"
                } else if last.is_some_and(|last| last <= at) {
                    "post_publish_tail"
                } else {
                    "used"
                };
                let key = vec![person.stage.clone(), kind.to_owned()];
                expected.entry(key).or_insert_with(|| vec![0.0])[0] += 1.0 / 3600.0;
            }
        }
    }
    agree("waste", &week.report(&["waste"], &["stage", "kind"], &["hours"]), &expected);
}

fn replications(week: &Week) {
    let (mut durations, mut fanout) = (Figures::new(), Figures::new());
    let mut all = Vec::new();
    for person in &week.people {
        for (destination, span) in &person.replicated {
            let key = [&person.stage_arn, &person.session, &person.id, destination];
            let media = seconds([*span]).into_iter().filter(|at| person.publishes(*at)).count();
            let values = vec![float(span.1 - span.0), count(media)];
            durations.insert(key.map(String::clone).to_vec(), values);
            all.push(*span);
        }
    }
    for (at, level) in levels(all) {
        let figures =
            fanout.entry(vec!["account".to_owned(), day(at)]).or_insert_with(|| vec![0.0; 2]);
        figures[0] = figures[0].max(float(level));
        figures[1] += float(level) / float(DAY);
    }
    let texts = ["source_stage_arn", "source_session", "participant", "dest_stage_arn"];
    let found = week.report(&["replication-durations"], &texts, &["duration_s", "media_s"]);
    agree("replication-durations", &found, &durations);
    let mut all =
        week.report(&["replication-fanout"], &["scope", "bucket", "who"], &["peak", "avg"]);
    all.retain(|key, _| key[0] == "account");
    let found = all.into_iter().map(|(key, values)| (key[..2].to_vec(), values)).collect();
    agree("replication-fanout", &found, &fanout);
}
