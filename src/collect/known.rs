//! What the register says of the sessions of a scope, kept small: a lake may know of millions.

use std::collections::HashMap;

use super::plan::Known;
use crate::lake::batch::{Collection, SessionRow};
use crate::model::{SessionId, SessionKey, StageArn, Timestamp};

/// The sessions that the lake knows.
#[derive(Debug, Default)]
pub(super) struct KnownSessions {
    stages: HashMap<StageArn, HashMap<SessionId, Known>>,
}

impl KnownSessions {
    /// Takes note of a row of the register.
    pub(super) fn add(&mut self, row: &SessionRow) {
        let known = Known {
            start_time: row.start_time,
            end_time: row.end_time,
            listed_at: row.listed_at,
            done: row.collection != Collection::Listed,
            pruned: row.pruned_at.is_some(),
            attempts_n: row.attempts_n,
            failing_since: row.failing_since,
            rows_n: (row.participants_n.unwrap_or(0), row.events_n.unwrap_or(0)),
        };
        let sessions = self.stages.entry(row.key.stage_arn.clone()).or_default();
        sessions.insert(row.key.session_id.clone(), known);
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
