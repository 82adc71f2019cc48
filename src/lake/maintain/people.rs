//! A session as the lake holds it: its participants, each one's events, and the intervals that follow from them.
//!
//! Events are read twice, once to learn who published when and once to derive, so that memory holds one participant's
//! at a time.

use std::collections::VecDeque;

use super::sessions::{SessionStream, shape};
use crate::intervals;
use crate::lake::LakeError;
use crate::lake::batch::{EventRow, SessionRow, events_from_batch};
use crate::lake::tables::Table;
use crate::model::{ParticipantId, SessionKey};

/// The events of a session, participant by participant.
#[derive(Debug)]
pub struct People<'a> {
    stream: &'a mut SessionStream,
    session: &'a SessionKey,
    waiting: VecDeque<EventRow>,
}

impl<'a> People<'a> {
    pub(super) fn of(stream: &'a mut SessionStream, session: &'a SessionKey) -> Self {
        Self { stream, session, waiting: VecDeque::new() }
    }

    /// The next participant that has events, with all that stand side by side.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub async fn next(&mut self) -> Result<Option<(ParticipantId, Vec<EventRow>)>, LakeError> {
        if self.waiting.is_empty() && !self.read().await? {
            return Ok(None);
        }
        let id = self.waiting[0].participant_id.clone();
        let mut events = Vec::new();
        loop {
            while self.waiting.front().is_some_and(|row| row.participant_id == id) {
                events.extend(self.waiting.pop_front());
            }
            if !self.waiting.is_empty() || !self.read().await? {
                return Ok(Some((id, events)));
            }
        }
    }

    async fn read(&mut self) -> Result<bool, LakeError> {
        let Some(rows) = self.stream.take(self.session).await? else { return Ok(false) };
        let rows = events_from_batch(&rows).map_err(|error| shape(Table::Events, error))?;
        self.waiting.extend(rows);
        Ok(true)
    }
}

/// What the intervals of a session are derived from, as it was published.
pub(super) fn session_of(row: &SessionRow) -> intervals::Session {
    intervals::Session {
        stage_arn: row.key.stage_arn.clone(),
        start: row.start_time,
        end: row.end_time,
        as_of: row.as_of.unwrap_or(row.listed_at),
    }
}
