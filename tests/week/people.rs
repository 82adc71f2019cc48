//! Who came back, at once or a week later, whom a token let publish, and who may be more than one.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::sim::world::Details;

use super::attempts::only_in;
use super::truth::{Action, Person, Span, by, holds, length, levels, runs, seconds};
use super::{Figures, Week, agree, count, float, percentile, percentile_95, stamp, wilson};

pub(super) const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
/// A Monday: 5 January 1970.
const MONDAY: i64 = 4 * DAY;

pub(super) fn check(week: &Week) {
    for dimension in ["session", "all"] {
        churn(week, dimension);
    }
    for role in ["any", "viewer"] {
        retention(week, role);
    }
    promotions(week);
    identity(week);
}

/// A stay of someone.
struct Stay<'a> {
    span: Span,
    of: &'a Person,
}

impl<'a> Stay<'a> {
    /// The person: the user as of the start, or else a participant.
    fn who(&self) -> Who<'a> {
        match self.of.user_at(self.span.0) {
            Some(user) => Who::User(user),
            None => Who::Unknown(&self.of.session, &self.of.id),
        }
    }

    /// Further JOINED while on the stage.
    fn restarts(&self) -> usize {
        let joins = self.of.starts(Action::Join);
        joins.iter().filter(|at| holds(self.span, **at)).count() - 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who<'a> {
    User(&'a str),
    Unknown(&'a str, &'a str),
}

/// How often someone came back, and after how long where they had been away.
#[derive(Default)]
pub(super) struct Reconnects {
    pub(super) times: usize,
    gaps: Vec<i64>,
}

/// All stays on one stage.
pub(super) struct Stays<'a>(Vec<Stay<'a>>);

impl<'a> Stays<'a> {
    pub(super) fn of(people: impl IntoIterator<Item = &'a Person>) -> Self {
        let stays = |of: &'a Person| of.present.iter().map(move |span| Stay { span: *span, of });
        let mut stays: Vec<Stay<'a>> = people.into_iter().flat_map(stays).collect();
        stays.sort_by_key(|stay| stay.span);
        Self(stays)
    }

    /// Each stay with what it adds: itself, if it comes at most a minute after all before it, and its restarts.
    fn judged(&self) -> impl Iterator<Item = (&Stay<'a>, Reconnects)> {
        let mut until: BTreeMap<Who<'a>, i64> = BTreeMap::new();
        self.0.iter().map(move |stay| {
            let (from, to) = stay.span;
            let before = until.get(&stay.who()).copied();
            until.insert(stay.who(), before.map_or(to, |before| before.max(to)));
            let gap = before.map(|before| from - before).filter(|gap| *gap <= 60);
            let times = stay.restarts() + usize::from(gap.is_some());
            (stay, Reconnects { times, gaps: gap.filter(|gap| *gap >= 0).into_iter().collect() })
        })
    }

    pub(super) fn by_person(&self) -> BTreeMap<Who<'a>, Reconnects> {
        let mut people: BTreeMap<Who<'a>, Reconnects> = BTreeMap::new();
        for (stay, found) in self.judged() {
            people.entry(stay.who()).or_default().add(found);
        }
        people
    }
}

impl Reconnects {
    fn add(&mut self, more: Self) {
        self.times += more.times;
        self.gaps.extend(more.gaps);
    }
}

fn churn(week: &Week, dimension: &str) {
    let stages: Vec<Stays<'_>> = by(week.natives(), |person| person.stage_arn.clone())
        .into_values()
        .map(Stays::of)
        .collect();
    let mut scopes: BTreeMap<Vec<String>, BTreeMap<Who<'_>, Reconnects>> = BTreeMap::new();
    for (stay, found) in stages.iter().flat_map(Stays::judged) {
        let scope = scopes.entry(vec![stay.of.dimension(dimension)]).or_default();
        scope.entry(stay.who()).or_default().add(found);
    }
    let mut expected = Figures::new();
    for (scope, people) in scopes {
        let again = people.values().filter(|it| it.times >= 2).count();
        let mut gaps: Vec<i64> = people.values().flat_map(|it| it.gaps.clone()).collect();
        let mut values =
            vec![count(people.len()), count(again), count(again) / count(people.len())];
        values.extend(wilson(again, people.len()));
        values.extend([
            count(people.values().map(|it| it.times).sum()),
            count(gaps.len()),
            percentile(&mut gaps, 0.5),
            percentile_95(&mut gaps),
            count(people.values().map(|it| it.times).max().unwrap_or(0)),
        ]);
        expected.insert(scope, values);
    }
    let numbers = [
        "persons_n",
        "reconnecting_n",
        "rate",
        "ci_lo",
        "ci_hi",
        "reconnects_n",
        "gaps_n",
        "gap_p50_s",
        "gap_p95_s",
        "max_reconnects",
    ];
    let args = ["churn", "--by", dimension];
    agree(&args.join(" "), &week.report(&args, &["scope"], &numbers), &expected);
}

fn monday(at: i64) -> i64 {
    at - (at - MONDAY).rem_euclid(WEEK)
}

fn retention(week: &Week, role: &str) {
    let is_meant = |person: &&Person| match role {
        "publisher" => !person.published.is_empty(),
        "viewer" => person.published.is_empty(),
        _ => true,
    };
    let mut weeks: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for person in week.natives().filter(is_meant) {
        for stay in &person.present {
            if let Some(user) = person.user_at(stay.0) {
                weeks.entry(user).or_default().extend(seconds([*stay]).into_iter().map(monday));
            }
        }
    }
    let now = week.bed.server.now().timestamp();
    let first = |weeks: &BTreeSet<i64>| *weeks.first().unwrap();
    let cohorts: BTreeSet<i64> = weeks.values().map(first).collect();
    let last = *weeks.values().filter_map(BTreeSet::last).max().unwrap();
    let mut expected = Figures::new();
    for cohort in &cohorts {
        let people: Vec<_> = weeks.values().filter(|weeks| first(weeks) == *cohort).collect();
        for (number, start) in (*cohort..=last).step_by(7 * 86_400).enumerate() {
            let is_over = start + WEEK <= now;
            let active = people.iter().filter(|weeks| weeks.contains(&start)).count();
            let told = [count(active), count(active) / count(people.len())];
            let told = told.into_iter().chain(wilson(active, people.len()));
            let mut values = vec![count(people.len())];
            values.extend(told.map(|value| if is_over { value } else { f64::NAN }));
            let flags = [is_over, Some(cohort) == cohorts.first()];
            values.extend(flags.map(|flag| f64::from(u8::from(flag))));
            expected.insert(vec![stamp(*cohort), number.to_string()], values);
        }
    }
    let returned = |(key, values): (&Vec<String>, &Vec<f64>)| key[1] == "1" && values[1] > 0.0;
    assert!(role != "any" || expected.iter().any(returned), "{expected:?}");
    let numbers = ["size", "active_n", "rate", "ci_lo", "ci_hi", "complete", "left_censored"];
    let found = week.report(
        &["retention", "--param", &format!("role={role}")],
        &["cohort_week", "week_k"],
        &numbers,
    );
    agree(&format!("retention of {role}"), &found, &expected);
}

/// What an exchange gave or took, and what came of it, and after how many seconds.
fn outcome(person: &Person, number: usize) -> Option<(&'static str, &'static str, Option<i64>)> {
    let exchanges = person.exchanges();
    let (at, old, new) = exchanges[number];
    let is_publish = |names: &Vec<&str>| names.contains(&"PUBLISH");
    if only_in(new, old).is_some_and(|names| is_publish(&names)) {
        let next = exchanges.get(number + 1).map(|(time, _, _)| *time);
        let left = person.present.iter().find(|(from, to)| *from <= at && at <= *to).map(|it| it.1);
        let until = next.unwrap_or(i64::MAX).min(left.unwrap_or(i64::MAX));
        let starts = person.starts(Action::Publish);
        let live = starts.iter().filter(|start| (at..=until).contains(start)).min();
        let outcome = if live.is_some() { "used" } else { "unused" };
        Some(("promoted", outcome, live.map(|start| start - at)))
    } else if only_in(old, new).is_some_and(|names| is_publish(&names)) {
        let on_air = person.published.iter().filter(|(from, to)| *from <= at && at <= *to);
        let to_stop = on_air.map(|(_, to)| to - at).max();
        let outcome = match to_stop {
            None => "idle",
            Some(0..=5) => "stopped",
            Some(_) => "violation",
        };
        Some(("demoted", outcome, to_stop))
    } else {
        None
    }
}

fn promotions(week: &Week) {
    let mut expected = Figures::new();
    let mut to_live = Vec::new();
    for person in &week.people {
        for (number, (at, old, new)) in person.exchanges().into_iter().enumerate() {
            let Some((kind, outcome, after)) = outcome(person, number) else { continue };
            let user = new.user_id.as_ref().or(old.user_id.as_ref()).unwrap_or(&person.id);
            let key = [person.session.as_str(), &person.id, user, &stamp(at), kind, outcome];
            let values = ["promoted", "demoted"]
                .map(|meant| after.filter(|_| kind == meant).map_or(f64::NAN, float));
            to_live.extend(after.filter(|_| kind == "promoted"));
            expected.insert(key.map(ToString::to_string).to_vec(), values.to_vec());
        }
    }
    let outcomes: BTreeSet<&String> = expected.keys().map(|key| &key[5]).collect();
    assert_eq!(outcomes.len(), 5, "{outcomes:?}");
    let of = |outcome: &str| expected.keys().filter(|key| key[5] == outcome).count();
    let (used, unused) = (of("used"), of("unused"));
    let mut all = vec![count(used + unused), count(unused) / count(used + unused)];
    all.extend(wilson(unused, used + unused));
    all.extend([percentile(&mut to_live, 0.5), percentile_95(&mut to_live)]);
    for values in expected.values_mut() {
        values.extend(&all);
    }
    let texts = ["session", "participant", "person", "at", "kind", "outcome"];
    let numbers = [
        "to_live_s",
        "to_stop_s",
        "promoted_n",
        "unused_rate",
        "ci_lo",
        "ci_hi",
        "to_live_p50_s",
        "to_live_p95_s",
    ];
    agree("promotions", &week.report(&["promotions"], &texts, &numbers), &expected);
}

/// What tells that a person may be more than one.
#[derive(Default)]
struct Signal<'a> {
    times: usize,
    participants: BTreeSet<(&'a str, &'a str)>,
    stages: BTreeSet<&'a str>,
    overlap_s: i64,
    values: usize,
    past_s: i64,
}

impl<'a> Signal<'a> {
    fn concerns(&mut self, person: &'a Person) {
        self.participants.insert((&person.session, &person.id));
        self.stages.insert(&person.stage_arn);
    }
}

type Signals<'a> = BTreeMap<(&'a str, &'static str), Signal<'a>>;

/// The stays of each user.
fn users<'a>(week: &'a Week) -> BTreeMap<&'a str, Vec<Stay<'a>>> {
    let mut users: BTreeMap<&str, Vec<Stay<'a>>> = BTreeMap::new();
    for stay in Stays::of(week.natives()).0 {
        if let Who::User(user) = stay.who() {
            users.entry(user).or_default().push(stay);
        }
    }
    users
}

/// Times of being several participants on a stage, or on several stages.
fn overlaps<'a>(user: &'a str, stays: &[Stay<'a>], signals: &mut Signals<'a>) {
    let mut stages: BTreeMap<&str, Vec<&Stay<'a>>> = BTreeMap::new();
    for stay in stays {
        stages.entry(&stay.of.stage_arn).or_default().push(stay);
    }
    let twice = |spans: Vec<Span>| {
        let levels = levels(spans).into_iter().filter(|(_, level)| *level >= 2);
        runs(levels.map(|(at, _)| at))
    };
    let mut add = |signal, (from, to): Span, stays: &[&Stay<'a>]| {
        let signal = signals.entry((user, signal)).or_default();
        signal.times += 1;
        signal.overlap_s += to - from;
        let there = stays.iter().filter(|stay| stay.span.0 < to && from < stay.span.1);
        there.for_each(|stay| signal.concerns(stay.of));
    };
    for here in stages.values() {
        for run in twice(here.iter().map(|stay| stay.span).collect()) {
            add(if length(&[run]) <= 60 { "ghost" } else { "shared" }, run, here);
        }
    }
    // Each second counts once for each stage.
    let there = stages.values().flat_map(|here| runs(seconds(here.iter().map(|stay| stay.span))));
    for run in twice(there.collect()) {
        add("stages_at_once", run, &stays.iter().collect::<Vec<_>>());
    }
}

/// Days of several providers, or of several systems.
fn variety<'a>(
    user: &'a str,
    stays: &[Stay<'a>],
    (signal, of): (&'static str, fn(&Details) -> Option<&String>),
    signals: &mut Signals<'a>,
) {
    let mut days: BTreeMap<i64, Vec<(&String, &'a Person)>> = BTreeMap::new();
    for stay in stays {
        let told = stay.of.details.as_ref().and_then(of).filter(|text| !text.is_empty());
        for day in seconds([stay.span]).iter().map(|at| at / DAY).collect::<BTreeSet<i64>>() {
            days.entry(day).or_default().extend(told.map(|value| (value, stay.of)));
        }
    }
    for told in days.values() {
        let values = told.iter().map(|(value, _)| *value).collect::<BTreeSet<_>>().len();
        if values >= 2 {
            let signal = signals.entry((user, signal)).or_default();
            signal.times += 1;
            signal.values = signal.values.max(values);
            for (_, person) in told {
                signal.concerns(person);
            }
        }
    }
}

/// New names, and stays beyond the end of the last token.
fn tokens<'a>(person: &'a Person, signals: &mut Signals<'a>) {
    for (_, old, new) in person.exchanges() {
        if old.user_id != new.user_id {
            let signal =
                signals.entry((new.user_id.as_deref().unwrap(), "user_changed")).or_default();
            signal.times += 1;
            signal.concerns(person);
        }
    }
    let Some((_, _, last)) = person.exchanges().pop() else { return };
    let expires = last.expiration_time.unwrap().timestamp();
    for (from, to) in person.present.iter().filter(|(_, to)| *to > expires) {
        let signal = signals.entry((last.user_id.as_deref().unwrap(), "past_expiry")).or_default();
        signal.times += 1;
        signal.past_s += to - expires.max(*from);
        signal.concerns(person);
    }
}

fn identity(week: &Week) {
    let mut signals = Signals::new();
    for (user, stays) in users(week) {
        overlaps(user, &stays, &mut signals);
        variety(user, &stays, ("many_isps", |it| it.isp_name.as_ref()), &mut signals);
        variety(user, &stays, ("many_systems", |it| it.os_name.as_ref()), &mut signals);
    }
    week.natives().for_each(|person| tokens(person, &mut signals));
    let kinds: BTreeSet<&str> = signals.keys().map(|(_, signal)| *signal).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    let mut expected = Figures::new();
    for ((user, name), signal) in signals {
        let only = |names: &[&str], value: f64| {
            if names.contains(&name) { value } else { f64::NAN }
        };
        let values = vec![
            count(signal.times),
            count(signal.participants.len()),
            only(&["shared", "ghost", "stages_at_once"], float(signal.overlap_s)),
            only(&["many_isps"], count(signal.values)),
            only(&["many_systems"], count(signal.values)),
            count(signal.stages.len()),
            only(&["past_expiry"], float(signal.past_s)),
        ];
        expected.insert(vec![user.to_owned(), name.to_owned()], values);
    }
    let numbers = [
        "times_n",
        "participants_n",
        "overlap_s",
        "isps_n",
        "systems_n",
        "stages_n",
        "connected_past_expiry_s",
    ];
    agree("identity", &week.report(&["identity"], &["person", "signal"], &numbers), &expected);
}
