//! A week of the simulator in a lake, and the reports over it held against what really happened.
//!
//! In this world nothing is lost, so the truth is what people did; what goes wrong is put in by hand. What is expected is
//! counted second by second from that, never by SQL and never from intervals.

mod attempts;
mod failures;
mod people;
mod time;
mod trouble;
mod truth;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta};
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
        // From a Thursday to a Wednesday, so that people come in two weeks; a third one is not over when it is collected.
        let sunday = Config::default().start();
        let wednesday = Some(sunday - TimeDelta::days(4));
        let config =
            Config { scenario: Scenario::Clean, tps: 0.0, now: wednesday, ..Config::default() };
        let mut world = World::generate(&config);
        trouble::strike(&mut world);
        let now = Some(sunday + TimeDelta::days(2));
        let bed = TestBed::serving(world, Config { now, ..config });
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

/// A second as reports write it.
fn stamp(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Between the two nearest, in proportion; no number where there are none.
fn percentile(values: &mut [i64], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    values.sort_unstable();
    let place = share * count(last);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let below = place.floor() as usize;
    let (low, high) = (float(values[below]), float(values[(below + 1).min(last)]));
    low + (high - low) * (place - place.floor())
}

/// The 95th percentile, which nobody tells of fewer than 20.
fn percentile_95(values: &mut [i64]) -> f64 {
    if values.len() < 20 { f64::NAN } else { percentile(values, 0.95) }
}

/// Wilson's interval at 95 %, as its formula is written in the books.
fn wilson(hits: usize, of: usize) -> [f64; 2] {
    if of == 0 {
        return [f64::NAN; 2];
    }
    let (z, n) = (1.96, count(of));
    let share = count(hits) / n;
    let middle = share + z * z / (2.0 * n);
    let reach = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    [middle - reach, middle + reach].map(|end| end / (1.0 + z * z / n))
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

#[test]
fn a_week_of_reports_tells_what_happened() {
    let week = Week::collected();
    time::check(&week);
    attempts::check(&week);
    failures::check(&week);
    people::check(&week);
}
