//! Who does what next: the queues of one scope's crawl, one for each operation, and when there is nothing left.
//!
//! Workers ask for a task of their operation and wait while there may still come one; when no task is queued and none
//! is being done, all are told to go home. Sessions wait in two orders at once, so that half of them are taken from
//! what ended last and half from what the service will forget first.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::model::Timestamp;

/// The queues of a crawl. `S` is a stage to list, `T` a session to fetch, `P` a piece of a session.
#[derive(Debug)]
pub(super) struct Board<S, T, P> {
    state: Mutex<State<S, T, P>>,
    changed: Notify,
    /// Pieces that may wait before the next session is begun.
    pieces_max: usize,
}

#[derive(Debug)]
struct State<S, T, P> {
    stages: VecDeque<S>,
    sessions: Waiting<T>,
    pieces: [VecDeque<P>; Lane::COUNT],
    /// Tasks that were given out and are not finished.
    working: usize,
    stopped: bool,
}

/// A kind of piece, with workers and a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A participant's events.
    Events,
    /// A participant's details.
    Details,
    /// A participant's replicas.
    Replicas,
}

impl Lane {
    const COUNT: usize = 3;
}

/// When a session's turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// When it ended.
    pub(super) ended: Timestamp,
    /// It ended a short while ago.
    pub(super) fresh: bool,
    /// Before all others.
    pub(super) urgent: bool,
}

impl<S, T, P> Board<S, T, P> {
    /// Empty queues, with one task at work: who fills them says [`finished`](Self::finished) when done.
    #[must_use]
    pub(super) fn new(pieces_max: usize) -> Self {
        let state = State {
            stages: VecDeque::new(),
            sessions: Waiting::default(),
            pieces: std::array::from_fn(|_| VecDeque::new()),
            working: 1,
            stopped: false,
        };
        Self { state: Mutex::new(state), changed: Notify::new(), pieces_max }
    }

    /// Queues a stage.
    pub(super) fn add_stage(&self, stage: S) {
        self.lock().stages.push_back(stage);
        self.changed.notify_waiters();
    }

    /// Queues a session.
    pub(super) fn add_session(&self, turn: Turn, session: T) {
        self.lock().sessions.add(turn, session);
        self.changed.notify_waiters();
    }

    /// Queues pieces of a session, in their order.
    pub(super) fn add_pieces(&self, lane: Lane, pieces: impl IntoIterator<Item = P>) {
        self.lock().pieces[lane as usize].extend(pieces);
        self.changed.notify_waiters();
    }

    /// The next stage; none when there will be no more.
    pub(super) async fn next_stage(&self) -> Option<S> {
        self.next(|state| state.stages.pop_front()).await
    }

    /// The next session; waits while enough pieces are queued. None when there will be no more.
    pub(super) async fn next_session(&self) -> Option<T> {
        let pieces_max = self.pieces_max;
        self.next(|state| {
            let queued = state.pieces[Lane::Events as usize].len();
            if queued > pieces_max { None } else { state.sessions.take() }
        })
        .await
    }

    /// The next piece; none when there will be no more.
    pub(super) async fn next_piece(&self, lane: Lane) -> Option<P> {
        self.next(|state| state.pieces[lane as usize].pop_front()).await
    }

    /// A task that was taken is finished, and what followed from it is queued.
    pub(super) fn finished(&self) {
        self.lock().working -= 1;
        self.changed.notify_waiters();
    }

    /// Gives out nothing more. What is being done may be finished.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_waiters();
    }

    async fn next<R>(&self, mut take: impl FnMut(&mut State<S, T, P>) -> Option<R>) -> Option<R> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before the look, so that no change between look and wait is missed.
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                if state.stopped {
                    return None;
                }
                if let Some(task) = take(&mut state) {
                    state.working += 1;
                    return Some(task);
                }
                if state.working == 0 && state.is_empty() {
                    return None;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S, T, P>> {
        self.state.lock().expect("no holder panics")
    }
}

impl<S, T, P> State<S, T, P> {
    fn is_empty(&self) -> bool {
        self.stages.is_empty()
            && self.sessions.is_empty()
            && self.pieces.iter().all(VecDeque::is_empty)
    }
}

/// Sessions that wait, in both orders.
#[derive(Debug)]
struct Waiting<T> {
    sessions: std::collections::HashMap<u64, T>,
    urgent: VecDeque<u64>,
    /// By end, the oldest first; fresh ones are here too.
    by_age: BTreeSet<(Timestamp, u64)>,
    /// What ended a short while ago, by end.
    fresh: BTreeSet<(Timestamp, u64)>,
    next_ticket: u64,
    /// The next one is taken from the fresh ones.
    fresh_turn: bool,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            sessions: std::collections::HashMap::new(),
            urgent: VecDeque::new(),
            by_age: BTreeSet::new(),
            fresh: BTreeSet::new(),
            next_ticket: 0,
            fresh_turn: true,
        }
    }
}

impl<T> Waiting<T> {
    fn add(&mut self, turn: Turn, session: T) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.sessions.insert(ticket, session);
        if turn.urgent {
            self.urgent.push_back(ticket);
            return;
        }
        self.by_age.insert((turn.ended, ticket));
        if turn.fresh {
            self.fresh.insert((turn.ended, ticket));
        }
    }

    fn take(&mut self) -> Option<T> {
        let ticket = match self.urgent.pop_front() {
            Some(ticket) => ticket,
            None => self.take_in_turn()?,
        };
        self.sessions.remove(&ticket)
    }

    fn take_in_turn(&mut self) -> Option<u64> {
        let entry = match (self.fresh_turn, self.fresh.last()) {
            (true, Some(entry)) => *entry,
            _ => *self.by_age.first()?,
        };
        self.fresh_turn = !self.fresh_turn;
        self.by_age.remove(&entry);
        self.fresh.remove(&entry);
        Some(entry.1)
    }

    fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TextBoard = Board<&'static str, &'static str, &'static str>;

    fn turn(second: i64, fresh: bool) -> Turn {
        Turn { ended: Timestamp::from_timestamp(second, 0).unwrap(), fresh, urgent: false }
    }

    #[tokio::test]
    async fn half_is_taken_from_the_freshest_and_half_from_the_oldest() {
        let board = TextBoard::new(0);
        for (second, name) in [(1, "oldest"), (2, "old"), (3, "older fresh"), (4, "freshest")] {
            board.add_session(turn(second, second > 2), name);
        }
        board.add_session(Turn { urgent: true, ..turn(9, false) }, "urgent");
        board.finished();
        let mut taken = Vec::new();
        while let Some(name) = board.next_session().await {
            taken.push(name);
            board.finished();
        }
        assert_eq!(taken, ["urgent", "freshest", "oldest", "older fresh", "old"]);
    }

    #[tokio::test]
    async fn workers_wait_for_what_others_may_still_find_and_then_go_home() {
        let board = std::sync::Arc::new(TextBoard::new(10));
        let waiting = {
            let board = std::sync::Arc::clone(&board);
            tokio::spawn(async move { board.next_piece(Lane::Events).await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        board.add_pieces(Lane::Events, ["piece"]);
        board.finished();
        assert_eq!(waiting.await.unwrap(), Some("piece"));
        let idle = {
            let board = std::sync::Arc::clone(&board);
            tokio::spawn(async move { board.next_stage().await })
        };
        tokio::task::yield_now().await;
        assert!(!idle.is_finished(), "the piece is still being done");
        board.finished();
        assert_eq!(idle.await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_stopped_board_gives_out_nothing() {
        let board = TextBoard::new(10);
        board.add_stage("stage");
        board.stop();
        assert_eq!(board.next_stage().await, None);
    }
}
