//! The sessions of each stage: listed, recorded, judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;

use super::board::Turn;
use super::crawl::{Crawl, StageTask, Stop};
use super::plan::{self, Known, Sight, Timing, Verdict};
use super::progress::Count;
use super::session::ActiveSession;
use super::settings::Order;
use super::writer::ToWriter;
use crate::api::{CallError, ErrorKind, Operation};
use crate::lake::LakeError;
use crate::lake::batch::{Collection, SessionRow, StageRow};
use crate::lake::staging::Listing;
use crate::model::{SessionId, SessionKey, Stage, StageArn, StageSession, Timestamp};

/// Sessions that ended less than this ago are fresh.
const FRESH: TimeDelta = TimeDelta::hours(24);

impl Crawl {
    /// Lists the sessions of stages until there is none left.
    pub(super) async fn work_on_stages(self: Arc<Self>) {
        while let Some(task) = self.board().next_stage().await {
            self.crawl_stage(task).await;
            self.progress().add(Count::StagesListed, 1);
            self.board().finished();
        }
    }

    async fn crawl_stage(&self, task: StageTask) {
        self.ledger().stages_n += 1;
        let listed_at = self.client().now();
        let (sessions, answered) = match self.list_sessions(&task.stage.arn).await {
            Ok(sessions) => (sessions, true),
            // A 404 is an answer: there is no such stage, and so no session of it.
            Err(error) if error.kind == ErrorKind::NotFound => (Vec::new(), true),
            Err(error) => {
                self.stop_if_fatal(&error);
                if error.kind != ErrorKind::Cancelled {
                    self.note_failure(Some(&task.stage.arn), None, None, &error);
                }
                (Vec::new(), false)
            }
        };
        if !answered {
            return self.count_unreached(&task.stage.arn);
        }
        if let Err(error) = self.record_listing(&task, listed_at, &sessions).await {
            return self.stop(Stop::Lake, Some(error));
        }
        let mut shown = BTreeSet::new();
        for session in sessions {
            shown.insert(session.session_id.clone());
            self.judge_listed(&task.stage, session, listed_at);
        }
        self.judge_unlisted(&task.stage, &shown);
    }

    /// Sessions of a stage that could not be listed are not done for it.
    fn count_unreached(&self, stage: &StageArn) {
        let filter = &self.settings().filter;
        let unreached = self.known_sessions().of_stage(stage).filter(|(key, known)| {
            !known.done
                && filter.takes_session_id(&key.session_id)
                && self.range().holds(known.start_time)
        });
        self.ledger().left.waiting += unreached.count() as u64;
    }

    /// Every session that the service shows of a stage, once; or, where ARNs and ids name them all, these alone.
    async fn list_sessions(&self, stage: &StageArn) -> Result<Vec<StageSession>, CallError> {
        let filter = &self.settings().filter;
        if filter.is_by_arn() && !filter.sessions.is_empty() {
            return Ok(self.get_sessions(stage, &filter.sessions).await);
        }
        let mut pages = self.client().stage_sessions(stage);
        let mut sessions = BTreeMap::new();
        while let Some(page) = pages.next().await? {
            self.note_malformed(Some(stage), None, Operation::ListStageSessions, &page.malformed);
            for session in page.items {
                sessions.insert(session.session_id.clone(), session);
            }
        }
        Ok(sessions.into_values().collect())
    }

    async fn get_sessions(&self, stage: &StageArn, ids: &[SessionId]) -> Vec<StageSession> {
        let mut sessions = Vec::new();
        for id in ids {
            let key = SessionKey { stage_arn: stage.clone(), session_id: id.clone() };
            match self.client().stage_session(&key).await {
                Ok(session) => sessions.push(session),
                // With several stages an id belongs to one of them.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) if error.kind == ErrorKind::Cancelled => {}
                Err(error) => {
                    self.stop_if_fatal(&error);
                    self.note_failure(Some(stage), Some(id), None, &error);
                }
            }
        }
        sessions
    }

    /// Makes a listing durable before anything of its sessions is fetched, and hands it to the writer.
    async fn record_listing(
        &self,
        task: &StageTask,
        listed_at: Timestamp,
        sessions: &[StageSession],
    ) -> Result<(), LakeError> {
        if !self.settings().dry_run {
            self.stage_listing(&task.stage, listed_at, sessions).await?;
        }
        if task.gone {
            self.write_stages(self.gone_row(&task.stage).into_iter().collect()).await;
        }
        Ok(())
    }

    /// What is done is left out: its row is never overwritten by a listing.
    async fn stage_listing(
        &self,
        stage: &Stage,
        listed_at: Timestamp,
        sessions: &[StageSession],
    ) -> Result<(), LakeError> {
        let sessions: Vec<StageSession> = sessions
            .iter()
            .filter(|session| !self.is_done(&stage.arn, &session.session_id))
            .cloned()
            .collect();
        if sessions.is_empty() {
            return Ok(());
        }
        let listing = Listing { stage: stage.clone(), listed_at, sessions };
        self.staging().append_listing(&listing).await?;
        self.send(ToWriter::Listed).await;
        Ok(())
    }

    fn is_done(&self, stage: &StageArn, session: &SessionId) -> bool {
        let key = SessionKey { stage_arn: stage.clone(), session_id: session.clone() };
        self.known_sessions().get(&key).is_some_and(|known| known.done)
    }

    fn gone_row(&self, stage: &Stage) -> Option<StageRow> {
        let known = self.known_stages().get(&stage.arn)?;
        Some(StageRow { gone_at: Some(self.client().now()), ..known.clone() })
    }

    fn row(
        &self,
        stage: &Stage,
        session: &StageSession,
        listed_at: Timestamp,
    ) -> Option<SessionRow> {
        let key =
            SessionKey { stage_arn: stage.arn.clone(), session_id: session.session_id.clone() };
        let first_start = self.known_sessions().get(&key).map(|known| known.start_time);
        listed_row(stage, session, first_start, listed_at, &self.settings().run_id)
    }

    fn judge_listed(&self, stage: &Stage, session: StageSession, listed_at: Timestamp) {
        let Some(row) = self.row(stage, &session, listed_at) else {
            return self.note_without_times(&stage.arn, &session.session_id);
        };
        self.judge(row, &Sight::Shown(session));
    }

    /// Sessions of a stage that are not done and that a whole listing of it does not show.
    pub(super) fn judge_unlisted(&self, stage: &Stage, shown: &BTreeSet<SessionId>) {
        for (key, known) in self.known_sessions().of_stage(&stage.arn) {
            if known.done || shown.contains(&key.session_id) {
                continue;
            }
            let session = StageSession {
                session_id: key.session_id.clone(),
                start_time: Some(known.start_time),
                end_time: known.end_time,
            };
            let run_id = &self.settings().run_id;
            let first_start = Some(known.start_time);
            if let Some(row) = listed_row(stage, &session, first_start, known.listed_at, run_id) {
                self.judge(row, &Sight::Absent);
            }
        }
    }

    fn judge(&self, mut row: SessionRow, sight: &Sight) {
        let filter = &self.settings().filter;
        if !filter.takes_session_id(&row.key.session_id) || !self.range().holds(row.start_time) {
            return;
        }
        let now = self.client().now();
        let known = self.known_sessions().get(&row.key).map(|known| {
            let is_again = self.settings().refetch || self.is_underway_again(&row.key);
            Known { done: known.done && !is_again, ..known }
        });
        let timing = Timing { now, settle: self.settings().settle };
        match plan::judge(known.as_ref(), sight, timing) {
            Verdict::Done => {}
            Verdict::Live => self.ledger().left.live += 1,
            Verdict::Unsettled => self.ledger().left.unsettled += 1,
            Verdict::Collect(collect) => {
                row.end_time = row.end_time.or_else(|| known.and_then(|known| known.end_time));
                let turn = Turn {
                    ended: collect.ended,
                    fresh: self.settings().order == Order::Fresh && now < collect.ended + FRESH,
                    urgent: collect.urgent,
                };
                self.ledger().left.waiting += 1;
                self.progress().add(Count::Sessions, 1);
                self.board().add_session(turn, Arc::new(ActiveSession::new(row, collect)));
            }
        }
    }

    /// A session that is done and was being fetched again when an earlier run ended.
    fn is_underway_again(&self, key: &SessionKey) -> bool {
        let staged = self.staging_if_any().map(|staging| staging.index(key));
        staged.is_some_and(|staged| staged.participants().next().is_some())
    }
}

/// The row that a listing makes of a session; none while it has neither start nor end. A session keeps the start of
/// its first row.
pub(super) fn listed_row(
    stage: &Stage,
    session: &StageSession,
    first_start: Option<Timestamp>,
    listed_at: Timestamp,
    run_id: &str,
) -> Option<SessionRow> {
    let start_time = first_start.or(session.start_time).or(session.end_time)?;
    Some(SessionRow {
        key: SessionKey { stage_arn: stage.arn.clone(), session_id: session.session_id.clone() },
        stage_name: stage.name.clone(),
        stage_tags: stage.tags.clone(),
        start_time,
        start_synthetic: session.start_time.is_none(),
        end_time: session.end_time,
        collection: Collection::Listed,
        listed_at,
        as_of: None,
        failing_since: None,
        attempts_n: 0,
        last_error: None,
        participants_n: None,
        events_n: None,
        publication: None,
        intervals_rule: None,
        pruned_at: None,
        run_id: run_id.to_owned(),
    })
}
