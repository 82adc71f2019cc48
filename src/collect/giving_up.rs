//! What becomes of a session that failed: it is tried again in the next run, until it has failed often and long enough.
//!
//! Then it is published with what there is. An answer that stays empty is believed in the end.

use super::crawl::{Crawl, Stop};
use super::fetch::complete_row;
use super::ledger::FailedSession;
use super::plan::{self, Attempt};
use super::session::{ActiveSession, SessionFailure};
use super::writer::ToWriter;
use crate::lake::LakeError;
use crate::lake::batch::{Collection, SessionRow};
use crate::lake::staging::Record;

impl Crawl {
    /// Writes a failure down for the register, or gives the session up.
    pub(super) async fn conclude_failed(
        &self,
        session: &ActiveSession,
        failure: SessionFailure,
        progressed: bool,
    ) {
        let key = &session.row.key;
        // A service that answered nothing else well says nothing of a session.
        let answered = self.client().meters().values().any(|meter| meter.ok > 0);
        let attempt =
            Attempt { counts: failure.counts && answered, progressed, at: self.client().now() };
        let known = self.known(key).filter(|known| !known.done);
        if known.is_some_and(|known| plan::gives_up(&known, attempt)) && !self.settings().dry_run {
            return match self.given_up(session, &failure).await {
                Ok(row) => {
                    self.ledger().given_up += u64::from(row.collection != Collection::Complete);
                    self.send(ToWriter::Whole(row)).await;
                }
                Err(error) => self.stop(Stop::Lake, Some(error)),
            };
        }
        let mut ledger = self.ledger();
        ledger.left.failed += 1;
        let failed =
            FailedSession { start_time: session.row.start_time, error: failure.error, attempt };
        ledger.failed.insert(key.clone(), failed);
    }

    /// The row of a session that is not tried again.
    async fn given_up(
        &self,
        session: &ActiveSession,
        failure: &SessionFailure,
    ) -> Result<SessionRow, LakeError> {
        if failure.is_empty_answer {
            self.believe_empty_answers(session).await?;
        }
        let staged = self.staging().index(&session.row.key);
        let row = complete_row(&session.row, &staged);
        let collection = match staged.listing() {
            None => Collection::Lost,
            Some(_) if failure.is_empty_answer => Collection::Complete,
            Some(_) => Collection::Incomplete,
        };
        let last_error = Some(failure.error.clone()).filter(|_| collection != Collection::Complete);
        Ok(SessionRow { collection, last_error, ..row })
    }

    /// Stages as nothing what the service went on to show as nothing.
    async fn believe_empty_answers(&self, session: &ActiveSession) -> Result<(), LakeError> {
        let key = &session.row.key;
        let staged = self.staging().index(key);
        let now = self.client().now();
        if staged.listing().is_none() {
            let listing = Record::Listing {
                as_of: now,
                end_time: session.row.end_time,
                details: self.settings().details,
                participants: Vec::new(),
            };
            self.staging().append(key, &listing).await?;
        }
        for participant_id in staged.listed().filter(|id| staged.events_n(id).is_none()) {
            let nothing = Record::Events {
                participant_id: participant_id.clone(),
                fetched_at: now,
                events: Vec::new(),
            };
            self.staging().append(key, &nothing).await?;
        }
        Ok(())
    }
}
