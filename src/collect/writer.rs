//! The one who writes to the lake while a scope is crawled: listings within a minute, whole sessions in publications.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::known::KnownSessions;
use super::room::Room;
use super::stages::listed_row;
use crate::clock::SharedClock;
use crate::lake::batch::{SessionRow, StageRow};
use crate::lake::publish::{self, Published};
use crate::lake::register::{self, Change, Ended};
use crate::lake::staging::Listing;
use crate::lake::{Held, LakeError};

/// How long a listing may wait for its commit.
const LISTINGS_WAIT_MAX: Duration = Duration::from_secs(45);
/// How long a session that is staged whole may wait for its publication.
const SESSIONS_WAIT_MAX: Duration = Duration::from_mins(15);
/// Events that are published together.
const EVENTS_MAX: i64 = 250_000;
/// How often the writer looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the writer is told.
#[derive(Debug)]
pub(super) enum ToWriter {
    /// Stages were seen, or are gone.
    Stages(Vec<StageRow>),
    /// A listing of a stage's sessions was staged.
    Listed,
    /// A session is staged whole.
    Whole(SessionRow),
    /// A session was fetched again and answered less than the lake holds: what is there stays.
    Shrunk(Ended),
}

/// Where the writer writes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) held: Held,
    pub(super) room: Room,
}

impl Target {
    pub(super) fn new(held: Held) -> Self {
        Self { held, room: Room::default() }
    }

    /// Flushes what was fetched, for as long as it is polled, whatever the writer is at.
    ///
    /// # Errors
    /// Where the lake refuses.
    pub(super) async fn keep_flushing(&self, clock: &SharedClock) -> LakeError {
        let staging = &self.held.staging;
        loop {
            clock.sleep(staging.flush_every()).await;
            if let Err(error) = staging.flush().await {
                return error;
            }
        }
    }

    /// Puts what was learned about sessions into the register. Gives the bytes of new files.
    pub(super) async fn register(&self, changes: Vec<Change>) -> Result<u64, LakeError> {
        publish::register_changes(&self.held, changes).await
    }

    /// Replaces rows of `stages`. Gives the bytes of new files.
    pub(super) async fn commit_stages(&self, stages: Vec<StageRow>) -> Result<u64, LakeError> {
        let Held { lake, scope, .. } = &self.held;
        let commit = || register::commit_stages(lake.tables(), scope, stages.clone());
        self.held.commit(commit).await
    }

    async fn add_stages(&self, stages: Vec<StageRow>) -> Result<u64, LakeError> {
        let Held { lake, scope, .. } = &self.held;
        let commit = || register::add_stages(lake.tables(), scope, stages.clone());
        self.held.commit(commit).await
    }

    /// Puts the listings that are staged into `sessions`, and lets them go. Gives the bytes of new files.
    pub(super) async fn commit_listings(
        &self,
        known: &KnownSessions,
        run_id: &str,
    ) -> Result<u64, LakeError> {
        let (listings, files) = self.held.staging.take_listings().await?;
        if files.is_empty() {
            return Ok(0);
        }
        let (mut changes, mut stages) = (Vec::new(), Vec::new());
        for Listing { stage, listed_at, sessions } in &listings {
            stages.push(StageRow {
                stage: stage.clone(),
                first_seen_at: *listed_at,
                last_seen_at: *listed_at,
                gone_at: None,
            });
            for session in sessions {
                let first_start = known.first_start(&stage.arn, &session.session_id);
                let row = listed_row(stage, session, first_start, *listed_at, run_id);
                changes.extend(row.map(Change::Listed));
            }
        }
        let mut bytes = self.add_stages(stages).await?;
        bytes += self.register(changes).await?;
        self.held.staging.remove_listings(files).await?;
        Ok(bytes)
    }

    /// Lets go what was staged of sessions of which the lake holds more; their end becomes known. Gives the bytes of new
    /// files.
    pub(super) async fn keep_longer(&self, shrunk: Vec<Ended>) -> Result<u64, LakeError> {
        let keys = shrunk.iter().map(|ended| ended.key.clone()).collect();
        let changes = shrunk.into_iter().map(Change::Ended).collect();
        let bytes_written = self.register(changes).await?;
        self.held.staging.remove(keys).await?;
        Ok(bytes_written)
    }

    /// Publishes sessions that are staged whole, on a thread of its own: deriving and encoding them takes seconds, in
    /// which calls go on.
    pub(super) async fn publish(&self, rows: Vec<SessionRow>) -> Result<Published, LakeError> {
        self.held.staging.flush().await?;
        let participants_n = rows.iter().filter_map(|row| row.participants_n).max().unwrap_or(0);
        let _room = self.room.take(usize::try_from(participants_n).unwrap_or(0)).await;
        let held = self.held.clone();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(publish::publish(&held, rows)))
            .await
            .expect("a publication does not panic")
    }
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Writer {
    target: Target,
    known: Arc<KnownSessions>,
    run_id: String,
    clock: SharedClock,
    stages: Vec<StageRow>,
    listed_since: Option<Duration>,
    whole: Vec<SessionRow>,
    shrunk: Vec<Ended>,
    whole_since: Option<Duration>,
    published: Published,
}

impl Writer {
    pub(super) fn new(
        target: Target,
        known: Arc<KnownSessions>,
        run_id: String,
        clock: SharedClock,
    ) -> Self {
        Self {
            target,
            known,
            run_id,
            clock,
            stages: Vec::new(),
            listed_since: None,
            whole: Vec::new(),
            shrunk: Vec::new(),
            whole_since: None,
            published: Published::default(),
        }
    }

    /// Writes until nobody tells it anything more, then writes the rest. Gives what became visible.
    pub(super) async fn run(
        mut self,
        mut told: mpsc::Receiver<ToWriter>,
    ) -> Result<Published, LakeError> {
        let clock = Arc::clone(&self.clock);
        loop {
            tokio::select! {
                message = told.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                () = clock.sleep(LOOK_EVERY) => {}
            }
            self.write_what_is_due().await?;
        }
        self.write_listings().await?;
        self.publish().await?;
        Ok(self.published)
    }

    fn take(&mut self, message: ToWriter) {
        let now = self.clock.monotonic();
        match message {
            ToWriter::Stages(rows) => {
                self.listed_since.get_or_insert(now);
                self.stages.extend(rows);
            }
            ToWriter::Listed => {
                self.listed_since.get_or_insert(now);
            }
            ToWriter::Shrunk(ended) => self.shrunk.push(ended),
            ToWriter::Whole(row) => {
                self.whole_since.get_or_insert(now);
                self.whole.push(row);
            }
        }
    }

    async fn write_what_is_due(&mut self) -> Result<(), LakeError> {
        let now = self.clock.monotonic();
        let waited = |since: Option<Duration>| {
            since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
        };
        if waited(self.listed_since) >= LISTINGS_WAIT_MAX {
            self.write_listings().await?;
        }
        let events_n: i64 = self.whole.iter().filter_map(|row| row.events_n).sum();
        if events_n >= EVENTS_MAX || waited(self.whole_since) >= SESSIONS_WAIT_MAX {
            self.publish().await?;
        }
        Ok(())
    }

    async fn write_listings(&mut self) -> Result<(), LakeError> {
        self.listed_since = None;
        let stages = std::mem::take(&mut self.stages);
        self.published.bytes_written += self.target.commit_stages(stages).await?;
        self.published.bytes_written +=
            self.target.commit_listings(&self.known, &self.run_id).await?;
        let shrunk = std::mem::take(&mut self.shrunk);
        self.published.bytes_written += self.target.keep_longer(shrunk).await?;
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), LakeError> {
        self.whole_since = None;
        let rows = std::mem::take(&mut self.whole);
        if !rows.is_empty() {
            self.published += self.target.publish(rows).await?;
        }
        Ok(())
    }
}
