//! What a run is asked to collect.

use std::time::Duration;

use chrono::TimeDelta;

use crate::model::{DetailsPolicy, SessionId, Stage, StageArn, Timestamp};
use crate::times::{TimeError, parse_time};

/// What one scope's run is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The run (UUIDv7), the same in every scope.
    pub run_id: String,
    /// What is fetched; everything that is listed is recorded all the same.
    pub filter: Filter,
    /// How long after its end a session is left alone.
    pub settle: TimeDelta,
    /// Whose details are read.
    pub details: DetailsPolicy,
    /// Whose turn comes when.
    pub order: Order,
    /// How long the run may take before it begins nothing new.
    pub deadline: Option<Duration>,
    /// Fetch again what is done.
    pub refetch: bool,
    /// List and count only; write nothing.
    pub dry_run: bool,
}

impl Settings {
    /// Everything that is final, an hour after its end, without a deadline.
    #[must_use]
    pub fn new(run_id: String) -> Self {
        Self {
            run_id,
            filter: Filter::default(),
            settle: TimeDelta::hours(1),
            details: DetailsPolicy::default(),
            order: Order::default(),
            deadline: None,
            refetch: false,
            dry_run: false,
        }
    }
}

/// In which order sessions are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Half of the permits for what ended in the last 24 hours, half for the oldest.
    #[default]
    Fresh,
    /// The oldest first: what the service forgets first.
    Oldest,
}

/// A part of an account: all of it by default.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Stages by ARN.
    pub stage_arns: Vec<StageArn>,
    /// Stages by a pattern for their name.
    pub stage_names: Vec<Glob>,
    /// Sessions by id.
    pub sessions: Vec<SessionId>,
    /// Tags that a stage must carry, all of them.
    pub tags: Vec<(String, String)>,
    /// When sessions began, as it was typed; relative to the service's clock.
    pub from: Option<String>,
    /// The end of that range, exclusive.
    pub to: Option<String>,
}

impl Filter {
    /// The stages are named by ARNs alone, so that nothing need be listed to find them.
    #[must_use]
    pub fn is_by_arn(&self) -> bool {
        !self.stage_arns.is_empty() && self.stage_names.is_empty()
    }

    /// Whether a stage is asked for.
    #[must_use]
    pub fn takes_stage(&self, stage: &Stage) -> bool {
        let named = (self.stage_arns.is_empty() && self.stage_names.is_empty())
            || self.stage_arns.contains(&stage.arn)
            || self
                .stage_names
                .iter()
                .any(|glob| stage.name.as_deref().is_some_and(|name| glob.matches(name)));
        named && self.tags.iter().all(|(key, value)| carries(stage, key, value))
    }

    /// The range of starts in times.
    ///
    /// # Errors
    /// [`TimeError`] for a text that is no time.
    pub fn range(&self, now: Timestamp) -> Result<Range, TimeError> {
        let time =
            |text: &Option<String>| text.as_deref().map(|text| parse_time(text, now)).transpose();
        Ok(Range { from: time(&self.from)?, to: time(&self.to)? })
    }

    /// Whether a session is asked for by its id.
    #[must_use]
    pub fn takes_session_id(&self, session: &SessionId) -> bool {
        self.sessions.is_empty() || self.sessions.contains(session)
    }
}

fn carries(stage: &Stage, key: &str, value: &str) -> bool {
    stage.tags.as_ref().and_then(|tags| tags.get(key)).is_some_and(|found| found == value)
}

/// A range of times, `[from, to)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first moment inside.
    pub from: Option<Timestamp>,
    /// The first moment after.
    pub to: Option<Timestamp>,
}

impl Range {
    /// Whether a moment is inside.
    #[must_use]
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

/// A pattern with `*` for any text and `?` for any character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// A pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// Whether the whole text fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut in_text) = (0, 0);
        // Where the last `*` stands, and how much it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        while in_text < text.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at, in_text));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == text[in_text] => {
                    at += 1;
                    in_text += 1;
                }
                _ => {
                    let Some((star_at, taken)) = star else { return false };
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    in_text = taken + 1;
                }
            }
        }
        self.0[at..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_texts() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*live*", "friday-live-2", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a**", "a", true),
            ("", "a", false),
            ("*a*b", "xaxbxb", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_range_holds_its_first_moment_and_not_its_last() {
        let at = |s| Timestamp::from_timestamp(s, 0).unwrap();
        let range = Range { from: Some(at(1)), to: Some(at(2)) };
        assert!(range.holds(at(1)) && !range.holds(at(2)) && !range.holds(at(0)));
        assert!(Range::default().holds(at(0)));
    }
}
