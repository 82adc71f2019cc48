//! What goes wrong on the way, by request.
//!
//! Every draw hangs on the seed, the request and the number of the attempt: the same client meets the same faults
//! again, in whatever order it works, and a retry is a draw of its own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::RngExt;

use super::draw;
use super::wire::{Operation, Refusal};
use super::world::Stage;

/// Which faults, and how often. Shares are of all attempts, from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    shares: [f64; Mishap::ALL.len()],
    /// How long a slow answer takes.
    slow_for: Option<Duration>,
    /// What throttled and unavailable answers say in `Retry-After`, in seconds.
    retry_after: Option<u64>,
    denied: Vec<Aim>,
    vanishing: Vec<Aim>,
    shrinking: f64,
    /// The account is still being verified, so that nothing can be started.
    unverified: bool,
}

/// A fault that is drawn for each attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    /// 429 with TooManyRequestsException.
    Throttle,
    /// 429 without a code.
    Bare429,
    /// 400 with ThrottlingException.
    Throttling400,
    /// 500 with InternalServerException.
    Internal,
    /// 503 with HTML.
    Unavailable,
    /// An answer that takes its time.
    Slow,
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The connection ends in the middle of the answer.
    Truncate,
    /// A page without items that says there is more.
    Empty,
    /// A page that gives the token it was asked with.
    RepeatToken,
}

impl Mishap {
    /// In the order of the draw; those up to `Truncate` exclude each other.
    const ALL: [Self; 10] = [
        Self::Throttle,
        Self::Bare429,
        Self::Throttling400,
        Self::Internal,
        Self::Unavailable,
        Self::Slow,
        Self::Reset,
        Self::Truncate,
        Self::Empty,
        Self::RepeatToken,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Bare429 => "bare429",
            Self::Throttling400 => "throttling400",
            Self::Internal => "500",
            Self::Unavailable => "503",
            Self::Slow => "slow",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Empty => "empty",
            Self::RepeatToken => "repeat-token",
        }
    }

    fn excludes_others(self) -> bool {
        !matches!(self, Self::Empty | Self::RepeatToken)
    }

    /// The error that it is answered with.
    pub(super) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Throttle => Some(Refusal::TooManyRequests),
            Self::Bare429 => Some(Refusal::BareTooManyRequests),
            Self::Throttling400 => Some(Refusal::Throttling),
            Self::Internal => Some(Refusal::Internal),
            Self::Unavailable => Some(Refusal::Unavailable),
            _ => None,
        }
    }
}

/// What a fault is aimed at.
#[derive(Clone, Debug, PartialEq)]
enum Aim {
    /// This share of the stages.
    Share(f64),
    /// One operation, for all stages.
    Operation(Operation),
    /// Stages whose name or ARN fits, with `*` and `?`.
    Glob(String),
}

/// What is drawn for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) mishap: Option<Mishap>,
    pub(super) empty: bool,
    pub(super) repeats_token: bool,
}

/// A text that describes no faults.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultsError {
    /// A part without `=`.
    #[error("`{part}` is not of the form key=value")]
    NotAPair {
        /// The part.
        part: String,
    },
    /// A key that there is not.
    #[error("there is no fault `{key}`; there are {}", Faults::keys().join(", "))]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A share that is none.
    #[error("`{value}` of fault `{key}` is not a share from 0 to 1")]
    NotAShare {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// A number that is none.
    #[error("`{value}` of fault `{key}` is not a whole number of at most a day")]
    NotANumber {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// Shares of faults that exclude each other, of which there are more than attempts.
    #[error("the shares of faults that exclude each other add up to {sum}, which is more than 1")]
    TooMany {
        /// The sum.
        sum: f64,
    },
}

const SLOW_FOR: Duration = Duration::from_secs(3);
const SECONDS_MAX: u64 = 86_400;

impl Faults {
    /// Every key that the text form knows.
    #[must_use]
    pub fn keys() -> Vec<&'static str> {
        let shares = Mishap::ALL.into_iter().map(Mishap::key);
        shares.chain(["slow-ms", "retry-after", "deny", "vanish", "shrink", "unverified"]).collect()
    }

    /// What becomes of an attempt.
    pub(super) fn draw(&self, seed: u64, request: u64, attempt: u32) -> Fate {
        let mut dice = draw::dice(seed, &["fault", &request.to_string(), &attempt.to_string()]);
        let mut left: f64 = dice.random();
        let mut fate = Fate { mishap: None, empty: false, repeats_token: false };
        for (mishap, share) in Mishap::ALL.into_iter().zip(self.shares) {
            if !mishap.excludes_others() {
                continue;
            }
            if left < share {
                fate.mishap = Some(mishap);
                break;
            }
            left -= share;
        }
        fate.empty = draw::chance(&mut dice, self.share(Mishap::Empty));
        fate.repeats_token = draw::chance(&mut dice, self.share(Mishap::RepeatToken));
        fate
    }

    fn share(&self, mishap: Mishap) -> f64 {
        Mishap::ALL.iter().position(|it| *it == mishap).map_or(0.0, |index| self.shares[index])
    }

    pub(super) fn slow_for(&self) -> Duration {
        self.slow_for.unwrap_or(SLOW_FOR)
    }

    pub(super) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Whether the caller's policy forbids an operation, on a stage if it is about one.
    pub(super) fn denies(&self, seed: u64, operation: Operation, stage: Option<&Stage>) -> bool {
        self.denied.iter().any(|aim| match aim {
            Aim::Operation(denied) => *denied == operation,
            aim => stage.is_some_and(|stage| aim.hits(seed, "deny", stage)),
        })
    }

    /// After how many calls a stage is gone; `None` for never.
    pub(super) fn vanishes_after(&self, seed: u64, stage: &Stage) -> Option<u32> {
        let hit = self.vanishing.iter().any(|aim| aim.hits(seed, "vanish", stage));
        hit.then(|| draw::dice(seed, &["vanish after", stage.arn()]).random_range(1..=12))
    }

    /// Whether listings of a session hold less from the second time on.
    pub(super) fn shrinks(&self, seed: u64, stage_arn: &str, session_id: &str) -> bool {
        let mut dice = draw::dice(seed, &["shrink", stage_arn, session_id]);
        draw::chance(&mut dice, self.shrinking)
    }

    /// Whether an operation is refused because the account is still being verified.
    pub(super) fn awaits_verification(&self, operation: Operation) -> bool {
        self.unverified && operation == Operation::StartParticipantReplication
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), FaultsError> {
        if let Some(index) = Mishap::ALL.iter().position(|mishap| mishap.key() == key) {
            self.shares[index] = share(key, value)?;
            return Ok(());
        }
        match key {
            "slow-ms" => self.slow_for = Some(Duration::from_millis(number(key, value, 1000)?)),
            "retry-after" => self.retry_after = Some(number(key, value, 1)?),
            "deny" => self.denied.push(Aim::parse(key, value)?),
            "vanish" => self.vanishing.push(Aim::parse(key, value)?),
            "shrink" => self.shrinking = share(key, value)?,
            "unverified" => self.unverified = share(key, value)? > 0.0,
            _ => return Err(FaultsError::UnknownKey { key: key.to_owned() }),
        }
        Ok(())
    }

    fn exclusive_sum(&self) -> f64 {
        let all = Mishap::ALL.into_iter().zip(self.shares);
        all.filter(|(mishap, _)| mishap.excludes_others()).map(|(_, share)| share).sum()
    }
}

impl FromStr for Faults {
    type Err = FaultsError;

    /// Reads `key=value,key=value`; the empty text means no faults. `deny` and `vanish` take a share of the stages or
    /// a glob of their names or ARNs, `deny` also an operation, and both may stand several times.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| FaultsError::NotAPair { part: part.to_owned() })?;
            faults.set(key.trim(), value.trim())?;
        }
        let sum = faults.exclusive_sum();
        // A hair above 1 comes from adding decimal shares.
        if sum > 1.0 + 1e-9 { Err(FaultsError::TooMany { sum }) } else { Ok(faults) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = Mishap::ALL.into_iter().zip(self.shares);
        let mut parts: Vec<String> = shares
            .filter(|(_, share)| *share > 0.0)
            .map(|(mishap, share)| format!("{}={share}", mishap.key()))
            .collect();
        parts.extend(self.slow_for.map(|time| format!("slow-ms={}", time.as_millis())));
        parts.extend(self.retry_after.map(|seconds| format!("retry-after={seconds}")));
        parts.extend(self.denied.iter().map(|aim| format!("deny={aim}")));
        parts.extend(self.vanishing.iter().map(|aim| format!("vanish={aim}")));
        if self.shrinking > 0.0 {
            parts.push(format!("shrink={}", self.shrinking));
        }
        if self.unverified {
            parts.push("unverified=1".to_owned());
        }
        f.write_str(&parts.join(","))
    }
}

impl Aim {
    fn parse(key: &str, value: &str) -> Result<Self, FaultsError> {
        if value.parse::<f64>().is_ok() {
            return share(key, value).map(Self::Share);
        }
        let operation = value.parse().ok().filter(|_| key == "deny");
        Ok(operation.map_or_else(|| Self::Glob(value.to_owned()), Self::Operation))
    }

    fn hits(&self, seed: u64, purpose: &str, stage: &Stage) -> bool {
        match self {
            Self::Share(share) => {
                draw::chance(&mut draw::dice(seed, &[purpose, stage.arn()]), *share)
            }
            Self::Operation(_) => false,
            Self::Glob(glob) => {
                fits(glob, stage.arn()) || stage.name.as_deref().is_some_and(|it| fits(glob, it))
            }
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{share}"),
            Self::Operation(operation) => write!(f, "{operation}"),
            Self::Glob(glob) => f.write_str(glob),
        }
    }
}

fn share(key: &str, value: &str) -> Result<f64, FaultsError> {
    let not_a_share = || FaultsError::NotAShare { key: key.to_owned(), value: value.to_owned() };
    let share: f64 = value.parse().map_err(|_| not_a_share())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(not_a_share()) }
}

fn number(key: &str, value: &str, per_second: u64) -> Result<u64, FaultsError> {
    value
        .parse()
        .ok()
        .filter(|number| *number <= SECONDS_MAX * per_second)
        .ok_or_else(|| FaultsError::NotANumber { key: key.to_owned(), value: value.to_owned() })
}

/// Whether a text fits a glob of `*` (anything) and `?` (any one character).
fn fits(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        if g < glob.len() && glob[g] == '*' {
            retry = Some((g, t));
            g += 1;
        } else if g < glob.len() && (glob[g] == '?' || glob[g] == text[t]) {
            g += 1;
            t += 1;
        } else if let Some((star, from)) = retry {
            // The last star takes one character more.
            retry = Some((star, from + 1));
            g = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests;
