//! A week of the simulator in a lake, and the reports over it held against what really happened.
//!
//! In this world nothing is lost, so the truth is what people did; errors are put in by hand. What is expected is counted
//! second by second from that, never by SQL and never from intervals.

mod attempts;
mod time;
mod truth;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use ivsight::model::{ErrorCode, EventName, IntervalKind, ReplicationType};
use ivsight::sim::world::{Event, Participant, Session};
use ivsight::sim::{Config, Scenario, World};
use serde_json::Value;

use crate::support::TestBed;
use truth::{Person, people};

/// Numbers by the texts that they belong to.
type Figures = BTreeMap<Vec<String>, Vec<f64>>;

struct Week {
    bed: TestBed,
    people: Vec<Person>,
}

impl Week {
    /// Collected by the program.
    fn collected() -> Self {
        let config = Config { scenario: Scenario::Clean, tps: 0.0, ..Config::default() };
        let mut world = World::generate(&config);
        let mut number = 0;
        for stage in world.stages.iter_mut() {
            for session in stage.sessions.iter_mut() {
                trouble(session, &mut number);
            }
        }
        let bed = TestBed::serving(world, config);
        bed.collect(&[]).exits(0);
        let people = people(&bed.settled());
        assert!(people.len() > 300, "{}", people.len());
        Self { bed, people }
    }

    /// The participants that are no replicas.
    fn natives(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| !person.replica)
    }

    /// Some numbers of a report, by some of its texts.
    #[track_caller]
    fn report(&self, args: &[&str], texts: &[&str], numbers: &[&str]) -> Figures {
        let mut all = args.to_vec();
        all.extend(["--format", "json", "-q"]);
        let rows = self.bed.query(&all).exits(0).json();
        let mut figures = Figures::new();
        for row in rows.as_array().unwrap() {
            let key = texts.iter().map(|name| text(&row[*name])).collect();
            let values = numbers.iter().map(|name| number(&row[*name])).collect();
            assert!(figures.insert(key, values).is_none(), "{args:?} has a row twice: {row}");
        }
        figures
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// NULL is no number.
fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_bool().map(|it| f64::from(u8::from(it)))).unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a week")]
fn float(number: i64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    float(i64::try_from(number).unwrap())
}

/// Fails where the two differ, with the first row that does.
#[track_caller]
fn agree(what: &str, found: &Figures, expected: &Figures) {
    assert!(!expected.is_empty(), "{what}: there is nothing to compare");
    for key in found.keys().chain(expected.keys()) {
        let (found, expected) = (found.get(key), expected.get(key));
        let same = |(found, expected): (&f64, &f64)| {
            (found.is_nan() && expected.is_nan())
                || (found - expected).abs() < 1e-6 * (1.0 + expected.abs())
        };
        let agrees = found.zip(expected).is_some_and(|(found, expected)| {
            found.len() == expected.len() && found.iter().zip(expected).all(same)
        });
        assert!(agrees, "{what}, {key:?}: the report says {found:?}, the truth is {expected:?}");
    }
}

/// Errors of publishing: of every three publishers one while it is up, one before it starts, one after it stopped.
fn trouble(session: &mut Session, number: &mut usize) {
    let struck: Vec<Participant> = session
        .participants
        .iter()
        .filter(|it| {
            it.published == Some(true) && it.replication_type != Some(ReplicationType::Replica)
        })
        .cloned()
        .collect();
    for participant in struck {
        *number += 1;
        let mut life = session.life(&participant).into_owned();
        let mut published = life.stays.iter().filter(|stay| stay.kind == IntervalKind::Publish);
        let Some(first) = published.next() else { continue };
        let (from, to) = (first.from, first.to.unwrap());
        let fail = |code: ErrorCode, time| Event {
            replica: Some(false),
            ..Event::error(EventName::PublishError, code, time)
        };
        match *number % 3 {
            0 => life.events.push(fail(ErrorCode::BitrateExceeded, from + TimeDelta::seconds(7))),
            1 => {
                for seconds in [31, 30, 2] {
                    let time = from - TimeDelta::seconds(seconds);
                    life.events.push(fail(ErrorCode::QuotaExceeded, time));
                }
            }
            _ => life.events.push(fail(ErrorCode::InvalidInput, to + TimeDelta::seconds(1))),
        }
        let id = participant.id().unwrap().to_owned();
        let place = session.participants.find_mut(&id).unwrap();
        *place = participant.with_life(life);
    }
}

#[test]
fn a_week_of_reports_tells_what_happened() {
    let week = Week::collected();
    time::check(&week);
    attempts::check(&week);
}
