//! Kill -9, anywhere, in every command that writes a lake: what is seen afterwards is whole, and what is done in the end
//! is the truth, with no call made twice for what was durable.
//!
//! A *life* is a lake that is collected, collected again, compacted, rebuilt and pruned, each killed at moments that a seed
//! draws: after so many calls, so long after the start, or as soon as the n-th change of a kind is seen in the lake's
//! folder (a staged record, a file, a table's commit, a staged copy that goes, ...).
//!
//! `cargo test` lives until a few dozen processes were killed. More, and from a seed:
//!
//!     IVSIGHT_TEST_KILLS=2000 IVSIGHT_TEST_SEED=7 cargo test --test main kills -- --nocapture
//!
//! A life that fails names its own seed: the same command with that seed begins with it.

mod durable;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

pub(crate) use self::durable::Durable;
use self::watch::{Kind, Watch};
use crate::collect::truth::assert_truth;
use crate::lake::maintain::{rows, rows_named, rows_of_data};
use crate::lake::rebuild::outdated;
use crate::support::{Running, TestBed, text};

/// Kills of an ordinary run of the tests.
const KILLS: usize = 24;

#[test]
fn whatever_is_killed_whenever_ends_at_the_truth() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("IVSIGHT_TEST_KILLS").map_or(KILLS, |n| usize::try_from(n).unwrap());
    let first = number("IVSIGHT_TEST_SEED").unwrap_or(20_261_121);
    let mut killed = Tally::default();
    for seed in first.. {
        println!("IVSIGHT_TEST_SEED={seed}: killed so far: {killed}");
        Life::new(seed).live(&mut killed);
        if killed.total() >= kills {
            break;
        }
    }
    println!("killed {}: {killed}", killed.total());
    assert!(killed.0.keys().any(|(command, _)| *command != "collect"), "{killed}");
}

/// Processes that were killed in time, by command and moment.
#[derive(Default)]
struct Tally(BTreeMap<(&'static str, String), usize>);

impl Tally {
    fn total(&self) -> usize {
        self.0.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|((command, moment), n)| write!(f, "{command} {moment} {n}; "))
    }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many calls have reached the service.
    Calls(u64),
    /// So long after it began.
    After(Duration),
    /// The n-th change of a kind is seen.
    Change(Kind, usize),
}

impl Moment {
    fn name(self) -> String {
        match self {
            Self::Calls(_) => "calls".to_owned(),
            Self::After(_) => "time".to_owned(),
            Self::Change(kind, _) => format!("{kind:?}").to_lowercase(),
        }
    }
}

/// One lake from its first call to its last.
struct Life {
    bed: TestBed,
    dice: ChaCha8Rng,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        Self { bed: TestBed::few_of(dice.random()), dice }
    }

    fn live(&mut self, killed: &mut Tally) {
        self.is_collected(&[], killed);
        self.is_collected(&["--refetch"], killed);
        let whole = rows(&self.bed.lake());
        self.is_maintained("compact", &[], killed);
        assert_eq!(rows(&self.bed.lake()), whole);
        outdated(&self.bed, Some(0));
        self.is_maintained("rebuild", &[], killed);
        assert_eq!(rows(&self.bed.lake()), whole);
        assert_eq!(rows_named(&self.bed.lake()), rows_of_data(&whole));
        let before = self.a_day();
        self.is_maintained("prune", &["--before", &before, "--yes"], killed);
        let is_kept = |row: &Value| text(&row["date"]) >= before;
        for (table, expected) in
            [("events", self.bed.settled().events()), ("replicas", self.bed.settled().replicas())]
        {
            let kept: Vec<Value> = expected.into_iter().filter(is_kept).collect();
            crate::support::assert_same(table, &self.bed.lake().rows(table), &kept);
        }
    }

    /// Collects, killed some times and then not, and holds the lake against the truth.
    fn is_collected(&mut self, args: &[&'static str], killed: &mut Tally) {
        for _ in 0..self.dice.random_range(3..8) {
            let moment = self.moment(true);
            let durable = Durable::of(&self.bed, args);
            self.bed.server.forget_calls();
            let mut collector = self.bed.collector(args);
            self.kill("collect", &mut collector, moment, killed);
            durable.assert_not_asked_again(&self.bed.server.calls());
            self.assert_sound();
        }
        let durable = Durable::of(&self.bed, &[]);
        self.bed.collect_anew(&[]).exits(0);
        durable.assert_not_asked_again(&self.bed.server.calls());
        assert_truth(&self.bed);
        self.assert_sound();
    }

    /// Runs something that calls nobody, killed once or twice and then not.
    fn is_maintained(&mut self, command: &'static str, args: &[&str], killed: &mut Tally) {
        self.bed.server.forget_calls();
        let program = |bed: &TestBed| {
            let mut program = bed.program();
            program.args([command, "--lake", "lake"]).args(args);
            program
        };
        for _ in 0..self.dice.random_range(2..5) {
            let moment = self.moment(false);
            self.kill(command, &mut program(&self.bed), moment, killed);
            // Between its first commit and its last a prune has told of more than it has done.
            if command != "prune" {
                self.assert_sound();
            }
        }
        crate::support::Ran::to_end(&mut program(&self.bed)).exits(0);
        self.assert_sound();
        assert_eq!(self.bed.server.calls().attempts_n(), 0);
    }

    fn kill(&self, name: &'static str, command: &mut Command, moment: Moment, killed: &mut Tally) {
        let mut watch = Watch::new(&self.bed.lake_path());
        let mut process = Running::start(command, self.bed.folder());
        match moment {
            Moment::After(time) => std::thread::sleep(time),
            Moment::Calls(n) => {
                process.until(|| self.bed.server.calls().attempts_n() >= n);
            }
            Moment::Change(kind, n) => {
                while watch.seen(kind) < n && !process.has_ended() {
                    watch.look();
                }
            }
        }
        if process.kill() {
            *killed.0.entry((name, moment.name())).or_default() += 1;
        }
    }

    fn moment(&mut self, calls: bool) -> Moment {
        match self.dice.random_range(0..10) {
            0..2 if calls => Moment::Calls(self.dice.random_range(1..40)),
            0..4 => Moment::After(Duration::from_micros(self.dice.random_range(1_000..900_000))),
            _ => {
                let kind = *Kind::ALL.choose(&mut self.dice).unwrap();
                Moment::Change(kind, self.dice.random_range(1..=kind.often()))
            }
        }
    }

    /// A day in the middle of what there is.
    fn a_day(&mut self) -> String {
        let mut days: Vec<String> =
            self.bed.lake().rows("sessions").iter().map(|row| text(&row["date"])).collect();
        days.sort();
        days.choose(&mut self.dice).unwrap().clone()
    }

    /// What a reader sees now keeps every promise.
    fn assert_sound(&self) {
        let ran = self.bed.ivsight(&["verify", "--lake", "lake"]);
        let is_not_there = ran.stderr.contains("there is no lake");
        assert!(ran.code == Some(0) || is_not_there, "{}\n{}", ran.text(), ran.stderr);
    }
}
