//! What a world's people did, and what follows from it: counted second by second, without intervals, sweeps or SQL.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::model::{EventName, IntervalKind, ReplicationType};
use ivsight::sim::world::{Details, Event, TokenState};

use crate::support::Settled;

/// From a second until another, without that one.
pub(super) type Span = (i64, i64);

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Join,
    Publish,
    Subscribe,
}

impl Action {
    pub(super) const ALL: [Self; 3] = [Self::Join, Self::Publish, Self::Subscribe];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }

    fn start(self) -> EventName {
        match self {
            Self::Join => EventName::Joined,
            Self::Publish => EventName::PublishStarted,
            Self::Subscribe => EventName::SubscribeStarted,
        }
    }

    pub(super) fn error(self) -> EventName {
        match self {
            Self::Join => EventName::JoinError,
            Self::Publish => EventName::PublishError,
            Self::Subscribe => EventName::SubscribeError,
        }
    }
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure<'a> {
    pub(super) action: Action,
    /// Whom the participant wanted to watch.
    pub(super) remote: Option<&'a str>,
    pub(super) at: i64,
    pub(super) code: String,
    /// `mid_stream`, `start_recovered` or `start_terminal`.
    pub(super) class: &'static str,
}

impl Failure<'_> {
    /// It was no attempt: what failed was up already.
    pub(super) fn is_mid_stream(&self) -> bool {
        self.class == "mid_stream"
    }
}

/// A participant of a session that is over.
pub(super) struct Person {
    pub(super) stage_arn: String,
    pub(super) stage: String,
    pub(super) session: String,
    pub(super) id: String,
    /// The user id that the listing gives: that of the last token.
    pub(super) listed: Option<String>,
    /// What the collector asks of publishers alone.
    pub(super) details: Option<Details>,
    pub(super) replica: bool,
    pub(super) present: Vec<Span>,
    pub(super) published: Vec<Span>,
    /// Whom it watched, whether that is a replica, and when.
    pub(super) watched: Vec<(String, bool, Span)>,
    /// To which stage.
    pub(super) replicated: Vec<(String, Span)>,
    pub(super) events: Vec<Event>,
}

impl Person {
    /// The seconds of its events of a name.
    pub(super) fn times(&self, name: &EventName) -> Vec<i64> {
        let of_name = self.events.iter().filter(|event| event.name.as_ref() == Some(name));
        of_name.map(second).collect()
    }

    /// When it began something, each start again.
    pub(super) fn starts(&self, action: Action) -> Vec<i64> {
        self.times(&action.start())
    }

    /// All of its errors.
    pub(super) fn failures(&self) -> Vec<Failure<'_>> {
        let of = |action: Action| {
            let name = action.error();
            let errors = self.events.iter().filter(move |it| it.name.as_ref() == Some(&name));
            errors.map(move |event| self.failure(action, event))
        };
        let mut failures: Vec<Failure<'_>> = Action::ALL.into_iter().flat_map(of).collect();
        failures.sort_by_key(|failure| failure.at);
        failures
    }

    fn failure<'a>(&'a self, action: Action, event: &'a Event) -> Failure<'a> {
        let at = second(event);
        let remote = event.remote_participant_id.as_deref();
        let up: Vec<Span> = match action {
            Action::Join => self.present.clone(),
            Action::Publish => self.published.clone(),
            Action::Subscribe => {
                let of_it = self.watched.iter().filter(|(of, _, _)| Some(of.as_str()) == remote);
                of_it.map(|(_, _, span)| *span).collect()
            }
        };
        let follows = |start: &i64| (0..=30).contains(&(start - at));
        let class = if up.iter().any(|(from, to)| *from < at && at <= *to) {
            "mid_stream"
        } else if self.successes(action, remote).iter().any(follows) {
            "start_recovered"
        } else {
            "start_terminal"
        };
        let code = event.error_code.as_ref().unwrap().to_string();
        Failure { action, remote, at, code, class }
    }

    /// When it began to do something, to watch one publisher.
    pub(super) fn successes(&self, action: Action, remote: Option<&str>) -> Vec<i64> {
        let name = action.start();
        let is_one = |event: &&Event| {
            event.name.as_ref() == Some(&name) && event.remote_participant_id.as_deref() == remote
        };
        self.events.iter().filter(is_one).map(second).collect()
    }

    /// Whether it published in that second.
    pub(super) fn publishes(&self, at: i64) -> bool {
        self.published.iter().any(|span| holds(*span, at))
    }

    /// Whether it watched anyone in that second.
    pub(super) fn watches(&self, at: i64) -> bool {
        self.watched.iter().any(|(_, _, span)| holds(*span, at))
    }

    /// Its exchanges of tokens, in order.
    pub(super) fn exchanges(&self) -> Vec<(i64, &TokenState, &TokenState)> {
        let told = self.events.iter().filter_map(|it| Some((second(it), it.exchange.as_ref()?)));
        let mut exchanges: Vec<_> = told.map(|(at, both)| (at, &both.0, &both.1)).collect();
        exchanges.sort_by_key(|(at, _, _)| *at);
        exchanges
    }

    /// The user id in that second, by the tokens.
    pub(super) fn user_at(&self, at: i64) -> Option<&str> {
        let exchanges = self.exchanges();
        let before = exchanges.iter().rfind(|(time, _, _)| *time <= at);
        let user = match (before, exchanges.first()) {
            (Some((_, _, new)), _) => new.user_id.as_ref(),
            (None, Some((_, old, _))) => old.user_id.as_ref(),
            (None, None) => self.listed.as_ref(),
        };
        user.map(String::as_str)
    }

    /// Who it is in that second: the user, else only itself.
    pub(super) fn person_at(&self, at: i64) -> &str {
        self.user_at(at).unwrap_or(&self.id)
    }

    /// What reports group it by.
    pub(super) fn dimensions(&self, by: &str) -> String {
        by.split(',').map(|by| self.dimension(by)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn dimension(&self, by: &str) -> String {
        let told = |of: fn(&Details) -> Option<&String>| {
            self.details.as_ref().and_then(of).filter(|text| !text.is_empty())
        };
        let value = match by {
            "stage" => Some(self.stage.clone()),
            "session" => Some(self.session.clone()),
            "sdk" => told(|it| it.sdk_version.as_ref()).cloned(),
            "os" => told(|it| it.os_name.as_ref()).cloned(),
            "isp" => told(|it| it.isp_name.as_ref()).cloned(),
            "protocol" => told(|it| it.protocol.as_ref()).cloned(),
            "browser" => told(|it| it.browser_name.as_ref()).map(|browser| {
                let version = told(|it| it.browser_version.as_ref());
                let major = version.and_then(|version| version.split('.').next());
                format!("{browser} {}", major.unwrap_or_default())
            }),
            _ => Some("all".to_owned()),
        };
        value.unwrap_or_else(|| "(unknown)".to_owned())
    }
}

fn second(event: &Event) -> i64 {
    event.time.unwrap().timestamp()
}

pub(super) fn holds((from, to): Span, at: i64) -> bool {
    from <= at && at < to
}

pub(super) fn length(spans: &[Span]) -> i64 {
    spans.iter().map(|(from, to)| to - from).sum()
}

/// The seconds in which any of these holds.
pub(super) fn seconds(spans: impl IntoIterator<Item = Span>) -> BTreeSet<i64> {
    spans.into_iter().flat_map(|(from, to)| from..to).collect()
}

/// How many hold in each second in which any does.
pub(super) fn levels(spans: impl IntoIterator<Item = Span>) -> BTreeMap<i64, i64> {
    let mut levels = BTreeMap::new();
    for at in spans.into_iter().flat_map(|(from, to)| from..to) {
        *levels.entry(at).or_insert(0) += 1;
    }
    levels
}

/// Seconds that follow each other, taken together.
pub(super) fn runs(seconds: impl IntoIterator<Item = i64>) -> Vec<Span> {
    let mut runs: Vec<Span> = Vec::new();
    for at in seconds {
        match runs.last_mut() {
            Some((_, to)) if *to == at => *to = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

/// Everyone in the sessions that should be in the lake.
pub(super) fn people(settled: &Settled) -> Vec<Person> {
    let mut people = Vec::new();
    for (stage, session) in settled.complete() {
        for participant in session.participants.iter() {
            let life = session.life(participant);
            let spans = |kind: IntervalKind| {
                life.stays
                    .iter()
                    .filter(move |stay| stay.kind == kind)
                    .map(|stay| (stay, (stay.from.timestamp(), stay.to.unwrap().timestamp())))
            };
            let plain = |kind: IntervalKind| spans(kind).map(|(_, span)| span).collect::<Vec<_>>();
            let replica = participant.replication_type == Some(ReplicationType::Replica);
            let published = plain(IntervalKind::Publish);
            let present = if replica { published.clone() } else { plain(IntervalKind::Presence) };
            let is_asked_for = participant.published == Some(true);
            people.push(Person {
                stage_arn: stage.arn().to_owned(),
                stage: stage.name.clone().unwrap(),
                session: session.id().unwrap().to_owned(),
                id: participant.id().unwrap().to_owned(),
                listed: participant.user_id.clone().filter(|user| !user.is_empty()),
                details: is_asked_for.then(|| participant.details.clone()),
                replica,
                present,
                published,
                watched: spans(IntervalKind::Subscribe)
                    .map(|(stay, span)| {
                        let remote = stay.remote_participant_id.as_deref().unwrap_or_default();
                        (remote.to_owned(), stay.replica, span)
                    })
                    .collect(),
                replicated: spans(IntervalKind::Replication)
                    .map(|(stay, span)| (stay.destination.as_ref().unwrap().0.to_string(), span))
                    .collect(),
                events: life.events.clone(),
            });
        }
    }
    people
}

/// People by a key.
pub(super) fn by<'a, K: Ord>(
    people: impl IntoIterator<Item = &'a Person>,
    key: impl Fn(&Person) -> K,
) -> BTreeMap<K, Vec<&'a Person>> {
    let mut groups: BTreeMap<K, Vec<&Person>> = BTreeMap::new();
    for person in people {
        groups.entry(key(person)).or_default().push(person);
    }
    groups
}
