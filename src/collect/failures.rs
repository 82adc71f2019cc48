//! The failures of a run: one entry for each kind on each session, counted, and never more than fit a summary.

use std::collections::BTreeMap;

use super::summary::Failure;

/// Entries that are kept; the rest is counted.
const ENTRIES_MAX: usize = 1_000;

/// What tells one kind of failure from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    stage_arn: Option<String>,
    session_id: Option<String>,
    operation: Option<String>,
    code: String,
}

/// A tally of failures.
#[derive(Debug, Default)]
pub(super) struct Failures {
    entries: BTreeMap<Kind, Failure>,
    left_out: u64,
    serious: bool,
}

impl Failures {
    /// Counts a failure.
    pub(super) fn add(&mut self, failure: Failure) {
        self.serious |= failure.code != MALFORMED;
        let kind = Kind {
            stage_arn: failure.stage_arn.clone(),
            session_id: failure.session_id.clone(),
            operation: failure.operation.clone(),
            code: failure.code.clone(),
        };
        if let Some(known) = self.entries.get_mut(&kind) {
            known.n += failure.n;
        } else if self.entries.len() < ENTRIES_MAX {
            self.entries.insert(kind, failure);
        } else {
            self.left_out += failure.n;
        }
    }

    /// Whether something failed that makes the run incomplete. What the service wrote wrongly does not.
    #[must_use]
    pub(super) fn are_serious(&self) -> bool {
        self.serious
    }

    /// The entries, and the number of failures beyond them.
    #[must_use]
    pub(super) fn into_entries(self) -> (Vec<Failure>, u64) {
        (self.entries.into_values().collect(), self.left_out)
    }
}

/// The code of what the service gave without an id, or with a foreign or malformed ARN.
pub(super) const MALFORMED: &str = "MALFORMED";

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(session: usize, code: &str) -> Failure {
        Failure {
            stage_arn: Some("arn".into()),
            session_id: Some(session.to_string()),
            participant_id: None,
            operation: Some("ListParticipantEvents".into()),
            code: code.into(),
            message: String::new(),
            hint: None,
            n: 1,
        }
    }

    #[test]
    fn failures_of_one_kind_are_one_entry_and_entries_are_bounded() {
        let mut failures = Failures::default();
        for session in 0..ENTRIES_MAX + 5 {
            failures.add(failure(session, "X"));
        }
        failures.add(failure(0, "X"));
        assert!(failures.are_serious());
        let (entries, left_out) = failures.into_entries();
        assert_eq!(entries.len(), ENTRIES_MAX);
        assert_eq!(left_out, 5);
        assert_eq!(entries.iter().find(|e| e.session_id.as_deref() == Some("0")).unwrap().n, 2);
    }

    #[test]
    fn what_the_service_wrote_wrongly_is_listed_and_not_serious() {
        let mut failures = Failures::default();
        failures.add(failure(1, MALFORMED));
        assert!(!failures.are_serious());
    }
}
