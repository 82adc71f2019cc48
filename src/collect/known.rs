//! What the register says of the sessions of a scope, kept small: a lake may know of millions.

use std::collections::HashMap;

use super::plan::Known;
use crate::lake::batch::{Collection, SessionRow};
use crate::lake::register::Ended;
use crate::model::{SessionId, SessionKey, StageArn, Timestamp};

impl From<&SessionRow> for Known {
    fn from(row: &SessionRow) -> Self {
        Self {
            start_time: row.start_time,
            end_time: row.end_time,
            listed_at: row.listed_at,
            done: row.collection != Collection::Listed,
            pruned: row.pruned_at.is_some(),
            attempts_n: row.attempts_n,
            failing_since: row.failing_since,
            rows_n: rows_n(row),
        }
    }
}

fn rows_n(row: &SessionRow) -> (i64, i64) {
    (row.participants_n.unwrap_or(0), row.events_n.unwrap_or(0))
}

impl Known {
    /// Whether the lake holds more of a session than was fetched now: then what it holds stays.
    pub(super) fn holds_more_than(&self, fetched: &SessionRow) -> bool {
        let (participants_n, events_n) = rows_n(fetched);
        self.done && (participants_n < self.rows_n.0 || events_n < self.rows_n.1)
    }

    /// What remains of an answer that is shorter than what the lake holds: when the session ended.
    pub(super) fn ended(&self, fetched: SessionRow) -> Ended {
        Ended {
            start_time: self.start_time,
            end_time: fetched.end_time,
            run_id: fetched.run_id,
            key: fetched.key,
        }
    }
}

/// The sessions that the lake knows.
#[derive(Debug, Default)]
pub(super) struct KnownSessions {
    stages: HashMap<StageArn, HashMap<SessionId, Known>>,
}

impl KnownSessions {
    /// Takes note of a row of the register.
    pub(super) fn add(&mut self, row: &SessionRow) {
        let sessions = self.stages.entry(row.key.stage_arn.clone()).or_default();
        sessions.insert(row.key.session_id.clone(), Known::from(row));
    }

    /// What is known of one session.
    pub(super) fn get(&self, key: &SessionKey) -> Option<Known> {
        self.stages.get(&key.stage_arn)?.get(&key.session_id).cloned()
    }

    /// When a session began, by its first row.
    pub(super) fn first_start(&self, stage: &StageArn, session: &SessionId) -> Option<Timestamp> {
        self.stages.get(stage)?.get(session).map(|known| known.start_time)
    }

    /// What is known of a stage's sessions.
    pub(super) fn of_stage(&self, stage: &StageArn) -> impl Iterator<Item = (SessionKey, &Known)> {
        self.stages.get(stage).into_iter().flatten().map(|(session_id, known)| {
            let key = SessionKey { stage_arn: stage.clone(), session_id: session_id.clone() };
            (key, known)
        })
    }
}
