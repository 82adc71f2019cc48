//! The crawl of one scope: workers for each operation, all side by side, each under its own quota.
//!
//! A stage's sessions are listed, judged and recorded; what is final is fetched: its participants, then for each of
//! them events, details and replicas. What was fetched is staged at once; a session that is staged whole goes to
//! the writer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tokio::sync::mpsc;

use super::board::Board;
use super::known::KnownSessions;
use super::ledger::Ledger;
use super::plan::Known;
use super::progress::Progress;
use super::replicas::ReplicaCache;
use super::room::Room;
use super::session::ActiveSession;
use super::settings::{Range, Settings};
use super::writer::ToWriter;
use crate::api::{CallError, Client, ErrorKind};
use crate::lake::LakeError;
use crate::lake::batch::StageRow;
use crate::lake::staging::SharedStaging;
use crate::model::{ParticipantId, Scope, SessionKey, Stage, StageArn};

/// Calls of one operation that may be under way at once: enough for the permitted rate at an answer time of some
/// seconds, and a bound on what is in memory.
pub(super) const WORKERS: usize = 24;

/// Sessions whose participants are listed at once: each listing is held in memory until it is whole. Few keep up, since a
/// call lists up to a hundred participants, each of whom costs a call of another operation.
pub(super) const SESSION_WORKERS: usize = 2;

/// Pieces that may wait before another session is begun.
const PIECES_MAX: usize = 2_000;

/// A stage whose sessions are to be listed.
#[derive(Debug)]
pub(super) struct StageTask {
    pub(super) stage: Stage,
    /// A whole listing of stages no longer shows it.
    pub(super) gone: bool,
}

/// A participant of which something is to be fetched.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) session: Arc<ActiveSession>,
    pub(super) participant_id: ParticipantId,
    /// It joined, so it must have events.
    pub(super) joined: bool,
}

/// Why a crawl ended before it was through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A signal.
    Interrupted,
    /// Its time is up.
    Deadline,
    /// An operation got nothing but throttles.
    Starved,
    /// The credentials no longer serve.
    Credentials,
    /// The lake can't be written.
    Lake,
}

/// What a crawl is made of.
pub(super) struct Parts {
    pub(super) client: Client,
    pub(super) scope: Scope,
    pub(super) settings: Arc<Settings>,
    /// None in a dry run, which writes nothing and may look on while another run works.
    pub(super) staging: Option<SharedStaging>,
    pub(super) room: Room,
    pub(super) known: Arc<KnownSessions>,
    pub(super) stages: BTreeMap<StageArn, StageRow>,
    pub(super) writer: mpsc::Sender<ToWriter>,
    pub(super) progress: Arc<Progress>,
}

/// One scope's crawl, shared by its workers.
pub(super) struct Crawl {
    parts: Parts,
    board: Board<StageTask, Arc<ActiveSession>, Piece>,
    ledger: Mutex<Ledger>,
    replicas: ReplicaCache,
    range: OnceLock<Range>,
    stop: Mutex<Option<(Stop, Option<LakeError>)>>,
}

impl Crawl {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            board: Board::new(PIECES_MAX),
            ledger: Mutex::default(),
            replicas: ReplicaCache::default(),
            range: OnceLock::new(),
            stop: Mutex::default(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.parts.client
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.parts.scope
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// Where what is fetched goes; a dry run does not ask.
    pub(super) fn staging(&self) -> &SharedStaging {
        self.parts.staging.as_ref().expect("only a dry run has no staging")
    }

    /// Where what is fetched goes, unless nothing is.
    pub(super) fn staging_if_any(&self) -> Option<&SharedStaging> {
        self.parts.staging.as_ref()
    }

    pub(super) fn room(&self) -> &Room {
        &self.parts.room
    }

    pub(super) fn known_sessions(&self) -> &KnownSessions {
        &self.parts.known
    }

    /// The range of starts that is asked for, by the service's clock.
    pub(super) fn range(&self) -> Range {
        *self.range.get_or_init(|| {
            let range = self.settings().filter.range(self.client().now());
            range.expect("its times were read before the crawl began")
        })
    }

    pub(super) fn board(&self) -> &Board<StageTask, Arc<ActiveSession>, Piece> {
        &self.board
    }

    pub(super) fn replicas(&self) -> &ReplicaCache {
        &self.replicas
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.parts.progress
    }

    /// What the lake knows of a session.
    pub(super) fn known(&self, key: &SessionKey) -> Option<Known> {
        self.parts.known.get(key)
    }

    pub(super) fn known_stages(&self) -> &BTreeMap<StageArn, StageRow> {
        &self.parts.stages
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no holder panics")
    }

    /// Ends the crawl: what is being done may finish, nothing new is begun. The first reason counts.
    pub(super) fn stop(&self, reason: Stop, error: Option<LakeError>) {
        let mut stop = self.stop.lock().expect("no holder panics");
        if stop.is_none() {
            *stop = Some((reason, error));
        }
        self.board.stop();
    }

    /// Why it was stopped, if it was.
    pub(super) fn take_stop(&self) -> Option<(Stop, Option<LakeError>)> {
        self.stop.lock().expect("no holder panics").take()
    }

    /// The counts, once the workers are gone.
    pub(super) fn into_ledger(self) -> Ledger {
        self.ledger.into_inner().expect("no holder panics")
    }

    /// Ends the crawl where the failure of one call says that no other can succeed.
    pub(super) fn stop_if_fatal(&self, error: &CallError) {
        match error.kind {
            ErrorKind::Credentials => self.stop(Stop::Credentials, None),
            ErrorKind::Starved => self.stop(Stop::Starved, None),
            _ => {}
        }
    }

    /// Hands stages to the writer.
    pub(super) async fn write_stages(&self, rows: Vec<StageRow>) {
        if !rows.is_empty() {
            self.send(ToWriter::Stages(rows)).await;
        }
    }

    /// Hands something to the writer. Where it has ended, it has said why.
    pub(super) async fn send(&self, message: ToWriter) {
        if self.parts.writer.send(message).await.is_err() {
            self.board.stop();
        }
    }
}
