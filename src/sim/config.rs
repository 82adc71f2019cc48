//! What a simulator is asked to be.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

use super::faults::Faults;
use crate::model::Timestamp;

/// Everything that a simulated service is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// What the world holds.
    pub scenario: Scenario,
    /// Calls per second that each operation is allowed; 0 for no limit.
    pub tps: f64,
    /// What goes wrong on the way.
    pub faults: Faults,
    /// The service's time when it starts; [`Config::DEFAULT_NOW`] where there is none, so that the same seed
    /// gives the same times.
    pub now: Option<Timestamp>,
    /// The account that owns the stages, of digits; [`Config::DEFAULT_ACCOUNT`] where there is none.
    pub account_id: Option<String>,
    /// The region that stands in the ARNs.
    pub region: String,
}

impl Config {
    /// An account of AWS's documentation: simulated data never passes for real.
    pub const DEFAULT_ACCOUNT: &str = "111122223333";
    /// The region of AWS's samples.
    pub const DEFAULT_REGION: &str = "us-west-2";
    /// Calls per second of every operation here, by the service's quotas.
    pub const DEFAULT_TPS: f64 = 5.0;
    /// The start of the service's clock in seconds since 1970: Sunday, 15 November 2026, 21:30 UTC.
    pub const DEFAULT_NOW: i64 = 1_794_778_200;

    /// The account that owns the stages.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account_id.as_deref().unwrap_or(Self::DEFAULT_ACCOUNT)
    }

    /// The service's time when it starts.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        let default = || Timestamp::UNIX_EPOCH + TimeDelta::seconds(Self::DEFAULT_NOW);
        self.now.unwrap_or_else(default)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            scenario: Scenario::Demo,
            tps: Self::DEFAULT_TPS,
            faults: Faults::default(),
            now: None,
            account_id: None,
            region: Self::DEFAULT_REGION.to_owned(),
        }
    }
}

/// What the world holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// A believable product: 12 stages, about 60 sessions in 7 days, about 1,500 participants.
    #[default]
    Demo,
    /// A few stages with a few people.
    Small,
    /// Every odd shape that is legal.
    Traps,
    /// Answers that break the service's own model: a foreign ARN, items without their ids.
    Malformed,
    /// Nothing odd: every start has its stop and its LEFT, in seconds of their own.
    Clean,
    /// A busier week: 30 stages, about 400 sessions, about 15,000 participants.
    Week,
    /// One busy day: about 8 events for each of 20,000 participants.
    Busy,
    /// The day before yesterday of a large product: 120 stages, 240 sessions, about 45,000 participants. The stages
    /// follow from the seed alone, so that the days of one seed, each with its own `now`, make a month.
    Day,
    /// One session of 25,000 participants and 1,000,000 events.
    Huge,
    /// Ten of those at the same time.
    Season,
    /// No stages at all.
    Empty,
}

impl Scenario {
    /// Every scenario, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::Demo,
        Self::Small,
        Self::Traps,
        Self::Malformed,
        Self::Clean,
        Self::Week,
        Self::Busy,
        Self::Day,
        Self::Huge,
        Self::Season,
        Self::Empty,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Small => "small",
            Self::Traps => "traps",
            Self::Malformed => "malformed",
            Self::Clean => "clean",
            Self::Week => "week",
            Self::Busy => "busy",
            Self::Day => "day",
            Self::Huge => "huge",
            Self::Season => "season",
            Self::Empty => "empty",
        }
    }

    /// What it is, in one line.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Demo => "a believable product: 12 stages, 60 sessions in 7 days, 1,500 people",
            Self::Small => "a few stages with a few people",
            Self::Traps => "every odd shape that is legal: ties, lost stops, hostile names",
            Self::Malformed => "answers that break the service's own model",
            Self::Clean => "nothing odd: every start has its stop",
            Self::Week => "a busier week: 30 stages, 400 sessions, 15,000 people",
            Self::Busy => "one busy day of 20,000 people with 8 events each",
            Self::Day => "one day of a large product: 120 stages, 240 sessions, 45,000 people",
            Self::Huge => "one session of 25,000 people and 1,000,000 events",
            Self::Season => "ten sessions of 25,000 people and 1,000,000 events each",
            Self::Empty => "no stages at all",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario `{name}`; there are {}", Scenario::ALL.map(Scenario::as_str).join(", "))]
pub struct UnknownScenario {
    /// The text.
    pub name: String,
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.as_str() == text)
            .ok_or_else(|| UnknownScenario { name: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_as_they_are_written() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
        let error = "dmo".parse::<Scenario>().unwrap_err().to_string();
        assert!(error.contains("`dmo`") && error.contains("demo, small"), "{error}");
    }

    #[test]
    fn the_clock_starts_when_the_text_says() {
        assert_eq!(Config::default().start().to_rfc3339(), "2026-11-15T21:30:00+00:00");
    }
}
